"""The matrix nuclear norm: what remains of the nuclear norm without a singular value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..polar import stacks

Values = NDArray[np.float64]

_UNIT = 2.0**-53


def matrix_nuclear_norm(R: Any, *, normalized: bool = False) -> Any:  # noqa: N803 (the papers' name)
    """Matrix nuclear norm of representations: the L1,2 approximation of the nuclear norm.

    Columns are centred, rows divided by their Euclidean length; then the min(L, d) largest lengths
    of columns are summed. An estimate of the nuclear norm of that centred and normalised matrix,
    not a bound, in O(L d + d log d).

    R : array (..., L, d) of float64, float32, bfloat16 or float16 in host memory: one row per
        token. It is not changed.
    normalized : divide by L.

    Returns a float, or a float64 array of the leading dimensions; computed in float64, of any
    scale. A row that is the mean row, to within the rounding of the largest elements of each
    column, is zero and stays zero, so that one token, or all of them the same, gives 0 (the
    authors' code gives NaN, or what rounding makes of it).

    Source: Li et al., Large Language Model Evaluation via Matrix Nuclear-Norm (2024), in the form
    of the authors' code.

    Raises TypeError (kind, dtype), ValueError (fewer than two dimensions, NaN or infinity),
    DeviceError (an array on a device).
    """
    stack = stacks.read(R, "R")
    tokens, width = stack.values.shape[1:]
    if 0 in (tokens, width):
        return stacks.per_matrix(np.zeros(len(stack.values)), stack)
    rows = _unit_rows(stacks.unit_scale(stack.values.astype(np.float64))[0])
    lengths = np.sort(np.sqrt(np.sum(rows * rows, axis=1)), axis=1)
    sums = np.sum(lengths[:, ::-1][:, :tokens], axis=1)  # there are d of them
    return stacks.per_matrix(sums / tokens if normalized else sums, stack)


def _unit_rows(values: Values) -> Values:
    """Columns centred, then rows of length one, or zero."""
    slack = 4 * _UNIT * np.abs(values).max(axis=1, keepdims=True)
    values = values - values.mean(axis=1, keepdims=True)
    values -= values.mean(axis=1, keepdims=True)  # what the first mean was off by
    moved = (np.abs(values) > slack).any(axis=2, keepdims=True)
    largest = np.abs(values).max(axis=2, keepdims=True)
    values = np.divide(values, largest, where=moved, out=np.zeros_like(values))
    length = np.sqrt(np.sum(values * values, axis=2, keepdims=True))
    unit: Values = np.divide(values, length, where=moved, out=np.zeros_like(values))
    return unit
