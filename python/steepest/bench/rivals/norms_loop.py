"""The same algorithm in NumPy, one matrix after the other: Gram iteration with the two-moment bound
and the quotient of the dominant column, to the same width, in float32 and with no regard to
rounding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..norms.cases import AnyCase, Case
from ..polar import blas

NAME = "numpy-loop"
_MOST = 40


def available() -> bool:
    return True


def make(case: AnyCase, matrix: Any, threads: int) -> Callable[[Any], object] | None:
    """In float64 where the case's interval is a proved one."""
    if not isinstance(case, Case) or not blas.runs_on(threads):
        return None
    single = matrix.reshape(-1, *matrix.shape[-2:])
    dtype = np.float64 if case.rigorous else np.float32
    return lambda _: [interval(each.astype(dtype, copy=False), case.tol) for each in single]


def interval(matrix: NDArray[Any], tol: float) -> tuple[float, float]:
    """(lower, upper) without regard to rounding."""
    gram = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    n, power, log, lower, upper = len(gram), gram, 0.0, 0.0, np.inf
    for t in range(_MOST):
        trace = float(np.trace(power))
        power = power / trace
        log += np.log(trace)
        squares = float(np.sum(power * power))
        largest = 1 / n + np.sqrt((n - 1) / n * max(squares - 1 / n, 0))
        upper = min(upper, float(np.exp((log + np.log(largest)) / 2.0 ** (t + 1))))
        column = power[:, np.argmax(np.diagonal(power))]
        stretch = float(np.linalg.norm(gram @ column) / np.linalg.norm(column))
        lower = max(lower, float(np.sqrt(stretch)))
        if upper - lower <= tol * upper:
            break
        power = power @ power
        log *= 2
    return lower, upper
