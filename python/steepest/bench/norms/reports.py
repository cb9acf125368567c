"""Times the norm report against the streaming loops over the same memory."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from steepest import _core

from ...norms import report
from ..polar.matrices import nothing
from ..rows import Row, judge
from ..steps.ceiling import fraction
from ..steps.suite import OURS
from ..timing import Timing, interleave, repeated
from .cases import ReportCase
from .ceiling import CEILING, probes
from .settings import Settings

Matrices = Sequence[NDArray[np.float32]]


def measure(case: ReportCase, settings: Settings) -> list[Row]:
    """Checks one call of a case and times it against its ceiling and its rivals."""
    memory = np.random.default_rng(0).standard_normal(case.elements, np.float32)
    matrices = split(case, memory)
    error = error_of(matrices)
    participants, names = [repeated(OURS, lambda _: report(matrices), nothing)], []
    for rival in settings.rivals:
        make = getattr(rival, "make_report", None)
        if make:
            names.append(rival.NAME)
            participants.append(repeated(rival.NAME, make(matrices), nothing))
    timings = interleave([*participants, *probes(memory, settings.threads)], settings.effort)
    ceilings = [t for name, t in timings.items() if name.startswith(CEILING)]
    row = _row(case, settings.threads, error, timings[OURS])
    compared = [replace(row, rival=r, rival_median_s=timings[r].median_s) for r in names]
    return [judge(each, fraction(timings[OURS], ceilings)) for each in compared or [row]]


def split(case: ReportCase, memory: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The matrices of a case, one behind the other in one piece of memory."""
    ends = itertools.accumulate(map(math.prod, case.shapes))
    return [
        memory[end - math.prod(shape) : end].reshape(shape)
        for shape, end in zip(case.shapes, ends, strict=True)
    ]


def error_of(matrices: Matrices) -> float:
    """The largest distance from NumPy's float64, in units of the bound. NaN where one is NaN.

    No sum has more terms than the matrix, all positive, so that each side is within as many
    roundings, and a few for squares and roots.
    """
    found = _core.norm_reports(list(matrices), True)
    errors = [
        np.abs(ours - exact) / (exact * (matrix.size + 16) * 2.0**-52)
        for matrix, ours in zip(matrices, found, strict=True)
        for exact in [_expected(matrix)]
    ]
    return float(np.max(errors))


def _expected(matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """The numbers of steepest_norm_report_values."""
    magnitudes = np.abs(matrix, dtype=np.float64)
    squares = magnitudes * magnitudes
    rows, columns = np.sqrt(squares.sum(axis=1)), np.sqrt(squares.sum(axis=0))
    largest = magnitudes.max(), rows.max(), columns.max()
    sums = rows.sum(), columns.sum(), magnitudes.sum()
    return np.array([np.sqrt(squares.sum()), *largest, *sums])


def _row(case: ReportCase, threads: int, error: float, ours: Timing) -> Row:
    """A row without a rival, not yet judged."""
    return Row.unjudged(
        "norms",
        case,
        ours,
        impl=case.impl,
        dtype="float32",
        threads=threads,
        error=error,
        flops=case.flops,
    )
