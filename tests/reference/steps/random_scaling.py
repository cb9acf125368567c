"""Steps scaled by one random number for all tensors: Zhang and Cutkosky (2405.09742)."""

import numpy as np

from ..storage import philox4x32
from .adaptive import adam

PURPOSE = 0x180


def uniform(seed, step):
    """53 bits of one block of the generator at (0, high word of the step, low word, purpose 2^16),
    and half a unit's worth above: (k + 1) 2^-53, k < 2^53."""
    counter = [0, step >> 32, step & 0xFFFFFFFF, PURPOSE << 16]
    low, high = (int(w) for w in philox4x32(counter, [seed & 0xFFFFFFFF, seed >> 32])[:2])
    return (((high << 32 | low) >> 11) + 1) * 2.0**-53


def scale(seed, step, scaling):
    """Of mean 1: by the inverse of the distribution function of Exp(1), or twice the uniform."""
    if scaling == "none":
        return 1.0
    u = uniform(seed, step)
    return -np.log(u) if scaling == "exponential" else 2 * u


def random_sgdm(p, g, state, *, step, lr, seed=0, beta=0.99, mu=0.0, scaling="exponential"):
    """Online mirror descent with the regulariser mu: d = beta / (1 + lr mu) (d - lr g), and the
    parameter moves by s d."""
    d = beta / (1 + lr * mu) * (state["delta"] - lr * g)
    return -scale(seed, step, scaling) * d, {"delta": d}


def random_adamw(
    p,
    g,
    state,
    *,
    step,
    lr,
    weight_decay,
    seed=0,
    betas=(0.9, 0.999),
    eps=1e-8,
    scaling="exponential",
):
    """The paper's AdamW: s times the update and its decay; returns the new parameter."""
    rate = lr * scale(seed, step, scaling)
    update, state = adam(p, g, state, step=step, lr=rate, betas=betas, eps=eps)
    return p * (1 - rate * weight_decay) - update, state
