"""The top eigenvector of a second moment, from a stream of samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..polar import arguments
from . import elements
from .elements import Values

_MOST = 2**31


def streaming_top_eigenvector(n: int, *, amnesia: float = 2.0) -> StreamingTopEigenvector:
    """A running estimate of the largest eigenvalue of E x x^T, and of its vector, from samples x of
    n elements that come one after the other: n, amnesia and dtypes as in `StreamingTopEigenvector`.

    Raises TypeError or ValueError for n less than 1 or amnesia less than 0.
    """
    return StreamingTopEigenvector(n, amnesia=amnesia)


class StreamingTopEigenvector:
    """Streaming power updates: one step of power iteration with every sample or block of them.

        v = (1 - w) v + w C v / |v|,  C = X^T X / b of a block X of b samples,
        w = (1 + amnesia) b / (count + amnesia b)

    with count the samples so far, those of the block too. This is Oja's rule with a step of
    w / (1 - w) over the eigenvalue: it needs no learning rate, and v has the eigenvalue for its
    length. amnesia = 0 weighs all samples alike; more weighs the early ones less, which were
    projected on poor vectors. Nothing but v is kept: n numbers.

    The error of `vector` falls as the root of count, times a factor that grows as the gap between
    the two largest eigenvalues shrinks; `value` is biased upwards while the vector is not found.

    n : int, elements of a sample. amnesia : at least 0; 2 to 4 are usual.

    Raises TypeError or ValueError for n less than 1 or amnesia less than 0.

    Sources: Oja, J. Math. Biology 15 (1982); Weng, Zhang and Hwang, IEEE TPAMI 25 (2003), whose
    first component this is; blocks as in Mitliagkas et al., NeurIPS 2013, arXiv 1307.0032.
    """

    def __init__(self, n: int, *, amnesia: float = 2.0) -> None:
        self._n = arguments.count("n", n, 1, _MOST)
        self._amnesia = arguments.at_least("amnesia", amnesia, 0.0)
        self._count = 0
        self._v = np.zeros(self._n)

    def update(self, x: Any) -> None:
        """Takes in a sample (n,), or a block of samples (b, n), of float64, float32, bfloat16 or
        float16 in host memory.

        Raises TypeError (kind, dtype), ValueError (shape, NaN or infinity, samples whose squares
        overflow), DeviceError (an array on a device); then nothing has changed.
        """
        block = _read(x, self._n)
        size = len(block)
        if size == 0:
            return
        count = self._count + size
        weight = (1 + self._amnesia) * size / (count + self._amnesia * size)
        with np.errstate(over="ignore", invalid="ignore"):
            v = (1 - weight) * self._v + weight * _step(block, self._v) / size
        if not np.isfinite(v).all():
            raise ValueError("x: samples given whose squares overflow, expected smaller ones")
        self._v, self._count = v, count

    @property
    def vector(self) -> Values:
        """The eigenvector, of length one, float64 (n,), a copy; zeros before a sample that is not
        zero. Its sign is that of the samples."""
        largest = np.abs(self._v).max()
        if largest == 0:
            return np.zeros(self._n)
        scaled = self._v / largest
        unit: Values = scaled / np.linalg.norm(scaled)
        return unit

    @property
    def value(self) -> float:
        """The eigenvalue; 0 before the first sample."""
        return float(np.linalg.norm(self._v))

    @property
    def count(self) -> int:
        """Samples so far."""
        return self._count


def _step(block: Values, v: Values) -> Values:
    """X^T X v / |v|, where v is zero with the longest sample in its place."""
    if not v.any():
        v = block[np.argmax(np.abs(block).max(axis=1))]
    largest = np.abs(v).max()
    if largest == 0:
        return np.zeros_like(v)
    unit = v / largest
    product: Values = block.T @ (block @ (unit / np.linalg.norm(unit)))
    return product


def _read(x: Any, n: int) -> Values:
    block, _ = elements.read_finite(x, "x")
    if block.ndim not in (1, 2) or block.shape[-1] != n:
        raise ValueError(f"x: shape {block.shape} given, expected ({n},) or (b, {n})")
    return block.reshape(-1, n)
