// The loops over bits and elements. Included once by each file in targets/, which sets the target
// and its flags.
#pragma once

#include "distributed/apply.h"
#include "distributed/ef21_kernels.h"
#include "distributed/kernel_table.h"
#include "distributed/moments.h"
#include "distributed/signs.h"
#include "distributed/votes.h"
#include "steps/codec_tiles.h"

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace distributed_kernels {

const distributed::DistributedKernels& table() {
    static constexpr distributed::DistributedKernels kernels = {
        .signs = {signs<float>, signs<double>},
        .vote = vote,
        .apply = {apply_votes<float>, apply_votes<double>},
        .add_values = {add_values<float>, add_values<double>},
        .divide_values = divide_values,
        .add_moments = {add_moments<float>, add_moments<double>},
        .ef21 = {.find_large = {find_large<float>, find_large<double>},
                 .find_random = find_random,
                 .sum_magnitudes = {sum_magnitudes<float>, sum_magnitudes<double>},
                 .move = {move_by_signs<float>, move_by_signs<double>}},
        .load = {nullptr, nullptr, load_tile<Bf16>, load_tile<F16>},
        .store = {nullptr, nullptr, store_nearest<Bf16>, store_nearest<F16>},
        .store_randomly = {nullptr, nullptr, store_stochastic<Bf16>, store_stochastic<F16>}};
    return kernels;
}

}  // namespace distributed_kernels
}  // namespace STEEPEST_TARGET
}  // namespace steepest
