// Fuzzes spectral norms, their gradients, symbols of convolutions and the norm report.
#include "call.h"

namespace {

using namespace fuzz;

steepest_matrix matrix(Memory& memory, Bytes& bytes, bool has_result) {
    steepest_matrix m = {};
    m.rows = side(bytes);
    m.cols = side(bytes);
    m.dtype = bytes.dtype();
    const Strided from = strided(memory, bytes, m.rows, m.cols, m.dtype, Access::read);
    m.data = bytes.one_in(64) ? nullptr : from.data;
    m.row_stride = from.row_stride;
    m.col_stride = from.col_stride;
    if (has_result) {
        const Strided to = strided(memory, bytes, m.rows, m.cols, m.dtype, Access::write);
        m.result = to.data;
        m.result_row_stride = to.row_stride;
        m.result_col_stride = to.col_stride;
    }
    if (bytes.one_in(64)) m.rows = -m.rows;
    return m;
}

std::unique_ptr<steepest_matrix[]> matrices(Memory& memory, Bytes& bytes, int64_t count,
                                            bool have_results) {
    auto all = zeros<steepest_matrix>(count);
    for (int64_t i = 0; i < count; ++i) all[i] = matrix(memory, bytes, have_results);
    return all;
}

void fuzz_spectral_norm(Memory& memory, Bytes& bytes) {
    steepest_spectral_norm_args args = {};
    const int64_t count = bytes.byte() % 4;
    const auto all = matrices(memory, bytes, count, false);
    args.struct_size = bytes.struct_size(sizeof args);
    args.matrix_size = bytes.struct_size(sizeof(steepest_matrix));
    args.count = count;
    args.matrices = bytes.one_in(64) ? nullptr : all.get();
    args.method = bytes.one_in(64) ? bytes.any<int32_t>() : bytes.byte() % 5;
    args.iterations = bytes.one_in(2) ? -1 : bytes.byte() % 70;
    args.tol = bytes.number(1e-3);
    args.enough = bytes.one_in(4) ? bytes.number(1) : 0;
    args.lower = bytes.one_in(64) ? nullptr : memory.doubles(count);
    args.upper = memory.doubles(count);
    auto done = zeros<int32_t>(count);
    args.iterations_done = bytes.one_in(2) ? nullptr : done.get();
    auto left = zeros<double*>(count), right = zeros<double*>(count);
    for (int64_t i = 0; i < count; ++i) {
        left[i] = bytes.one_in(4) ? nullptr : memory.doubles(std::abs(all[i].rows));
        right[i] = bytes.one_in(8) ? nullptr : memory.doubles(all[i].cols);
    }
    if (bytes.one_in(2)) {
        args.left = left.get();
        args.right = right.get();
    }
    const steepest_status status =
        call(memory, bytes, args, steepest_spectral_norm_workspace, steepest_spectral_norm);
    if (status) return;
    for (int64_t i = 0; i < count; ++i) {
        const double lower = args.lower[i], upper = args.upper[i];
        FUZZ_REQUIRE(std::isnan(lower) == std::isnan(upper));
        FUZZ_REQUIRE(std::isnan(lower) || (0 <= lower && lower <= upper));
    }
}

void fuzz_gradient(Memory& memory, Bytes& bytes) {
    steepest_spectral_gradient_args args = {};
    const int64_t count = bytes.byte() % 4;
    const auto all = matrices(memory, bytes, count, true);
    args.struct_size = bytes.struct_size(sizeof args);
    args.matrix_size = bytes.struct_size(sizeof(steepest_matrix));
    args.count = count;
    args.matrices = all.get();
    args.iterations = bytes.one_in(32) ? bytes.any<int32_t>() : bytes.byte() % 66;
    args.values = bytes.one_in(64) ? nullptr : memory.doubles(count);
    call(memory, bytes, args, steepest_spectral_gradient_workspace, steepest_spectral_gradient);
}

void fuzz_report(Memory& memory, Bytes& bytes) {
    steepest_norm_report_args args = {};
    const int64_t count = bytes.byte() % 4;
    const auto all = matrices(memory, bytes, count, false);
    constexpr int64_t kValues = sizeof(steepest_norm_report_values) / sizeof(double);
    args.struct_size = bytes.struct_size(sizeof args);
    args.matrix_size = bytes.struct_size(sizeof(steepest_matrix));
    args.count = count;
    args.matrices = bytes.one_in(64) ? nullptr : all.get();
    args.values =
        bytes.one_in(64)
            ? nullptr
            : reinterpret_cast<steepest_norm_report_values*>(memory.doubles(count * kValues));
    args.stream = bytes.stream();
    call(memory, bytes, args, steepest_norm_report_workspace, steepest_norm_report);
}

void set_extents(steepest_symbol_args& args, Bytes& bytes) {
    args.groups = 1 + bytes.byte() % 3;
    args.rows = 1 + bytes.byte() % 9;
    args.cols = 1 + bytes.byte() % 9;
    args.taps = 1 + bytes.byte() % 9;
    args.frequencies = 1 + bytes.byte() % 40;
    args.row_phases = args.col_phases = 1;
    if (bytes.one_in(4)) args.row_phases = args.rows;
    if (bytes.one_in(4)) args.col_phases = args.cols;
}

// The two calls share the memory of the Gram matrices; the second one may come without the first.
void fuzz_symbol(Memory& memory, Bytes& bytes) {
    steepest_symbol_args args = {};
    set_extents(args, bytes);
    args.struct_size = bytes.struct_size(sizeof args);
    const int64_t phases = args.row_phases * args.col_phases,
                  count = args.groups * args.frequencies;
    const int64_t weights = args.groups * args.rows * args.cols * args.taps;
    const int64_t waves = phases * ((args.taps + 1) / 2) * 2 * args.frequencies;
    args.kernel = static_cast<float*>(memory.numbers(weights, STEEPEST_F32, Access::read));
    args.waves = static_cast<float*>(memory.numbers(waves, STEEPEST_F32, Access::read));
    args.estimates = memory.doubles(count);
    args.below = bytes.number(1);
    args.is_below = reinterpret_cast<uint8_t*>(memory.raw(count, Access::write));
    if (bytes.one_in(64)) args.kernel = nullptr;
    const bool only_sizes = bytes.one_in(64);  // of arrays that there are not
    if (only_sizes) args.taps = bytes.any<int64_t>();
    size_t grams = 0, workspace = 0;
    const steepest_status sized = steepest_symbol_memory(&args, &grams, &workspace);
    require_known(sized);
    if (sized || only_sizes) return;
    const bool small = bytes.one_in(32);
    args.grams = static_cast<float*>(memory.workspace(grams - small, 0));
    args.grams_size = grams - small;
    std::memset(args.grams, 0, args.grams_size);
    args.workspace = memory.workspace(workspace, 0);
    args.workspace_size = workspace;
    memory.remember();
    const steepest_status made = bytes.one_in(16) ? STEEPEST_OK : steepest_symbol_grams(&args);
    require_known(made);
    memory.require_unchanged(made != STEEPEST_OK);
    double lower = 0;
    args.lower = bytes.one_in(64) ? nullptr : &lower;
    args.group = bytes.byte() % 4;
    args.frequency = bytes.byte() % 48;
    args.tol = bytes.number(1);
    require_known(steepest_symbol_lower(&args));
    require_known(steepest_symbol_below(&args));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return choose(data, size, {fuzz_spectral_norm, fuzz_gradient, fuzz_report, fuzz_symbol});
}
