#include "norms/device/gram_driver.h"

#include "norms/device/gram_course.h"
#include "norms/device/gram_groups.h"

namespace steepest::device {
namespace {

using namespace steepest::norms;

// Matrices of one shape from the first to the last level.
class GramRun {
  public:
    GramRun(const steepest_spectral_norm_args& args, const GramGroup& group, int64_t begin,
            int64_t count, Backend& backend)
        : args_(args),
          group_(group),
          begin_(begin),
          engine_(group.shape(count, use_of(args)), Arena(args.workspace, args.workspace_size),
                  backend) {
        const std::vector<PolarScale> norms = engine_.inverse_norms(group.views.data() + begin);
        for (int64_t i = 0; i < count; ++i)
            courses_.emplace_back(view(i), norms[static_cast<size_t>(i)], precision_of(args));
    }

    void run() {
        std::vector<PolarScale> scales;
        for (const GramCourse& course : courses_) scales.push_back(course.scale());
        engine_.form(scales);
        std::vector<int64_t> active;
        for (size_t i = 0; i < courses_.size(); ++i) active.push_back(static_cast<int64_t>(i));
        for (int level = 0; !active.empty(); ++level) active = go_on(active, level);
    }

  private:
    // Takes a level in, squares the iterates of those that are not done and returns them.
    std::vector<int64_t> go_on(const std::vector<int64_t>& active, int level) {
        const bool looks =
            args_.iterations < 0 || level == GramCourse::limit_of(request_of(args_, false));
        if (looks) engine_.look();
        const GramFindings found = engine_.read(looks);
        std::vector<int64_t> rest;
        std::vector<GramMember> members;
        for (size_t k = 0; k < active.size(); ++k) {
            GramCourse& course = courses_[static_cast<size_t>(active[k])];
            const auto slot = static_cast<int64_t>(k);
            if (course.is_regular()) {
                course.take(found.sums[k]);
                if (looks) course.take(found.lengths[k]);
            }
            if (!course.is_regular() || course.is_done(request(active[k]))) {
                finish(active[k], slot, course);
                continue;
            }
            members.push_back({active[k], slot, course.begin_squaring()});
            rest.push_back(active[k]);
        }
        if (!rest.empty()) engine_.square(members);
        return rest;
    }

    void finish(int64_t i, int64_t slot, const GramCourse& course) {
        const int64_t to = group_.index[static_cast<size_t>(begin_ + i)];
        const Interval found = course.found();
        put(args_, to, found);
        const Pair pair = pair_of(args_, to);
        if (!course.is_regular())
            fill_pair(view(i), found.upper, pair);
        else if (pair.short_side)
            engine_.find_pair(slot, i, pair);
    }

    const polar::View& view(int64_t i) const {
        return group_.views[static_cast<size_t>(begin_ + i)];
    }
    Request request(int64_t i) const {
        const int64_t to = group_.index[static_cast<size_t>(begin_ + i)];
        return request_of(args_, pair_of(args_, to).short_side != nullptr);
    }

    const steepest_spectral_norm_args& args_;
    const GramGroup& group_;
    int64_t begin_;
    GramEngine engine_;
    std::vector<GramCourse> courses_;
};

}  // namespace

steepest_status spectral_size(const steepest_spectral_norm_args& args, size_t* size) {
    *size = bytes_of_call(args, use_of(args));
    return STEEPEST_OK;
}

steepest_status spectral(const steepest_spectral_norm_args& args, Backend& backend) {
    if (args.workspace_size < bytes_of_call(args, use_of(args)))
        return STEEPEST_WORKSPACE_TOO_SMALL;
    norms::clear(args);
    if (is_one_sided(args)) return spectral_above(args, backend);
    each_part(args, use_of(args), [&](const GramGroup& group, int64_t begin, int64_t count) {
        GramRun(args, group, begin, count, backend).run();
    });
    return STEEPEST_OK;
}

}  // namespace steepest::device
