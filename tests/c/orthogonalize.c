/* Orthogonalisation on the CPU and on the emulated device: values, workspaces, what is refused. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { kCount = 5, kRows = 3, kCols = 4 };

typedef struct Call {
    double x[kCount][kRows][kCols], out[kCount][kRows][kCols];
    steepest_matrix matrices[kCount];
    steepest_orthogonalize_args args;
} Call;

static const double kCubic[3] = {1.5, -0.5, 0};

/* Multiples of a matrix with orthonormal rows. */
static void set_up(Call* call, void* stream) {
    memset(call, 0, sizeof *call);
    for (int i = 0; i < kCount; ++i) {
        for (int k = 0; k < kRows; ++k) call->x[i][k][k + 1] = ldexp(i + 1.0, 200 * i);
        steepest_matrix* m = &call->matrices[i];
        m->data = call->x[i];
        m->result = call->out[i];
        m->rows = kRows;
        m->cols = kCols;
        m->row_stride = m->result_row_stride = kCols;
        m->col_stride = m->result_col_stride = 1;
        m->dtype = STEEPEST_F64;
        m->method = STEEPEST_POLAR_STANDARD;
    }
    call->args.struct_size = sizeof call->args;
    call->args.matrix_size = sizeof(steepest_matrix);
    call->args.count = kCount;
    call->args.matrices = call->matrices;
    call->args.compute = STEEPEST_F64;
    call->args.normalization = STEEPEST_FROBENIUS;
    call->args.steps = 1;
    call->args.coefficients = kCubic;
    call->args.safety = 1;
    call->args.stream = stream;
}

static size_t workspace_for(Call* call, int64_t count) {
    size_t size = 0;
    call->args.count = count;
    CHECK_STATUS(steepest_orthogonalize_workspace(&call->args, &size), STEEPEST_OK);
    call->args.count = kCount;
    return size;
}

static void run_in(Call* call, size_t size, steepest_status expected) {
    void* workspace = aligned_memory(size);
    call->args.workspace = workspace;
    call->args.workspace_size = size;
    CHECK_STATUS(steepest_orthogonalize(&call->args), expected);
    free(workspace);
}

/* Every singular value is 1 / sqrt(3) when normalised. */
static void check_results(const Call* call) {
    const double s = 1 / sqrt(3.0), expected = 1.5 * s - 0.5 * s * s * s;
    for (int i = 0; i < kCount; ++i)
        for (int r = 0; r < kRows; ++r)
            for (int c = 0; c < kCols; ++c)
                CHECK_CLOSE(call->out[i][r][c], c == r + 1 ? expected : 0, 1e-15);
}

static void test_values(void* stream) {
    Call call;
    set_up(&call, stream);
    run_in(&call, workspace_for(&call, kCount), STEEPEST_OK);
    check_results(&call);
}

/* What a call with one matrix asks for, and its descriptors, is enough for all, a few at a time. */
static void test_a_small_workspace(void) {
    Call call;
    set_up(&call, STEEPEST_STREAM_EMULATED);
    const size_t all = workspace_for(&call, kCount), one = workspace_for(&call, 1);
    CHECK(one < all);
    for (size_t size = one + kCount * sizeof(steepest_matrix); size < all; size += 640) {
        memset(call.out, 0, sizeof call.out);
        run_in(&call, size, STEEPEST_OK);
        check_results(&call);
    }
    memset(call.out, 0, sizeof call.out);
    run_in(&call, one - 64, STEEPEST_WORKSPACE_TOO_SMALL);
    for (int i = 0; i < kCount; ++i) CHECK(call.out[i][0][1] == 0);
}

void test_orthogonalize(void) {
    test_values(NULL);
    test_values(STEEPEST_STREAM_EMULATED);
    test_a_small_workspace();
}
