// Gradients of Schatten norms on a device, as norms/gradient.h has them.
#include "norms/device/gram_courses.h"
#include "norms/device/gram_driver.h"
#include "norms/device/gram_groups.h"

namespace steepest::device {
namespace {

class GradientRun {
  public:
    GradientRun(const steepest_spectral_gradient_args& args, const GramGroup& group, int64_t begin,
                int64_t count, Backend& backend)
        : args_(args),
          group_(group),
          begin_(static_cast<size_t>(begin)),
          engine_(group.shape(count, GramUse::gradients),
                  Arena(args.workspace, args.workspace_size), backend) {
        const polar::View* views = group.views.data() + begin;
        for (const PolarScale& norm : engine_.inverse_norms(views))
            courses_.emplace_back(views[courses_.size()], norm, norms::Precision::f64);
    }

    void run() {
        std::vector<PolarScale> scales;
        for (const GramCourse& course : courses_) scales.push_back(course.scale());
        engine_.form(scales);
        take_sums(engine_, courses_);
        if (args_.iterations > 0) engine_.begin_power();
        for (int32_t t = 1; t <= args_.iterations; ++t) {
            square_all(engine_, courses_);
            if (t < args_.iterations) engine_.raise_power();
        }
        finish();
    }

  private:
    // The gradient's inner product with the matrix is the norm, since that is homogeneous, which
    // fixes the factor.
    void finish() {
        const bool has_power = args_.iterations > 0;
        std::vector<double> factors;
        if (has_power) factors = engine_.inner_products();
        for (size_t i = 0; i < courses_.size(); ++i) {
            const double norm = courses_[i].is_regular() ? courses_[i].scaled_schatten() : 0;
            if (has_power)
                factors[i] = norm / (norm > 0 ? factors[i] : 1);
            else  // the norm is the Frobenius norm
                factors.push_back(norm > 0 ? 1 / norm : 0);
            args_.values[group_.index[begin_ + i]] = courses_[i].schatten();
        }
        engine_.store_products(factors, has_power);
    }

    const steepest_spectral_gradient_args& args_;
    const GramGroup& group_;
    size_t begin_;
    GramEngine engine_;
    std::vector<GramCourse> courses_;
};

}  // namespace

steepest_status spectral_size(const steepest_spectral_gradient_args& args, size_t* size) {
    *size = bytes_of_call(args, GramUse::gradients);
    return STEEPEST_OK;
}

steepest_status spectral(const steepest_spectral_gradient_args& args, Backend& backend) {
    if (args.workspace_size < bytes_of_call(args, GramUse::gradients))
        return STEEPEST_WORKSPACE_TOO_SMALL;
    norms::clear(args);
    each_part(args, GramUse::gradients, [&](const GramGroup& group, int64_t begin, int64_t count) {
        GradientRun(args, group, begin, count, backend).run();
    });
    return STEEPEST_OK;
}

}  // namespace steepest::device
