/* Rows, columns and whole matrices over their norms: values, gaps, and what is refused. */
#include <math.h>
#include <string.h>

#include "check.h"

enum { kRows = 3, kCols = 5, kGap = 2, kRoom = kRows * (kCols + kGap) };

typedef struct Call {
    double x[kRoom], out[kRoom];
    steepest_normalized matrix;
    steepest_normalize_args args;
} Call;

static void set_up(Call* call, int32_t kind) {
    memset(call, 0, sizeof *call);
    for (int i = 0; i < kRoom; ++i) {
        call->x[i] = sin(i + 1.0);
        call->out[i] = 1000 + i;
    }
    steepest_normalized* m = &call->matrix;
    m->data = call->x;
    m->result = call->out;
    m->rows = kRows;
    m->cols = kCols;
    m->row_stride = m->result_row_stride = kCols + kGap;
    m->col_stride = m->result_col_stride = 1;
    m->dtype = STEEPEST_F64;
    m->kind = kind;
    m->scale = 2;
    m->eps = 0.5;
    call->args.struct_size = sizeof call->args;
    call->args.matrix_size = sizeof *m;
    call->args.count = 1;
    call->args.matrices = m;
}

static double norm_of(const Call* call, int row, int col) {
    double squares = 0;
    for (int r = 0; r < kRows; ++r)
        for (int c = 0; c < kCols; ++c) {
            const double v = call->x[r * (kCols + kGap) + c];
            if ((row < 0 || r == row) && (col < 0 || c == col)) squares += v * v;
        }
    return sqrt(squares);
}

static void test_values(int32_t kind) {
    Call call;
    set_up(&call, kind);
    CHECK_STATUS(steepest_normalize(&call.args), STEEPEST_OK);
    for (int r = 0; r < kRows; ++r) {
        for (int c = 0; c < kCols; ++c) {
            const int i = r * (kCols + kGap) + c;
            const double x = call.x[i];
            double wanted = 2 * x;
            if (kind == STEEPEST_SIGNS)
                wanted = x > 0 ? 2 : -2;
            else if (kind != STEEPEST_NO_NORM)
                wanted /= norm_of(&call, kind == STEEPEST_ROW_NORMS ? r : -1,
                                  kind == STEEPEST_COLUMN_NORMS ? c : -1) +
                          0.5;
            CHECK_CLOSE(call.out[i], wanted, 1e-14);
        }
        for (int c = kCols; c < kCols + kGap; ++c)
            CHECK(call.out[r * (kCols + kGap) + c] == 1000 + r * (kCols + kGap) + c);
    }
}

static void test_moments(void) {
    Call call;
    float moments[kRows] = {0};
    set_up(&call, STEEPEST_ROW_NORMS);
    call.matrix.moments = moments;
    call.matrix.moments_dtype = STEEPEST_F32;
    call.matrix.beta2 = 0.5;
    call.matrix.scale = 1;
    CHECK_STATUS(steepest_normalize(&call.args), STEEPEST_OK);
    double before = 0, after = 0;
    for (int r = 0; r < kRows; ++r) {
        const double norm = norm_of(&call, r, -1);
        CHECK_CLOSE(moments[r], 0.5 * norm * norm / kCols, 1e-7);
        for (int c = 0; c < kCols; ++c) {
            const int i = r * (kCols + kGap) + c;
            before += call.x[i] * call.x[i];
            after += call.out[i] * call.out[i];
        }
    }
    CHECK_CLOSE(after, before, 1e-13);
}

static void test_refusals(void) {
    Call call;
    CHECK_STATUS(steepest_normalize(NULL), STEEPEST_INVALID_ARGUMENT);
    set_up(&call, 5);
    CHECK_STATUS(steepest_normalize(&call.args), STEEPEST_INVALID_ARGUMENT);
    set_up(&call, STEEPEST_ROW_NORMS);
    call.matrix.eps = -1;
    CHECK_STATUS(steepest_normalize(&call.args), STEEPEST_INVALID_HYPER);
    call.matrix.eps = 0;
    call.matrix.dtype = 9;
    CHECK_STATUS(steepest_normalize(&call.args), STEEPEST_INVALID_DTYPE);
    call.matrix.dtype = STEEPEST_F64;
    call.matrix.data = NULL;
    CHECK_STATUS(steepest_normalize(&call.args), STEEPEST_INVALID_ARGUMENT);
    call.args.struct_size = 1;
    CHECK_STATUS(steepest_normalize(&call.args), STEEPEST_INVALID_ARGUMENT);
    CHECK(call.out[0] == 1000);
}

void test_normalize(void) {
    for (int32_t kind = STEEPEST_ROW_NORMS; kind <= STEEPEST_NO_NORM; ++kind) test_values(kind);
    test_moments();
    test_refusals();
}
