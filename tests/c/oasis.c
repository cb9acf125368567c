/* The two weighted norms of OASIS. */
#include <math.h>
#include <string.h>

#include "check.h"

#define N 1000

static _Alignas(64) char workspace[4096];
static double param[N], previous_param[N], grad[N], previous_grad[N], diagonal[N], hessian[N];

static steepest_oasis_array array_of(const double* values) {
    const steepest_oasis_array a = {values, STEEPEST_F64};
    return a;
}

/* Steps of 1, changes of the gradient of 6, a diagonal of -1 and an estimate of 7. */
static steepest_oasis_tensor oasis_tensor(void) {
    for (int i = 0; i < N; ++i) {
        param[i] = i + 1;
        previous_param[i] = i;
        grad[i] = 2 * i;
        previous_grad[i] = 2 * i - 6;
        diagonal[i] = -1;
        hessian[i] = 7;
    }
    const steepest_oasis_tensor t = {.count = N,
                                     .param = array_of(param),
                                     .previous_param = array_of(previous_param),
                                     .grad = array_of(grad),
                                     .previous_grad = array_of(previous_grad),
                                     .diagonal = array_of(diagonal),
                                     .hessian = array_of(hessian)};
    return t;
}

static steepest_oasis_args arguments(const steepest_oasis_tensor* tensor) {
    const steepest_oasis_args args = {.struct_size = sizeof args,
                                      .tensor_size = sizeof *tensor,
                                      .tensor_count = 1,
                                      .tensors = tensor,
                                      .beta2 = 0.75,
                                      .factor = 1,
                                      .workspace = workspace,
                                      .workspace_size = sizeof workspace};
    return args;
}

static void test_sums(void) {
    steepest_oasis_tensor t = oasis_tensor();
    steepest_oasis_args args = arguments(&t);
    size_t size = 0;
    CHECK_STATUS(steepest_oasis_workspace(&args, &size), STEEPEST_OK);
    CHECK(size > 0 && size <= sizeof workspace);
    args.workspace_size = size;
    CHECK_STATUS(steepest_oasis_measure(&args), STEEPEST_OK);
    CHECK(args.moved == N); /* the new diagonal is 0.75 * -1 + 0.25 * 7 = 1 */
    CHECK(args.turned == 36.0 * N);
    args.factor = -0.5;
    t.weight_decay = 1; /* -0.5 * 6 + 1 = -2 */
    CHECK_STATUS(steepest_oasis_measure(&args), STEEPEST_OK);
    CHECK(args.moved == N && args.turned == 4.0 * N);
    t.hessian.values = NULL; /* the size of the old diagonal, 1, below alpha = 4 */
    args.alpha = 4;
    CHECK_STATUS(steepest_oasis_measure(&args), STEEPEST_OK);
    CHECK(args.moved == 4.0 * N && args.turned == N);
}

static void test_refusals(void) {
    steepest_oasis_tensor t = oasis_tensor();
    steepest_oasis_args args = arguments(&t);
    args.moved = args.turned = -3;
    t.grad.dtype = STEEPEST_F32; /* beside float64 */
    CHECK_STATUS(steepest_oasis_measure(&args), STEEPEST_INVALID_DTYPE);
    t.grad.dtype = STEEPEST_F64;
    t.diagonal.values = NULL;
    CHECK_STATUS(steepest_oasis_measure(&args), STEEPEST_INVALID_ARGUMENT);
    t.diagonal.values = diagonal;
    args.beta2 = 1;
    CHECK_STATUS(steepest_oasis_measure(&args), STEEPEST_INVALID_ARGUMENT);
    args.beta2 = 0.5;
    args.alpha = NAN;
    CHECK_STATUS(steepest_oasis_measure(&args), STEEPEST_INVALID_ARGUMENT);
    args.alpha = 0;
    args.workspace_size = 1;
    CHECK_STATUS(steepest_oasis_measure(&args), STEEPEST_WORKSPACE_TOO_SMALL);
    args.workspace_size = sizeof workspace;
    args.workspace = NULL; /* and a size that would do */
    CHECK_STATUS(steepest_oasis_measure(&args), STEEPEST_WORKSPACE_TOO_SMALL);
    args.workspace = workspace;
    size_t size = 7;
    for (int shift = 49; shift < 63; ++shift) { /* more elements than there is memory for */
        t.count = INT64_C(1) << shift;
        CHECK_STATUS(steepest_oasis_workspace(&args, &size), STEEPEST_INVALID_ARGUMENT);
        CHECK_STATUS(steepest_oasis_measure(&args), STEEPEST_INVALID_ARGUMENT);
    }
    CHECK(size == 7);
    CHECK_STATUS(steepest_oasis_measure(NULL), STEEPEST_INVALID_ARGUMENT);
    CHECK(args.moved == -3 && args.turned == -3);
}

/* On the emulation of a device: the same numbers, where the caller wants them. */
static void test_on_a_device(void) {
    steepest_oasis_tensor t = oasis_tensor();
    steepest_oasis_args args = arguments(&t);
    double results[2] = {-3, -3};
    size_t size = 0;
    args.moved = args.turned = -3;
    args.stream = STEEPEST_STREAM_EMULATED;
    CHECK_STATUS(steepest_oasis_workspace(&args, &size), STEEPEST_OK);
    CHECK(size > 0 && size <= sizeof workspace);
    CHECK_STATUS(steepest_oasis_measure(&args), STEEPEST_INVALID_ARGUMENT); /* no results */
    args.results_at = results;
    args.workspace_size = size - 64;
    CHECK_STATUS(steepest_oasis_measure(&args), STEEPEST_WORKSPACE_TOO_SMALL);
    CHECK(results[0] == -3 && results[1] == -3);
    args.workspace_size = size;
    CHECK_STATUS(steepest_oasis_measure(&args), STEEPEST_OK);
    CHECK(results[0] == N && results[1] == 36.0 * N);
    CHECK(args.moved == -3 && args.turned == -3);
}

void test_oasis(void) {
    test_sums();
    test_on_a_device();
    test_refusals();
}
