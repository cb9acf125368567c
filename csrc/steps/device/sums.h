// Sums over tensors: of a rule's terms, and of the gradients' squares.
#pragma once

#include "core/math.h"
#include "core/reduce.h"
#include "steps/device/lanes.h"
#include "steps/device/prepare.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

// A block of a rule's sums.
template <class R, class T>
struct Reduce {
    static constexpr int kStreams = kStreamsOf<R>;
    static constexpr int kRows = 2;
    using Sums = LaneSums<R::kTerms>;

    STEEPEST_HD static STEEPEST_INLINE void block(const Pass& pass, const Item& item, int32_t lane,
                                                  Sums& sums) {
        const Tensor& t = pass.tensors[item.tensor];
        const Setting<R, T> setting(pass, t);
        const int64_t first = static_cast<int64_t>(item.index) * kBlock;
        const int64_t n = t.count - first < kBlock ? t.count - first : kBlock;
        constexpr unsigned kElements = element_streams<R>();
        const void* data[kStreams];
        STEEPEST_UNROLL
        for (int s = 0; s < kStreams; ++s) data[s] = kElements >> s & 1 ? t.stream[s] : nullptr;
        data[1] = gradient(pass, item.tensor);
        Raw<T> raw[kStreams][kRows] = {};
        each_element<kRows>(
            first, n, lane,
            [&](int k, int64_t i) {
                STEEPEST_UNROLL
                for (int s = 0; s < kStreams; ++s)
                    if (data[s]) raw[s][k / kHeld].fetch_one(k % kHeld, data[s], t.dtype[s], i);
            },
            [&](int held, int k, int64_t i) {
                T v[kStreams] = {};
                STEEPEST_UNROLL
                for (int s = 0; s < kStreams; ++s)
                    if (data[s]) v[s] = raw[s][k / kHeld].decode_one(k % kHeld, t.dtype[s]);
                if constexpr (kHasAxes<R>)
                    read_axes<R, T>(
                        t, pass.axes[item.tensor], i, [&](int s) { return t.dtype[s]; },
                        [&](int s, T value) { v[s] = value; });
                v[1] = setting.gradient(v[1], v[0]);
                add(setting, v, held, sums, std::make_integer_sequence<int, kStreams - 2>{});
            });
    }

    // Once the sums of a whole tensor are known: the constants that needed them.
    STEEPEST_HD static void finish(const Pass& pass, const Tensor& t, const double* sums) {
        make_constants<R, T>(pass.inputs[t.settings], sums, pass.computed[t.settings]);
    }

  private:
    template <int... State>
    STEEPEST_HD static STEEPEST_INLINE void add(const Setting<R, T>& setting,
                                                const T (&v)[kStreams], int held, Sums& sums,
                                                std::integer_sequence<int, State...>) {
        double term[R::kTerms];
        R::reduce(setting.rule, v[0], v[1], v[2 + State]..., term);
        STEEPEST_UNROLL
        for (int k = 0; k < R::kTerms; ++k) sums.at[k][held] += term[k];
    }
};

// A block of a gradient's squares and non-finite elements, raw: neither scaled nor clipped.
struct Squares {
    static constexpr int kTerms = 2;
    static constexpr int kRows = 8;
    using Sums = LaneSums<kTerms>;

    STEEPEST_HD static STEEPEST_INLINE void block(const Pass& pass, const Item& item, int32_t lane,
                                                  Sums& sums) {
        const Tensor& t = pass.tensors[item.tensor];
        if (t.is_f64)
            typed<double>(pass, t, item, lane, sums);
        else
            typed<float>(pass, t, item, lane, sums);
    }

    // The squares of floats cannot overflow a double: an infinite or NaN sum tells it all.
    STEEPEST_HD static void finish(const Pass& pass, const Tensor& t, const double* sums) {
        const Norm& norm = pass.norm;
        const bool finite = sums[0] - sums[0] == 0;
        norm.sum[t.order] = sums[0];
        norm.sum[tree_nodes(norm.count) + t.order] = t.is_f64 || finite ? sums[1] : 1;
        if (norm.norms) norm.norms[t.order] = sqrt(sums[0]);
    }

    // Once those of all tensors are.
    STEEPEST_HD static void finish_all(const Pass& pass, double squares, double nonfinite) {
        const Norm& norm = pass.norm;
        const Scalar& scale = pass.grad_scale_at;
        const double total = sqrt(squares) / (scale.at ? read_scalar<double>(scale.at, scale.is_f64)
                                                       : norm.grad_scale);
        *norm.total = total;
        *norm.clip = clip_coefficient(norm.max_norm, total);
        *norm.skipped = norm.skip_nonfinite && nonfinite != 0;
        if (norm.finite) *norm.finite = nonfinite == 0;
    }

  private:
    template <class T>
    STEEPEST_HD static STEEPEST_INLINE void typed(const Pass& pass, const Tensor& t,
                                                  const Item& item, int32_t lane, Sums& sums) {
        const int64_t first = static_cast<int64_t>(item.index) * kBlock;
        const int64_t n = t.count - first < kBlock ? t.count - first : kBlock;
        const void* data = gradient(pass, item.tensor);
        Raw<T> raw[kRows] = {};
        each_element<kRows>(
            first, n, lane,
            [&](int k, int64_t i) { raw[k / kHeld].fetch_one(k % kHeld, data, t.dtype[1], i); },
            [&](int held, int k, int64_t) {
                const double v = raw[k / kHeld].decode_one(k % kHeld, t.dtype[1]);
                sums.at[0][held] += v * v;
                if (sizeof(T) == 8) sums.at[1][held] += v - v == 0 ? 0.0 : 1.0;
            });
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
