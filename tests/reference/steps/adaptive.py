"""Steps divided, element by element, by a running size of the gradient."""

import numpy as np

from .stages import square_sum


def moments(g, state, betas):
    """Exponential averages of g and g^2: Kingma and Ba (1412.6980), algorithm 1."""
    beta1, beta2 = betas
    m = beta1 * state["exp_avg"] + (1 - beta1) * g
    v = beta2 * state["exp_avg_sq"] + (1 - beta2) * (g * g)
    return m, v


def denominator(v, beta2, step, eps):
    """sqrt(v / (1 - beta2^t)) + eps, with the root taken first as torch does."""
    return np.sqrt(v) / np.sqrt(1 - beta2**step) + eps


def adam(p, g, state, *, step, lr, betas=(0.9, 0.999), eps=1e-8):
    """1412.6980: p - lr mhat / (sqrt(vhat) + eps). AdamW (1711.05101) differs in its decay only."""
    m, v = moments(g, state, betas)
    update = lr / (1 - betas[0] ** step) * (m / denominator(v, betas[1], step, eps))
    return update, {"exp_avg": m, "exp_avg_sq": v}


def amsgrad(p, g, state, *, step, lr, betas=(0.9, 0.999), eps=1e-8):
    """Reddi et al. (1904.09237): the largest v so far in place of v; corrected afterwards, as in
    torch."""
    m, v = moments(g, state, betas)
    largest = np.maximum(state["max_exp_avg_sq"], v)
    update = lr / (1 - betas[0] ** step) * (m / denominator(largest, betas[1], step, eps))
    return update, {"exp_avg": m, "exp_avg_sq": v, "max_exp_avg_sq": largest}


def adamax(p, g, state, *, step, lr, betas=(0.9, 0.999), eps=1e-8):
    """1412.6980, algorithm 2: u = max(beta2 u, |g|), torch adding eps to |g|; p - lr mhat / u."""
    beta1, beta2 = betas
    m = beta1 * state["exp_avg"] + (1 - beta1) * g
    u = np.maximum(beta2 * state["exp_inf"], abs(g) + eps)
    return lr / (1 - beta1**step) * (m / u), {"exp_avg": m, "exp_inf": u}


def adagrad(p, g, state, *, step, lr, lr_decay=0.0, eps=1e-10):
    """Duchi et al. (JMLR 2011) with torch's decay of lr: p - lr / (1 + (t-1) lr_decay) g / (sqrt(s)
    + eps)."""
    total = state["sum"] + g * g
    update = lr / (1 + (step - 1) * lr_decay) * (g / (np.sqrt(total) + eps))
    return update, {"sum": total}


def lamb(
    p,
    g,
    state,
    *,
    step,
    lr,
    weight_decay,
    betas=(0.9, 0.999),
    eps=1e-6,
    bias_correction=True,
    max_param_norm=float("inf"),
):
    """You et al. (1904.00962), algorithm 2: r = mhat / (sqrt(vhat) + eps) + weight_decay p, and
    p - lr phi(||p||) / ||r|| r with phi(x) = min(x, max_param_norm); the ratio is 1 if a norm is
    0."""
    m, v = moments(g, state, betas)
    m_hat, v_hat = m, v
    if bias_correction:
        m_hat, v_hat = m / (1 - betas[0] ** step), v / (1 - betas[1] ** step)
    r = m_hat / (np.sqrt(v_hat) + eps) + weight_decay * p
    p_norm, r_norm = np.sqrt(square_sum(p)), np.sqrt(square_sum(r))
    trust = 1.0
    if p_norm > 0 and r_norm > 0:
        trust = np.minimum(p_norm, max_param_norm) / r_norm
    return lr * trust * r, {"exp_avg": m, "exp_avg_sq": v}
