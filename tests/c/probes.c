/* Probes and their accumulation. */
#include <math.h>
#include <string.h>

#include "check.h"

#define N 1000

static _Alignas(64) char workspace[4096];
static double z[N], h[N], mean[N], scatter[N];

static steepest_probe_args arguments(steepest_probe_tensor* tensor) {
    steepest_probe_args args;
    memset(&args, 0, sizeof args);
    args.struct_size = sizeof args;
    args.tensor_size = sizeof *tensor;
    args.tensor_count = 1;
    args.tensors = tensor;
    args.seed = 5;
    args.sample = 1;
    args.workspace = workspace;
    args.workspace_size = sizeof workspace;
    return args;
}

static steepest_probe_tensor probe_tensor(void* values) {
    steepest_probe_tensor t;
    memset(&t, 0, sizeof t);
    t.count = N;
    t.group = 1;
    t.dtype = STEEPEST_F64;
    t.values = values;
    return t;
}

static void test_statistics(void* stream) {
    steepest_probe_tensor t = probe_tensor(z);
    steepest_probe_args args = arguments(&t);
    size_t size = 0;
    args.stream = stream;
    memset(mean, 0, sizeof mean);
    memset(scatter, 0, sizeof scatter);
    CHECK(steepest_probe_workspace(&args, &size) == STEEPEST_OK && size <= sizeof workspace);
    CHECK(steepest_probe_fill(&args) == STEEPEST_OK);
    double sum = 0;
    for (int i = 0; i < N; ++i) {
        CHECK(z[i] == 1 || z[i] == -1);
        h[i] = 3 * z[i]; /* the operator 3 I */
        sum += z[i];
    }
    CHECK(fabs(sum) < 5 * sqrt(N));
    t.values = h;
    t.mean = mean;
    t.scatter = scatter;
    double tensor_sum = 0, total = 0;
    args.sums = &tensor_sum;
    args.total_at = stream ? &total : NULL;
    CHECK(steepest_probe_accumulate(&args) == STEEPEST_OK);
    if (!stream) total = args.total;
    CHECK(total == 3.0 * N && tensor_sum == total);
    for (int i = 0; i < N; ++i) CHECK(mean[i] == 3 && scatter[i] == 0);
}

/* A size that would do, and no memory. */
static void test_null_workspace(void* stream) {
    steepest_probe_tensor t = probe_tensor(z);
    steepest_probe_args args = arguments(&t);
    args.stream = stream;
    args.workspace = NULL;
    CHECK(steepest_probe_fill(&args) == STEEPEST_WORKSPACE_TOO_SMALL);
    CHECK(steepest_probe_accumulate(&args) == STEEPEST_WORKSPACE_TOO_SMALL);
}

static void test_refusals(void) {
    steepest_probe_tensor t = probe_tensor(z);
    steepest_probe_args args = arguments(&t);
    const double before = z[0];
    t.offset = INT64_MAX - 1;
    CHECK(steepest_probe_fill(&args) == STEEPEST_INVALID_ARGUMENT);
    t.offset = 0;
    t.dtype = 9;
    CHECK(steepest_probe_fill(&args) == STEEPEST_INVALID_DTYPE);
    t.dtype = STEEPEST_F64;
    args.distribution = 2;
    CHECK(steepest_probe_fill(&args) == STEEPEST_INVALID_ARGUMENT);
    args.distribution = STEEPEST_GAUSSIAN;
    args.workspace_size = 1;
    CHECK(steepest_probe_fill(&args) == STEEPEST_WORKSPACE_TOO_SMALL);
    args.workspace_size = sizeof workspace;
    t.mean = mean; /* without scatter */
    CHECK(steepest_probe_accumulate(&args) == STEEPEST_INVALID_ARGUMENT);
    t.scatter = scatter;
    t.group = 3; /* does not divide 1000 */
    CHECK(steepest_probe_accumulate(&args) == STEEPEST_INVALID_ARGUMENT);
    t.group = 1;
    args.sample = 0;
    CHECK(steepest_probe_accumulate(&args) == STEEPEST_INVALID_ARGUMENT);
    CHECK(steepest_probe_fill(NULL) == STEEPEST_INVALID_ARGUMENT);
    CHECK(z[0] == before);
}

void test_probes(void) {
    test_statistics(NULL);
    test_statistics(STEEPEST_STREAM_EMULATED);
    test_null_workspace(NULL);
    test_null_workspace(STEEPEST_STREAM_EMULATED);
    test_refusals();
}
