// Orthogonalises matrices on a device, or on its emulation.
#pragma once

#include <vector>

#include "polar/iteration.h"
#include "steps/device/backend.h"

namespace steepest::device {

// Groups are worked on one after the other, in the same memory; the matrices of a group together,
// by one launch for all steps where they fit on chip, or as many at a time as the workspace holds.
// More than this is not asked for where it holds one.
inline constexpr size_t kMostBytes = size_t{256} << 20;

size_t orthogonalize_size(const std::vector<polar::Group>& groups, const polar::Program& program,
                          const Backend& backend);

// The arguments have been checked. Enqueues all of it and returns.
steepest_status orthogonalize(const std::vector<polar::Group>& groups,
                              const polar::Program& program, void* workspace, size_t size,
                              Backend& backend);

}  // namespace steepest::device
