/* One Lion step from C. */
#include <steepest/steepest.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
    float p[2] = {1.0f, 1.0f}, g[2] = {0.5f, -2.0f}, m[2] = {0.0f, 0.0f};
    steepest_tensor tensor;
    steepest_group group;
    steepest_step_args args;
    size_t size = 0;

    memset(&tensor, 0, sizeof tensor);
    tensor.count = 2;
    tensor.lr = 0.25;
    tensor.param.data = p;
    tensor.grad.data = g;
    tensor.state[0].data = m;

    memset(&group, 0, sizeof group);
    group.rule = steepest_rule_find("lion");
    group.decay = STEEPEST_DECAY_DECOUPLED;
    group.tensor_count = 1;
    group.tensors = &tensor;

    memset(&args, 0, sizeof args);
    args.struct_size = sizeof args;
    args.group_size = sizeof group;
    args.tensor_size = sizeof tensor;
    args.group_count = 1;
    args.groups = &group;
    args.grad_scale = 1;
    args.max_grad_norm = -1;

    steepest_status status = steepest_step_workspace(&args, &size);
    if (status == STEEPEST_OK) {
        args.workspace = aligned_alloc(64, (size + 63) / 64 * 64);
        args.workspace_size = size;
        status = steepest_step(&args);
        free(args.workspace);
    }
    printf("C: %s, p = %g %g\n", steepest_status_string(status), (double)p[0], (double)p[1]);
    return status == STEEPEST_OK && p[0] == 0.75f && p[1] == 1.25f ? 0 : 1;
}
