"""Relatives of Adam with further averages, earlier gradients or a momentum of normalised ones."""

import numpy as np

from .adaptive import denominator, moments
from .stages import square_sum


def adan(
    p,
    g,
    state,
    *,
    step,
    lr,
    weight_decay,
    betas=(0.98, 0.92, 0.99),
    eps=1e-8,
    no_prox=False,
):
    """Xie et al. (2208.06677), algorithm 1, beta being what an average keeps, with the authors'
    bias corrections; returns the new parameter. The first change of the gradient is 0."""
    beta1, beta2, beta3 = betas
    change = g * 0 if step == 1 else g - state["last_grad"]
    ahead = g + beta2 * change
    m = beta1 * state["exp_avg"] + (1 - beta1) * g
    d = beta2 * state["exp_avg_diff"] + (1 - beta2) * change
    n = beta3 * state["exp_avg_sq"] + (1 - beta3) * (ahead * ahead)
    direction = m / (1 - beta1**step) + beta2 * (d / (1 - beta2**step))
    update = lr * (direction / denominator(n, beta3, step, eps))
    decay = lr * weight_decay
    p = p * (1 - decay) - update if no_prox else (p - update) / (1 + decay)
    return p, {"exp_avg": m, "exp_avg_diff": d, "exp_avg_sq": n, "last_grad": g}


def slow_beta(beta1, beta3, done):
    """beta3 after the share `done` of its warm-up: the paper's exp(ln b1 ln b3 / ((1 - s) ln b3 + s
    ln b1)), which is b1 at first, or 0 where that is 0."""
    if done == 1:
        return beta3
    if not beta1 > 0:
        return np.exp(np.log(beta3) / done)
    top = np.log(beta1) * np.log(beta3)
    return np.exp(top / ((1 - done) * np.log(beta3) + done * np.log(beta1)))


def ademamix(
    p,
    g,
    state,
    *,
    step,
    lr,
    betas=(0.9, 0.999, 0.9999),
    eps=1e-8,
    alpha=5.0,
    alpha_warmup=0.0,
    beta3_warmup=0.0,
):
    """Pagliardini et al. (2409.03137), algorithm 1: the slow average is not corrected. The decay
    is the driver's."""
    beta1, beta2, beta3 = betas
    beta3 = slow_beta(beta1, beta3, step / beta3_warmup if step < beta3_warmup else 1)
    alpha = alpha * step / alpha_warmup if step < alpha_warmup else alpha
    fast, v = moments(g, state, (beta1, beta2))
    slow = beta3 * state["exp_avg_slow"] + (1 - beta3) * g
    direction = fast / (1 - beta1**step) + alpha * slow
    update = lr * (direction / denominator(v, beta2, step, eps))
    return update, {"exp_avg": fast, "exp_avg_slow": slow, "exp_avg_sq": v}


def adopt(p, g, state, *, step, lr, betas=(0.9, 0.9999), eps=1e-6, clip=True):
    """Taniguchi et al. (2411.02853), algorithm 2, whose step t is the one before ours: the first
    gradient only starts v."""
    m, v = state["exp_avg"], state["exp_avg_sq"]
    if step == 1:
        return g * 0, {"exp_avg": m, "exp_avg_sq": g * g}
    u = g / np.maximum(np.sqrt(v), eps)
    if clip:
        bound = (step - 1) ** 0.25
        u = np.maximum(np.minimum(u, bound), -bound)
    m = betas[0] * m + (1 - betas[0]) * u
    return lr * m, {"exp_avg": m, "exp_avg_sq": betas[1] * v + (1 - betas[1]) * (g * g)}


def mars(
    p,
    g,
    state,
    *,
    step,
    lr,
    betas=(0.95, 0.99),
    eps=1e-8,
    gamma=0.025,
    approximate=True,
):
    """Yuan et al. (2411.10438), algorithm 2 on AdamW: the corrected gradient, whose norm is at most
    1, in place of g. In the approximate form the last gradient stands for that of this batch at the
    last parameters, and at the first step nothing has changed."""
    c = g
    if step > 1 or not approximate:
        c = g + gamma * (betas[0] / (1 - betas[0])) * (g - state["last_grad"])
    c = c * (1 / np.maximum(np.sqrt(square_sum(c)), 1.0))
    m, v = moments(c, state, betas)
    update = lr / (1 - betas[0] ** step) * (m / denominator(v, betas[1], step, eps))
    last = g if approximate else state["last_grad"]
    return update, {"exp_avg": m, "exp_avg_sq": v, "last_grad": last}
