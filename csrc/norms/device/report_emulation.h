// The kernels of the norm report on the host, one thread after the other.
#pragma once

#include "steps/device/backend.h"

namespace steepest::device {

const ReportRuns& emulated_report_runs();

}  // namespace steepest::device
