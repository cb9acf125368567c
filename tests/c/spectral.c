/* Spectral norms of a matrix whose singular values are known: bounds, vectors, gradient, and what
 * is refused. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { kSide = 40 };

static const double kSigma = 3.0, kRounding = 1e-13;

typedef struct Call {
    double w[kSide * kSide], left[kSide], right[kSide], lower, upper;
    double *lefts[1], *rights[1];
    steepest_matrix matrix;
    steepest_spectral_norm_args args;
} Call;

/* A reflection times a diagonal: 3, and 38 values down from 2. */
static void fill(double* w) {
    double v[kSide], squares = 0;
    for (int i = 0; i < kSide; ++i) {
        v[i] = sin(i + 1.0);
        squares += v[i] * v[i];
    }
    for (int i = 0; i < kSide; ++i)
        for (int j = 0; j < kSide; ++j) {
            const double value = j == 5 ? kSigma : 2.0 - 0.05 * j;
            w[i * kSide + j] = ((i == j) - 2 * v[i] * v[j] / squares) * value;
        }
}

static void set_up(Call* call, int32_t method) {
    memset(call, 0, sizeof *call);
    fill(call->w);
    call->matrix.data = call->w;
    call->matrix.rows = call->matrix.cols = call->matrix.row_stride = kSide;
    call->matrix.col_stride = 1;
    call->matrix.dtype = STEEPEST_F64;
    call->lefts[0] = call->left;
    call->rights[0] = call->right;
    steepest_spectral_norm_args* args = &call->args;
    args->struct_size = sizeof *args;
    args->matrix_size = sizeof call->matrix;
    args->count = 1;
    args->matrices = &call->matrix;
    args->method = method;
    args->iterations = method == STEEPEST_SPECTRAL_SCHATTEN ? 6 : -1;
    args->tol = 1e-6;
    args->lower = &call->lower;
    args->upper = &call->upper;
}

static steepest_status run(steepest_spectral_norm_args* args) {
    size_t size = 0;
    const steepest_status status = steepest_spectral_norm_workspace(args, &size);
    if (status != STEEPEST_OK) return status;
    args->workspace = aligned_memory(size);
    args->workspace_size = size;
    const steepest_status result = steepest_spectral_norm(args);
    if (size > 0) {
        args->workspace_size = size - 1;
        CHECK_STATUS(steepest_spectral_norm(args), STEEPEST_WORKSPACE_TOO_SMALL);
    }
    free(args->workspace);
    return result;
}

static void test_interval(void) {
    Call call;
    set_up(&call, STEEPEST_SPECTRAL_INTERVAL);
    call.args.left = call.lefts;
    call.args.right = call.rights;
    CHECK_STATUS(run(&call.args), STEEPEST_OK);
    CHECK(call.lower <= kSigma * (1 + kRounding) && kSigma * (1 - kRounding) <= call.upper);
    CHECK(call.upper - call.lower <= 1e-6 * call.upper);
    /* Of a diagonal times a reflection the right vector is a unit vector; its error is the root of
     * the tolerance at most. */
    CHECK_CLOSE(fabs(call.right[5]), 1, 1e-3);
    double length = 0;
    for (int i = 0; i < kSide; ++i) length += call.left[i] * call.left[i];
    CHECK_CLOSE(length, 1, kRounding);
}

static void test_enough(void) {
    Call call;
    set_up(&call, STEEPEST_SPECTRAL_INTERVAL);
    call.args.enough = 3.5;
    CHECK_STATUS(run(&call.args), STEEPEST_OK);
    CHECK(kSigma <= call.upper && call.upper <= 3.5 * (1 + kRounding));
    call.args.enough = 2.5; /* less than the norm */
    CHECK_STATUS(run(&call.args), STEEPEST_OK);
    CHECK(call.upper - call.lower <= 1e-6 * call.upper);
}

static void test_other_methods(void* stream) {
    static const int32_t methods[] = {STEEPEST_SPECTRAL_ESTIMATE, STEEPEST_SPECTRAL_SCHATTEN,
                                      STEEPEST_SPECTRAL_AOL, STEEPEST_SPECTRAL_FROBENIUS};
    static const double most[] = {kSigma * 1.001, kSigma * 1.03, 20, 20};
    for (int i = 0; i < 4; ++i) {
        Call call;
        set_up(&call, methods[i]);
        call.args.stream = stream;
        CHECK_STATUS(run(&call.args), STEEPEST_OK);
        CHECK(kSigma * (1 - 1e-5) <= call.upper && call.upper <= most[i]);
        CHECK(methods[i] == STEEPEST_SPECTRAL_ESTIMATE || call.lower == 0);
    }
}

/* Whose memory is the host's. */
static void test_emulated_device(void) {
    Call call;
    for (int32_t method = STEEPEST_SPECTRAL_INTERVAL; method <= STEEPEST_SPECTRAL_ESTIMATE;
         ++method) {
        set_up(&call, method);
        call.args.stream = STEEPEST_STREAM_EMULATED;
        call.args.tol = 1e-3;
        call.args.left = call.lefts;
        call.args.right = call.rights;
        const double slack = method == STEEPEST_SPECTRAL_ESTIMATE ? 1e-4 : kRounding;
        CHECK_STATUS(run(&call.args), STEEPEST_OK);
        CHECK(call.lower <= kSigma * (1 + slack) && kSigma * (1 - slack) <= call.upper);
        CHECK(call.upper - call.lower <= 1e-3 * call.upper);
        CHECK_CLOSE(fabs(call.right[5]), 1, 0.05);
    }
}

static void refuse(Call* call, steepest_status expected, const char* file, int line) {
    call->lower = call->upper = -7;
    check_status(run(&call->args), expected, "the norm", file, line);
    check_true(call->lower == -7 && call->upper == -7, "nothing is written", file, line);
}

/* REFUSED(status, what spoils `call`) */
#define REFUSED(expected, ...)                         \
    do {                                               \
        Call call;                                     \
        set_up(&call, STEEPEST_SPECTRAL_INTERVAL);     \
        __VA_ARGS__;                                   \
        refuse(&call, (expected), __FILE__, __LINE__); \
    } while (0)

static void test_refusals(void) {
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.args.struct_size = 8);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.args.count = -1);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.args.matrices = NULL);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.args.method = 17);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.args.lower = NULL);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.matrix.data = NULL);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.matrix.rows = -2);
    REFUSED(STEEPEST_INVALID_DTYPE, call.matrix.dtype = 9);
    REFUSED(STEEPEST_INVALID_HYPER, call.args.iterations = 65);
    REFUSED(STEEPEST_INVALID_HYPER, call.args.tol = 1);
    REFUSED(STEEPEST_INVALID_HYPER, call.args.tol = NAN);
    REFUSED(STEEPEST_INVALID_HYPER, call.args.enough = -1);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.args.stream = STEEPEST_STREAM_EMULATED;
            call.matrix.data = (char*)call.w + 1);
}

/* The gradient of the Schatten norm is u v^T but for what other singular values add. */
static void test_gradient(void) {
    static double w[kSide * kSide], out[kSide * kSide];
    double value = 0, inner = 0;
    size_t size = 0;
    fill(w);
    steepest_matrix matrix;
    memset(&matrix, 0, sizeof matrix);
    matrix.data = w;
    matrix.result = out;
    matrix.rows = matrix.cols = matrix.row_stride = matrix.result_row_stride = kSide;
    matrix.col_stride = matrix.result_col_stride = 1;
    matrix.dtype = STEEPEST_F64;
    steepest_spectral_gradient_args args;
    memset(&args, 0, sizeof args);
    args.struct_size = sizeof args;
    args.matrix_size = sizeof matrix;
    args.count = 1;
    args.matrices = &matrix;
    args.iterations = 8;
    args.values = &value;
    CHECK_STATUS(steepest_spectral_gradient_workspace(&args, &size), STEEPEST_OK);
    args.workspace = aligned_memory(size);
    args.workspace_size = size;
    CHECK_STATUS(steepest_spectral_gradient(&args), STEEPEST_OK);
    free(args.workspace);
    CHECK_CLOSE(value, kSigma, 1e-6);
    for (int i = 0; i < kSide * kSide; ++i) inner += out[i] * w[i];
    CHECK_CLOSE(inner, value, 1e-9); /* a norm is homogeneous: Euler's theorem */
}

void test_spectral(void) {
    test_interval();
    test_enough();
    test_emulated_device();
    test_other_methods(NULL);
    test_other_methods(STEEPEST_STREAM_EMULATED);
    test_refusals();
    test_gradient();
}
