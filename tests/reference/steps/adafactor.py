"""Adafactor: Shazeer and Stern (1804.04235) in the form of torch.optim.Adafactor."""

import numpy as np

from .stages import square_sum


def rms(x):
    return np.sqrt(square_sum(x) / x.size)


def second_moment(g, state, weight, eps1):
    """Estimate of E[g^2], of rank one for matrices (the last two dimensions), and the new states.

    Section 3: R <- R + weight (row means of g^2 - R), C likewise by columns, V = R C / mean(R).
    """
    if g.ndim < 2:
        variance = state["variance"]
        variance = (1 - weight) * variance + weight * (g * g)
        return variance, {**state, "variance": variance}
    squares = g.astype(np.float64)
    squares = squares * squares
    row = (1 - weight) * state["row_var"] + weight * squares.mean(axis=-1, keepdims=True)
    col = (1 - weight) * state["col_var"] + weight * squares.mean(axis=-2, keepdims=True)
    mean_row = row.astype(np.float64).mean(axis=-2, keepdims=True)
    return row / np.maximum(mean_row, eps1) * col, {**state, "row_var": row, "col_var": col}


def adafactor(p, g, state, *, step, lr, beta2_decay=-0.8, eps=(None, 1e-3), d=1.0, param_eps):
    """Algorithms 4 and 5, with relative steps; p - alpha U / max(1, RMS(U) / d).

    `param_eps` is the machine epsilon of the parameter's storage, used where eps[0] is None. RMS(p)
    is taken before a decoupled decay.
    """
    eps1 = param_eps if eps[0] is None else eps[0]
    alpha = np.maximum(eps[1], rms(p)) * min(lr, 1 / np.sqrt(step))
    v, state = second_moment(g, state, step**beta2_decay, eps1)
    update = g / np.sqrt(np.maximum(v, eps1 * eps1))
    return alpha / np.maximum(1.0, rms(update) / d) * update, state
