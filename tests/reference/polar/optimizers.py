"""One step of Muon, Moonlight's Muon and Scion on one parameter."""

import numpy as np

from .factors import polar_factor
from .oracles import spectral


def lr_ratio(shape, adjust_lr=None):
    """torch.optim.Muon's adjustments of lr; "match_rms_adamw" is Moonlight's (2502.16982)."""
    rows, columns = shape
    if adjust_lr in (None, "original"):
        return np.sqrt(max(1.0, rows / columns))
    assert adjust_lr == "match_rms_adamw"
    return 0.2 * np.sqrt(max(rows, columns))


def as_matrix(g):
    """Convolution kernels (out, in, k...) as (out, in k...)."""
    return g.reshape(len(g), -1)


def muon(
    p,
    g,
    state,
    *,
    lr=1e-3,
    weight_decay=0.1,
    momentum=0.95,
    nesterov=True,
    adjust_lr=None,
    orthogonalizer=polar_factor,
):
    """(new p, new state) as torch.optim.Muon: an averaged momentum, decoupled decay by lr itself,
    the step by the adjusted lr."""
    buffer = momentum * state["momentum_buffer"] + (1 - momentum) * g
    update = (1 - momentum) * g + momentum * buffer if nesterov else buffer
    matrix = as_matrix(update)
    step = lr * lr_ratio(matrix.shape, adjust_lr) * orthogonalizer(matrix)
    return p * (1 - lr * weight_decay) - step.reshape(p.shape), {"momentum_buffer": buffer}


def moonlight(
    p,
    g,
    state,
    *,
    lr=1e-3,
    weight_decay=0.1,
    momentum=0.95,
    nesterov=True,
    orthogonalizer=polar_factor,
):
    """(new p, new state) as Moonlight's: a summed momentum, which the orthogonalisation does not
    tell from an averaged one, and 0.2 sqrt(max(rows, columns))."""
    buffer = momentum * state["momentum_buffer"] + g
    matrix = as_matrix(g + momentum * buffer if nesterov else buffer)
    step = lr * lr_ratio(matrix.shape, "match_rms_adamw") * orthogonalizer(matrix)
    return p * (1 - lr * weight_decay) - step.reshape(p.shape), {"momentum_buffer": buffer}


def scion(p, g, state, *, lr=1e-3, momentum=1.0, scale=1.0, oracle=spectral, unconstrained=False):
    """(new p, new state): momentum is 1 minus the usual factor. Constrained, p stays in the ball of
    radius `scale`: a Frank-Wolfe step."""
    buffer = (1 - momentum) * state["momentum_buffer"] + momentum * g
    kept = p if unconstrained else (1 - lr) * p
    return kept - lr * scale * oracle(buffer), {"momentum_buffer": buffer}
