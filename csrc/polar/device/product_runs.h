// The table of a backend: how it runs each kernel of the products.
#pragma once

#include "polar/device/fma_tile.h"
#include "polar/device/mma_tile.h"
#include "polar/device/tile_program.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

// Of folding, which is no product.
struct NoTile {
    struct State {};
};

// In the order of ProductKernel.
template <class Backend, bool kColumns>
constexpr ProductRuns make_product_runs() {
    return {{Backend::template multiply<FmaTile<float, float, 128, kColumns>>,
             Backend::template multiply<FmaTile<float, float, 64, kColumns>>,
             Backend::template multiply<FmaTile<float, double, 64, kColumns>>,
             Backend::template multiply<FmaTile<double, double, 64, kColumns>>,
             Backend::template multiply<MmaTile<Bf16, 128, kColumns>>,
             Backend::template multiply<MmaTile<Bf16, 64, kColumns>>,
             Backend::template multiply<MmaTile<F16, 128, kColumns>>,
             Backend::template multiply<MmaTile<F16, 64, kColumns>>},
            Backend::fold};
}

template <class Backend>
const ProductRuns& product_runs_of(bool has_columns) {
    static constexpr ProductRuns runs[2] = {make_product_runs<Backend, false>(),
                                            make_product_runs<Backend, true>()};
    return runs[has_columns];
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
