/* Wrong arguments give the status that the header says, and every array stays as it was. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { kCount = 6 };

typedef struct Arrays {
    float p[kCount], g[kCount], m[kCount], v[kCount];
    double wide[kCount];
    uint16_t half[kCount];
} Arrays;

/* A call that would work. Each check below spoils one thing in a fresh copy of it. */
typedef struct Call {
    Arrays arrays;
    double hyper[3];
    steepest_tensor tensor;
    steepest_group group;
    steepest_step_args args;
} Call;

static void set_up(Call* call) {
    static const double hyper[3] = {0.9, 0.999, 1e-8};
    memset(call, 0, sizeof *call);
    for (int i = 0; i < kCount; ++i) {
        call->arrays.p[i] = (float)i;
        call->arrays.g[i] = 1.0f;
    }
    memcpy(call->hyper, hyper, sizeof hyper);
    Arrays* a = &call->arrays;
    call->tensor = tensor_of(STEEPEST_F32, kCount, a->p, a->g, a->m, a->v);
    call->group = group_of("adamw", &call->tensor, 1);
    call->group.hyper = call->hyper;
    call->group.hyper_count = 3;
    call->args = step_args(&call->group);
}

static void refuse(Call* call, steepest_status expected, const char* file, int line) {
    const Arrays before = call->arrays;
    size_t size = 12345;
    check_status(steepest_step_workspace(&call->args, &size), expected, "the size", file, line);
    check_true(size == 12345, "the size is not written", file, line);
    call->args.workspace_size = 65536;
    call->args.workspace = aligned_memory(call->args.workspace_size);
    check_status(steepest_step(&call->args), expected, "the step", file, line);
    free(call->args.workspace);
    check_true(memcmp(&before, &call->arrays, sizeof before) == 0, "arrays unchanged", file, line);
}

/* REFUSED(status, what spoils `call`) */
#define REFUSED(expected, ...)                         \
    do {                                               \
        Call call;                                     \
        set_up(&call);                                 \
        __VA_ARGS__;                                   \
        refuse(&call, (expected), __FILE__, __LINE__); \
    } while (0)

static void test_pointers_and_counts(void) {
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.args.struct_size = 8);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.args.group_size = 8);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.args.tensor_size = 8);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.args.groups = NULL);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.args.group_count = -1);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.group.tensors = NULL);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.group.tensor_count = -1);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.group.hyper = NULL);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.group.decay = 4);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.group.rule = steepest_rule_find("lamb"),
            call.group.hyper_count = 0, call.group.decay = STEEPEST_DECAY_CAUTIOUS);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.tensor.param.data = NULL);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.tensor.state[1].data = NULL);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.tensor.count = -1);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.tensor.step = 0);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.tensor.step = -3);
}

static void test_rules_and_dtypes(void) {
    REFUSED(STEEPEST_UNKNOWN_RULE, call.group.rule = -1);
    REFUSED(STEEPEST_UNKNOWN_RULE, call.group.rule = steepest_rule_count());
    REFUSED(STEEPEST_INVALID_DTYPE, call.tensor.param.dtype = 4);
    REFUSED(STEEPEST_INVALID_DTYPE, call.tensor.grad.dtype = -1);
    REFUSED(STEEPEST_INVALID_DTYPE, call.tensor.state[0].rounding = 2);
    REFUSED(STEEPEST_INVALID_DTYPE, call.tensor.grad.data = call.arrays.wide,
            call.tensor.grad.dtype = STEEPEST_F64);
    REFUSED(STEEPEST_INVALID_DTYPE, call.tensor.state[0].data = call.arrays.half,
            call.tensor.state[0].dtype = STEEPEST_F16);
    REFUSED(STEEPEST_INVALID_DTYPE, call.tensor.working_copy.data = call.arrays.wide,
            call.tensor.working_copy.dtype = STEEPEST_F64);
}

static void test_numbers(void) {
    REFUSED(STEEPEST_INVALID_HYPER, call.hyper[0] = 1);
    REFUSED(STEEPEST_INVALID_HYPER, call.hyper[1] = -0.1);
    REFUSED(STEEPEST_INVALID_HYPER, call.hyper[2] = (double)NAN);
    REFUSED(STEEPEST_INVALID_HYPER, call.group.hyper_count = 2);
    REFUSED(STEEPEST_INVALID_HYPER, call.tensor.lr = -1);
    REFUSED(STEEPEST_INVALID_HYPER, call.tensor.lr = (double)INFINITY);
    REFUSED(STEEPEST_INVALID_HYPER, call.tensor.weight_decay = (double)NAN);
    REFUSED(STEEPEST_INVALID_HYPER, call.args.grad_scale = 0);
    REFUSED(STEEPEST_INVALID_HYPER, call.args.max_grad_norm = (double)NAN);
}

/* A tensor late in the list is wrong: the ones before it stay as they were, too. */
static void test_all_or_nothing(void) {
    Call call, other;
    set_up(&call);
    set_up(&other);
    steepest_tensor both[2] = {call.tensor, other.tensor};
    both[1].step = 0;
    call.group.tensors = both;
    call.group.tensor_count = 2;
    const Arrays before = other.arrays;
    refuse(&call, STEEPEST_INVALID_ARGUMENT, __FILE__, __LINE__);
    CHECK(memcmp(&before, &other.arrays, sizeof before) == 0);
}

static void test_workspace(void) {
    Call call;
    size_t size = 0;
    set_up(&call);
    const Arrays before = call.arrays;
    CHECK_STATUS(steepest_step_workspace(&call.args, &size), STEEPEST_OK);
    CHECK(size > 0);
    char* memory = aligned_memory(size + 1);
    CHECK_STATUS(steepest_step(&call.args), STEEPEST_WORKSPACE_TOO_SMALL); /* none at all */
    call.args.workspace = memory;
    call.args.workspace_size = size - 1;
    CHECK_STATUS(steepest_step(&call.args), STEEPEST_WORKSPACE_TOO_SMALL);
    call.args.workspace = memory + 1;
    call.args.workspace_size = size;
    CHECK_STATUS(steepest_step(&call.args), STEEPEST_INVALID_ARGUMENT);
    CHECK(memcmp(&before, &call.arrays, sizeof before) == 0);
    call.args.workspace = memory;
    CHECK_STATUS(steepest_step(&call.args), STEEPEST_OK);
    CHECK(memcmp(&before, &call.arrays, sizeof before) != 0);
    free(memory);
}

void test_errors(void) {
    size_t size = 0;
    CHECK_STATUS(steepest_step(NULL), STEEPEST_INVALID_ARGUMENT);
    CHECK_STATUS(steepest_step_workspace(NULL, &size), STEEPEST_INVALID_ARGUMENT);
    test_pointers_and_counts();
    test_rules_and_dtypes();
    test_numbers();
    test_all_or_nothing();
    test_workspace();
}
