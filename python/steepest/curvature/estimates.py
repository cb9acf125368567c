"""What estimators return."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..polar import arguments
from .student import two_sided


class DiagEstimate(NamedTuple):
    """The estimated diagonal `value`, the standard error `stderr` of each entry, and the number of
    probes.

    Both are of the structure of `like`, float64 for float64 arrays, else float32. The error of one
    probe alone is unknown: NaN.
    """

    value: Any
    stderr: Any
    probes: int


class TraceEstimate(NamedTuple):
    """An estimated trace.

    value, stderr : the estimate and its standard error. The error of one sample is NaN, unless it
        is known to be exact: 0.
    probes : the number of independent samples. samples : these, float64 (probes,).
    products : how many products with the operator they took.
    """

    value: float
    stderr: float
    probes: int
    samples: NDArray[np.float64]
    products: int

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """(lower, upper), by Student's distribution with probes - 1 degrees of freedom.

        It covers the trace with about this probability for a number of probes that was fixed
        beforehand; less often where the samples themselves decided when to stop (`until`). All
        numbers where the error is NaN.
        Raises ValueError for a confidence outside (0, 1).
        """
        confidence = arguments.between("confidence", confidence, 0.0, 1.0)
        if np.isnan(self.stderr):
            return -np.inf, np.inf
        if self.stderr == 0:
            return self.value, self.value
        half = two_sided(confidence, self.probes - 1) * self.stderr
        return self.value - half, self.value + half


def trace_estimate(samples: NDArray[np.float64], products: int) -> TraceEstimate:
    """Mean and standard error of independent samples."""
    count = len(samples)
    value = float(np.mean(samples))
    stderr = float(np.std(samples, ddof=1) / np.sqrt(count)) if count > 1 else float("nan")
    return TraceEstimate(value, stderr, count, samples, products)
