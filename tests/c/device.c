/* What only calls with a stream have, on the emulation of a device: step, learning rate and
 * gradient scale that lie on the device, and the mirror of a workspace. The results must be those
 * of the host to the last bit. */
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { kCount = 5000, kSteps = 3 };

typedef struct Arrays {
    float p[kCount], g[kCount], m[kCount], v[kCount];
} Arrays;

static Arrays host[2], device[2];

static void fill(Arrays* a, int seed) {
    memset(a, 0, sizeof *a);
    for (int i = 0; i < kCount; ++i) {
        a->p[i] = (float)((i * 37 + seed) % 101) / 50 - 1;
        a->g[i] = (float)((i * 53 + seed) % 89) / 44 - 1;
    }
}

static steepest_tensor tensor_over(Arrays* a) {
    return tensor_of(STEEPEST_F32, kCount, a->p, a->g, a->m, a->v);
}

static void steps_on_host(const char* rule, double lr, double grad_scale) {
    for (int64_t t = 1; t <= kSteps; ++t) {
        steepest_tensor tensors[2] = {tensor_over(&host[0]), tensor_over(&host[1])};
        const steepest_group group = group_of(rule, tensors, 2);
        steepest_step_args args = step_args(&group);
        for (int k = 0; k < 2; ++k) {
            tensors[k].step = t;
            tensors[k].lr = lr;
        }
        args.grad_scale = grad_scale;
        args.max_grad_norm = 3;
        test_stream = NULL;
        CHECK_STATUS(run_step(&args), STEEPEST_OK);
    }
}

/* The same call again and again, one workspace, one mirror: nothing on the host changes. */
static void steps_on_device(const char* rule, int64_t* counter, const steepest_array* lr,
                            const steepest_array* grad_scale) {
    steepest_tensor tensors[2] = {tensor_over(&device[0]), tensor_over(&device[1])};
    const steepest_group group = group_of(rule, tensors, 2);
    steepest_step_args args = step_args(&group);
    size_t mirror_size = 0;
    for (int k = 0; k < 2; ++k) {
        tensors[k].step = 0;
        tensors[k].step_at = counter;
        tensors[k].lr_at = *lr;
    }
    args.stream = STEEPEST_STREAM_EMULATED;
    args.grad_scale_at = *grad_scale;
    args.max_grad_norm = 3;
    args.skip_nonfinite = 1;
    CHECK_STATUS(steepest_step_workspace(&args, &args.workspace_size), STEEPEST_OK);
    CHECK_STATUS(steepest_step_mirror(&args, &mirror_size), STEEPEST_OK);
    args.workspace = aligned_memory(args.workspace_size);
    args.mirror = calloc(mirror_size, 1);
    args.mirror_size = mirror_size;
    for (int64_t t = 0; t < kSteps; ++t) {
        CHECK(*counter == t);
        CHECK_STATUS(steepest_step(&args), STEEPEST_OK);
    }
    const float before = device[0].g[0];
    device[0].g[0] = (float)1e38 * 10; /* infinite: the step and its count are held back */
    CHECK_STATUS(steepest_step(&args), STEEPEST_OK);
    CHECK(*args.skipped_at == 1);
    device[0].g[0] = before;
    free(args.workspace);
    free(args.mirror);
}

static void test_scalars(const char* rule) {
    int64_t counter = 0;
    double lr = 0.02;
    float grad_scale = 4;
    const steepest_array lr_at = {&lr, STEEPEST_F64, STEEPEST_NEAREST};
    const steepest_array scale_at = {&grad_scale, STEEPEST_F32, STEEPEST_NEAREST};
    for (int k = 0; k < 2; ++k) {
        fill(&host[k], k);
        fill(&device[k], k);
    }
    steps_on_host(rule, lr, (double)grad_scale);
    steps_on_device(rule, &counter, &lr_at, &scale_at);
    CHECK(counter == kSteps);
    CHECK(memcmp(host, device, sizeof host) == 0);
}

/* Tensors without a gradient keep their place in the tree of the norm, as zeros, call after call.
 */
static void test_idle_tensors(void) {
    enum { kTensors = 6, kElements = 50 };
    static float p[kTensors][kElements], g[kTensors][kElements];
    steepest_tensor tensors[kTensors];
    size_t mirror_size = 0;
    for (int k = 0; k < kTensors; ++k) {
        for (int i = 0; i < kElements; ++i) g[k][i] = 1;
        tensors[k] = tensor_of(STEEPEST_F32, kElements, p[k], k == 0 ? NULL : g[k], NULL, NULL);
    }
    steepest_group group = group_of("sgd", tensors, kTensors);
    steepest_step_args args = step_args(&group);
    args.stream = STEEPEST_STREAM_EMULATED;
    args.max_grad_norm = 1;
    CHECK_STATUS(steepest_step_workspace(&args, &args.workspace_size), STEEPEST_OK);
    CHECK_STATUS(steepest_step_mirror(&args, &mirror_size), STEEPEST_OK);
    args.workspace = aligned_memory(args.workspace_size);
    args.mirror = calloc(mirror_size, 1);
    args.mirror_size = mirror_size;
    const char* launched[16];
    for (int call = 0; call < 3; ++call) {
        steepest_emulated_launches(launched, 16);
        CHECK_STATUS(steepest_step(&args), STEEPEST_OK);
        CHECK(call > 0 || steepest_emulated_launches(NULL, 0) > 2); /* copies come first */
        CHECK(*args.grad_norm_at * *args.grad_norm_at > 249 &&
              *args.grad_norm_at * *args.grad_norm_at < 251);
    }
    CHECK(steepest_emulated_launches(launched, 1) == 2); /* no room: nothing is forgotten */
    CHECK(steepest_emulated_launches(launched, 2) == 2);
    CHECK(strcmp(launched[0], "grad_norm") == 0 && strcmp(launched[1], "apply") == 0);
    group.tensor_count = kTensors - 1; /* the last one leaves: another tree, the same workspace */
    CHECK_STATUS(steepest_step(&args), STEEPEST_OK);
    CHECK(*args.grad_norm_at * *args.grad_norm_at > 199 &&
          *args.grad_norm_at * *args.grad_norm_at < 201);
    free(args.workspace);
    free(args.mirror);
}

static void test_refusals(void) {
    int64_t counter = 0;
    double scalar = 1;
    steepest_tensor tensor = tensor_over(&host[0]);
    const steepest_group group = group_of("adamw", &tensor, 1);
    steepest_step_args args = step_args(&group);
    size_t size = 0;
    tensor.step_at = &counter;
    CHECK_STATUS(steepest_step_workspace(&args, &size), STEEPEST_INVALID_ARGUMENT);
    tensor.step_at = NULL;
    args.grad_scale_at.data = &scalar;
    args.grad_scale_at.dtype = STEEPEST_F64;
    CHECK_STATUS(steepest_step_workspace(&args, &size), STEEPEST_INVALID_ARGUMENT);
    args.stream = STEEPEST_STREAM_EMULATED;
    args.grad_scale_at.dtype = STEEPEST_BF16;
    CHECK_STATUS(steepest_step_workspace(&args, &size), STEEPEST_INVALID_DTYPE);
    args.grad_scale_at.data = NULL;
    tensor.param.data = (char*)host[0].p + 1; /* a GPU would not survive it */
    CHECK_STATUS(steepest_step_workspace(&args, &size), STEEPEST_INVALID_ARGUMENT);
}

static void test_memory(void) {
    void* stream = STEEPEST_STREAM_EMULATED;
    void* memory = NULL;
    int answer = 0;
    const int question = 42;
    CHECK_STATUS(steepest_device_malloc(sizeof question, 0, stream, &memory), STEEPEST_OK);
    memcpy(memory, &question, sizeof question);
    CHECK_STATUS(steepest_device_read(&answer, memory, sizeof answer, 0, stream), STEEPEST_OK);
    CHECK_STATUS(steepest_device_wait(0, stream, stream), STEEPEST_OK);
    CHECK_STATUS(steepest_device_free(memory, 0, stream), STEEPEST_OK);
    CHECK(answer == question);
    CHECK(steepest_last_device_error() != NULL);
    if (!steepest_has_cuda()) {
        CHECK(steepest_device_count() == 0);
        CHECK(steepest_device_products()[0] == 0);
        CHECK_STATUS(steepest_device_malloc(1, 0, (void*)1, &memory), STEEPEST_NO_CUDA);
    }
}

void test_device(void) {
    test_scalars("adamw");
    test_scalars("sgd");
    test_scalars("lamb");
    test_scalars("c_adamw");
    test_idle_tensors();
    test_refusals();
    test_memory();
}
