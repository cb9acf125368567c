// The C entries of the symbols of convolutions.
#include <initializer_list>

#include "core/fence.h"
#include "core/parallel.h"
#include "norms/symbol.h"
#include "norms/targets.h"

namespace {

using namespace steepest;
using namespace steepest::norms;

bool has_shape(const steepest_symbol_args& a) {
    constexpr int64_t kMost = int64_t{1} << 31;
    for (const int64_t n : {a.groups, a.rows, a.cols, a.taps, a.frequencies})
        if (n < 1 || n > kMost) return false;
    if (a.row_phases < 1 || a.col_phases < 1) return false;
    if (a.row_phases > 1 && a.col_phases > 1) return false;
    return a.rows % a.row_phases == 0 && a.cols % a.col_phases == 0;
}

template <class F>
steepest_status with_symbol(const steepest_symbol_args* args, F&& f) {
    if (!args || args->struct_size < sizeof *args || !has_shape(*args))
        return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        FloatingPointGuard guard;
        cpu::Target target;
        if (!cpu::active(target)) return STEEPEST_UNKNOWN_TARGET;
        return f(Symbol(*args, symbol_kernels_of(target)));
    });
}

steepest_status check_memory(const steepest_symbol_args& a, const Symbol& symbol) {
    if (!a.grams || !a.workspace) return STEEPEST_INVALID_ARGUMENT;
    for (const void* p : {static_cast<const void*>(a.grams), static_cast<const void*>(a.workspace)})
        if (reinterpret_cast<uintptr_t>(p) % Arena::kAlignment) return STEEPEST_INVALID_ARGUMENT;
    const bool fits =
        a.grams_size >= symbol.grams_bytes() && a.workspace_size >= symbol.workspace_bytes();
    return fits ? STEEPEST_OK : STEEPEST_WORKSPACE_TOO_SMALL;
}

}  // namespace

steepest_status steepest_symbol_memory(const steepest_symbol_args* args, size_t* grams,
                                       size_t* workspace) {
    if (!grams || !workspace) return STEEPEST_INVALID_ARGUMENT;
    return with_symbol(args, [&](const Symbol& symbol) {
        *grams = symbol.grams_bytes();
        *workspace = symbol.workspace_bytes();
        return STEEPEST_OK;
    });
}

steepest_status steepest_symbol_grams(const steepest_symbol_args* args) {
    return with_symbol(args, [&](const Symbol& symbol) {
        if (!args->kernel || !args->waves || !args->estimates) return STEEPEST_INVALID_ARGUMENT;
        if (const auto status = check_memory(*args, symbol)) return status;
        symbol.find_grams();
        return STEEPEST_OK;
    });
}

steepest_status steepest_symbol_below(const steepest_symbol_args* args) {
    return with_symbol(args, [&](const Symbol& symbol) {
        if (!args->is_below) return STEEPEST_INVALID_ARGUMENT;
        if (!(args->below >= 0)) return STEEPEST_INVALID_HYPER;
        if (const auto status = check_memory(*args, symbol)) return status;
        symbol.prove();
        return STEEPEST_OK;
    });
}
