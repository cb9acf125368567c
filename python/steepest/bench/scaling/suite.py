"""Runs the points and makes their rows, each by the suite of its family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import steepest

from ..curvature import suite as curvature
from ..curvature.cases import Case as CurvatureCase
from ..norms import suite as norms
from ..norms.cases import Case as NormsCase
from ..norms.settings import Settings as NormsSettings
from ..polar import blas
from ..polar import suite as polar
from ..polar.cases import Case as PolarCase
from ..polar.peak import FULL_SIDE, Peaks
from ..rows import Row
from ..steps import suite as steps
from ..steps.buffers import Arena
from ..timing import Effort
from .points import Point


@dataclass(frozen=True)
class Settings:
    """How to run the points; the rivals by family."""

    effort: Effort
    rivals: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    peak_side: int = FULL_SIDE


def run(points: Sequence[Point], settings: Settings) -> Iterator[list[Row]]:
    """The rows of each point, as they come: one per rival, or a single one without rivals."""
    before = steepest.cpu.threads()
    peaks: dict[int, Peaks] = {}
    try:
        for point in points:
            steepest.cpu.set_threads(point.threads)
            of_threads = peaks.setdefault(point.threads, Peaks(settings.peak_side, point.threads))
            with blas.limited(point.threads):
                rows = measure(point, settings, of_threads)
            yield [replace(row, axis=point.axis, at=point.at) for row in rows]
    finally:
        steepest.cpu.set_threads(before)


def measure(point: Point, settings: Settings, peaks: Peaks) -> list[Row]:
    """Checks and times a point as its family does."""
    effort, threads, case = settings.effort, point.threads, point.case
    rivals = settings.rivals.get(point.family, ())
    if isinstance(case, PolarCase):
        chosen = polar.Settings(effort, threads, rivals, settings.peak_side)
        return polar.measure(case, chosen, peaks)
    if isinstance(case, NormsCase):
        return norms.measure(case, NormsSettings(effort, threads, rivals))
    if isinstance(case, CurvatureCase):
        return curvature.measure(case, curvature.Settings(effort, threads, rivals))
    # Memory of its own: the next point, perhaps of another family, may need all of it.
    return steps.measure(case, steps.Settings(effort, threads, rivals), Arena())
