/* What walks over rows and columns, on the emulation of a device: the results are those of the host
 * to the last bit, and the workspace is what the entry asks for. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { kRows = 70, kCols = 50, kCount = kRows * kCols };

static float x[kCount], host[kCount], device[kCount];

static void fill(void) {
    for (int i = 0; i < kCount; ++i) x[i] = (float)sin(i + 1.0);
}

static void report_on_both(void) {
    steepest_norm_report_values there[2], here[2];
    steepest_matrix m[2] = {{0}};
    m[0].data = x;
    m[0].rows = kRows;
    m[0].cols = kCols;
    m[0].row_stride = kCols;
    m[0].col_stride = 1;
    m[0].dtype = STEEPEST_F32;
    steepest_norm_report_args args = {0};
    args.struct_size = sizeof args;
    args.matrix_size = sizeof m[0];
    args.count = 2;
    args.matrices = m;
    args.values = here;
    CHECK_STATUS(steepest_norm_report(&args), STEEPEST_OK);
    args.values = there;
    args.stream = STEEPEST_STREAM_EMULATED;
    CHECK_STATUS(steepest_norm_report(&args), STEEPEST_WORKSPACE_TOO_SMALL);
    CHECK_STATUS(steepest_norm_report_workspace(&args, &args.workspace_size), STEEPEST_OK);
    args.workspace = aligned_memory(args.workspace_size);
    CHECK_STATUS(steepest_norm_report(&args), STEEPEST_OK);
    CHECK(memcmp(here, there, sizeof here) == 0);
    free(args.workspace);
}

static void sums_on_both(int32_t axis) {
    double here[kRows] = {0}, there[kRows] = {0};
    steepest_line_sums_args args = {0};
    args.struct_size = sizeof args;
    args.rows = kRows;
    args.cols = kCols;
    args.axis = axis;
    args.x = x;
    args.x_dtype = STEEPEST_F32;
    args.x_row_stride = kCols;
    args.x_col_stride = 1;
    args.sums = here;
    CHECK_STATUS(steepest_line_sums_workspace(&args, &args.workspace_size), STEEPEST_OK);
    args.workspace = aligned_memory(args.workspace_size);
    CHECK_STATUS(steepest_line_sums(&args), STEEPEST_OK);
    args.sums = there;
    args.stream = STEEPEST_STREAM_EMULATED;
    CHECK_STATUS(steepest_line_sums(&args), STEEPEST_OK);
    CHECK(memcmp(here, there, sizeof here) == 0);
    free(args.workspace);
}

static void set_identity(float* matrix, int n) {
    for (int i = 0; i < n * n; ++i) matrix[i] = i % (n + 1) ? 0 : 1;
}

static void update_on_both(void) {
    enum { kN = 40 };
    double results[4] = {0};
    steepest_mkor_args args = {0};
    args.struct_size = sizeof args;
    args.n = kN;
    args.dtype = STEEPEST_F32;
    args.stabilizer = STEEPEST_MKOR_BLEND;
    args.inverse = host;
    args.vector = x;
    args.decay = 0.5;
    args.threshold = 0.5; /* the identity is above it */
    args.zeta = 0.25;
    set_identity(host, kN);
    set_identity(device, kN);
    CHECK_STATUS(steepest_mkor_workspace(&args, &args.workspace_size), STEEPEST_OK);
    args.workspace = aligned_memory(args.workspace_size);
    CHECK_STATUS(steepest_mkor_update(&args), STEEPEST_OK);
    free(args.workspace);
    args.inverse = device;
    args.stream = STEEPEST_STREAM_EMULATED;
    CHECK_STATUS(steepest_mkor_workspace(&args, &args.workspace_size), STEEPEST_OK);
    args.workspace = aligned_memory(args.workspace_size);
    CHECK_STATUS(steepest_mkor_update(&args), STEEPEST_INVALID_ARGUMENT);
    args.results_at = results;
    CHECK_STATUS(steepest_mkor_update(&args), STEEPEST_OK);
    CHECK(memcmp(host, device, kN * kN * sizeof(float)) == 0);
    CHECK(results[0] == args.largest && results[1] == args.denominator);
    CHECK(results[2] == args.stabilized && results[3] == 1);
    CHECK(results[2] == 1);
    args.workspace_size = 64;
    CHECK_STATUS(steepest_mkor_update(&args), STEEPEST_WORKSPACE_TOO_SMALL);
    free(args.workspace);
}

void test_lines(void) {
    fill();
    report_on_both();
    for (int32_t axis = 0; axis < 2; ++axis) sums_on_both(axis);
    update_on_both();
}
