"""The spectral norm as NumPy has it, by the singular value decomposition, and the norm report by
its own norms and sums, in the type of the matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..norms.cases import AnyCase, Case
from ..polar import blas

NAME = "numpy"


def available() -> bool:
    return True


def make(case: AnyCase, matrix: Any, threads: int) -> Callable[[Any], object] | None:
    """None where BLAS runs on other threads than ours, and for convolutions."""
    if not isinstance(case, Case) or not blas.runs_on(threads):
        return None
    return lambda _: np.linalg.norm(matrix, 2, axis=(-2, -1))


def make_report(matrices: Sequence[NDArray[np.float32]]) -> Callable[[Any], object]:
    return lambda _: [_report(matrix) for matrix in matrices]


def _report(matrix: NDArray[np.float32]) -> tuple[Any, ...]:
    rows, columns = np.linalg.norm(matrix, axis=1), np.linalg.norm(matrix, axis=0)
    magnitudes = np.abs(matrix)
    return (
        np.linalg.norm(rows),
        magnitudes.max(),
        rows.max(),
        columns.max(),
        rows.sum(),
        columns.sum(),
        magnitudes.sum(),
    )
