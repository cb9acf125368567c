/* Sums over a list of tensors: Prodigy's, of numbers that every order of addition sums exactly. */
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { kLarge = 5000, kSmall = 7, kTensors = 3 };

static float p[kTensors][kLarge], g[kTensors][kLarge], m[kTensors][kLarge], v[kTensors][kLarge];
static float s[kTensors][kLarge], start[kTensors][kLarge];
static steepest_tensor tensors[kTensors];
/* betas, beta3, eps, distance before and after, d0, safeguard_warmup: s is halved, and the gradient
 * added to it. */
static const double kHyper[] = {0.5, 0.75, 0.5, 1e-8, 1, 1, 1, 0};

/* Tensors of p0 - p = 2, g = 3 and s = -4; the one in the middle has no gradient. */
static steepest_group filled(void) {
    const int count[kTensors] = {kLarge, 3, kSmall};
    for (int k = 0; k < kTensors; ++k) {
        for (int i = 0; i < kLarge; ++i) {
            p[k][i] = 1;
            start[k][i] = 3;
            g[k][i] = 3;
            s[k][i] = -4;
        }
        tensors[k] = tensor_of(STEEPEST_F32, count[k], p[k], k == 1 ? NULL : g[k], m[k], v[k]);
        tensors[k].lr = 1;
        tensors[k].state[2].data = s[k];
        tensors[k].state[3].data = start[k];
    }
    steepest_group group = group_of("prodigy", tensors, kTensors);
    group.hyper = kHyper;
    group.hyper_count = 8;
    return group;
}

static steepest_status sums_of(steepest_step_args* args, double* sums) {
    size_t size = 0;
    args->stream = test_stream;
    const steepest_status sized = steepest_list_sums_workspace(args, &size);
    if (sized != STEEPEST_OK) return sized;
    args->workspace = aligned_memory(size);
    args->workspace_size = size;
    const steepest_status status = steepest_list_sums(args, sums);
    if (args->skipped_at) args->skipped = *args->skipped_at;
    free(args->workspace);
    args->workspace = NULL;
    args->workspace_size = 0;
    return status;
}

static void test_sums(void) {
    const steepest_group group = filled();
    steepest_step_args args = step_args(&group);
    double sums[2] = {-1, -1};
    CHECK_STATUS(sums_of(&args, sums), STEEPEST_OK);
    CHECK(sums[0] == 6.0 * (kLarge + kSmall)); /* <g, p0 - p> */
    CHECK(sums[1] == 1.0 * (kLarge + kSmall)); /* |-4 / 2 + 3| */
    CHECK(s[0][0] == -4 && p[0][0] == 1 && m[0][0] == 0);
    args.grad_scale = 3;
    CHECK_STATUS(sums_of(&args, sums), STEEPEST_OK);
    CHECK(sums[0] == 2.0 * (kLarge + kSmall) && sums[1] == 1.0 * (kLarge + kSmall));
}

/* Several groups make one list. */
static void test_groups(void) {
    steepest_group groups[2];
    double sums[2];
    groups[0] = groups[1] = filled();
    groups[0].tensor_count = 1;
    groups[1].tensors = tensors + 1;
    groups[1].tensor_count = kTensors - 1;
    steepest_step_args args = step_args(groups);
    args.group_count = 2;
    CHECK_STATUS(sums_of(&args, sums), STEEPEST_OK);
    CHECK(sums[0] == 6.0 * (kLarge + kSmall) && sums[1] == 1.0 * (kLarge + kSmall));
    groups[1] = group_of("adamw", tensors + 1, kTensors - 1);
    CHECK_STATUS(sums_of(&args, sums), STEEPEST_INVALID_ARGUMENT);
}

static void test_skipping(void) {
    const steepest_group group = filled();
    steepest_step_args args = step_args(&group);
    double sums[2] = {-1, -1};
    g[2][3] = (float)1e38 * 10;
    args.skip_nonfinite = 1;
    CHECK_STATUS(sums_of(&args, sums), STEEPEST_OK);
    CHECK(args.skipped == 1 && sums[0] == 0 && sums[1] == 0);
}

static void test_refusals(void) {
    steepest_group group = filled();
    steepest_step_args args = step_args(&group);
    steepest_rule_info info;
    double sums[2] = {-1, -1};
    size_t size = 0;
    info.struct_size = sizeof info;
    CHECK_STATUS(steepest_rule_describe(group.rule, &info), STEEPEST_OK);
    CHECK(info.list_terms == 2);
    tensors[0].state[3].data = NULL; /* the step goes without it */
    CHECK_STATUS(steepest_step_workspace(&args, &size), STEEPEST_OK);
    CHECK_STATUS(sums_of(&args, sums), STEEPEST_INVALID_ARGUMENT);
    group = group_of("adamw", tensors, 1);
    CHECK_STATUS(sums_of(&args, sums), STEEPEST_INVALID_ARGUMENT);
    group = filled();
    CHECK_STATUS(steepest_list_sums(&args, NULL), STEEPEST_INVALID_ARGUMENT);
    CHECK_STATUS(steepest_list_sums(&args, sums), STEEPEST_WORKSPACE_TOO_SMALL);
    CHECK(sums[0] == -1 && sums[1] == -1);
}

void test_list_sums(void) {
    test_sums();
    test_groups();
    test_skipping();
    test_refusals();
}
