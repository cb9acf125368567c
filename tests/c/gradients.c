/* What looks at all gradients together: norms, clipping, and skipping steps that are not finite. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { kCount = 9000 }; /* more than two blocks of the reduction */

static float p[kCount], g[kCount], m[kCount], v[kCount];
static double wide[3] = {3, -4, 12}; /* norm 13 */

static steepest_status grad_norm(int64_t count, const steepest_array* arrays, const int64_t* sizes,
                                 double* norms, double* total, int32_t* finite) {
    steepest_norm_args args;
    size_t size = 0;
    memset(&args, 0, sizeof args);
    args.struct_size = sizeof args;
    args.count = count;
    args.arrays = arrays;
    args.sizes = sizes;
    args.norms = norms;
    args.total = total;
    args.finite = finite;
    args.stream = test_stream;
    if (steepest_grad_norm_workspace(&args, &size) != STEEPEST_OK) return STEEPEST_INVALID_ARGUMENT;
    args.workspace = aligned_memory(size);
    args.workspace_size = size;
    const steepest_status status = steepest_grad_norm(&args);
    if (status == STEEPEST_OK && size > 0) {
        args.workspace_size = size - 1;
        CHECK_STATUS(steepest_grad_norm(&args), STEEPEST_WORKSPACE_TOO_SMALL);
    }
    free(args.workspace);
    return status;
}

static double fill_gradient(void) {
    double sum = 0;
    for (int i = 0; i < kCount; ++i) {
        g[i] = (float)sin(0.1 * i);
        sum += (double)g[i] * (double)g[i];
    }
    return sqrt(sum);
}

static void test_norms(void) {
    const double exact = fill_gradient();
    const int64_t sizes[3] = {kCount, 5, 3};
    steepest_array arrays[3];
    double norms[3], total;
    int32_t finite = -1;
    memset(arrays, 0, sizeof arrays);
    arrays[0].data = g;
    arrays[0].dtype = STEEPEST_F32;
    arrays[2].data = wide; /* arrays[1] has no data and counts as zero */
    arrays[2].dtype = STEEPEST_F64;
    CHECK_STATUS(grad_norm(3, arrays, sizes, norms, &total, &finite), STEEPEST_OK);
    CHECK_CLOSE(norms[0], exact, 1e-12 * exact);
    CHECK(norms[1] == 0 && norms[2] == 13 && finite == 1);
    CHECK_CLOSE(total, hypot(exact, 13), 1e-12 * exact);
    g[kCount - 1] = INFINITY;
    CHECK_STATUS(grad_norm(3, arrays, sizes, norms, &total, &finite), STEEPEST_OK);
    CHECK(finite == 0 && isinf(total) && norms[2] == 13);
    CHECK_STATUS(grad_norm(0, NULL, NULL, NULL, &total, &finite), STEEPEST_OK);
    CHECK(total == 0 && finite == 1);
}

static void test_norm_errors(void) {
    const int64_t size = 3;
    steepest_array array = {wide, STEEPEST_F64, STEEPEST_NEAREST};
    double norm = -1, total = -1;
    int32_t finite = -1;
    CHECK_STATUS(grad_norm(1, &array, NULL, &norm, &total, &finite), STEEPEST_INVALID_ARGUMENT);
    CHECK_STATUS(grad_norm(1, NULL, &size, &norm, &total, &finite), STEEPEST_INVALID_ARGUMENT);
    CHECK_STATUS(grad_norm(1, &array, &size, &norm, NULL, &finite), STEEPEST_INVALID_ARGUMENT);
    array.dtype = 17;
    CHECK_STATUS(grad_norm(1, &array, &size, &norm, &total, &finite), STEEPEST_INVALID_ARGUMENT);
    CHECK(norm == -1 && total == -1 && finite == -1);
}

static steepest_tensor fresh_tensor(void) {
    memset(p, 0, sizeof p);
    memset(m, 0, sizeof m);
    memset(v, 0, sizeof v);
    return tensor_of(STEEPEST_F32, kCount, p, g, m, v);
}

/* Clipping by the norm over both tensors shows in the first moment, (1 - beta1) coefficient g. */
static void test_clipping(void) {
    double p2[3] = {0}, m2[3] = {0}, v2[3] = {0};
    const double total = hypot(fill_gradient(), 13);
    steepest_tensor tensors[2] = {fresh_tensor(), tensor_of(STEEPEST_F64, 3, p2, wide, m2, v2)};
    const steepest_group group = group_of("adamw", tensors, 2);
    steepest_step_args args = step_args(&group);
    args.grad_scale = 4;
    args.max_grad_norm = 2;
    CHECK_STATUS(run_step(&args), STEEPEST_OK);
    CHECK_CLOSE(args.grad_norm, total / 4, 1e-12 * total);
    const double factor = 0.1 * (2 / (total / 4 + 1e-6)) / 4;
    for (int i = 0; i < 3; ++i) CHECK_CLOSE(m2[i], factor * wide[i], 1e-15 * 13);
    for (int i = 0; i < kCount; ++i) CHECK_CLOSE(m[i], factor * (double)g[i], 1e-8);
}

static void test_skipping(void) {
    fill_gradient();
    steepest_tensor tensor = fresh_tensor();
    const steepest_group group = group_of("adamw", &tensor, 1);
    steepest_step_args args = step_args(&group);
    args.skip_nonfinite = 1;
    g[kCount / 2] = NAN;
    CHECK_STATUS(run_step(&args), STEEPEST_OK);
    CHECK(args.skipped == 1);
    for (int i = 0; i < kCount; ++i) CHECK(p[i] == 0 && m[i] == 0 && v[i] == 0);
    g[kCount / 2] = 1;
    CHECK_STATUS(run_step(&args), STEEPEST_OK);
    CHECK(args.skipped == 0);
    CHECK_CLOSE(p[kCount / 2], -1e-3, 1e-8);
}

void test_gradients(void) {
    test_norms();
    test_norm_errors();
    test_clipping();
    test_skipping();
}
