"""Whether results are right: against the equations in NumPy float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest import distributed

from ..bounded import UNIT
from .arrays import BETAS, COMPRESSORS, LR, Arrays
from .cases import WORKERS, Case

_CHECKED = 1 << 16  # elements


def error_of(case: Case, arrays: Arrays) -> float:
    """The largest error in units of its bound; infinity where bits are wrong."""
    if case.call == "pack_signs":
        return _error_of_packing(arrays)
    if case.call == "apply_votes":
        return _error_of_step(arrays)
    if case.call == "EF21Worker":
        return _error_of_first_message(case, arrays["grads"][:_CHECKED])
    if case.call == "gradient_moments":
        return _error_of_moments([arrays[name][:_CHECKED] for name in case.read])
    return _error_of_counts(case, arrays)


def _error_of_packing(arrays: Arrays) -> float:
    """Signs where the direction is not within its rounding of zero; two products and a sum."""
    g, m = (arrays[name][:_CHECKED].copy() for name in ("grads", "exp_avg"))
    g64, m64 = g.astype(np.float64), m.astype(np.float64)
    message = distributed.pack_signs(g, m, betas=BETAS).message
    errors = []
    for beta, found in ((BETAS[0], None), (BETAS[1], m)):
        wanted = beta * m64 + (1 - beta) * g64
        bound = 3 * UNIT["float32"] * (beta * np.abs(m64) + (1 - beta) * np.abs(g64))
        if found is not None:
            errors.append(float(np.max(np.abs(found - wanted) / bound)))
            continue
        bits = np.unpackbits(message, count=len(g), bitorder="little").astype(bool)
        certain = np.abs(wanted) > bound
        errors.append(0.0 if np.array_equal(bits[certain], wanted[certain] > 0) else np.inf)
    return max(errors)


def _error_of_step(arrays: Arrays) -> float:
    votes = arrays["message"].reshape(2, -1)[:, : _CHECKED // 8]
    params = np.zeros(8 * votes.shape[1], np.float32)
    flat = np.ascontiguousarray(votes).reshape(-1)
    distributed.apply_votes(params, distributed.Votes(flat, "ternary", 1), lr=LR)
    up, down = (np.unpackbits(v, bitorder="little").astype(np.float32) for v in votes)
    return 0.0 if np.array_equal(params, -np.float32(LR) * (up - down)) else np.inf


def _error_of_first_message(case: Case, g: NDArray[Any]) -> float:
    """Of estimates that are zero: the largest elements, as they are; or the rounding of a mean."""
    worker = distributed.EF21Worker(g, COMPRESSORS[case.compressor])
    message = worker.pack(g)[8:]
    if case.compressor == "TopK":
        kept = np.sort(np.argsort(-np.abs(g), kind="stable")[: -(-g.size // 100)])
        wanted = np.concatenate([g[kept].view(np.uint8), kept.astype("<u4").view(np.uint8)])
        return 0.0 if np.array_equal(message, wanted) else np.inf
    if not np.array_equal(message[4:], np.packbits(g >= 0, bitorder="little")):
        return np.inf
    mean = np.abs(g.astype(np.float64)).mean()
    found = float(message[:4].copy().view(np.float32)[0])
    return float(abs(found - mean) / (UNIT["float32"] * mean))


def _error_of_moments(grads: list[NDArray[Any]]) -> float:
    """Sums of float64 beside those of NumPy."""
    found = distributed.gradient_moments(grads)
    g = np.array(grads, np.float64)
    mean = g.mean(axis=0)
    bound = g.shape[1] * UNIT["float64"]
    errors = [
        np.abs(found.mean_square - mean @ mean) / (bound * (mean @ mean)),
        np.abs(found.deviations - np.square(g - mean).sum(axis=1)) / (bound * found.deviations),
        np.abs(found.products - g @ mean) / (bound * (np.abs(g) @ np.abs(mean))),
    ]
    return max(float(np.max(e)) for e in errors)


def _error_of_counts(case: Case, arrays: Arrays) -> float:
    messages = np.ascontiguousarray(arrays["messages"][:, : _CHECKED // 8])
    ones = np.unpackbits(messages, axis=1, bitorder="little").sum(axis=0, dtype=np.int64)
    if case.call == "mean":
        found = distributed.mean(messages).data.reshape(-1, messages.shape[1])
        wanted = [ones >> k & 1 for k in range(len(found))]
    else:
        found = distributed.majority(messages).data.reshape(2, -1)
        wanted = [2 * ones > WORKERS, 2 * ones < WORKERS]
    packed = np.packbits(np.array(wanted, bool), axis=1, bitorder="little")
    return 0.0 if np.array_equal(found, packed) else np.inf
