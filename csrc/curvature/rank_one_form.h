// The numbers of a rank-one update, by variant. One copy for the host and for devices.
#pragma once

#include <cstdint>

#include "core/target.h"
#include "steepest/steepest.h"

namespace steepest::curvature {

// F = scale F + identity I + s u u^T with u = p F v + q v; the denominator of s is
// 1 + weight v^T u, its numerator is given.
struct Form {
    double scale, identity, p, q, weight, numerator;
};

// Of F after the blend `kept` F + `added` I.
STEEPEST_HD inline Form form_of(int32_t variant, double d, double kept, double added) {
    switch (variant) {
        case STEEPEST_MKOR_PAPER:
            return {d * kept, d * added, kept, added, d * (1 - d), (1 - d) / (d * d)};
        case STEEPEST_MKOR_TEXTBOOK:
            return {kept / d, added / d, kept, added, (1 - d) / d, -(1 - d) / (d * d)};
        default: {
            const double identity = d * added + (1 - d);
            return {d * kept, identity, d * kept, identity, 1, -1};
        }
    }
}

}  // namespace steepest::curvature
