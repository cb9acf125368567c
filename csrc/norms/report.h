// The numbers of matrices that one read of their elements gives.
#pragma once

#include <vector>

#include "norms/kernel_table.h"

namespace steepest::norms {

using Reports = std::vector<steepest_norm_report_values>;

// The bits depend neither on the number of threads nor on the target. NaN everywhere for a matrix
// with a NaN. No matrix is empty.
Reports report(const std::vector<const steepest_matrix*>& matrices, const ReportKernels& kernels);

}  // namespace steepest::norms
