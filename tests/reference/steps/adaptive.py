"""Steps divided, element by element, by a running size of the gradient."""

import numpy as np

from ..rounding import Tracked
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


def exadam(p, g, state, *, step, lr, betas=(0.9, 0.999), eps=1e-8, step_size="constant"):
    """Adly (2412.20302), algorithm 1. x / (x + eps) is written as 1 - eps / (x + eps), whose limit
    for x too large for the precision is 1 too. The growing step size is that of version 1."""
    m, v = moments(g, state, betas)
    d1 = 1 + (1 - eps / (v + eps)) * betas[1] ** step
    d2 = 1 + (1 - eps / (m * m + eps)) * betas[0] ** step
    ahead = (m + g) * d1
    size = lr * np.log(np.sqrt(2) * np.sqrt(step + 1)) if step_size == "growing" else lr
    divisor = denominator(v * d2, betas[1], step, eps)
    return size / (1 - betas[0] ** step) * (ahead / divisor), {"exp_avg": m, "exp_avg_sq": v}


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


def adagrad_norm(p, g, state, *, step=None, lr, list_square, eps=1e-10, scope="tensor"):
    """Ward, Wu & Bottou (1806.01811): b^2 += ||g||^2, p - lr g / (b + eps), with the norm of the
    tensor or of the whole list. The step is one number for the tensor, made in double."""
    square = list_square if scope == "list" else square_sum(g)
    total = state["square_sum"] + square
    rate = lr / (np.sqrt(total.astype(np.float64)) + eps)
    return rate * g, {"square_sum": total}


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


def momentum_product(beta1, momentum_decay, step):
    """mu_1 ... mu_step of NAdam, or less of them where those are nothing beside 1."""
    product = 1.0
    for i in range(1, step + 1):
        product = product * (beta1 * (1 - 0.5 * 0.96 ** (i * momentum_decay)))
        if getattr(product, "value", product) < 2.0**-100:
            break
    return product


def nadam(p, g, state, *, step, lr, betas=(0.9, 0.999), eps=1e-8, momentum_decay=4e-3):
    """Dozat (ICLR workshop 2016), algorithm 2, with torch's schedule of the momentum: the part of
    g and the part of m, each with its bias correction."""
    m, v = moments(g, state, betas)
    now, following = (betas[0] * (1 - 0.5 * 0.96 ** (t * momentum_decay)) for t in (step, step + 1))
    product = momentum_product(betas[0], momentum_decay, step)
    divisor = denominator(v, betas[1], step, eps)
    of_g = lr * (1 - now) / (1 - product) * (g / divisor)
    of_m = lr * following / (1 - product * following) * (m / divisor)
    return of_g + of_m, {"exp_avg": m, "exp_avg_sq": v}


def average_length(beta2, step):
    """rho_t = rho - 2 t beta2^t / (1 - beta2^t), which is 2 sum (i + 1) beta2^i / sum beta2^i - 1
    over i < t: without the cancellation. A power by squaring goes through as many roundings as
    its exponent says, and what is made of the powers through no more than 20 besides."""
    i = np.arange(min(step, 100_000))
    weights = beta2**i
    length = 2 * ((i + 1) * weights).sum() / weights.sum() - 1
    return Tracked(length, (min(step, 100) + 20) * 2.0**-53 * length)


def radam(p, g, state, *, step, lr, betas=(0.9, 0.999), eps=1e-8):
    """Liu et al. (1908.03265), algorithm 2, rectified where the length of the average is above 5,
    as in torch."""
    m, v = moments(g, state, betas)
    update = lr / (1 - betas[0] ** step) * m
    longest = 2 / (1 - betas[1]) - 1
    length = average_length(float(betas[1]), step)
    if length > 5:
        rectification = np.sqrt(
            (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        )
        update = update * rectification * (np.sqrt(1 - betas[1] ** step) / (np.sqrt(v) + eps))
    return update, {"exp_avg": m, "exp_avg_sq": v}


def rmsprop(p, g, state, *, step=None, lr, alpha=0.99, eps=1e-8, momentum=0.0, centered=False):
    """Hinton's lecture 6 (2012) as in torch: eps outside of the root; centered as in Graves
    (1308.0850). States that are not there are not returned."""
    new = {"square_avg": alpha * state["square_avg"] + (1 - alpha) * (g * g)}
    variance = new["square_avg"]
    if centered:
        new["grad_avg"] = alpha * state["grad_avg"] + (1 - alpha) * g
        variance = np.maximum(variance - new["grad_avg"] * new["grad_avg"], 0.0)
    update = g / (np.sqrt(variance) + eps)
    if momentum:
        update = new["momentum_buffer"] = momentum * state["momentum_buffer"] + update
    return lr * update, new


def adadelta(p, g, state, *, step=None, lr, rho=0.9, eps=1e-6):
    """Zeiler (1212.5701), algorithm 1: RMS[delta] / RMS[g] g with eps under both roots."""
    square = rho * state["square_avg"] + (1 - rho) * (g * g)
    delta = np.sqrt(state["acc_delta"] + eps) / np.sqrt(square + eps) * g
    acc = rho * state["acc_delta"] + (1 - rho) * (delta * delta)
    return lr * delta, {"square_avg": square, "acc_delta": acc}


def sm3(p, g, state, *, step, lr, momentum=0.0, eps=1e-10):
    """Anil et al. (1901.11150), algorithm SM3-II: the cover of a matrix, the last two axes, are its
    rows and columns; of a vector its elements and the whole. With a guard in the denominator, and a
    moving average of the updates."""
    flat = g.ndim < 2
    v = np.minimum(state["row_max"], state["col_max"]) + g * g
    update = g / (np.sqrt(v) + eps)
    new = {
        "row_max": v if flat else largest(v, -1),
        "col_max": largest(v, None) if flat else largest(v, -2),
    }
    buf = momentum * state["momentum_buffer"] + (1 - momentum) * update
    return lr * buf, {"momentum_buffer": buf, **new}


def largest(x, axis):
    """The largest along an axis, or of all, the dimensions kept."""
    if axis is None:
        return x.max(axis=tuple(range(x.ndim)), keepdims=True)
    return x.max(axis=axis, keepdims=True)
