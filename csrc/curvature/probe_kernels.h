// The loops over elements of probes. Included once by each file in targets/, which sets the target
// and its flags.
#pragma once

#include "curvature/accumulate.h"
#include "curvature/draw.h"
#include "curvature/kernel_table.h"
#include "curvature/oasis.h"
#include "curvature/signs.h"
#include "steps/codec_tiles.h"

namespace steepest {
inline namespace STEEPEST_TARGET {
namespace probes {

const curvature::ProbeKernels& probe_kernels() {
    static constexpr curvature::ProbeKernels kernels = {
        .sign_bits = sign_bits,
        .expand = {expand<float>, expand<double>},
        .gaussians = {gaussians_f32<Plain32>, gaussians_f64, gaussians_f32<Through<Bf16>>,
                      gaussians_f32<Through<F16>>},
        .load = {nullptr, nullptr, load_tile<Bf16>, load_tile<F16>},
        .store = {nullptr, nullptr, store_nearest<Bf16>, store_nearest<F16>},
        .stream_signs = {stream_signs<float>, stream_signs<double>},
        .accumulate = {accumulate<float>, accumulate<double>},
        .accumulate_signs = {accumulate_signs<float>, accumulate_signs<double>},
        .oasis = {measure<float>, measure<double>}};
    return kernels;
}

}  // namespace probes
}  // namespace STEEPEST_TARGET
}  // namespace steepest
