/* MKOR's update of an inverse factor. */
#include <math.h>
#include <string.h>

#include "check.h"

#define N 3

static _Alignas(64) char workspace[1024];
static double inverse[N * N];
static const double v[N] = {1, 2, -1};

static void set_identity(void) {
    memset(inverse, 0, sizeof inverse);
    for (int i = 0; i < N; ++i) inverse[i * N + i] = 1;
}

static steepest_mkor_args arguments(void) {
    steepest_mkor_args args;
    memset(&args, 0, sizeof args);
    args.struct_size = sizeof args;
    args.n = N;
    args.dtype = STEEPEST_F64;
    args.inverse = inverse;
    args.vector = v;
    args.decay = 0.5;
    args.threshold = 2;
    args.zeta = 0.25;
    args.workspace = workspace;
    args.workspace_size = sizeof workspace;
    return args;
}

/* From F = I every variant is b I + s v v^T, with v^T v = 6. */
static void check_variant(int32_t variant, double b, double s, double denominator) {
    steepest_mkor_args args = arguments();
    set_identity();
    args.variant = variant;
    CHECK_STATUS(steepest_mkor_update(&args), STEEPEST_OK);
    CHECK(args.applied && !args.stabilized);
    CHECK_CLOSE(args.denominator, denominator, 1e-14);
    double largest = 0;
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < N; ++j) {
            CHECK_CLOSE(inverse[i * N + j], (i == j ? b : 0) + s * v[i] * v[j], 1e-14);
            CHECK(inverse[i * N + j] == inverse[j * N + i]);
            largest = fmax(largest, fabs(inverse[i * N + j]));
        }
    CHECK(args.largest == largest);
}

static void test_stabilizers(void) {
    steepest_mkor_args args = arguments();
    set_identity();
    inverse[0] = 3;
    args.stabilizer = STEEPEST_MKOR_SKIP;
    CHECK_STATUS(steepest_mkor_update(&args), STEEPEST_OK);
    CHECK(args.stabilized && inverse[0] == 2.5 && inverse[1] == 0 && inverse[4] == 1);
    CHECK(args.largest == 2.5 && args.denominator == 1);
    args.stabilizer = STEEPEST_MKOR_RESET;
    args.has_largest = 1;
    CHECK_STATUS(steepest_mkor_update(&args), STEEPEST_OK);
    CHECK(args.stabilized && inverse[0] == 1 && args.largest == 1);
    CHECK_STATUS(steepest_mkor_update(&args), STEEPEST_OK);
    CHECK(!args.stabilized && inverse[0] < 1);
}

static void test_refusals(void) {
    steepest_mkor_args args = arguments();
    size_t size = 0;
    set_identity();
    CHECK_STATUS(steepest_mkor_workspace(&args, &size), STEEPEST_OK);
    CHECK(size > 0 && size <= sizeof workspace);
    args.workspace_size = size - 1;
    CHECK_STATUS(steepest_mkor_update(&args), STEEPEST_WORKSPACE_TOO_SMALL);
    args = arguments();
    args.workspace = NULL; /* and a size that would do */
    CHECK_STATUS(steepest_mkor_update(&args), STEEPEST_WORKSPACE_TOO_SMALL);
    args = arguments();
    args.dtype = STEEPEST_BF16;
    CHECK_STATUS(steepest_mkor_update(&args), STEEPEST_INVALID_DTYPE);
    args = arguments();
    args.decay = 0;
    CHECK_STATUS(steepest_mkor_update(&args), STEEPEST_INVALID_HYPER);
    args = arguments();
    args.variant = 3;
    CHECK_STATUS(steepest_mkor_update(&args), STEEPEST_INVALID_HYPER);
    args = arguments();
    args.vector = NULL;
    CHECK_STATUS(steepest_mkor_update(&args), STEEPEST_INVALID_ARGUMENT);
    CHECK_STATUS(steepest_mkor_update(NULL), STEEPEST_INVALID_ARGUMENT);
    CHECK(inverse[0] == 1 && inverse[1] == 0);
}

static void test_indefinite(void) {
    steepest_mkor_args args = arguments();
    set_identity();
    inverse[0] = -30;
    CHECK_STATUS(steepest_mkor_update(&args), STEEPEST_OK);
    CHECK(!args.applied && args.denominator < 0 && inverse[0] == -30 && inverse[4] == 1);
    CHECK(isnan(args.largest)); /* nobody asked for it */
    args.stabilizer = STEEPEST_MKOR_BLEND;
    args.threshold = 100;
    CHECK_STATUS(steepest_mkor_update(&args), STEEPEST_OK);
    CHECK(!args.applied && !args.stabilized && args.largest == 30);
    args.has_largest = 1;
    args.largest = 31; /* as given */
    CHECK_STATUS(steepest_mkor_update(&args), STEEPEST_OK);
    CHECK(!args.applied && args.largest == 31);
}

void test_mkor(void) {
    check_variant(STEEPEST_MKOR_CODE, 1, -1.0 / 7, 7);
    check_variant(STEEPEST_MKOR_PAPER, 0.5, 2 / 2.5, 2.5);
    check_variant(STEEPEST_MKOR_TEXTBOOK, 2, -2.0 / 7, 7);
    test_stabilizers();
    test_refusals();
    test_indefinite();
}
