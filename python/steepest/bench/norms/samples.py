"""Times the norms of samples in rows, a stream's eigenvector and the matrix nuclear norm, against
one read of the samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...norms import matrix_nuclear_norm, streaming_top_eigenvector
from ..polar.matrices import nothing
from ..rows import Row, judge
from ..steps.ceiling import fraction
from ..steps.suite import OURS
from ..timing import interleave, repeated
from .ceiling import CEILING, probes
from .settings import Settings

_UNIT = 2.0**-53


@dataclass(frozen=True)
class SampleCase:
    """Gaussian float32 samples in the rows of one matrix, and what is made of them."""

    name: str
    shape: tuple[int, int]
    call: str  # of steepest.norms

    @property
    def impl(self) -> str:
        return f"norms.{self.call}"

    @property
    def bytes(self) -> int:
        """The samples read once."""
        return 4 * math.prod(self.shape)

    @property
    def flops(self) -> int:
        """Useful ones: two products by a vector; mean, difference and two squares of elements."""
        per_element = 4 if self.is_stream else 6
        return per_element * math.prod(self.shape)

    @property
    def is_stream(self) -> bool:
        return self.call == "streaming_top_eigenvector"

    def data(self) -> NDArray[np.float32]:
        """The samples: they depend on the shape only."""
        return np.random.default_rng(0).standard_normal(self.shape, np.float32)

    def ours(self, samples: NDArray[np.float32]) -> Callable[[Any], object]:
        """Of a stream, the update by the block of samples, which comes again and again."""
        if not self.is_stream:
            return lambda _: matrix_nuclear_norm(samples)
        stream = streaming_top_eigenvector(self.shape[1])
        return lambda _: stream.update(samples)


def sample_cases(*, quick: bool) -> tuple[SampleCase, ...]:
    """All cases; a quarter of every side if ``quick``."""
    divisor = 4 if quick else 1
    made = []
    for name, shape, call in (
        ("stream", (256, 4096), "streaming_top_eigenvector"),
        ("matrix nuclear norm", (2048, 768), "matrix_nuclear_norm"),
    ):
        rows, cols = (side // divisor for side in shape)
        made.append(SampleCase(f"{name} {rows}x{cols}", (rows, cols), call))
    return tuple(made)


def measure(case: SampleCase, settings: Settings) -> list[Row]:
    """Checks one call of a case and times it against its ceiling and its rivals."""
    samples = case.data()
    error = error_of(case, samples)
    participants, names = [repeated(OURS, case.ours(samples), nothing)], []
    for rival in settings.rivals:
        theirs = rival.make(case, samples, settings.threads)
        if theirs is not None:
            names.append(rival.NAME)
            participants.append(repeated(rival.NAME, theirs, nothing))
    timings = interleave(
        [*participants, *probes(samples.reshape(-1), settings.threads)], settings.effort
    )
    ceilings = [t for name, t in timings.items() if name.startswith(CEILING)]
    row = Row.unjudged(
        "norms", case, timings[OURS], impl=case.impl, dtype="float32", threads=settings.threads,
        error=error, flops=case.flops,
    )  # fmt: skip
    compared = [replace(row, rival=r, rival_median_s=timings[r].median_s) for r in names]
    return [judge(each, fraction(timings[OURS], ceilings)) for each in compared or [row]]


def error_of(case: SampleCase, samples: NDArray[np.float32]) -> float:
    """Distance from the formula in extended precision, in units of what rounding may do to ours."""
    wide = samples.astype(np.longdouble)
    return _of_stream(samples, wide) if case.is_stream else _of_nuclear(samples, wide)


def _of_stream(samples: NDArray[np.float32], wide: NDArray[Any]) -> float:
    """After a second update with the same block. A product by a matrix of n columns is off by at
    most gamma_n of the product of magnitudes, whose length is at most ||X||_F times the other's."""
    size, n = samples.shape
    stream = streaming_top_eigenvector(n, amnesia=2.0)
    stream.update(samples)
    v = stream.vector.astype(np.longdouble) * stream.value
    stream.update(samples)
    found = stream.vector.astype(np.longdouble) * stream.value
    weight = np.longdouble(3 * size) / (2 * size + 2 * size)
    step = wide.T @ (wide @ (v / np.sqrt(v @ v))) / size
    squares = np.sum(wide * wide) / size
    # v, and what was found, come as a length and a vector of length one: n + 8 roundings each.
    bound = _UNIT * ((size + 3 * n + 32) * (np.sqrt(v @ v) + weight * squares))
    wanted = (1 - weight) * v + weight * step
    return float(np.sqrt(np.sum((found - wanted) ** 2)) / bound)


def _of_nuclear(samples: NDArray[np.float32], wide: NDArray[Any]) -> float:
    """A centred element is off by at most 4 units of the largest, a row by as much per element; its
    length goes through d roundings, that of a column through L, and the sum through d."""
    tokens, width = samples.shape
    centred = wide - wide.mean(axis=0)
    lengths = np.sqrt(np.sum(centred * centred, axis=1, keepdims=True))
    columns = np.sort(np.sqrt(np.sum((centred / lengths) ** 2, axis=0)))[::-1][:tokens]
    wanted = np.sum(columns)
    largest = np.abs(wide).max() * math.sqrt(width) / lengths.min()
    bound = _UNIT * (tokens + 2 * width + 16 + 8 * largest) * wanted
    return float(abs(matrix_nuclear_norm(samples) - wanted) / bound)
