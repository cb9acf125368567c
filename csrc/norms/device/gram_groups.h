// The matrices of a call on a device, by shape.
#pragma once

#include <vector>

#include "norms/device/gram_engine.h"
#include "norms/requests.h"

namespace steepest::device {

// Matrices of equal shape, in the order of the caller's list.
struct GramGroup {
    int64_t rows, cols;
    std::vector<polar::View> views;
    std::vector<int64_t> index;  // among the caller's

    int64_t size() const { return static_cast<int64_t>(views.size()); }
    GramShape shape(int64_t count, GramUse use) const { return {rows, cols, count, use}; }
};

inline GramUse use_of(const steepest_spectral_norm_args& args) {
    if (args.method == STEEPEST_SPECTRAL_FROBENIUS) return GramUse::frobenius;
    const bool in_double = norms::precision_of(args) == norms::Precision::f64;
    return in_double ? GramUse::bounds : GramUse::estimates;
}

template <class Args>
std::vector<GramGroup> groups_of(const Args& args) {
    std::vector<GramGroup> groups;
    for (int64_t i = 0; i < args.count; ++i) {
        const polar::View view(norms::matrix_at(args, i));
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

inline size_t bytes_of(const GramShape& shape) {
    Arena measured(nullptr, 0);
    const GramMemory memory(shape, measured);
    return measured.used();
}

// Matrices of a group that are worked on together: as many as kMostGramBytes hold, at least one.
inline int64_t together(const GramGroup& group, GramUse use) {
    const size_t fit = kMostGramBytes / bytes_of(group.shape(1, use));
    return std::clamp<int64_t>(static_cast<int64_t>(fit), 1, group.size());
}

template <class Args>
size_t bytes_of_call(const Args& args, GramUse use) {
    size_t size = 0;
    for (const GramGroup& g : groups_of(args))
        size = std::max(size, bytes_of(g.shape(together(g, use), use)));
    return size;
}

// Calls f(group, begin, count) for parts of the groups that are worked on together.
template <class Args, class F>
void each_part(const Args& args, GramUse use, F&& f) {
    for (const GramGroup& g : groups_of(args)) {
        const int64_t most = together(g, use);
        for (int64_t begin = 0; begin < g.size(); begin += most)
            f(g, begin, std::min(most, g.size() - begin));
    }
}

}  // namespace steepest::device
