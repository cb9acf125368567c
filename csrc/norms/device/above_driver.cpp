// Bounds of spectral norms from above alone, on a device: Frobenius and Schatten norms, and the
// largest row sum of a Gram matrix. None of them needs a vector.
#include "norms/device/gram_courses.h"
#include "norms/device/gram_driver.h"
#include "norms/device/gram_groups.h"

namespace steepest::device {
namespace {

using namespace steepest::norms;

// Matrices of one shape.
class AboveRun {
  public:
    AboveRun(const steepest_spectral_norm_args& args, const GramGroup& group, int64_t begin,
             int64_t count, Backend& backend)
        : args_(args),
          group_(group),
          begin_(static_cast<size_t>(begin)),
          engine_(group.shape(count, use_of(args)), Arena(args.workspace, args.workspace_size),
                  backend),
          inverse_norms_(engine_.inverse_norms(group.views.data() + begin)) {}

    void run() {
        if (args_.method == STEEPEST_SPECTRAL_FROBENIUS)
            bound_by_frobenius_norms();
        else
            bound_by_gram_matrices();
    }

  private:
    void bound_by_frobenius_norms() {
        for (size_t i = 0; i < inverse_norms_.size(); ++i) {
            const auto& [power, factor] = inverse_norms_[i];
            if (factor > 0)  // the root's reciprocal, rounded
                put(i, frobenius_bound(view(i), (Up{1} + Up{0x1p-53}) / Down{factor}, power));
            else
                put_irregular(i);
        }
    }

    void bound_by_gram_matrices() {
        std::vector<PolarScale> scales;
        for (const PolarScale& norm : inverse_norms_) {
            courses_.emplace_back(view(courses_.size()), norm, Precision::f64);
            scales.push_back(courses_.back().scale());
        }
        engine_.form(scales);
        sums_ = take_sums(engine_, courses_);
        const bool by_rows = args_.method == STEEPEST_SPECTRAL_AOL;
        const int levels = by_rows ? 0 : GramCourse::limit_of(request_of(args_, false));
        for (int level = 0; level < levels; ++level) sums_ = square_all(engine_, courses_);
        const std::vector<double> row_sums =
            by_rows ? engine_.largest_row_sums() : std::vector<double>(courses_.size());
        for (size_t i = 0; i < courses_.size(); ++i) {
            const GramCourse& course = courses_[i];
            if (course.is_regular())
                put(i,
                    course.above(by_rows ? row_sum_bound(view(i).rows, row_sums[i])
                                         : norm_bound(view(i).rows, sums_[i])),
                    levels);
            else
                put_irregular(i);
        }
    }

    void put(size_t i, double upper, int levels = 0) {
        norms::put(args_, group_.index[begin_ + i], {0, upper, levels});
    }
    // Zero, or NaN.
    void put_irregular(size_t i) {
        const double norm = inverse_norms_[i].factor;
        norms::put(args_, group_.index[begin_ + i], {norm, norm, 0});
    }
    const polar::View& view(size_t i) const { return group_.views[begin_ + i]; }

    const steepest_spectral_norm_args& args_;
    const GramGroup& group_;
    size_t begin_;
    GramEngine engine_;
    std::vector<PolarScale> inverse_norms_;
    std::vector<GramCourse> courses_;
    std::vector<polar::ByProducts> sums_;
};

}  // namespace

steepest_status spectral_above(const steepest_spectral_norm_args& args, Backend& backend) {
    each_part(args, use_of(args), [&](const GramGroup& group, int64_t begin, int64_t count) {
        AboveRun(args, group, begin, count, backend).run();
    });
    return STEEPEST_OK;
}

}  // namespace steepest::device
