"""AdamP and SGDP: Heo et al. (2006.08217), algorithms 2 and 1, section 3.1 for the projection."""

import numpy as np

from .adaptive import denominator, moments


def _sum(x, axes):
    return x.sum(axis=axes, keepdims=True)


def _view(u, p, g, axes, length, delta, eps):
    """(1 where the cosine of gradient and weights is below delta / sqrt(length), what is taken off
    the step along the weights), for each piece of the view that sums over these axes."""
    u, p, g = (x.astype(np.float64) for x in (u, p, g))
    of_p, of_g = np.sqrt(_sum(p * p, axes)), np.sqrt(_sum(g * g, axes))
    cosine = abs(_sum(g * p, axes)) / np.maximum(of_g, eps) / np.maximum(of_p, eps)
    along = _sum(u * p, axes) / (of_p + eps) / (of_p + eps)
    return np.greater(delta / np.sqrt(length), cosine), along


def project(u, p, g, delta, eps):
    """(projected step, 1 if it is projected and 0 if not): by the rows of the first axis if all of
    them are nearly orthogonal, else as a whole if the tensor is."""
    if p.ndim < 2:
        return u, 0.0
    rows, all_axes = tuple(range(1, p.ndim)), tuple(range(p.ndim))
    below, along_rows = _view(u, p, g, rows, p.size // p.shape[0], delta, eps)
    by_rows = np.greater(0.5, (1 - below).sum())
    below, along = _view(u, p, g, all_axes, p.size, delta, eps)
    by_tensor = (1 - by_rows) * below
    return u - (by_rows * along_rows + by_tensor * along) * p, by_rows + by_tensor.sum()


def decayed(p, lr, weight_decay, wd_ratio, projected):
    """The weights with the share wd_ratio of their decay where the step is projected."""
    return p * (1 - lr * (weight_decay * (1 - projected * (1 - wd_ratio))))


def adamp(
    p,
    g,
    state,
    *,
    step,
    lr,
    weight_decay,
    betas=(0.9, 0.999),
    eps=1e-8,
    delta=0.1,
    wd_ratio=0.1,
    nesterov=False,
):
    """Algorithm 2 with the authors' bias corrections and Nesterov form; returns the new weights."""
    m, v = moments(g, state, betas)
    ahead = (1 - betas[0]) * g + betas[0] * m if nesterov else m
    u, projected = project(ahead / denominator(v, betas[1], step, eps), p, g, delta, eps)
    p = decayed(p, lr, weight_decay, wd_ratio, projected) - lr / (1 - betas[0] ** step) * u
    return p, {"exp_avg": m, "exp_avg_sq": v}


def sgdp(
    p,
    g,
    state,
    *,
    step=None,
    lr,
    weight_decay,
    momentum=0.0,
    dampening=0.0,
    nesterov=False,
    eps=1e-8,
    delta=0.1,
    wd_ratio=0.1,
):
    """Algorithm 1 with the authors' dampening and Nesterov form; returns the new weights. The decay
    is that of the gradient's form in the long run: 1 / (1 - momentum) times as much."""
    buffer = momentum * state["momentum_buffer"] + (1 - dampening) * g
    u = g + momentum * buffer if nesterov else buffer
    u, projected = project(u, p, g, delta, eps)
    p = decayed(p, lr, weight_decay / (1 - momentum), wd_ratio, projected) - lr * u
    return p, {"momentum_buffer": buffer}
