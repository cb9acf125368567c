// The table of a backend: how it runs each pass of an orthogonalisation.
#pragma once

#include "polar/device/gram_onchip.h"
#include "polar/device/half_onchip.h"
#include "polar/device/norm.h"
#include "polar/device/onchip.h"
#include "polar/device/passes.h"
#include "polar/device/transfer.h"
#include "steps/device/backend.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

template <class Backend>
const PolarRuns& polar_runs_of() {
    static constexpr PolarRuns runs = {
        .squares = Backend::squares,
        .scales = Backend::scales,
        .load = {Backend::template load<float>, Backend::template load<double>,
                 Backend::template load<StoredBf16>, Backend::template load<StoredF16>},
        .store = {Backend::template store<float>, Backend::template store<double>,
                  Backend::template store<StoredBf16>, Backend::template store<StoredF16>},
        .copy_plus = {Backend::template copy_plus<float>, Backend::template copy_plus<double>},
        .split = {Backend::template split<Bf16>, Backend::template split<F16>},
        .line_sums = {Backend::template line_sums<float>, Backend::template line_sums<double>,
                      Backend::template line_sums<StoredBf16>,
                      Backend::template line_sums<StoredF16>},
        .line_factors = Backend::line_factors,
        .multiply_lines = {Backend::template multiply_lines<float>,
                           Backend::template multiply_lines<double>,
                           Backend::template multiply_lines<StoredBf16>,
                           Backend::template multiply_lines<StoredF16>},
        .on_chip = {Backend::template on_chip<32>, Backend::template on_chip<64>,
                    Backend::template on_chip<128>},
        .half_on_chip = {{Backend::template half_on_chip<Bf16, 64>,
                          Backend::template half_on_chip<Bf16, 128>},
                         {Backend::template half_on_chip<F16, 64>,
                          Backend::template half_on_chip<F16, 128>}},
        .gram_steps = {Backend::template gram_steps<float, 32>,
                       Backend::template gram_steps<float, 64>,
                       Backend::template gram_steps<float, 96>,
                       Backend::template gram_steps<float, 128>},
        .gram_steps_f64 = {Backend::template gram_steps<double, 32>,
                           Backend::template gram_steps<double, 64>}};
    return runs;
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
