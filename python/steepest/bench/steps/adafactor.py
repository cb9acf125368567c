"""The float64 formula of Adafactor for a matrix (Shazeer & Stern, arXiv 1804.04235)."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..bounded import UNIT, Bounded, exact
from .buffers import Array, Buffers
from .rules import GRADS, PARAMS, RULES

_ROWS = 64  # rows at a time


def expected(buffers: Buffers, step: int, tensor: int) -> list[tuple[Array, Bounded]]:
    """What both vectors of averages and the outer rows of a parameter hold after a step.

    Each comes with the array that will hold it.
    """
    p, g = buffers.tensors[PARAMS][tensor], buffers.tensors[GRADS][tensor]
    states = [buffers.tensors[name][tensor].reshape(-1) for name in ("row_var", "col_var")]
    row, col = _averages(g, states[0], states[1], step)
    factor = row / _mean(row).maximum(2.0**-23)
    rate = _rate(p, g, factor, col, step)
    pairs: list[tuple[Array, Bounded]] = [(states[0], row), (states[1], col)]
    for part in (slice(0, 2), slice(p.shape[0] - 2, p.shape[0])):
        update = _update(g[part], factor, col, part)
        pairs.append((p[part], exact(p[part]) - rate * update))
    return pairs


def _averages(g: Array, row: Array, col: Array, step: int) -> tuple[Bounded, Bounded]:
    """Moving averages of the squares along rows and along columns."""
    of_rows, of_cols = np.empty(g.shape[0]), np.zeros(g.shape[1])
    for first in range(0, g.shape[0], _ROWS):
        squares = g[first : first + _ROWS].astype(np.float64) ** 2
        of_rows[first : first + _ROWS] = squares.mean(axis=1)
        of_cols += squares.sum(axis=0)
    weight = float(step) ** RULES["adafactor"].hypers["beta2_decay"]
    return _average(row, of_rows, weight), _average(col, of_cols / g.shape[0], weight)


def _average(old: Array, mean: Array, weight: float) -> Bounded:
    new = Bounded(mean, UNIT["float32"] * mean)
    return (1 - weight) * exact(old) + weight * new


def _mean(row: Bounded) -> Bounded:
    return row.total() / float(np.size(row.value))


def _update(g: Array, factor: Bounded, col: Bounded, rows: slice) -> Bounded:
    part = Bounded(np.asarray(factor.value)[rows], np.asarray(factor.error)[rows])
    estimate = part.reshaped(-1, 1) * col.reshaped(1, -1)
    return exact(g) / estimate.maximum(2.0**-46).sqrt()


def _rate(p: Array, g: Array, factor: Bounded, col: Bounded, step: int) -> Bounded:
    """Step size times the clipping of the update's RMS."""
    hypers = RULES["adafactor"].hypers

    def sums(first: int) -> tuple[Bounded, Bounded]:
        rows = slice(first, first + _ROWS)
        update, old = _update(g[rows], factor, col, rows), exact(p[rows])
        return (old * old).total(), (update * update).total()

    of_p, of_update = Bounded(0.0, 0.0), Bounded(0.0, 0.0)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for a, b in pool.map(sums, range(0, p.shape[0], _ROWS)):
            of_p, of_update = of_p.joined(a), of_update.joined(b)
    rms = (of_p / float(p.size)).sqrt()
    clip = ((of_update / float(p.size)).sqrt() / float(hypers["d"])).maximum(1.0)
    relative = min(float(hypers["lr"]), 1 / math.sqrt(step))
    return rms.maximum(hypers["eps"][1]) * relative / clip
