/* Sums along rows and columns: values of one and of two matrices, gaps, and what is refused. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { kRows = 70, kCols = 5, kGap = 2, kRoom = kRows * (kCols + kGap) };

typedef struct Call {
    float x[kRoom];
    double y[kRows * kCols]; /* column-major */
    double sums[kRows];
    steepest_line_sums_args args;
} Call;

static void set_up(Call* call, int32_t axis) {
    memset(call, 0, sizeof *call);
    for (int i = 0; i < kRoom; ++i) call->x[i] = (float)sin(i + 1.0);
    for (int i = 0; i < kRows * kCols; ++i) call->y[i] = cos(i + 1.0);
    steepest_line_sums_args* a = &call->args;
    a->struct_size = sizeof *a;
    a->rows = kRows;
    a->cols = kCols;
    a->axis = axis;
    a->x = call->x;
    a->x_dtype = STEEPEST_F32;
    a->x_row_stride = kCols + kGap;
    a->x_col_stride = 1;
    a->y_dtype = STEEPEST_F64;
    a->y_row_stride = 1;
    a->y_col_stride = kRows;
    a->sums = call->sums;
}

static steepest_status run(Call* call) {
    size_t size = 0;
    const steepest_status status = steepest_line_sums_workspace(&call->args, &size);
    if (status) return status;
    call->args.workspace = aligned_memory(size);
    call->args.workspace_size = size;
    const steepest_status result = steepest_line_sums(&call->args);
    free(call->args.workspace);
    return result;
}

static double wanted(const Call* call, int line) {
    const int by_row = call->args.axis == 1;
    double sum = 0;
    for (int r = 0; r < kRows; ++r)
        for (int c = 0; c < kCols; ++c) {
            const double x = call->x[r * (kCols + kGap) + c];
            if ((by_row ? r : c) == line) sum += x * (call->args.y ? call->y[c * kRows + r] : x);
        }
    return sum;
}

static void test_values(int32_t axis, int with_second) {
    Call call;
    set_up(&call, axis);
    if (with_second) call.args.y = call.y;
    CHECK_STATUS(run(&call), STEEPEST_OK);
    for (int line = 0; line < (axis ? kRows : kCols); ++line)
        CHECK_CLOSE(call.sums[line], wanted(&call, line), kRows * 1e-15);
}

static void test_refused(void) {
    Call call;
    set_up(&call, 0);
    CHECK_STATUS(steepest_line_sums(NULL), STEEPEST_INVALID_ARGUMENT);
    CHECK_STATUS(steepest_line_sums_workspace(&call.args, NULL), STEEPEST_INVALID_ARGUMENT);
    CHECK_STATUS(steepest_line_sums(&call.args), STEEPEST_WORKSPACE_TOO_SMALL);
    call.args.axis = 2;
    CHECK_STATUS(run(&call), STEEPEST_INVALID_ARGUMENT);
    set_up(&call, 0);
    call.args.x_dtype = 9;
    CHECK_STATUS(run(&call), STEEPEST_INVALID_DTYPE);
    set_up(&call, 0);
    call.args.sums = NULL;
    CHECK_STATUS(run(&call), STEEPEST_INVALID_ARGUMENT);
}

void test_line_sums(void) {
    for (int32_t axis = 0; axis < 2; ++axis)
        for (int with_second = 0; with_second < 2; ++with_second) test_values(axis, with_second);
    test_refused();
}
