#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char* file, int line) {
    fprintf(stderr, " at %s:%d\n", file, line);
    exit(1);
}

void check_true(int held, const char* text, const char* file, int line) {
    if (held) return;
    fprintf(stderr, "does not hold: %s", text);
    fail(file, line);
}

void check_status(steepest_status status, steepest_status expected, const char* text,
                  const char* file, int line) {
    if (status == expected) return;
    fprintf(stderr, "%s gave '%s', expected '%s'", text, steepest_status_string(status),
            steepest_status_string(expected));
    fail(file, line);
}

void check_close(double actual, double expected, double bound, const char* text, const char* file,
                 int line) {
    if (fabs(actual - expected) <= bound) return;
    fprintf(stderr, "%s is %.17g, expected %.17g within %.3g", text, actual, expected, bound);
    fail(file, line);
}

void* aligned_memory(size_t size) {
    const size_t alignment = 64;
    void* memory = aligned_alloc(alignment, (size / alignment + 1) * alignment);
    CHECK(memory != NULL);
    return memory;
}

double bf16_to_double(uint16_t bits) {
    const uint32_t wide = (uint32_t)bits << 16;
    float x;
    memcpy(&x, &wide, sizeof x);
    return (double)x;
}

uint16_t bf16_from_float(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

steepest_step_args step_args(const steepest_group* group) {
    steepest_step_args args;
    memset(&args, 0, sizeof args);
    args.struct_size = sizeof args;
    args.group_size = sizeof(steepest_group);
    args.tensor_size = sizeof(steepest_tensor);
    args.group_count = 1;
    args.groups = group;
    args.grad_scale = 1;
    args.max_grad_norm = -1;
    return args;
}

steepest_group group_of(const char* rule, const steepest_tensor* tensors, int64_t count) {
    steepest_rule_info info;
    steepest_group group;
    info.struct_size = sizeof info;
    memset(&group, 0, sizeof group);
    group.rule = steepest_rule_find(rule);
    CHECK(group.rule >= 0);
    CHECK_STATUS(steepest_rule_describe(group.rule, &info), STEEPEST_OK);
    group.decay = info.decay;
    group.tensor_count = count;
    group.tensors = tensors;
    return group;
}

steepest_tensor tensor_of(int32_t dtype, int64_t count, void* param, void* grad, void* first_state,
                          void* second_state) {
    steepest_tensor tensor;
    memset(&tensor, 0, sizeof tensor);
    tensor.count = count;
    tensor.step = 1;
    tensor.lr = 1e-3;
    tensor.param.data = param;
    tensor.param.dtype = dtype;
    tensor.grad.data = grad;
    tensor.grad.dtype = dtype;
    tensor.state[0].data = first_state;
    tensor.state[0].dtype = dtype;
    tensor.state[1].data = second_state;
    tensor.state[1].dtype = dtype;
    return tensor;
}

void* test_stream = NULL;

steepest_status run_step(steepest_step_args* args) {
    size_t size = 0, mirror_size = 0;
    args->stream = test_stream;
    const steepest_status sized = steepest_step_workspace(args, &size);
    if (sized != STEEPEST_OK) return sized;
    CHECK_STATUS(steepest_step_mirror(args, &mirror_size), STEEPEST_OK);
    CHECK((mirror_size > 0) == (test_stream != NULL));
    args->workspace = aligned_memory(size);
    args->workspace_size = size;
    args->mirror = mirror_size ? calloc(mirror_size, 1) : NULL;
    args->mirror_size = mirror_size;
    const steepest_status status = steepest_step(args);
    if (args->skipped_at) args->skipped = *args->skipped_at;
    if (args->grad_norm_at) args->grad_norm = *args->grad_norm_at;
    free(args->workspace);
    free(args->mirror);
    args->workspace = args->mirror = NULL;
    args->workspace_size = args->mirror_size = 0;
    return status;
}
