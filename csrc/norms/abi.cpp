// The C entries of the spectral norms.
#include <cmath>

#include "core/cpu.h"
#include "core/fence.h"
#include "core/stream.h"
#include "norms/batch.h"
#include "norms/device/gram_driver.h"
#include "norms/device/report_driver.h"
#include "norms/gradient.h"
#include "norms/report.h"
#include "norms/requests.h"
#include "norms/targets.h"

namespace {

using namespace steepest;
using namespace steepest::norms;

template <class Args>
steepest_status check_matrices(const Args& a, bool has_results) {
    if (a.struct_size < sizeof a || a.matrix_size < sizeof(steepest_matrix) || a.count < 0 ||
        (a.count && !a.matrices))
        return STEEPEST_INVALID_ARGUMENT;
    for (int64_t i = 0; i < a.count; ++i) {
        const steepest_matrix& m = matrix_at(a, i);
        if (m.rows < 0 || m.cols < 0) return STEEPEST_INVALID_ARGUMENT;
        if (m.dtype < 0 || m.dtype >= kDTypes) return STEEPEST_INVALID_DTYPE;
        const bool is_empty = m.rows == 0 || m.cols == 0;
        if (!is_empty && (!m.data || (has_results && !m.result))) return STEEPEST_INVALID_ARGUMENT;
    }
    return STEEPEST_OK;
}

bool is_aligned(const void* data, int64_t size) {
    return reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(size) == 0;
}

// A device that meets a misaligned address cannot be used any more.
template <class Args>
bool are_aligned(const Args& a, bool writes = false) {
    bool aligned = true;
    for (int64_t i = 0; i < a.count; ++i) {
        const steepest_matrix& m = matrix_at(a, i);
        const int64_t size = size_of(static_cast<DType>(m.dtype));
        aligned = aligned && is_aligned(m.data, size);
        if (writes) aligned = aligned && is_aligned(m.result, size);
    }
    return aligned;
}

steepest_status check(const steepest_spectral_norm_args& a) {
    if (const auto status = check_matrices(a, false)) return status;
    if (a.count && (!a.lower || !a.upper)) return STEEPEST_INVALID_ARGUMENT;
    if (a.method < 0 || a.method > STEEPEST_SPECTRAL_FROBENIUS) return STEEPEST_INVALID_ARGUMENT;
    const bool counts = a.method == STEEPEST_SPECTRAL_SCHATTEN;
    if ((counts && a.iterations < 0) || a.iterations > kMostLevels) return STEEPEST_INVALID_HYPER;
    if (!(a.enough >= 0)) return STEEPEST_INVALID_HYPER;
    if (a.stream && !are_aligned(a)) return STEEPEST_INVALID_ARGUMENT;
    return a.tol >= 0 && a.tol < 1 ? STEEPEST_OK : STEEPEST_INVALID_HYPER;
}

steepest_status check(const steepest_spectral_gradient_args& a) {
    if (const auto status = check_matrices(a, true)) return status;
    if (a.count && !a.values) return STEEPEST_INVALID_ARGUMENT;
    if (a.stream && !are_aligned(a, true)) return STEEPEST_INVALID_ARGUMENT;
    return a.iterations < 0 || a.iterations > kMostLevels ? STEEPEST_INVALID_HYPER : STEEPEST_OK;
}

void take(const steepest_spectral_norm_args& a, const polar::View& view, Arena& arena) {
    if (a.method != STEEPEST_SPECTRAL_FROBENIUS) Buffers(view, precision_of(a), arena);
}

void take(const steepest_spectral_gradient_args&, const polar::View& view, Arena& arena) {
    GradientBuffers(view, arena);
}

// The matrices of a call, how many are worked on side by side, and the memory that each needs.
struct Plan {
    std::vector<polar::View> views;
    std::vector<int64_t> index;  // among the caller's; empty matrices have no view
    size_t bytes = 0;
    int slots = 1;

    template <class Args>
    explicit Plan(const Args& a) {
        for (int64_t i = 0; i < a.count; ++i) {
            const polar::View view(matrix_at(a, i));
            if (view.rows == 0) continue;
            views.push_back(view);
            index.push_back(i);
            Arena arena(nullptr, 0);
            take(a, view, arena);
            bytes = std::max(bytes, arena.used());
        }
        slots = slots_of(views);
    }
    size_t size() const { return bytes * static_cast<size_t>(slots); }
};

void run(const steepest_spectral_norm_args& a, int64_t i, const polar::View& view, Arena arena) {
    const Pair pair = pair_of(a, i);
    const Request request = request_of(a, pair.short_side != nullptr);
    const Buffers buffers =
        a.method == STEEPEST_SPECTRAL_FROBENIUS ? Buffers{} : Buffers(view, precision_of(a), arena);
    put(a, i, bound(view, request, buffers, pair));
}

void run(const steepest_spectral_gradient_args& a, int64_t i, const polar::View& view,
         Arena arena) {
    a.values[i] = gradient(view, a.iterations, GradientBuffers(view, arena));
}

template <class Args>
steepest_status run_on_host(const Args& args) {
    cpu::Target target;
    if (!cpu::active(target)) return STEEPEST_UNKNOWN_TARGET;
    const Plan plan(args);
    if (args.workspace_size < plan.size()) return STEEPEST_WORKSPACE_TOO_SMALL;
    clear(args);
    each_view(plan.views, plan.slots, static_cast<char*>(args.workspace), plan.bytes,
              [&](size_t k, char* memory) {
                  run(args, plan.index[k], plan.views[k], Arena(memory, plan.bytes));
              });
    return STEEPEST_OK;
}

// In host memory or, with a stream, on its device.
template <class Args>
steepest_status workspace(const Args* args, size_t* size) {
    if (!args || !size) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        if (const auto status = check(*args)) return status;
        if (args->stream) return device::spectral_size(*args, size);
        *size = Plan(*args).size();
        return STEEPEST_OK;
    });
}

template <class Args>
steepest_status run_all(const Args* args) {
    if (!args) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        FloatingPointGuard guard;
        if (const auto status = check(*args)) return status;
        if (!is_aligned(args->workspace, Arena::kAlignment)) return STEEPEST_INVALID_ARGUMENT;
        if (!args->stream) return run_on_host(*args);
        return on_stream(args->device, args->stream, [&](device::Backend& backend) {
            return device::spectral(*args, backend);
        });
    });
}

void report_all(const steepest_norm_report_args& a, const ReportKernels& kernels) {
    std::vector<const steepest_matrix*> matrices;
    std::vector<int64_t> index;  // among the caller's; empty matrices are not read
    for (int64_t i = 0; i < a.count; ++i) {
        const steepest_matrix& m = matrix_at(a, i);
        if (m.rows > 0 && m.cols > 0) matrices.push_back(&m), index.push_back(i);
    }
    const Reports found = report(matrices, kernels);
    std::fill_n(a.values, a.count, steepest_norm_report_values{});
    for (size_t k = 0; k < index.size(); ++k) a.values[index[k]] = found[k];
}

}  // namespace

steepest_status steepest_spectral_norm_workspace(const steepest_spectral_norm_args* args,
                                                 size_t* size) {
    return workspace(args, size);
}

steepest_status steepest_spectral_norm(const steepest_spectral_norm_args* args) {
    return run_all(args);
}

steepest_status steepest_spectral_gradient_workspace(const steepest_spectral_gradient_args* args,
                                                     size_t* size) {
    return workspace(args, size);
}

steepest_status steepest_spectral_gradient(const steepest_spectral_gradient_args* args) {
    return run_all(args);
}

steepest_status steepest_norm_report_workspace(const steepest_norm_report_args* args,
                                               size_t* size) {
    if (!args || !size) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        if (const auto status = check_matrices(*args, false)) return status;
        *size = 0;
        return args->stream ? device::report_size(*args, size) : STEEPEST_OK;
    });
}

steepest_status steepest_norm_report(const steepest_norm_report_args* args) {
    if (!args) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        FloatingPointGuard guard;
        if (const auto status = check_matrices(*args, false)) return status;
        if ((args->count && !args->values) ||
            reinterpret_cast<uintptr_t>(args->workspace) % Arena::kAlignment)
            return STEEPEST_INVALID_ARGUMENT;
        if (args->stream && !(are_aligned(*args) && is_aligned(args->values, sizeof(double))))
            return STEEPEST_INVALID_ARGUMENT;
        if (args->stream)
            return on_stream(args->device, args->stream, [&](device::Backend& backend) {
                return device::report(*args, backend);
            });
        cpu::Target target;
        if (!cpu::active(target)) return STEEPEST_UNKNOWN_TARGET;
        report_all(*args, report_kernels_of(target));
        return STEEPEST_OK;
    });
}
