#include "norms/device/gram_driver.h"

#include "norms/device/gram_course.h"
#include "norms/device/gram_engine.h"
#include "norms/requests.h"

namespace steepest::device {
namespace {

using namespace steepest::norms;

// Matrices of equal shape, in the order of the caller's list.
struct GramGroup {
    int64_t rows, cols;
    std::vector<polar::View> views;
    std::vector<int64_t> index;  // among the caller's

    GramShape shape(int64_t count, Precision precision) const {
        const auto type = precision == Precision::f64 ? polar::Type::f64 : polar::Type::f32;
        return {rows, cols, count, type};
    }
};

std::vector<GramGroup> groups_of(const steepest_spectral_norm_args& args) {
    std::vector<GramGroup> groups;
    for (int64_t i = 0; i < args.count; ++i) {
        const polar::View view(matrix_at(args, i));
        if (view.rows == 0) continue;
        GramGroup* home = nullptr;
        for (GramGroup& g : groups)
            if (g.rows == view.rows && g.cols == view.cols) home = &g;
        if (!home) {
            groups.push_back({.rows = view.rows, .cols = view.cols, .views = {}, .index = {}});
            home = &groups.back();
        }
        home->views.push_back(view);
        home->index.push_back(i);
    }
    return groups;
}

size_t bytes_of(const GramShape& shape) {
    Arena measured(nullptr, 0);
    const GramMemory memory(shape, measured);
    return measured.used();
}

// Matrices of a group that are worked on together.
int64_t together(const GramGroup& group, Precision precision) {
    const size_t fit = kMostGramBytes / bytes_of(group.shape(1, precision));
    return std::clamp<int64_t>(static_cast<int64_t>(fit), 1,
                               static_cast<int64_t>(group.views.size()));
}

// Matrices of one shape from the first to the last level.
class GramRun {
  public:
    GramRun(const steepest_spectral_norm_args& args, const GramGroup& group, int64_t begin,
            int64_t count, Backend& backend)
        : args_(args),
          group_(group),
          begin_(begin),
          engine_(group.shape(count, precision_of(args)),
                  Arena(args.workspace, args.workspace_size), backend) {
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

steepest_status spectral_norms_size(const steepest_spectral_norm_args& args, size_t* size) {
    *size = 0;
    const Precision precision = precision_of(args);
    for (const GramGroup& g : groups_of(args))
        *size = std::max(*size, bytes_of(g.shape(together(g, precision), precision)));
    return STEEPEST_OK;
}

steepest_status spectral_norms(const steepest_spectral_norm_args& args, Backend& backend) {
    size_t size = 0;
    spectral_norms_size(args, &size);
    if (size > 0 && (!args.workspace || args.workspace_size < size))
        return STEEPEST_WORKSPACE_TOO_SMALL;
    clear(args);
    for (const GramGroup& g : groups_of(args)) {
        const auto count = static_cast<int64_t>(g.views.size());
        const int64_t most = together(g, precision_of(args));
        for (int64_t begin = 0; begin < count; begin += most)
            GramRun(args, g, begin, std::min(most, count - begin), backend).run();
    }
    return STEEPEST_OK;
}

}  // namespace steepest::device
