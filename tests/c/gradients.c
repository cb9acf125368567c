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

/* Each gradient has a bound of its own, and so has each element; the norms come back. */
static void test_bounds_of_each(void) {
    double p2[3] = {0}, m2[3] = {0}, v2[3] = {0}, norms[2] = {-1, -1}, total = -1;
    int32_t finite = -1;
    const double exact = fill_gradient();
    steepest_tensor tensors[2] = {fresh_tensor(), tensor_of(STEEPEST_F64, 3, p2, wide, m2, v2)};
    const steepest_group group = group_of("adamw", tensors, 2);
    steepest_step_args args = step_args(&group);
    args.max_tensor_norm = 6.5;
    args.max_grad_value = 4;
    args.tensor_norms = norms;
    args.total_norm = &total;
    args.finite = &finite;
    CHECK_STATUS(run_step(&args), STEEPEST_OK);
    CHECK(norms[1] == 13 && finite == 1);
    CHECK_CLOSE(norms[0], exact, 1e-12 * exact);
    CHECK_CLOSE(total, hypot(exact, 13), 1e-12 * exact);
    const double own = 6.5 / (13 + 1e-6), bounded[3] = {3 * own, -4 * own, 4};
    for (int i = 0; i < 3; ++i) CHECK_CLOSE(m2[i], 0.1 * bounded[i], 1e-14);
    for (int i = 0; i < kCount; ++i)
        CHECK_CLOSE(m[i], 0.1 * (6.5 / (exact + 1e-6)) * (double)g[i], 1e-8);
    args.max_tensor_norm = (double)NAN;
    CHECK_STATUS(run_step(&args), STEEPEST_INVALID_HYPER);
    args.max_tensor_norm = 0;
    args.max_grad_value = (double)NAN;
    CHECK_STATUS(run_step(&args), STEEPEST_INVALID_HYPER);
}

/* The rule "clip" may have the gradient as its parameter. */
static void test_in_place(void) {
    const double exact = fill_gradient();
    float before[kCount];
    memcpy(before, g, sizeof g);
    steepest_tensor tensor = tensor_of(STEEPEST_F32, kCount, g, g, NULL, NULL);
    const steepest_group group = group_of("clip", &tensor, 1);
    steepest_step_args args = step_args(&group);
    args.max_grad_norm = 2 * exact;
    CHECK_STATUS(run_step(&args), STEEPEST_OK);
    CHECK(memcmp(before, g, sizeof g) == 0);
    args.max_grad_norm = 0.5 * exact;
    CHECK_STATUS(run_step(&args), STEEPEST_OK);
    const float factor = (float)(0.5 * exact / (args.grad_norm + 1e-6));
    for (int i = 0; i < kCount; ++i) CHECK(g[i] == before[i] * factor);
}

static steepest_status clip_units(steepest_clip_units_args* args) {
    size_t size = 0;
    args->struct_size = sizeof *args;
    args->tensor_size = sizeof(steepest_unit_tensor);
    args->stream = test_stream;
    const steepest_status sized = steepest_clip_units_workspace(args, &size);
    if (sized != STEEPEST_OK) return sized;
    CHECK((size > 0) == (test_stream != NULL));
    args->workspace = aligned_memory(size);
    args->workspace_size = size;
    const steepest_status status = steepest_clip_units(args);
    if (status == STEEPEST_OK && size > 0) {
        args->workspace_size = size - 1;
        CHECK_STATUS(steepest_clip_units(args), STEEPEST_WORKSPACE_TOO_SMALL);
    }
    free(args->workspace);
    return status;
}

/* Two units of three: norms 5 and 13 against half of 2 and of the least norm. */
static void test_units(void) {
    double grad[6] = {3, 0, 4, 12, 5, 0}, param[6] = {0, 2, 0, 0, 0, 0.1};
    const double wanted[6] = {0.6, 0, 0.8, 12 * 0.25 / 13, 5 * 0.25 / 13, 0};
    steepest_unit_tensor tensors[2];
    steepest_clip_units_args args;
    memset(tensors, 0, sizeof tensors); /* the second has no gradient */
    memset(&args, 0, sizeof args);
    tensors[0].units = 2;
    tensors[0].length = 3;
    tensors[0].grad.data = grad;
    tensors[0].grad.dtype = STEEPEST_F64;
    tensors[0].param.data = param;
    tensors[0].param.dtype = STEEPEST_F64;
    args.count = 2;
    args.tensors = tensors;
    args.factor = 0.5;
    args.eps = 0.5;
    CHECK_STATUS(clip_units(&args), STEEPEST_OK);
    for (int i = 0; i < 6; ++i) CHECK_CLOSE(grad[i], wanted[i], 1e-15);
    args.factor = 0;
    CHECK_STATUS(clip_units(&args), STEEPEST_INVALID_HYPER);
    args.factor = 0.5;
    args.eps = -1;
    CHECK_STATUS(clip_units(&args), STEEPEST_INVALID_HYPER);
    args.eps = 0.5;
    tensors[0].param.data = NULL;
    CHECK_STATUS(clip_units(&args), STEEPEST_INVALID_ARGUMENT);
    tensors[0].param.data = (char*)param + 1;
    CHECK_STATUS(clip_units(&args), STEEPEST_INVALID_ARGUMENT);
    tensors[0].param.data = param;
    tensors[0].length = INT64_MAX;
    CHECK_STATUS(clip_units(&args), STEEPEST_INVALID_ARGUMENT);
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
    test_bounds_of_each();
    test_in_place();
    test_units();
    test_skipping();
}
