/* Batched products of matrices with gaps between rows and matrices: values, symmetry, by-products,
 * and what is refused. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { kCount = 3, kRows = 5, kInner = 7, kCols = 4, kGap = 2, kRoom = 400 };

/* A call that would work, over memory of its own. `exact` is in double. */
typedef struct Call {
    double a[kRoom], b[kRoom], d[kRoom], c[kRoom];
    float fa[kRoom], fb[kRoom], fc[kRoom];
    uint16_t ha[kRoom];
    steepest_by_products sums[kCount];
    steepest_multiply_args args;
} Call;

static steepest_operand operand(void* data, int32_t dtype, int64_t rows, int64_t cols) {
    const steepest_operand o = {data, cols + kGap, rows * (cols + kGap) + kGap, dtype};
    return o;
}

static int64_t place(const steepest_operand* o, int64_t item, int64_t row, int64_t col) {
    return item * o->batch_stride + row * o->row_stride + col;
}

static void set_up(Call* call, int32_t product) {
    memset(call, 0, sizeof *call);
    for (int i = 0; i < kRoom; ++i) {
        call->fa[i] = (float)sin(i + 1.0);
        call->fb[i] = (float)cos(3.0 * i);
        call->a[i] = call->fa[i];
        call->b[i] = call->fb[i];
        call->d[i] = 0.25 * (i % 7); /* made symmetric where that counts */
        call->c[i] = 1000 + i;
        call->fc[i] = (float)(1000 + i);
    }
    steepest_multiply_args* args = &call->args;
    const int is_general = product == STEEPEST_PRODUCT_GENERAL;
    args->struct_size = sizeof *args;
    args->product = product;
    args->count = kCount;
    args->rows = kRows;
    args->inner = product == STEEPEST_PRODUCT_SYMMETRIC ? kRows : kInner;
    args->cols = is_general ? kCols : kRows;
    args->alpha = 0.5;
    args->beta = -2;
    args->gamma = 3;
    args->a = operand(call->a, STEEPEST_F64, kRows, args->inner);
    args->b = operand(call->b, STEEPEST_F64, args->inner, args->cols);
    args->c = operand(call->c, STEEPEST_F64, kRows, args->cols);
    args->d = operand(call->d, STEEPEST_F64, kRows, args->cols);
    args->sums = is_general ? NULL : call->sums;
}

static steepest_status run(steepest_multiply_args* args) {
    size_t size = 0;
    const steepest_status sized = steepest_multiply_workspace(args, &size);
    if (sized != STEEPEST_OK) return sized;
    args->workspace = aligned_memory(size);
    args->workspace_size = size;
    const steepest_status status = steepest_multiply(args);
    free(args->workspace);
    args->workspace = NULL;
    args->workspace_size = 0;
    return status;
}

/* Both operands, and D, become symmetric; the second is the square of the first, so that they
 * commute. */
static void make_symmetric(Call* call) {
    const steepest_operand *a = &call->args.a, *b = &call->args.b, *d = &call->args.d;
    for (int t = 0; t < kCount; ++t)
        for (int i = 0; i < kRows; ++i)
            for (int j = 0; j < i; ++j) {
                call->d[place(d, t, j, i)] = call->d[place(d, t, i, j)];
                if (call->args.product == STEEPEST_PRODUCT_SYMMETRIC)
                    call->a[place(a, t, j, i)] = call->a[place(a, t, i, j)];
            }
    if (call->args.product != STEEPEST_PRODUCT_SYMMETRIC) return;
    for (int t = 0; t < kCount; ++t)
        for (int i = 0; i < kRows; ++i)
            for (int j = 0; j < kRows; ++j) {
                double sum = 0;
                for (int k = 0; k < kRows; ++k)
                    sum += call->a[place(a, t, i, k)] * call->a[place(a, t, j, k)];
                call->b[place(b, t, i, j)] = sum;
            }
}

typedef struct Exact {
    double value, size; /* size: the sum of the absolute values of all terms */
} Exact;

static Exact exact(const Call* call, int t, int i, int j) {
    const steepest_multiply_args* args = &call->args;
    Exact e = {0, 0};
    for (int64_t k = 0; k < args->inner; ++k) {
        const double left = call->a[place(&args->a, t, i, k)];
        const double right = args->product == STEEPEST_PRODUCT_GRAM
                                 ? call->a[place(&args->a, t, j, k)]
                                 : call->b[place(&args->b, t, k, j)];
        e.value += args->alpha * left * right;
        e.size += fabs(args->alpha * left * right);
    }
    const double d = args->beta * call->d[place(&args->d, t, i, j)];
    const double identity = i == j ? args->gamma : 0;
    e.value += d + identity;
    e.size += fabs(d) + fabs(identity);
    return e;
}

/* Two roundings per term here and in the library. `unit` is the roundoff of the library's. */
static double bound(const Call* call, Exact e, double unit) {
    return 2 * (double)(call->args.inner + 6) * unit * e.size;
}

static void check_sums(const Call* call, int t) {
    double trace = 0, squares = 0;
    for (int i = 0; i < kRows; ++i)
        for (int j = 0; j < kRows; ++j) {
            const double c = call->c[place(&call->args.c, t, i, j)];
            CHECK(c == call->c[place(&call->args.c, t, j, i)]);
            trace += i == j ? c : 0;
            squares += c * c;
        }
    CHECK_CLOSE(call->sums[t].trace, trace, 1e-13 * (1 + fabs(trace)) * kRows);
    CHECK_CLOSE(call->sums[t].squares, squares, 1e-13 * squares);
}

static void test_values(int32_t product) {
    Call call;
    set_up(&call, product);
    if (product != STEEPEST_PRODUCT_GENERAL) make_symmetric(&call);
    CHECK_STATUS(run(&call.args), STEEPEST_OK);
    for (int t = 0; t < kCount; ++t) {
        for (int i = 0; i < kRows; ++i)
            for (int j = 0; j < call.args.cols; ++j) {
                const Exact e = exact(&call, t, i, j);
                CHECK_CLOSE(call.c[place(&call.args.c, t, i, j)], e.value,
                            bound(&call, e, DBL_EPSILON / 2));
            }
        if (product != STEEPEST_PRODUCT_GENERAL) check_sums(&call, t);
    }
    /* Nothing is written between the rows or behind the last one. */
    const int64_t end = place(&call.args.c, kCount - 1, kRows - 1, call.args.cols);
    for (int64_t i = end; i < kRoom; ++i) CHECK(call.c[i] == 1000 + (double)i);
    CHECK(call.c[call.args.cols] == 1000 + (double)call.args.cols);
}

/* One matrix A for the whole batch, C added to itself, in float. */
static void test_float_in_place(void) {
    Call call;
    set_up(&call, STEEPEST_PRODUCT_GENERAL);
    call.args.a = operand(call.fa, STEEPEST_F32, kRows, kInner);
    call.args.b = operand(call.fb, STEEPEST_F32, kInner, kCols);
    call.args.c = call.args.d = operand(call.fc, STEEPEST_F32, kRows, kCols);
    call.args.a.batch_stride = 0;
    for (int i = 0; i < kRoom; ++i) call.d[i] = call.fc[i];
    CHECK_STATUS(run(&call.args), STEEPEST_OK);
    for (int t = 0; t < kCount; ++t)
        for (int i = 0; i < kRows; ++i)
            for (int j = 0; j < kCols; ++j) {
                const Exact e = exact(&call, t, i, j);
                CHECK_CLOSE((double)call.fc[place(&call.args.c, t, i, j)], e.value,
                            bound(&call, e, (double)FLT_EPSILON / 2));
            }
}

/* bfloat16 in, float out: small integers come out exactly. */
static void test_bfloat16(void) {
    Call call;
    set_up(&call, STEEPEST_PRODUCT_GRAM);
    for (int i = 0; i < kRoom; ++i) {
        call.a[i] = i % 9 - 4;
        call.ha[i] = bf16_from_float((float)call.a[i]);
    }
    call.args.a.data = call.ha;
    call.args.a.dtype = STEEPEST_BF16;
    call.args.c = operand(call.fc, STEEPEST_F32, kRows, kRows);
    call.args.beta = 0; /* D, in double, is then ignored */
    CHECK_STATUS(run(&call.args), STEEPEST_OK);
    memset(call.d, 0, sizeof call.d);
    for (int t = 0; t < kCount; ++t)
        for (int i = 0; i < kRows; ++i)
            for (int j = 0; j < kRows; ++j)
                CHECK((double)call.fc[place(&call.args.c, t, i, j)] == exact(&call, t, i, j).value);
}

/* The emulation of device code: the same values, by-products, float16 in and float out. */
static void test_on_a_stream(int32_t product) {
    Call call;
    set_up(&call, product);
    if (product != STEEPEST_PRODUCT_GENERAL) make_symmetric(&call);
    call.args.stream = STEEPEST_STREAM_EMULATED;
    CHECK_STATUS(run(&call.args), STEEPEST_OK);
    for (int t = 0; t < kCount; ++t) {
        for (int i = 0; i < kRows; ++i)
            for (int j = 0; j < call.args.cols; ++j) {
                const Exact e = exact(&call, t, i, j);
                CHECK_CLOSE(call.c[place(&call.args.c, t, i, j)], e.value,
                            bound(&call, e, DBL_EPSILON / 2));
            }
        if (product != STEEPEST_PRODUCT_GENERAL) check_sums(&call, t);
    }
    CHECK(call.c[call.args.cols] == 1000 + (double)call.args.cols);
    call.args.a = operand(call.ha, STEEPEST_F16, kRows, call.args.inner);
    call.args.b = operand(call.ha, STEEPEST_F16, call.args.inner, call.args.cols);
    call.args.c.dtype = call.args.d.dtype = STEEPEST_F32;
    call.args.c.data = call.args.d.data = call.fc;
    CHECK_STATUS(run(&call.args), STEEPEST_OK); /* nothing but D, which is C, and I */
    CHECK((double)call.fc[0] == -2 * 1000.0 + 3);
    call.args.a.dtype = STEEPEST_F64;
    CHECK_STATUS(run(&call.args), STEEPEST_INVALID_DTYPE);
}

static void refuse(Call* call, steepest_status expected, const char* file, int line) {
    double before[kRoom];
    size_t size = 12345;
    memcpy(before, call->c, sizeof before);
    check_status(steepest_multiply_workspace(&call->args, &size), expected, "the size", file, line);
    check_true(size == 12345, "the size is not written", file, line);
    call->args.workspace_size = 65536;
    call->args.workspace = aligned_memory(call->args.workspace_size);
    check_status(steepest_multiply(&call->args), expected, "the product", file, line);
    free(call->args.workspace);
    check_true(memcmp(before, call->c, sizeof before) == 0, "C unchanged", file, line);
}

/* REFUSED(product, status, what spoils `call`) */
#define REFUSED(product, expected, ...)                \
    do {                                               \
        Call call;                                     \
        set_up(&call, STEEPEST_PRODUCT_##product);     \
        __VA_ARGS__;                                   \
        refuse(&call, (expected), __FILE__, __LINE__); \
    } while (0)

static void test_refused(void) {
    REFUSED(GRAM, STEEPEST_INVALID_ARGUMENT, call.args.struct_size = 8);
    REFUSED(GRAM, STEEPEST_INVALID_ARGUMENT, call.args.product = 3);
    REFUSED(GRAM, STEEPEST_INVALID_ARGUMENT, call.args.count = -1);
    REFUSED(GRAM, STEEPEST_INVALID_ARGUMENT, call.args.inner = -1);
    REFUSED(GRAM, STEEPEST_INVALID_ARGUMENT, call.args.cols = kRows + 1);
    REFUSED(GRAM, STEEPEST_INVALID_ARGUMENT, call.args.a.data = NULL);
    REFUSED(GRAM, STEEPEST_INVALID_ARGUMENT, call.args.a.row_stride = kInner - 1);
    REFUSED(GRAM, STEEPEST_INVALID_ARGUMENT, call.args.c.batch_stride = 0);
    REFUSED(SYMMETRIC, STEEPEST_INVALID_ARGUMENT, call.args.inner = kRows - 1);
    REFUSED(SYMMETRIC, STEEPEST_INVALID_ARGUMENT, call.args.b.data = NULL);
    REFUSED(GENERAL, STEEPEST_INVALID_ARGUMENT, call.args.d.row_stride = 0);
    REFUSED(GENERAL, STEEPEST_INVALID_ARGUMENT, call.args.sums = call.sums);
    REFUSED(GENERAL, STEEPEST_INVALID_DTYPE, call.args.b.dtype = STEEPEST_F32);
    REFUSED(GENERAL, STEEPEST_INVALID_DTYPE, call.args.c.dtype = STEEPEST_F32);
    REFUSED(GENERAL, STEEPEST_INVALID_DTYPE, call.args.d.dtype = STEEPEST_BF16);
    REFUSED(GRAM, STEEPEST_INVALID_DTYPE, call.args.a.dtype = STEEPEST_F16);
    REFUSED(GRAM, STEEPEST_INVALID_HYPER, call.args.alpha = (double)NAN);
    REFUSED(GRAM, STEEPEST_INVALID_HYPER, call.args.gamma = (double)INFINITY);
}

static void test_workspace(void) {
    Call call;
    size_t size = 0;
    set_up(&call, STEEPEST_PRODUCT_GRAM);
    CHECK_STATUS(steepest_multiply_workspace(&call.args, &size), STEEPEST_OK);
    CHECK(size > 0);
    char* memory = aligned_memory(size + 1);
    CHECK_STATUS(steepest_multiply(&call.args), STEEPEST_WORKSPACE_TOO_SMALL); /* none at all */
    call.args.workspace = memory;
    call.args.workspace_size = size - 1;
    CHECK_STATUS(steepest_multiply(&call.args), STEEPEST_WORKSPACE_TOO_SMALL);
    call.args.workspace = memory + 1;
    call.args.workspace_size = size;
    CHECK_STATUS(steepest_multiply(&call.args), STEEPEST_INVALID_ARGUMENT);
    CHECK(call.c[0] == 1000);
    call.args.workspace = memory;
    CHECK_STATUS(steepest_multiply(&call.args), STEEPEST_OK);
    free(memory);
    CHECK_STATUS(steepest_multiply(NULL), STEEPEST_INVALID_ARGUMENT);
    CHECK_STATUS(steepest_multiply_workspace(&call.args, NULL), STEEPEST_INVALID_ARGUMENT);
}

static void test_nothing_to_do(void) {
    Call call;
    set_up(&call, STEEPEST_PRODUCT_GENERAL);
    call.args.count = 0;
    call.args.a.data = call.args.b.data = call.args.c.data = NULL;
    CHECK_STATUS(run(&call.args), STEEPEST_OK);
    set_up(&call, STEEPEST_PRODUCT_GENERAL); /* an empty sum */
    call.args.inner = 0;
    call.args.a.data = call.args.b.data = NULL;
    CHECK_STATUS(run(&call.args), STEEPEST_OK);
    CHECK_CLOSE(call.c[0], -2 * call.d[0] + 3, 0);
}

void test_products(void) {
    test_values(STEEPEST_PRODUCT_GRAM);
    test_values(STEEPEST_PRODUCT_SYMMETRIC);
    test_values(STEEPEST_PRODUCT_GENERAL);
    test_float_in_place();
    test_bfloat16();
    test_on_a_stream(STEEPEST_PRODUCT_GRAM);
    test_on_a_stream(STEEPEST_PRODUCT_SYMMETRIC);
    test_on_a_stream(STEEPEST_PRODUCT_GENERAL);
    test_refused();
    test_workspace();
    test_nothing_to_do();
}
