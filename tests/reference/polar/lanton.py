"""One step of LANTON (Hao et al., 2510.14009) on the layers of one group, in float64."""

import numpy as np


def lanton(
    params,
    grads,
    others,
    states,
    *,
    lr=1e-3,
    betas=(0.95, 0.9),
    alpha=1.0,
    form="damped",
    eps=1e-8,
    weight_decay=0.0,
    oracle,
):
    """(new params, new states, ratios). `others` are what gradients are compared with, None for a
    layer that has nothing yet; states are dicts of B and H."""
    new, kept, factors = [], [], []
    for g, other, state in zip(grads, others, states, strict=True):
        b = betas[0] * state["B"] + (1 - betas[0]) * g
        h = state["H"]
        if other is not None:
            d = g - other
            h = betas[1] * h + (1 - betas[1]) * np.sum(d * oracle(d)) ** 2
        kept.append({"B": b, "H": h})
        factors.append(alpha / np.sqrt((alpha**2 if form == "damped" else eps) + h))
    ratios = [np.sqrt(a / max(factors)) for a in factors]
    for p, state, ratio in zip(params, kept, ratios, strict=True):
        new.append(p * (1 - lr * weight_decay) - lr * ratio * oracle(state["B"]))
    return new, kept, ratios
