// Adafactor: the second moment of a matrix kept as one vector of rows and one of columns. Tensors
// of fewer than two dimensions keep it in full and are taken by the rule AdafactorVector.
#pragma once

#include "core/math.h"
#include "steps/rule.h"

namespace steepest {
inline namespace STEEPEST_TARGET {

template <class T>
struct AdafactorCore {
    enum { kBeta2Decay, kEps1, kEps2, kD };

    struct Constants {
        T keep, weight;  // average = keep average + weight new
        T eps1, eps1_squared;
        T rate;  // relative step size over the clipping of the update
    };

    STEEPEST_HD static Constants prepare(const Prepare& in) {
        const double eps1 = in.hyper[kEps1] != in.hyper[kEps1] ? in.param_eps : in.hyper[kEps1];
        const double weight = pow(static_cast<double>(in.step), in.hyper[kBeta2Decay]);
        return {.keep = T(1 - weight),
                .weight = T(weight),
                .eps1 = T(eps1),
                .eps1_squared = T(eps1 * eps1),
                .rate = T(in.sum ? rate(in) : 0)};
    }

    // g / sqrt(estimate of the second moment)
    STEEPEST_HD static STEEPEST_INLINE T update(const Constants& c, T g, T estimate) {
        return g / sqrt(maximum(estimate, c.eps1_squared));
    }

    static constexpr int kTerms = 2;

    STEEPEST_HD static STEEPEST_INLINE void norm_terms(T p, T u, double (&term)[kTerms]) {
        term[0] = static_cast<double>(p) * static_cast<double>(p);
        term[1] = static_cast<double>(u) * static_cast<double>(u);
    }

  private:
    STEEPEST_HD static double rate(const Prepare& in) {
        const double by_step = 1 / sqrt(static_cast<double>(in.step));
        const double rho = in.lr < by_step ? in.lr : by_step;
        const double param_rms = sqrt(in.sum[0] / in.count);
        const double alpha = (param_rms > in.hyper[kEps2] ? param_rms : in.hyper[kEps2]) * rho;
        const double clip = sqrt(in.sum[1] / in.count) / in.hyper[kD];
        return clip <= 1 ? alpha : alpha / clip;  // a NaN passes on
    }
};

inline constexpr HyperSpec kAdafactorHypers[] = {
    {.name = "beta2_decay",
     .doc = "the new term of the second moment has weight step^beta2_decay",
     .value = {-0.8},
     .low = -__builtin_inf(),
     .high = 0},
    {.name = "eps",
     .doc = "lower bound of the second moment's root (None: that of the parameter's dtype), lower "
            "bound "
            "of the parameter's RMS",
     .value = {__builtin_nan(""), 1e-3},
     .length = 2,
     .none_allowed = true},
    {.name = "d",
     .doc = "RMS above which an update is scaled down",
     .value = {1},
     .low = 0x1p-1022}};

template <class T>
struct Adafactor : AdafactorCore<T> {
    static constexpr int kMostBlocks = 3;  // two of the streams at computed places
    using Core = AdafactorCore<T>;
    using Core::kTerms;
    using typename Core::Constants;

    static constexpr RuleSpec spec = {
        .name = "adafactor",
        .class_name = "Adafactor",
        .summary = "Adaptive step with a factored second moment and a relative step size.",
        .source =
            "Shazeer & Stern, arXiv 1804.04235, algorithms 4 and 5, in the form of "
            "torch.optim.Adafactor",
        .decay = Decay::decoupled,
        .lr = 1e-2,
        .weight_decay = 0,
        .needs_step = true,
        .states = {{.name = "row_var",
                    .doc = "row means of the squared gradient, shape (..., R, 1)",
                    .kind = Kind::row,
                    .form = Form::matrix},
                   {.name = "col_var",
                    .doc = "column means of the squared gradient, shape (..., 1, C)",
                    .kind = Kind::column,
                    .form = Form::matrix}},
        .hypers = {kAdafactorHypers[0], kAdafactorHypers[1], kAdafactorHypers[2]},
        .vector_rule = "adafactor_vector",
    };

    STEEPEST_HD static STEEPEST_INLINE double axis_term(T g) {
        return static_cast<double>(g) * static_cast<double>(g);
    }

    STEEPEST_HD static STEEPEST_INLINE T axis_update(const Constants& c, T state, double mean) {
        return c.keep * state + c.weight * T(mean);
    }

    // Dividing each row by the mean of all rows leaves estimate = row factor times column.
    STEEPEST_HD static STEEPEST_INLINE T row_factor(const Constants& c, T row,
                                                    double mean_of_rows) {
        return row / maximum(T(mean_of_rows), c.eps1);
    }

    STEEPEST_HD static STEEPEST_INLINE void reduce(const Constants& c, T p, T g, T row, T column,
                                                   double (&term)[kTerms]) {
        Core::norm_terms(p, Core::update(c, g, row * column), term);
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& row,
                                                  T& column) {
        p = p - c.rate * Core::update(c, g, row * column);
    }
};

template <class T>
struct AdafactorVector : AdafactorCore<T> {
    using Core = AdafactorCore<T>;
    using Core::kTerms;
    using typename Core::Constants;

    static constexpr RuleSpec spec = {
        .name = "adafactor_vector",
        .class_name = "",
        .summary = "Adafactor for tensors of fewer than two dimensions.",
        .source = Adafactor<T>::spec.source,
        .decay = Decay::decoupled,
        .lr = 1e-2,
        .weight_decay = 0,
        .needs_step = true,
        .states = {{.name = "variance",
                    .doc = "moving average of the squared gradient",
                    .form = Form::vector}},
        .hypers = {kAdafactorHypers[0], kAdafactorHypers[1], kAdafactorHypers[2]},
        .is_public = false,
    };

    STEEPEST_HD static STEEPEST_INLINE void reduce(const Constants& c, T p, T g, T variance,
                                                   double (&term)[kTerms]) {
        Core::norm_terms(p, Core::update(c, g, average(c, g, variance)), term);
    }

    STEEPEST_HD static STEEPEST_INLINE void apply(const Constants& c, T& p, T g, T& variance) {
        variance = average(c, g, variance);
        p = p - c.rate * Core::update(c, g, variance);
    }

  private:
    STEEPEST_HD static STEEPEST_INLINE T average(const Constants& c, T g, T variance) {
        return c.keep * variance + c.weight * (g * g);
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest
