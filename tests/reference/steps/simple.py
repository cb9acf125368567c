"""Stochastic gradient descent and its relatives with another size of the step."""

import numpy as np

from .stages import square_sum


def sgd(p, g, state, *, step, lr, momentum=0.0, dampening=0.0, nesterov=False):
    """Sutskever et al. (ICML 2013) in torch's form: the buffer starts as the first gradient.

    b_1 = g,  b_t = momentum b + (1 - dampening) g;  d = g + momentum b (Nesterov) or b;  p - lr d.
    """
    if momentum == 0:
        return lr * g, state
    buffer = state["momentum_buffer"]
    buffer = g if step == 1 else momentum * buffer + (1 - dampening) * g
    direction = g + momentum * buffer if nesterov else buffer
    return lr * direction, {"momentum_buffer": buffer}


def dot(p, g, state, *, step=None, lr, momentum=0.9, delta=0.075, kd_scale=1.0):
    """Zhao et al. (2307.08436): v = (m - d) v + g of the task, v' = (m + d) v' + g' of the
    distillation loss, p - lr (v + v')."""
    kd_grad = state["kd_grad"]
    v = (momentum - delta) * state["momentum_buffer"] + g
    v_kd = (momentum + delta) * state["momentum_kd_buffer"] + kd_grad / kd_scale
    new = {"momentum_buffer": v, "momentum_kd_buffer": v_kd, "kd_grad": kd_grad}
    return lr * (v + v_kd), new


def lars(
    p,
    g,
    state,
    *,
    step=None,
    lr,
    weight_decay,
    momentum=0.9,
    nesterov=False,
    trust_coefficient=1e-3,
    eps=0.0,
    ratio="separate",
    lr_in_momentum=True,
):
    """You et al. (1708.03888), algorithm 1 with equation 6: v = m v + lr r (g + weight_decay p),
    p - v with r = eta ||p|| / (||g|| + weight_decay ||p||); eps and Nesterov's form are those of
    public code, and so is r = 1 where a norm is 0. "joint" takes the norm of g + weight_decay p,
    "clipped" (LARC) min(r, lr) for lr r. Outside of the momentum lr multiplies v instead."""
    update = g if weight_decay == 0 else g + weight_decay * p
    p_norm, g_norm = np.sqrt(square_sum(p)), np.sqrt(square_sum(update if ratio == "joint" else g))
    local = 1.0
    if ratio != "none" and p_norm > 0 and g_norm > 0:
        decay = 0.0 if ratio == "joint" else weight_decay * p_norm
        local = trust_coefficient * p_norm / (g_norm + decay + eps)
        if ratio == "clipped":
            local = np.minimum(local / lr, 1.0)
    update = (lr * local if lr_in_momentum else local) * update
    new = {}
    if momentum:
        buffer = momentum * state["momentum_buffer"] + update
        update = update + momentum * buffer if nesterov else buffer
        new = {"momentum_buffer": buffer}
    return (update if lr_in_momentum else lr * update), new
