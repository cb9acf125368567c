// The C entries of the orthogonalisation.
#include <algorithm>
#include <cmath>

#include "core/cpu.h"
#include "core/fence.h"
#include "core/parallel.h"
#include "core/stream.h"
#include "polar/device/driver.h"
#include "polar/iteration.h"
#include "polar/types.h"

namespace {

using namespace steepest;
using namespace steepest::polar;

bool is_finite(const double* x, int64_t n) {
    for (int64_t i = 0; i < n; ++i)
        if (!std::isfinite(x[i])) return false;
    return true;
}

const steepest_matrix& matrix_at(const steepest_orthogonalize_args& a, int64_t i) {
    return *reinterpret_cast<const steepest_matrix*>(reinterpret_cast<const char*>(a.matrices) +
                                                     static_cast<size_t>(i) * a.matrix_size);
}

steepest_status check_matrix(const steepest_matrix& m, int32_t normalization) {
    if (m.rows < 0 || m.cols < 0 || m.method < 0 || m.method > STEEPEST_POLAR_GRAM)
        return STEEPEST_INVALID_ARGUMENT;
    if (m.dtype < 0 || m.dtype >= kDTypes) return STEEPEST_INVALID_DTYPE;
    if (m.rows > 0 && m.cols > 0 && (!m.data || !m.result)) return STEEPEST_INVALID_ARGUMENT;
    const bool bounded = m.bound > 0 && std::isfinite(m.bound);
    return normalization == STEEPEST_BOUND && !bounded ? STEEPEST_INVALID_HYPER : STEEPEST_OK;
}

steepest_status check(const steepest_orthogonalize_args& a) {
    if (a.struct_size < sizeof a || a.matrix_size < sizeof(steepest_matrix) || a.count < 0 ||
        (a.count && !a.matrices) || a.steps < 0 || (a.steps && !a.coefficients) ||
        a.restart_count < 0 || (a.restart_count && !a.restarts) || a.normalization < 0 ||
        a.normalization > STEEPEST_BOUND)
        return STEEPEST_INVALID_ARGUMENT;
    if (!is_product_type(a.compute, a.stream != nullptr)) return STEEPEST_INVALID_DTYPE;
    if (!(a.safety >= 1) || std::isinf(a.safety) || !is_finite(a.coefficients, 3 * a.steps))
        return STEEPEST_INVALID_HYPER;
    for (int64_t i = 0; i < a.count; ++i)
        if (const auto s = check_matrix(matrix_at(a, i), a.normalization)) return s;
    return STEEPEST_OK;
}

Program program_of(const steepest_orthogonalize_args& a) {
    return {.steps = a.steps,
            .coefficients = a.coefficients,
            .restarts = a.restarts,
            .restart_count = a.restart_count,
            .normalization = static_cast<steepest_normalization>(a.normalization),
            .safety = a.safety,
            .type = product_type(a.compute)};
}

// Matrices of one shape and method together, in the order of their first.
std::vector<Group> groups_of(const steepest_orthogonalize_args& a) {
    std::vector<Group> groups;
    for (int64_t i = 0; i < a.count; ++i) {
        const steepest_matrix& m = matrix_at(a, i);
        const View view(m);
        if (view.rows == 0) continue;
        Group* home = nullptr;
        for (Group& g : groups)
            if (g.rows == view.rows && g.cols == view.cols && g.method == m.method) home = &g;
        if (!home) {
            groups.push_back({.rows = view.rows,
                              .cols = view.cols,
                              .method = static_cast<steepest_polar_method>(m.method),
                              .views = {},
                              .bounds = {}});
            home = &groups.back();
        }
        home->views.push_back(view);
        home->bounds.push_back(m.bound);
    }
    return groups;
}

size_t workspace_of(const std::vector<Group>& groups, const Program& program) {
    size_t size = 0;
    for (const Group& g : groups)  // one after the other in the same memory
        size = std::max(size, workspace_bytes(g, program));
    return size;
}

steepest_status on_cpu(const std::vector<Group>& groups, const Program& program, void* workspace,
                       size_t size) {
    cpu::Target target;
    if (!cpu::active(target)) return STEEPEST_UNKNOWN_TARGET;
    if (size < workspace_of(groups, program)) return STEEPEST_WORKSPACE_TOO_SMALL;
    for (const Group& g : groups) orthogonalize(g, program, workspace);
    return STEEPEST_OK;
}

}  // namespace

steepest_status steepest_orthogonalize_workspace(const steepest_orthogonalize_args* args,
                                                 size_t* size) {
    if (!args || !size) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        if (const auto status = check(*args)) return status;
        const Program program = program_of(*args);
        const std::vector<Group> groups = groups_of(*args);
        if (!args->stream) {
            *size = workspace_of(groups, program);
            return STEEPEST_OK;
        }
        return on_stream(args->device, args->stream, [&](device::Backend& backend) {
            *size = device::orthogonalize_size(groups, program, backend);
            return STEEPEST_OK;
        });
    });
}

steepest_status steepest_orthogonalize(const steepest_orthogonalize_args* args) {
    if (!args) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        FloatingPointGuard guard;
        if (const auto status = check(*args)) return status;
        if (reinterpret_cast<uintptr_t>(args->workspace) % Arena::kAlignment)
            return STEEPEST_INVALID_ARGUMENT;
        const Program program = program_of(*args);
        const std::vector<Group> groups = groups_of(*args);
        void* const workspace = args->workspace;
        const size_t size = args->workspace_size;
        if (!args->stream) return on_cpu(groups, program, workspace, size);
        return on_stream(args->device, args->stream, [&](device::Backend& backend) {
            return device::orthogonalize(groups, program, workspace, size, backend);
        });
    });
}
