"""The stages of steps along a direction: momentum, normalisation, descent."""

import numpy as np

from .stages import decoupled_decay, square_sum


def momentum(
    p, g, state, *, step=None, lr, weight_decay, momentum=0.95, nesterov=True, averaged=True
):
    """Muon's first stage in torch's form; `averaged` weighs g by 1 - momentum. Writes lr d."""
    new = (1 - momentum) * g if averaged else g
    buffer = momentum * state["momentum_buffer"] + new
    direction = new + momentum * buffer if nesterov else buffer
    return lr * direction, {"momentum_buffer": buffer}


def adamuon(p, g, state, *, step=None, lr, weight_decay, beta2=0.95, eps=1e-8):
    """Si et al. (2507.11005): g over the root of its second moment, at the norm of g."""
    v = beta2 * state["second_moment"] + (1 - beta2) * (g * g)
    u = g / (np.sqrt(v) + eps)
    size = np.maximum(np.sqrt(square_sum(u)), np.finfo(np.float64).tiny)
    return lr * np.sqrt(square_sum(g)) * (u / size), {"second_moment": v}


def moved(p, d, lr, weight_decay, cautious):
    """p (1 - lr weight_decay) - lr d, the decay only where d p >= 0 if cautious."""
    return decoupled_decay(p, lr, weight_decay, d if cautious else None) - lr * d


def descend(p, g, state, *, step=None, lr, weight_decay, cautious_weight_decay=False):
    """The last stage: a step along -g."""
    return moved(p, g, lr, weight_decay, cautious_weight_decay), {}


def extrapolate(
    p, g, state, *, step=None, lr, weight_decay, cautious_weight_decay=False, momentum=0.9
):
    """Kovalev (2503.12645): the step of x, and x ahead of it by momentum / (1 - momentum) steps."""
    x = state["point"]
    new = moved(x, g, lr, weight_decay, cautious_weight_decay)
    return new + momentum / (1 - momentum) * (new - x), {"point": new}
