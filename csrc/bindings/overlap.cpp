#include "bindings/overlap.h"

#include <algorithm>

#include "bindings/errors.h"

namespace steepest::bindings {

void WrittenMemory::add(const void* data, int64_t bytes, const char* stream, int64_t tensor) {
    if (bytes == 0) return;
    const auto begin = reinterpret_cast<uintptr_t>(data);
    extents_.push_back({begin, begin + static_cast<uintptr_t>(bytes), stream, tensor});
}

void WrittenMemory::seal() {
    std::sort(extents_.begin(), extents_.end(),
              [](const Extent& a, const Extent& b) { return a.begin < b.begin; });
    for (size_t i = 1; i < extents_.size(); ++i) {
        const Extent& a = extents_[i - 1];
        const Extent& b = extents_[i];
        if (b.begin >= a.end) continue;
        value_error(ArgName{b.stream, b.tensor}.text() + ": memory shared with " +
                    ArgName{a.stream, a.tensor}.text() +
                    " given, expected arrays that do not overlap");
    }
}

const Extent* WrittenMemory::find(const void* data, int64_t bytes, size_t& hint) const {
    if (bytes == 0) return nullptr;
    const auto begin = reinterpret_cast<uintptr_t>(data);
    const auto end = begin + static_cast<uintptr_t>(bytes);
    // The extents are apart, so the first one that ends behind `begin` is the only candidate.
    const auto first_behind = [&](size_t at) {
        return (at == 0 || extents_[at - 1].end <= begin) &&
               (at == extents_.size() || extents_[at].end > begin);
    };
    if (hint > extents_.size() || !first_behind(hint)) {
        const auto at = std::partition_point(extents_.begin(), extents_.end(),
                                             [&](const Extent& e) { return e.end <= begin; });
        hint = static_cast<size_t>(at - extents_.begin());
    }
    return hint < extents_.size() && extents_[hint].begin < end ? &extents_[hint] : nullptr;
}

}  // namespace steepest::bindings
