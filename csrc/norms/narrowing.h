// An interval that is made narrower from both sides, and when to leave off.
#pragma once

#include <algorithm>

#include "norms/outward.h"

namespace steepest::norms {

class Narrowing {
  public:
    Up upper() const { return upper_; }
    Down lower() const { return lower_; }
    // Whether a lower bound was looked for since the last new iterate.
    bool has_looked_below() const { return looked_below_; }

    // By a new iterate.
    void begin(Up bound) {
        const Up before = upper_;
        upper_ = min(upper_, bound);
        progress_ = !(before.value - upper_.value <= kProgress * upper_.value);
        looked_below_ = false;
    }
    // By other means.
    void from_above(Up bound) { upper_ = min(upper_, bound); }
    void from_below(Down bound) {
        const Down before = lower_;
        lower_ = max(lower_, bound);
        progress_ = progress_ || lower_.value - before.value > kProgress * lower_.value;
        looked_below_ = true;
    }

    bool is_close(double tol) const {
        return looked_below_ && upper_.value - lower_.value <= tol * upper_.value;
    }
    // Close, or as narrow as roundings allow.
    bool is_done(double tol) const { return is_close(tol) || (looked_below_ && !progress_); }

  private:
    static constexpr double kProgress = 0x1p-46;  // relative; less is none

    Up upper_{std::numeric_limits<double>::infinity()};
    Down lower_{0};
    bool looked_below_ = false, progress_ = true;
};

}  // namespace steepest::norms
