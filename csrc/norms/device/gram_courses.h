// Matrices of one shape whose Gram iterations go step by step together, however far each has come.
#pragma once

#include <vector>

#include "norms/device/gram_course.h"
#include "norms/device/gram_engine.h"

namespace steepest::device {

// Hands every course the by-products of its newest iterate, and returns them all. Waits.
inline std::vector<polar::ByProducts> take_sums(GramEngine& engine,
                                                std::vector<GramCourse>& courses) {
    std::vector<polar::ByProducts> sums = engine.read(false).sums;
    for (size_t i = 0; i < courses.size(); ++i)
        if (courses[i].is_regular()) courses[i].take(sums[i]);
    return sums;
}

inline std::vector<polar::ByProducts> square_all(GramEngine& engine,
                                                 std::vector<GramCourse>& courses) {
    std::vector<GramMember> members;
    for (GramCourse& course : courses) {
        const auto index = static_cast<int64_t>(members.size());
        members.push_back({index, index, course.is_regular() ? course.begin_squaring() : 1});
    }
    engine.square(members);
    return take_sums(engine, courses);
}

}  // namespace steepest::device
