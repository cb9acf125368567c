// Fuzzes products of matrices, orthogonalisation, norms of rows and columns, and sums along them.
#include "call.h"

namespace {

using namespace fuzz;

// Rows further apart than their columns, matrices one behind the other or back to front.
steepest_operand operand(Memory& memory, Bytes& bytes, int64_t count, int64_t rows, int64_t cols,
                         int32_t dtype, Access access) {
    const int64_t row_stride = cols + (bytes.one_in(3) ? bytes.byte() % 5 : 0);
    int64_t batch = rows * row_stride + (bytes.one_in(4) ? bytes.byte() % 7 : 0);
    if (batch == 0) batch = 1;
    if (access == Access::read && bytes.one_in(8)) batch = 0;
    const bool is_empty = count == 0 || rows == 0 || cols == 0;
    const int64_t reach = is_empty ? 0 : (count - 1) * batch;
    const int64_t room = is_empty ? 0 : reach + (rows - 1) * row_stride + cols;
    char* data = static_cast<char*>(memory.numbers(room, dtype, access));
    const bool backwards = bytes.one_in(8);
    if (backwards) data += reach * static_cast<int64_t>(size_of(dtype));
    const int64_t given = bytes.one_in(64) ? row_stride - 1 : row_stride;
    return {bytes.one_in(64) ? nullptr : data, given, backwards ? -batch : batch, dtype};
}

int32_t stored(Bytes& bytes, bool f64, bool half) {
    if (bytes.one_in(64)) return bytes.dtype();
    if (f64) return STEEPEST_F64;
    return half && bytes.one_in(3) ? STEEPEST_F16 : bytes.one_in(2) ? STEEPEST_BF16 : STEEPEST_F32;
}

void set_sizes(steepest_multiply_args& args, Bytes& bytes) {
    args.product = bytes.one_in(64) ? bytes.any<int32_t>() : bytes.byte() % 3;
    args.count = bytes.one_in(4) ? bytes.byte() % 4 : 1;
    args.rows = side(bytes);
    args.inner = args.product == STEEPEST_PRODUCT_SYMMETRIC ? args.rows : side(bytes);
    args.cols = args.product == STEEPEST_PRODUCT_GENERAL ? side(bytes) : args.rows;
    if (bytes.one_in(32)) args.inner = 500 + bytes.below(900);
}

void fuzz_multiply(Memory& memory, Bytes& bytes) {
    steepest_multiply_args args = {};
    set_sizes(args, bytes);
    args.stream = bytes.stream();
    const bool f64 = bytes.one_in(3), half = args.stream != nullptr;
    const int32_t in = stored(bytes, f64, half), out = stored(bytes, f64, half);
    const int64_t n = args.count;
    args.a = operand(memory, bytes, n, args.rows, args.inner, in, Access::read);
    args.b = operand(memory, bytes, n, args.inner, args.cols, in, Access::read);
    args.c = operand(memory, bytes, n, args.rows, args.cols, out, Access::write);
    if (bytes.one_in(2)) {
        const int32_t added = stored(bytes, f64, half);
        args.d = operand(memory, bytes, n, args.rows, args.cols, added, Access::read);
        if (bytes.one_in(4)) args.d = args.c;
    }
    args.struct_size = bytes.struct_size(sizeof args);
    args.alpha = bytes.number(1);
    args.beta = bytes.number(1);
    args.gamma = bytes.number(0);
    if (args.product != STEEPEST_PRODUCT_GENERAL || bytes.one_in(64))
        if (bytes.one_in(2))
            args.sums = reinterpret_cast<steepest_by_products*>(memory.doubles(2 * n));
    if (bytes.one_in(64)) args.rows = -args.rows;
    call(memory, bytes, args, steepest_multiply_workspace, steepest_multiply);
}

steepest_matrix matrix(Memory& memory, Bytes& bytes) {
    steepest_matrix m = {};
    m.rows = side(bytes);
    m.cols = side(bytes);
    m.dtype = bytes.dtype();
    m.method = bytes.one_in(64) ? bytes.any<int32_t>() : bytes.byte() % 2;
    m.bound = bytes.number(100);
    const bool in_place = bytes.one_in(4);
    const Access access = in_place ? Access::write : Access::read;
    const Strided from = strided(memory, bytes, m.rows, m.cols, m.dtype, access);
    const Strided to =
        in_place ? from : strided(memory, bytes, m.rows, m.cols, m.dtype, Access::write);
    m.data = from.data;
    m.row_stride = from.row_stride;
    m.col_stride = from.col_stride;
    m.result = bytes.one_in(64) ? nullptr : to.data;
    m.result_row_stride = to.row_stride;
    m.result_col_stride = to.col_stride;
    if (bytes.one_in(64)) m.cols = -m.cols;
    return m;
}

void fuzz_orthogonalize(Memory& memory, Bytes& bytes) {
    steepest_orthogonalize_args args = {};
    const int64_t count = bytes.byte() % 5;
    auto matrices = zeros<steepest_matrix>(count);
    for (int64_t i = 0; i < count; ++i) matrices[i] = matrix(memory, bytes);
    const int32_t steps = bytes.byte() % 8, restarts = bytes.one_in(3) ? bytes.byte() % 4 : 0;
    auto coefficients = zeros<double>(3 * steps);
    constexpr double kCubic[] = {1.5, -0.5, 0};
    for (int32_t i = 0; i < 3 * steps; ++i) coefficients[i] = bytes.number(kCubic[i % 3]);
    auto positions = zeros<int32_t>(restarts);
    for (int32_t i = 0; i < restarts; ++i)
        positions[i] = bytes.one_in(16) ? bytes.any<int32_t>() : bytes.byte() % 8;
    args.struct_size = bytes.struct_size(sizeof args);
    args.matrix_size = bytes.struct_size(sizeof(steepest_matrix));
    args.count = count;
    args.matrices = bytes.one_in(64) ? nullptr : matrices.get();
    args.compute = bytes.dtype();
    args.normalization = bytes.one_in(64) ? bytes.any<int32_t>() : bytes.byte() % 4;
    args.steps = steps;
    args.restart_count = restarts;
    args.coefficients = bytes.one_in(64) ? nullptr : coefficients.get();
    args.restarts = bytes.one_in(64) ? nullptr : positions.get();
    args.safety = bytes.number(1);
    args.stream = bytes.stream();
    call(memory, bytes, args, steepest_orthogonalize_workspace, steepest_orthogonalize);
}

steepest_normalized normalized(Memory& memory, Bytes& bytes) {
    const steepest_matrix m = matrix(memory, bytes);
    steepest_normalized n = {};
    n.data = m.data;
    n.result = m.result;
    n.rows = m.rows;
    n.cols = m.cols;
    n.row_stride = m.row_stride;
    n.col_stride = m.col_stride;
    n.result_row_stride = m.result_row_stride;
    n.result_col_stride = m.result_col_stride;
    n.dtype = m.dtype;
    n.kind = bytes.one_in(64) ? bytes.any<int32_t>() : bytes.byte() % 5;
    n.scale = bytes.number(1);
    n.eps = bytes.number(1e-8);
    n.beta2 = bytes.number(0.95);
    n.moments_dtype = bytes.one_in(64) ? bytes.any<int32_t>() : bytes.byte() % 2;
    if (bytes.one_in(n.kind == STEEPEST_ROW_NORMS ? 2 : 32))
        n.moments = memory.numbers(n.rows, n.moments_dtype, Access::write);
    return n;
}

void fuzz_normalize(Memory& memory, Bytes& bytes) {
    steepest_normalize_args args = {};
    const int64_t count = bytes.byte() % 4;
    auto matrices = zeros<steepest_normalized>(count);
    for (int64_t i = 0; i < count; ++i) matrices[i] = normalized(memory, bytes);
    args.struct_size = bytes.struct_size(sizeof args);
    args.matrix_size = bytes.struct_size(sizeof(steepest_normalized));
    args.count = count;
    args.matrices = bytes.one_in(64) ? nullptr : matrices.get();
    args.stream = bytes.stream();
    call(memory, bytes, args, steepest_normalize_workspace, steepest_normalize);
}

void fuzz_line_sums(Memory& memory, Bytes& bytes) {
    steepest_line_sums_args args = {};
    args.rows = side(bytes);
    args.cols = bytes.one_in(8) ? bytes.below(9000) : side(bytes);
    args.axis = bytes.one_in(64) ? bytes.any<int32_t>() : bytes.byte() % 2;
    args.x_dtype = bytes.dtype();
    args.y_dtype = bytes.dtype();
    const Strided x = strided(memory, bytes, args.rows, args.cols, args.x_dtype, Access::read);
    const Strided y = strided(memory, bytes, args.rows, args.cols, args.y_dtype, Access::read);
    args.x = bytes.one_in(64) ? nullptr : x.data;
    args.x_row_stride = x.row_stride;
    args.x_col_stride = x.col_stride;
    args.y = bytes.one_in(2) ? nullptr : y.data;
    args.y_row_stride = y.row_stride;
    args.y_col_stride = y.col_stride;
    args.sums = bytes.one_in(64) ? nullptr : memory.doubles(args.axis ? args.rows : args.cols);
    args.struct_size = bytes.struct_size(sizeof args);
    args.stream = bytes.stream();
    if (bytes.one_in(64)) args.rows = -args.rows;
    call(memory, bytes, args, steepest_line_sums_workspace, steepest_line_sums);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return choose(data, size, {fuzz_multiply, fuzz_orthogonalize, fuzz_normalize, fuzz_line_sums});
}
