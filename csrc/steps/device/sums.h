// Sums over tensors: of a rule's terms, and of the gradients' squares.
#pragma once

#include "core/math.h"
#include "core/reduce.h"
#include "steps/device/lanes.h"
#include "steps/device/prepare.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

// A rule's sums: of blocks, or of any run of elements.
template <class R, class T>
struct Reduce {
    static constexpr int kStreams = kReducedStreams<R>;
    static constexpr int kRows = 2;
    static constexpr int kReduced = count_reduced<R>();
    using Sums = LaneSums<kReduced>;

    STEEPEST_HD static STEEPEST_INLINE void block(const Pass& pass, const Item& item, int32_t lane,
                                                  Sums& sums) {
        const Tensor& t = pass.tensors[item.tensor];
        const int64_t first = static_cast<int64_t>(item.index) * kBlock;
        const int64_t n = t.count - first < kBlock ? t.count - first : kBlock;
        range(pass, item.tensor, first, n, lane, sums);
    }

    // The elements of a thread among n from `first` on.
    STEEPEST_HD static STEEPEST_INLINE void range(const Pass& pass, int32_t tensor, int64_t first,
                                                  int64_t n, int32_t lane, Sums& sums) {
        const Tensor& t = pass.tensors[tensor];
        const Setting<R, T> setting(pass, t);
        if constexpr (requires { R::needs_sums(setting.rule); })
            if (!R::needs_sums(setting.rule)) return;
        const void* data[kStreams];
        find(pass, tensor, data);
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
                if constexpr (has_axis_states(R::spec))
                    read_axes<R, T, 1>(
                        t, pass.axes[tensor], i, [&](int s) { return t.dtype[s]; },
                        [&](int s, int, T value) { v[s] = value; });
                v[1] = setting.gradient(v[1], v[0]);
                double term[kReduced];
                terms(setting, v, term, std::make_integer_sequence<int, kStreams - 2>{});
                STEEPEST_UNROLL
                for (int j = 0; j < kReduced; ++j) sums.at[j][held] += term[j];
            });
    }

    // The terms of one element, of a rule without row and column states.
    STEEPEST_HD static STEEPEST_INLINE void element(const Setting<R, T>& setting, const Tensor& t,
                                                    const void* const (&data)[kStreams], int64_t i,
                                                    double (&term)[kReduced]) {
        Raw<T> raw[kStreams] = {};
        STEEPEST_UNROLL
        for (int s = 0; s < kStreams; ++s)
            if (data[s]) raw[s].fetch_one(0, data[s], t.dtype[s], i);
        T v[kStreams] = {};
        STEEPEST_UNROLL
        for (int s = 0; s < kStreams; ++s)
            if (data[s]) v[s] = raw[s].decode_one(0, t.dtype[s]);
        v[1] = setting.gradient(v[1], v[0]);
        terms(setting, v, term, std::make_integer_sequence<int, kStreams - 2>{});
    }

    // The arrays of the element streams; null: not there.
    STEEPEST_HD static STEEPEST_INLINE void find(const Pass& pass, int32_t tensor,
                                                 const void* (&data)[kStreams]) {
        constexpr unsigned kElements = element_streams<R>();
        STEEPEST_UNROLL
        for (int s = 0; s < kStreams; ++s)
            data[s] = kElements >> s & 1 ? pass.tensors[tensor].stream[s] : nullptr;
        data[1] = gradient(pass, tensor);
    }

    // Once the sums of a whole tensor are known: the constants that needed them, or a leaf in each
    // tree over the list.
    STEEPEST_HD static void finish(const Pass& pass, const Tensor& t, const double* sums) {
        if constexpr (kSumsOverList<R>) {
            for (int k = 0; k < R::kTerms; ++k) list_tree(pass, k)[t.order] = sums[k];
        } else {
            const Inputs& in = pass.inputs[t.settings];
            Prepare prepare = prepare_of(pass, in, sums);
            if constexpr (has_tensor_state(R::spec)) move_tensor_state<R, T>(pass, t, prepare);
            make_constants<R, T>(in, prepare, pass.computed[t.settings]);
        }
    }

    // The tree over the tensors of a term's sums.
    STEEPEST_HD static double* list_tree(const Pass& pass, int term) {
        return pass.norm.sum + term * tree_nodes(pass.norm.count);
    }

  private:
    template <int... State>
    STEEPEST_HD static STEEPEST_INLINE void terms(const Setting<R, T>& setting,
                                                  const T (&v)[kStreams], double (&term)[kReduced],
                                                  std::integer_sequence<int, State...>) {
        R::reduce(setting.rule, v[0], v[1], v[2 + State]..., term);
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
        if (!norm.norms && !norm.clips) return;
        const double length = sqrt(sums[0]) / scale_of(pass);
        if (norm.norms) norm.norms[t.order] = length;
        if (norm.clips) norm.clips[t.order] = tensor_coefficient(norm.max_tensor_norm, length);
    }

    // Once those of all tensors are.
    STEEPEST_HD static void finish_all(const Pass& pass, double squares, double nonfinite) {
        const Norm& norm = pass.norm;
        const double total = sqrt(squares) / scale_of(pass);
        *norm.total = total;
        *norm.clip = clip_coefficient(norm.max_norm, total);
        *norm.skipped = norm.skip_nonfinite && nonfinite != 0;
        if (norm.finite) *norm.finite = nonfinite == 0;
    }

    // And after that by one warp: the coefficients of the tensors take in that of the norm of all.
    STEEPEST_HD static void finish_clips(const Pass& pass, int32_t lane) {
        const Norm& norm = pass.norm;
        if (!norm.clips || *norm.clip == 1) return;
        const double all = *norm.clip;
        for (int32_t i = lane; i < pass.count; i += kWarp) {
            double& clip = norm.clips[pass.tensors[i].order];
            clip = stricter(all, clip);
        }
    }

  private:
    STEEPEST_HD static double scale_of(const Pass& pass) {
        const Scalar& scale = pass.grad_scale_at;
        return scale.at ? read_scalar<double>(scale.at, scale.is_f64) : pass.norm.grad_scale;
    }

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
