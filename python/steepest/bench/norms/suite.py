"""Runs the cases of spectral norms and makes their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import steepest

from ..polar import blas
from ..polar.matrices import nothing
from ..rows import Row, judge
from ..steps.suite import OURS
from ..timing import Timing, interleave, repeated
from . import reports, samples
from .cases import AnyCase, Case, ReportCase
from .conv_cases import ConvCase
from .samples import SampleCase
from .settings import Settings


def run(cases: Sequence[AnyCase], settings: Settings) -> Iterator[list[Row]]:
    """The rows of each case, as they come: one per rival, or a single one without rivals."""
    before = steepest.cpu.threads()
    steepest.cpu.set_threads(settings.threads)
    try:
        with blas.limited(settings.threads):
            for case in cases:
                if isinstance(case, ReportCase):
                    yield reports.measure(case, settings)
                elif isinstance(case, SampleCase):
                    yield samples.measure(case, settings)
                else:
                    yield measure(case, settings)
    finally:
        steepest.cpu.set_threads(before)


def measure(case: Case | ConvCase, settings: Settings) -> list[Row]:
    """Checks one call of a case and times it against its rivals."""
    data: Any = case.data()
    error = error_of(case, data)

    def call(_: Any) -> object:
        return case.bound(data)

    participants, names = [repeated(OURS, call, nothing)], []
    for rival in settings.rivals:
        theirs = rival.make(case, data, settings.threads)
        if theirs is not None:
            names.append(rival.NAME)
            participants.append(repeated(rival.NAME, theirs, nothing))
    timings = interleave(participants, settings.effort)
    row = _row(case, settings.threads, data, error, timings[OURS])
    compared = [replace(row, rival=r, rival_median_s=timings[r].median_s) for r in names]
    return [judge(each, None) for each in compared or [row]]


def error_of(case: Case | ConvCase, data: Any) -> float:
    """In units of the tolerance; infinite for an interval that misses the singular value."""
    sigma = case.sigma(data)
    slack = case.rounding() * sigma
    found = case.bound(data)
    lower, upper = np.asarray(found.lower), np.asarray(found.upper)
    if not case.rigorous:
        off = np.maximum(np.abs(lower - sigma), np.abs(upper - sigma))
        return float(np.max(off / sigma) / case.tol)
    holds = np.all(lower <= sigma + slack) and np.all(sigma - slack <= upper)
    return float(np.max(found.width) / case.tol) if holds else float("inf")


def _row(case: Case | ConvCase, threads: int, data: Any, error: float, ours: Timing) -> Row:
    """A row without a rival, not yet judged."""
    return Row.unjudged(
        "norms",
        case,
        ours,
        impl=case.impl,
        dtype="float32",
        threads=threads,
        error=error,
        flops=case.work(data),
    )
