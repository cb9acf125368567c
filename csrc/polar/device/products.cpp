#include "polar/device/products.h"

#include <algorithm>

#include "polar/device/library.h"
#include "polar/device/product_pass.h"

namespace steepest::device {
namespace {

using polar::Batch;
using polar::ByProducts;
using polar::Type;
using polar::Update;

// Tiles that are worth a launch of large ones: about the multiprocessors of a device.
constexpr int64_t kManyTiles = 96;
constexpr int64_t kLargestLaunch = int64_t{1} << 30;  // CUDA blocks

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t size_of(Type t) { return t == Type::f64 ? 8 : t == Type::f32 ? 4 : 2; }

bool is_on_grid(int64_t bytes) { return bytes % 16 == 0; }

Operand operand(const Batch& b) {
    const int64_t size = size_of(b.matrix.type);
    const bool is_wide =
        is_on_grid(static_cast<int64_t>(reinterpret_cast<uintptr_t>(b.matrix.data) % 16)) &&
        (b.matrix.rows <= 1 || is_on_grid(b.matrix.ld * size)) &&
        (b.count <= 1 || is_on_grid(b.stride * size));
    return {b.matrix.data, b.matrix.ld, b.stride, b.matrix.type, is_wide};
}

int64_t tiles_of(int64_t rows, int64_t cols, int64_t tile, bool is_lower) {
    const int64_t down = divide_up(rows, tile), across = divide_up(cols, tile);
    return is_lower ? down * (down + 1) / 2 : down * across;
}

ProductKernel kernel_of(const Batch& A, const Batch& C, bool is_lower) {
    const bool large =
        tiles_of(C.matrix.rows, C.matrix.cols, 128, is_lower) * C.count >= kManyTiles;
    switch (A.matrix.type) {
        case Type::f64:
            return ProductKernel::f64;
        case Type::f32:
            if (C.matrix.type == Type::f64) return ProductKernel::f32_long;
            return large ? ProductKernel::f32_large : ProductKernel::f32_small;
        case Type::bf16:
            return large ? ProductKernel::bf16_large : ProductKernel::bf16_small;
        default:
            return large ? ProductKernel::f16_large : ProductKernel::f16_small;
    }
}

struct Product {
    const Batch& A;
    const Batch& B;
    const Batch* D;
    const Batch& C;
    const Update& update;
    ByProducts* sums;
    bool is_lower, has_columns;

    ProductKernel kernel() const { return kernel_of(A, C, is_lower); }
    ProductPass pass() const {
        const int64_t tile = tile_of(kernel()), rows = C.matrix.rows, cols = C.matrix.cols;
        const int64_t across = divide_up(cols, tile);
        return {.a = operand(A),
                .b = operand(B),
                .c = operand(C),
                .d = D && update.beta != 0 ? operand(*D) : Operand{},
                .rows = rows,
                .inner = A.matrix.cols,
                .cols = cols,
                .count = C.count,
                .first_item = 0,
                .tiles = tiles_of(rows, cols, tile, is_lower),
                .tile_cols = is_lower ? across / 2 * 2 + 1 : across,
                .alpha = update.alpha,
                .beta = update.beta,
                .gamma = update.gamma,
                .tile_sums = nullptr,
                .sums = sums,
                .is_lower = is_lower};
    }
};

void launch(ProductRun run, ProductPass& pass, int64_t items, const ProductBackend& backend) {
    for (int64_t done = 0; done < items; done += kLargestLaunch) {
        pass.first_item = done;
        run(pass, std::min(items - done, kLargestLaunch), backend.stream());
    }
}

bool run(const Product& product, Arena scratch, const ProductBackend& backend) {
    ProductPass pass = product.pass();
    if (product.sums) {
        pass.tile_sums = scratch.take<ByProducts>(pass.tiles * pass.count);
        if (!scratch.fits()) return false;
    }
    const ProductRuns& runs = backend.product_runs(product.has_columns);
    launch(runs.multiply[static_cast<int>(product.kernel())], pass, pass.tiles * pass.count,
           backend);
    if (product.sums) launch(runs.fold, pass, pass.count, backend);
    return true;
}

}  // namespace

// The smallest tiles are the most.
size_t DeviceProducts::scratch_bytes(const Batch&, const Batch& C) {
    if (C.matrix.rows != C.matrix.cols) return 0;
    Arena measured(nullptr, 0);
    measured.take<ByProducts>(tiles_of(C.matrix.rows, C.matrix.cols, 64, true) * C.count);
    return measured.used();
}

bool DeviceProducts::symmetric(const Batch& A, const Update& update, const Batch* D, const Batch& C,
                               Arena scratch, ByProducts* sums) const {
    return run({A, A, D, C, update, sums, true, false}, scratch, backend_);
}

bool DeviceProducts::symmetric_product(const Batch& A, const Batch& B, const Update& update,
                                       const Batch* D, const Batch& C, Arena scratch,
                                       ByProducts* sums) const {
    return run({A, B, D, C, update, sums, true, false}, scratch, backend_);
}

bool DeviceProducts::general(const Batch& A, const Batch& B, const Update& update, const Batch* D,
                             const Batch& C, Arena scratch) const {
    if (suits_library(A, B, update, D, C)) {
        const ProductLibrary* library = backend_.library();
        if (library && library->multiply(by_columns(A, B, update, D, C), backend_.stream()))
            return true;
    }
    return run({A, B, D, C, update, nullptr, false, true}, scratch, backend_);
}

}  // namespace steepest::device
