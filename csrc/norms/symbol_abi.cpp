// The C entries of the symbols of convolutions.
//
// The memory of the Gram matrices begins with a head that says who made them. Its layout depends on
// the target, and another thread may use another target before the proofs are asked for.
#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "core/fence.h"
#include "core/parallel.h"
#include "norms/symbol.h"
#include "norms/targets.h"

namespace {

using namespace steepest;
using namespace steepest::norms;

// Whether no size overflows: what is at least the bytes of all arrays is computed in double.
bool has_sizes(const steepest_symbol_args& a) {
    constexpr double kMostBytes = 0x1p55, kMostLanes = 16;
    const auto groups = static_cast<double>(a.groups), cols = static_cast<double>(a.cols);
    const auto rows = static_cast<double>(a.rows + 1), taps = static_cast<double>(a.taps);
    const auto phases = static_cast<double>(a.row_phases * a.col_phases);  // one of them is 1
    const double frequencies = static_cast<double>(a.frequencies) + kMostLanes;
    const double kernel = 2 * rows * cols * (taps + 1) + 4 * rows * rows;
    // The kernel is there twice, or one Gram matrix besides. Per frequency, with a thread for every
    // batch: the Gram matrix, the panel and the waves.
    const double matrices = rows * (rows + 4.0 * kRun) + 2 * phases * (taps + 1);
    return sizeof(float) * groups * (kernel + frequencies * matrices) <= kMostBytes;
}

bool has_shape(const steepest_symbol_args& a) {
    constexpr int64_t kMost = int64_t{1} << 31;
    for (const int64_t n : {a.groups, a.rows, a.cols, a.taps, a.frequencies})
        if (n < 1 || n > kMost) return false;
    if (a.row_phases < 1 || a.col_phases < 1) return false;
    if (a.row_phases > 1 && a.col_phases > 1) return false;
    return a.rows % a.row_phases == 0 && a.cols % a.col_phases == 0 && has_sizes(a);
}

bool is_call(const steepest_symbol_args* args) {
    return args && args->struct_size >= sizeof *args && has_shape(*args);
}

struct Head {
    uint64_t mark;
    int64_t target;
    int64_t extents[5];
};
static_assert(sizeof(Head) <= Symbol::kHead);
constexpr uint64_t kMark = 0x53594d4752414d53;

Head head_of(const steepest_symbol_args& a, cpu::Target target) {
    return {.mark = kMark,
            .target = static_cast<int64_t>(target),
            .extents = {a.groups, a.rows, a.cols, a.taps, a.frequencies}};
}

void write(const Head& head, const steepest_symbol_args& a) {
    std::memcpy(a.grams, &head, sizeof head);
}

// The target that made Gram matrices of this shape; false where none did.
bool find_target(const steepest_symbol_args& a, cpu::Target& target) {
    Head head;
    std::memcpy(&head, a.grams, sizeof head);
    if (head.target < 0 || head.target >= cpu::kTargets) return false;
    target = static_cast<cpu::Target>(head.target);
    const Head expected = head_of(a, target);
    return cpu::usable(target) && std::memcmp(&head, &expected, sizeof head) == 0;
}

// What any usable target needs.
Symbol::Memory largest_memory(const steepest_symbol_args& a) {
    Symbol::Memory largest{};
    for (int t = 0; t < cpu::kTargets; ++t) {
        const auto target = static_cast<cpu::Target>(t);
        if (!cpu::usable(target)) continue;
        const auto [grams, workspace] = Symbol(a, symbol_kernels_of(target)).memory();
        largest = {std::max(largest.grams, grams), std::max(largest.workspace, workspace)};
    }
    return largest;
}

bool has_room(const steepest_symbol_args& a, const Symbol::Memory& need) {
    return a.grams_size >= need.grams && a.workspace_size >= need.workspace;
}

steepest_status check_memory(const steepest_symbol_args& a) {
    if (!a.grams || !a.workspace) return STEEPEST_INVALID_ARGUMENT;
    for (const void* p : {static_cast<const void*>(a.grams), static_cast<const void*>(a.workspace)})
        if (reinterpret_cast<uintptr_t>(p) % Arena::kAlignment) return STEEPEST_INVALID_ARGUMENT;
    return has_room(a, largest_memory(a)) ? STEEPEST_OK : STEEPEST_WORKSPACE_TOO_SMALL;
}

// Runs f(symbol) on that target, which leaves the memory without a head. The number of threads may
// have grown since the memory was checked.
template <class F>
steepest_status run(const steepest_symbol_args& a, cpu::Target target, F&& f) {
    const Symbol symbol(a, symbol_kernels_of(target));
    if (!has_room(a, symbol.memory())) return STEEPEST_WORKSPACE_TOO_SMALL;
    write({}, a);
    f(symbol);
    return STEEPEST_OK;
}

}  // namespace

steepest_status steepest_symbol_memory(const steepest_symbol_args* args, size_t* grams,
                                       size_t* workspace) {
    if (!grams || !workspace || !is_call(args)) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        const Symbol::Memory need = largest_memory(*args);
        *grams = need.grams;
        *workspace = need.workspace;
        return STEEPEST_OK;
    });
}

steepest_status steepest_symbol_grams(const steepest_symbol_args* args) {
    if (!is_call(args)) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        FloatingPointGuard guard;
        cpu::Target target;
        if (!cpu::active(target)) return STEEPEST_UNKNOWN_TARGET;
        if (!args->kernel || !args->waves || !args->estimates) return STEEPEST_INVALID_ARGUMENT;
        if (const auto status = check_memory(*args)) return status;
        const auto status = run(*args, target, [](const Symbol& symbol) { symbol.find_grams(); });
        if (status == STEEPEST_OK) write(head_of(*args, target), *args);
        return status;
    });
}

steepest_status steepest_symbol_lower(const steepest_symbol_args* args) {
    if (!is_call(args)) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        FloatingPointGuard guard;
        const steepest_symbol_args& a = *args;
        if (!a.lower || a.group < 0 || a.group >= a.groups || a.frequency < 0 ||
            a.frequency >= a.frequencies)
            return STEEPEST_INVALID_ARGUMENT;
        if (!(a.tol >= 0 && a.tol < 1)) return STEEPEST_INVALID_HYPER;
        if (const auto status = check_memory(a)) return status;
        cpu::Target target;
        if (!find_target(a, target)) return STEEPEST_INVALID_ARGUMENT;
        const Symbol symbol(a, symbol_kernels_of(target));
        *a.lower = symbol.lower(a.group, a.frequency, a.tol);
        return STEEPEST_OK;
    });
}

steepest_status steepest_symbol_below(const steepest_symbol_args* args) {
    if (!is_call(args)) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        FloatingPointGuard guard;
        if (!args->is_below) return STEEPEST_INVALID_ARGUMENT;
        if (!(args->below >= 0)) return STEEPEST_INVALID_HYPER;
        if (const auto status = check_memory(*args)) return status;
        cpu::Target target;
        if (!find_target(*args, target)) return STEEPEST_INVALID_ARGUMENT;
        return run(*args, target, [](const Symbol& symbol) { symbol.prove(); });
    });
}
