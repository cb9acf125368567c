// Products of matrices beside the peak of the multiply-add instruction they are made of, measured
// in the same minute: useful operations per second (half of a full product's when C is symmetric)
// and the fraction of the peak.
#include <algorithm>
#include <string>

#include "micro/peak.h"
#include "micro/run.h"

namespace steepest::bench {
namespace {

struct Product {
    const char* name;
    int32_t kind;
    int64_t longer;  // the inner side is so many times the outer one
};
constexpr Product kProducts[] = {
    {"gram", STEEPEST_PRODUCT_GRAM, 1},
    {"gram, wide", STEEPEST_PRODUCT_GRAM, 4},
    {"symmetric", STEEPEST_PRODUCT_SYMMETRIC, 1},
    {"general", STEEPEST_PRODUCT_GENERAL, 1},
    {"general, wide", STEEPEST_PRODUCT_GENERAL, 4},
};

steepest_operand operand(const Memory& memory, int64_t cols, int32_t dtype) {
    return {memory.data(), cols, 0, dtype};
}

double operations(const Product& product, int64_t n) {
    const double full = 2.0 * static_cast<double>(n) * static_cast<double>(n) *
                        static_cast<double>(product.longer * n);
    return product.kind == STEEPEST_PRODUCT_GENERAL ? full : full / 2;
}

steepest_multiply_args call(const Product& product, int64_t n) {
    steepest_multiply_args args{};
    args.struct_size = sizeof args;
    args.product = product.kind;
    args.count = 1;
    args.rows = args.cols = n;
    args.inner = product.longer * n;
    args.alpha = 1;
    return args;
}

void run(benchmark::State& state, const Product& product, int64_t n, int32_t dtype) {
    steepest_multiply_args args = call(product, n);
    // Of a symmetric product the operand is the result of one, so that both are symmetric.
    const bool same = product.kind == STEEPEST_PRODUCT_SYMMETRIC;
    const Memory a = same ? Memory(static_cast<size_t>(n * n) * item_size(dtype))
                          : values(n * args.inner, dtype);
    const Memory b = values(n * args.inner, dtype), c = values(n * n, dtype);
    args.a = operand(a, args.inner, dtype);
    args.b = operand(same ? a : b, same ? n : args.cols, dtype);
    args.c = operand(c, n, dtype);
    args.c.batch_stride = n * n;
    if (same) {
        steepest_multiply_args first = call(kProducts[0], n);
        first.a = operand(b, n, dtype);
        first.c = operand(a, n, dtype);
        first.c.batch_stride = n * n;
        first.alpha = 1.0 / static_cast<double>(n);
        const Memory memory = workspace_of(steepest_multiply_workspace, first);
        if (const auto s = steepest_multiply(&first)) fail(steepest_status_string(s));
    }
    const Memory workspace = workspace_of(steepest_multiply_workspace, args);
    double peak = peak_now(dtype);
    if (!time(state, [&] { return steepest_multiply(&args); })) return;
    peak = std::max(peak, peak_now(dtype));
    const double useful = operations(product, n);
    count(state, 0, static_cast<int64_t>(useful));
    state.counters["of_peak"] =
        benchmark::Counter(useful / peak, benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace

void add_products(const Case& s) {
    const int64_t side = s.number("side");
    const int32_t dtype = s.dtype("dtype");
    for (const Product& product : kProducts)
        add(s.label() + "/" + product.name,
            [=](benchmark::State& state) { run(state, product, side, dtype); });
}

}  // namespace steepest::bench
