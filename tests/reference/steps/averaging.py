"""Averages of iterates and of gradients: Schedule-Free steps, interpolation, GrokFast."""

import numpy as np


def interpolate(p, g, state, *, step=None, lr, weight_decay, outward=False):
    """Towards g, or away from it; at lr 1 it is g."""
    if lr == 1 and not outward:
        return g, {}
    return p + (-lr if outward else lr) * (g - p), {}


def averaged(y, d, z, *, step, rate, beta, share, weight_decay, cautious):
    """Defazio et al. (2405.15682), equations 1 to 3, without x: from x = (y - (1 - beta) z) / beta,
    z' = z - rate d, x' = (1 - c) x + c z' and y' = (1 - beta) z' + beta x'. Decay is at y,
    and cautious (2510.12402) only where the step does not move y outwards."""
    c = 1 / step if share is None else share
    if step == 1:
        z = y
    decay = weight_decay
    if cautious:
        decay = decay * (1 - ((-np.sign(d) * np.sign(y)) > 0))
    d = d if weight_decay == 0 else d + decay * y
    return y + c * (z - y) - rate * (1 - beta * (1 - c)) * d, z - rate * d


def warmed(lr, step, warmup_steps):
    return lr * (step / warmup_steps) if step < warmup_steps else lr


def schedule_free_sgd(
    p,
    g,
    state,
    *,
    step,
    lr,
    weight_decay,
    momentum=0.9,
    warmup_steps=0.0,
    share=None,
    cautious_weight_decay=False,
):
    """With the plain gradient; writes y."""
    rate = warmed(lr, step, warmup_steps)
    y, z = averaged(
        p,
        g,
        state["z"],
        step=step,
        rate=rate,
        beta=momentum,
        share=share,
        weight_decay=weight_decay,
        cautious=cautious_weight_decay,
    )
    return y, {"z": z}


def schedule_free_adamw(
    p,
    g,
    state,
    *,
    step,
    lr,
    weight_decay,
    betas=(0.9, 0.999),
    eps=1e-8,
    warmup_steps=0.0,
    share=None,
    cautious_weight_decay=False,
):
    """Algorithm 1: the bias correction of v is in the rate; writes y."""
    v = betas[1] * state["exp_avg_sq"] + (1 - betas[1]) * (g * g)
    rate = warmed(lr, step, warmup_steps) * np.sqrt(1 - betas[1] ** step)
    y, z = averaged(
        p,
        g / (np.sqrt(v) + eps),
        state["z"],
        step=step,
        rate=rate,
        beta=betas[0],
        share=share,
        weight_decay=weight_decay,
        cautious=cautious_weight_decay,
    )
    return y, {"z": z, "exp_avg_sq": v}


def grokfast_ema(p, g, state, *, step, lr, weight_decay, alpha=0.98, lamb=2.0):
    """Lee et al. (2405.20233): g + lamb m; as in the authors' code m begins with g."""
    m = g if step == 1 else alpha * state["exp_avg"] + (1 - alpha) * g
    return lr * (g + lamb * m), {"exp_avg": m}


def grokfast_ma(
    p,
    g,
    state,
    *,
    step,
    lr,
    weight_decay,
    lamb=5.0,
    window=100.0,
    warmup=True,
    reduction="mean",
):
    """The same with the mean, or the sum, of the last gradients, which `suffix` and `prefix`
    hold."""
    prefix = g if (step - 1) % window == 0 else state["prefix"] + g
    everything = prefix + state["suffix"]
    count = min(step, window)
    scale = lamb / count if reduction == "mean" else lamb
    filtered = g if warmup and count < window else g + scale * everything
    return lr * filtered, {"prefix": prefix, "suffix": state["suffix"], "newest": g}
