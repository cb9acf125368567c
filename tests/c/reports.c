/* The norm report: values, gaps, a list, and what is refused. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "check.h"

enum { kRows = 70, kCols = 5, kGap = 2, kRoom = kRows * (kCols + kGap) };

typedef struct Call {
    double x[kRoom];
    steepest_matrix matrices[2]; /* the second one is empty */
    steepest_norm_report_values values[2];
    steepest_norm_report_args args;
} Call;

static void set_up(Call* call) {
    memset(call, 0, sizeof *call);
    for (int i = 0; i < kRoom; ++i)
        call->x[i] = i % (kCols + kGap) < kCols ? sin(i + 1.0) : (double)NAN;
    steepest_matrix* m = call->matrices;
    m->data = call->x;
    m->rows = kRows;
    m->cols = kCols;
    m->row_stride = kCols + kGap;
    m->col_stride = 1;
    m->dtype = STEEPEST_F64;
    call->values[0].frobenius = call->values[1].frobenius = 1000;
    call->args.struct_size = sizeof call->args;
    call->args.matrix_size = sizeof *m;
    call->args.count = 2;
    call->args.matrices = call->matrices;
    call->args.values = call->values;
}

static double element(const Call* call, int r, int c) { return call->x[r * (kCols + kGap) + c]; }

static steepest_norm_report_values expected(const Call* call) {
    steepest_norm_report_values e = {0};
    double rows[kRows] = {0}, columns[kCols] = {0}, squares = 0;
    for (int r = 0; r < kRows; ++r)
        for (int c = 0; c < kCols; ++c) {
            const double v = fabs(element(call, r, c));
            rows[r] += v * v;
            columns[c] += v * v;
            squares += v * v;
            e.sum_abs += v;
            e.max_abs = fmax(e.max_abs, v);
        }
    e.frobenius = sqrt(squares);
    for (int r = 0; r < kRows; ++r) {
        e.sum_rows += sqrt(rows[r]);
        e.max_row = fmax(e.max_row, sqrt(rows[r]));
    }
    for (int c = 0; c < kCols; ++c) {
        e.sum_columns += sqrt(columns[c]);
        e.max_column = fmax(e.max_column, sqrt(columns[c]));
    }
    return e;
}

static void test_values(void) {
    Call call;
    set_up(&call);
    CHECK_STATUS(steepest_norm_report(&call.args), STEEPEST_OK);
    const steepest_norm_report_values e = expected(&call), *v = call.values;
    CHECK(v->max_abs == e.max_abs);
    CHECK_CLOSE(v->frobenius, e.frobenius, 1e-12);
    CHECK_CLOSE(v->max_row, e.max_row, 1e-14);
    CHECK_CLOSE(v->max_column, e.max_column, 1e-13);
    CHECK_CLOSE(v->sum_rows, e.sum_rows, 1e-11);
    CHECK_CLOSE(v->sum_columns, e.sum_columns, 1e-12);
    CHECK_CLOSE(v->sum_abs, e.sum_abs, 1e-10);
    CHECK(call.values[1].frobenius == 0 && call.values[1].sum_abs == 0);
}

/* The stride of a single row is never used, so it may be any number: the memory that is asked for
 * ahead of its use is then anywhere, without an overflow on the way to its address. */
static void test_strides_of_a_single_row(void) {
    static const int64_t kStrides[] = {INT64_MAX, -INT64_MAX, INT64_MAX / 8 + 1, INT64_MIN};
    for (int64_t col_stride = 1; col_stride <= 2; ++col_stride) {
        Call plain, call;
        for (int i = 0; i < 3 + (col_stride == 1); ++i) { /* packed ones: no magnitude overflows */
            set_up(&plain);
            set_up(&call);
            plain.matrices[0].rows = call.matrices[0].rows = 1;
            plain.matrices[0].cols = call.matrices[0].cols = 2;
            plain.matrices[0].col_stride = call.matrices[0].col_stride = col_stride;
            call.matrices[0].row_stride = kStrides[i];
            CHECK_STATUS(steepest_norm_report(&plain.args), STEEPEST_OK);
            CHECK_STATUS(steepest_norm_report(&call.args), STEEPEST_OK);
            CHECK(memcmp(plain.values, call.values, sizeof plain.values) == 0);
            CHECK(call.values[0].max_abs > 0);
        }
    }
}

static void test_refusals(void) {
    Call call;
    CHECK_STATUS(steepest_norm_report(NULL), STEEPEST_INVALID_ARGUMENT);
    set_up(&call);
    call.args.values = NULL;
    CHECK_STATUS(steepest_norm_report(&call.args), STEEPEST_INVALID_ARGUMENT);
    set_up(&call);
    call.matrices[1].dtype = 9;
    CHECK_STATUS(steepest_norm_report(&call.args), STEEPEST_INVALID_DTYPE);
    CHECK(call.values[0].frobenius == 1000);
    set_up(&call);
    call.matrices[0].data = NULL;
    CHECK_STATUS(steepest_norm_report(&call.args), STEEPEST_INVALID_ARGUMENT);
    set_up(&call);
    call.matrices[0].rows = -1;
    CHECK_STATUS(steepest_norm_report(&call.args), STEEPEST_INVALID_ARGUMENT);
    set_up(&call);
    call.args.struct_size = 1;
    CHECK_STATUS(steepest_norm_report(&call.args), STEEPEST_INVALID_ARGUMENT);
    CHECK(call.values[0].frobenius == 1000);
    call.args.struct_size = sizeof call.args;
    call.args.count = 0;
    CHECK_STATUS(steepest_norm_report(&call.args), STEEPEST_OK);
}

void test_reports(void) {
    test_values();
    test_strides_of_a_single_row();
    test_refusals();
}
