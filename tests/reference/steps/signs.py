"""Steps that decide by signs: Lion, and the cautious masks."""

import numpy as np

from .adaptive import denominator, moments


def lion(p, g, state, *, step=None, lr, betas=(0.9, 0.99)):
    """Chen et al. (2302.06675): p - lr sign(beta1 m + (1 - beta1) g), sign(0) = 0."""
    beta1, beta2 = betas
    m = state["exp_avg"]
    direction = np.sign(beta1 * m + (1 - beta1) * g)
    return lr * direction, {"exp_avg": beta2 * m + (1 - beta2) * g}


def mask_scale(mask, mask_norm, mask_eps):
    """What keeps the size of a step of which only the masked part remains. Liang et al.
    (2411.16085): "count" is algorithm 1 of the first version, "clamped_mean" the authors' code,
    "mean_eps" the later paper."""
    size = mask.size
    agreeing = mask.astype(np.float64).sum()
    if mask_norm == "count":
        return size / (agreeing + 1)
    if mask_norm == "clamped_mean":
        return 1 / np.maximum(agreeing / size, 1e-3)
    assert mask_norm == "mean_eps"
    return 1 / (agreeing / size + mask_eps)


def c_adamw(
    p, g, state, *, step, lr, betas=(0.9, 0.999), eps=1e-6, mask_norm="count", mask_eps=1e-8
):
    """2411.16085: AdamW's update where it has the sign of the gradient, which is that of m g."""
    m, v = moments(g, state, betas)
    mask = m * g > 0
    scale = mask_scale(mask, mask_norm, mask_eps)
    update = lr / (1 - betas[0] ** step) * (m / denominator(v, betas[1], step, eps))
    return scale * (mask * update), {"exp_avg": m, "exp_avg_sq": v}


def c_lion(p, g, state, *, step=None, lr, betas=(0.95, 0.98), mask_norm="count", mask_eps=1e-8):
    """2411.16085: Lion's update where it has the sign of the gradient."""
    update, state = lion(p, g, state, lr=1.0, betas=betas)
    mask = update * g > 0
    return lr * (mask_scale(mask, mask_norm, mask_eps) * (mask * update)), state


def rprop(p, g, state, *, step, lr, etas=(0.5, 1.2), step_sizes=(1e-6, 50.0)):
    """Riedmiller and Braun (1993) as in torch: where the sign of the gradient has changed, the
    element stays and its gradient counts as 0; lr is the size of the first step."""
    size = state["step_size"]
    agreement = np.sign(state["prev"]) * np.sign(g)
    if step == 1:
        size, agreement = size * 0 + lr, agreement * 0
    grows, shrinks = np.greater(agreement, 0), np.greater(0, agreement)
    factor = 1 + grows * (etas[1] - 1) + shrinks * (etas[0] - 1)
    size = np.minimum(np.maximum(size * factor, step_sizes[0]), step_sizes[1])
    g = g * (1 - shrinks)
    return np.sign(g) * size, {"prev": g, "step_size": size}


def signum(p, g, state, *, step=None, lr, momentum=0.9):
    """Bernstein et al. (1802.04434), algorithm 2: the sign of the averaged gradient, of which
    nothing is kept without momentum."""
    if momentum == 0:
        return lr * np.sign(g), {}
    m = momentum * state["momentum_buffer"] + (1 - momentum) * g
    return lr * np.sign(m), {"momentum_buffer": m}
