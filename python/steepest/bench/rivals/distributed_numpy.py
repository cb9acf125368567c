"""The same by NumPy: packbits and unpackbits."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..distributed.arrays import BETAS, LR, Arrays, Call
from ..distributed.cases import WORKERS, Case

NAME = "numpy"


def available() -> bool:
    """NumPy is always there."""
    return True


def make(case: Case, arrays: Arrays) -> Call | None:
    """A function of nothing that does the work of the case on the same arrays."""
    return {
        "pack_signs": _pack,
        "majority": _majority,
        "mean": _mean,
        "apply_votes": _apply,
        "gradient_moments": _moments,
        "EF21Worker": _top_k if case.compressor == "TopK" else _scaled_sign,
    }[case.call](case, arrays)


def _pack(case: Case, arrays: Arrays) -> Call:
    g, m, message = (arrays[name] for name in ("grads", "exp_avg", "message"))
    beta1, beta2 = (np.float32(beta) for beta in BETAS)

    def pack(_: Any) -> None:
        direction = beta1 * m + (1 - beta1) * g
        message[...] = np.packbits(direction >= 0, bitorder="little")
        np.multiply(m, beta2, out=m)
        np.add(m, (1 - beta2) * g, out=m)

    return pack


def _counts(arrays: Arrays) -> Any:
    total = np.zeros(8 * arrays["messages"].shape[1], np.uint8)
    for row in arrays["messages"]:
        total += np.unpackbits(row, bitorder="little")
    return total


def _majority(case: Case, arrays: Arrays) -> Call:
    def majority(_: Any) -> None:
        total = _counts(arrays)
        arrays["result"][0] = np.packbits(total > WORKERS // 2, bitorder="little")
        arrays["result"][1] = np.packbits(total < WORKERS // 2, bitorder="little")

    return majority


def _mean(case: Case, arrays: Arrays) -> Call:
    def mean(_: Any) -> None:
        total = _counts(arrays)
        for k, plane in enumerate(arrays["result"]):
            plane[...] = np.packbits(total >> k & 1, bitorder="little")

    return mean


def _apply(case: Case, arrays: Arrays) -> Call:
    params, votes = arrays["params"], arrays["message"].reshape(2, -1)

    def apply(_: Any) -> None:
        up, down = (np.unpackbits(v, bitorder="little").view(np.int8) for v in votes)
        np.subtract(params, np.float32(LR) * (up - down), out=params)

    return apply


def _moments(case: Case, arrays: Arrays) -> Call:
    grads = [arrays[name] for name in case.read]

    def moments(_: Any) -> object:
        mean = sum(grads[1:], grads[0].astype(np.float64)) / len(grads)
        away = [g - mean for g in grads]
        return mean @ mean, [a @ a for a in away], [g @ mean for g in grads]

    return moments


def _top_k(case: Case, arrays: Arrays) -> Call:
    g, estimate = arrays["grads"], np.zeros_like(arrays["grads"])
    k = -(-case.elements // 100)

    def pack(_: Any) -> object:
        difference = g - estimate
        kept = np.sort(np.argpartition(np.abs(difference), case.elements - k)[-k:])
        values = difference[kept]
        estimate[kept] += values
        return values, kept.astype(np.uint32)

    return pack


def _scaled_sign(case: Case, arrays: Arrays) -> Call:
    g, estimate = arrays["grads"], np.zeros_like(arrays["grads"])

    def pack(_: Any) -> object:
        difference = g - estimate
        scale = np.float32(np.abs(difference).mean(dtype=np.float64))
        positive = difference >= 0
        np.add(estimate, np.where(positive, scale, -scale), out=estimate)
        return scale, np.packbits(positive, bitorder="little")

    return pack
