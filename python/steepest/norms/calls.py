"""Calls of the native norms, over one array, a stack or a list."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core

INTERVAL, ESTIMATE, SCHATTEN, AOL, FROBENIUS = range(5)
UNTIL_TOL = -1

Values = NDArray[np.float64]


class Arrays:
    """The arrays of a call and their shapes; raises for what is no matrix, before anything runs."""

    def __init__(self, W: Any) -> None:  # noqa: N803 (the papers' name)
        self.is_list = isinstance(W, (list, tuple))
        self.items: list[Any] = list(W) if self.is_list else [W]
        self.facts = [
            _core.array_facts(x, "W", i if self.is_list else -1, True)
            for i, x in enumerate(self.items)
        ]

    def shaped(self, *values: Values, make: Callable[..., Any]) -> Any:
        """make(value, ...) for every array, from values per matrix: floats for one matrix."""
        results, begin = [], 0
        for shape, _ in self.facts:
            end = begin + math.prod(shape[:-2])
            parts = [v[begin:end].reshape(shape[:-2]) for v in values]
            results.append(make(*(p if len(shape) > 2 else float(p) for p in parts)))
            begin = end
        return results if self.is_list else results[0]

    def vectors(self, packed: Values) -> list[tuple[Values, Values]]:
        """(u, v) of every array."""
        results, begin = [], 0
        for (*lead, rows, cols), _ in self.facts:
            count = math.prod(lead)
            end = begin + count * (rows + cols)
            both = packed[begin:end].reshape(*lead, rows + cols)
            results.append((both[..., :rows].copy(), both[..., rows:].copy()))
            begin = end
        return results


def bounds(
    arrays: Arrays,
    method: int,
    iterations: int = UNTIL_TOL,
    tol: float = 0.0,
    *,
    with_vectors: bool = False,
    enough: float = 0.0,
) -> tuple[Values, Values, Values]:
    """(lower, upper, vectors) of all matrices one after the other. A matrix whose norm is proved to
    be at most `enough` gets an upper bound of about that, and maybe no lower one."""
    lower, upper, _, vectors = _core.spectral_norms(
        arrays.items, arrays.is_list, method, iterations, tol, with_vectors, enough
    )
    return lower, upper, vectors


def gradients(arrays: Arrays, outputs: Sequence[Any], iterations: int) -> Values:
    """Writes the gradients; the Schatten norms of all matrices one after the other."""
    return _core.spectral_gradients(arrays.items, outputs, arrays.is_list, iterations)
