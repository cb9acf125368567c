"""Distributed Lion: Liu et al., arXiv 2404.00438, algorithm 1."""

import numpy as np


def worker(m, g, beta1, beta2):
    """(direction, new momentum) of one worker."""
    return np.sign(beta1 * m + (1 - beta1) * g), beta2 * m + (1 - beta2) * g


def server(directions, reduction):
    """What the server sends back: the mean, or the sign of the sum."""
    total = np.sum(directions, axis=0)
    return total / len(directions) if reduction == "mean" else np.sign(total)


def step(p, momenta, grads, *, lr, weight_decay, betas, reduction):
    """(new parameters, new momenta) of all workers, whose parameters are the same."""
    pairs = [worker(m, g, *betas) for m, g in zip(momenta, grads, strict=True)]
    delta = server([direction for direction, _ in pairs], reduction)
    return p - lr * (delta + weight_decay * p), [m for _, m in pairs]


def planes(signs):
    """The bits of one array of signs in memory order: whole bytes, the lowest bit first."""
    return np.packbits(np.asarray(signs).reshape(-1), bitorder="little")
