"""GaLore, Fira and GradNormLoRP in plain NumPy float64, with the projector given.

Every function takes and returns the whole state of one matrix as a dict; nothing is updated in
place. `left` says whether the projection is P^T G (P of as many rows as G) or G P.
"""

import numpy as np


def is_left(shape):
    return shape[0] < shape[1]


def projected(p, g):
    return p.T @ g if is_left(g.shape) else g @ p


def back(p, r, shape):
    return p @ r if is_left(shape) else r @ p.T


def adam(g, m, v, betas, eps):
    """(quotient, m, v), without bias corrections."""
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g * g
    return m / (np.sqrt(v) + eps), m, v


def correction(betas, t):
    return np.sqrt(1 - betas[1] ** t) / (1 - betas[0] ** t)


def galore(w, g, projector, state, *, t, lr, alpha, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0):
    """arXiv 2403.03507; eps and the order of step and decay of the authors' code."""
    r = projected(projector, g)
    psi, m, v = adam(r, state["exp_avg"], state["exp_avg_sq"], betas, eps)
    w = w - lr * correction(betas, t) * alpha * back(projector, psi, g.shape)
    return w * (1 - lr * weight_decay), {"exp_avg": m, "exp_avg_sq": v}


def fira(
    w,
    g,
    projector,
    state,
    *,
    t,
    lr,
    alpha=1.0,
    limiter=1.01,
    betas=(0.9, 0.999),
    eps=1e-6,
    weight_decay=0.0,
):
    """arXiv 2410.01623 in the form of FiraAdamW; the norm of S before is None at first, and after
    an S of zero."""
    r = projected(projector, g)
    psi, m, v = adam(r, state["exp_avg"], state["exp_avg_sq"], betas, eps)
    axis = 0 if is_left(g.shape) else 1
    phi = np.linalg.norm(psi, axis=axis, keepdims=True)
    phi = phi / (np.linalg.norm(r, axis=axis, keepdims=True) + 1e-8)
    s = phi * (g - alpha * back(projector, r, g.shape))
    before = state["residual_norm"]
    if before and limiter is not None:
        s = s / (max(np.linalg.norm(s) / (before + 1e-8), limiter) / limiter)
    w = w - lr * correction(betas, t) * (alpha * back(projector, psi, g.shape) + s)
    new = {"exp_avg": m, "exp_avg_sq": v, "residual_norm": np.linalg.norm(s)}
    return w * (1 - lr * weight_decay), new


def direction_gradient(g, state, form):
    """What GradNormLoRP projects."""
    v, delta = state["direction"], state["magnitude"]
    length = np.linalg.norm(v, axis=1, keepdims=True)
    if form == "code":
        return g
    radial = (g * v).sum(axis=1, keepdims=True) / length**2
    return delta / length * (g - radial * v)


def gradnorm_lorp(
    g,
    projector,
    state,
    *,
    t,
    lr,
    form="paper",
    alpha=1.0,
    betas=(0.9, 0.999),
    eps=1e-6,
    weight_decay=0.0,
):
    """arXiv 2412.19616: (w, state). "code": the gradient of v is that of w, and the magnitude is
    the length of v at the start of the step."""
    v, delta = state["direction"], state["magnitude"]
    length = np.linalg.norm(v, axis=1, keepdims=True)
    if form == "code":
        delta = length
    r = projected(projector, direction_gradient(g, state, form))
    psi, m, second = adam(r, state["exp_avg"], state["exp_avg_sq"], betas, eps)
    along = (g * v).sum(axis=1, keepdims=True) / length
    moments = state["magnitude_exp_avg"], state["magnitude_exp_avg_sq"]
    quotient, first_m, second_m = adam(along, *moments, betas, eps)
    rate, keep = lr * correction(betas, t), 1 - lr * weight_decay
    v = (v - rate * alpha * back(projector, psi, g.shape)) * keep
    delta = (delta - rate * quotient) * keep
    new = {
        "exp_avg": m,
        "exp_avg_sq": second,
        "magnitude_exp_avg": first_m,
        "magnitude_exp_avg_sq": second_m,
        "direction": v,
        "magnitude": delta,
    }
    return delta * v / np.linalg.norm(v, axis=1, keepdims=True), new
