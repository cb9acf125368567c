"""The spectral and the nuclear norm as NumPy has them, by singular values; the norm report by its
own norms and sums, in the type of the matrices; a stream sample by sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..norms.cases import AnyCase, Case
from ..norms.samples import SampleCase
from ..polar import blas

NAME = "numpy"


def available() -> bool:
    return True


def make(case: AnyCase, matrix: Any, threads: int) -> Callable[[Any], object] | None:
    """None where BLAS runs on other threads than ours, and for convolutions."""
    if isinstance(case, SampleCase) and case.is_stream:
        return _stream(matrix)
    if not blas.runs_on(threads):
        return None
    if isinstance(case, SampleCase):
        return lambda _: np.linalg.norm(matrix, "nuc")
    if not isinstance(case, Case):
        return None
    return lambda _: np.linalg.norm(matrix, 2, axis=(-2, -1))


def _stream(samples: NDArray[np.float32]) -> Callable[[Any], object]:
    """The first component of candid covariance-free analysis, by its recursion for one sample."""
    wide = samples.astype(np.float64)
    v, count = wide[0].copy(), 1

    def call(_: Any) -> object:
        nonlocal v, count
        for x in wide:
            count += 1
            weight = 3 / (count + 2)
            v = (1 - weight) * v + weight * (x @ v) / np.linalg.norm(v) * x
        return v

    return call


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
