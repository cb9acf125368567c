"""Numbers that carry a bound on the rounding error of computing them in a lower precision.

A formula written with them in float64 gives its value and, beside it, how far a kernel that runs
the same formula in the compute precision may be from it (running error analysis: Higham, Accuracy
and Stability of Numerical Algorithms, section 3.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = "NDArray[Any] | float"
Operand: TypeAlias = "Bounded | float"

UNIT = {"float64": 2.0**-53, "float32": 2.0**-24, "bfloat16": 2.0**-8, "float16": 2.0**-11}
TINY = {"float64": 2.0**-1074, "float32": 2.0**-149, "bfloat16": 2.0**-133, "float16": 2.0**-24}


@dataclass(frozen=True, eq=False)
class Bounded:
    """A float64 value, the bound of its error, and the precision that the operations round to."""

    value: Values
    error: Values
    precision: str = "float32"

    def __add__(self, other: Operand) -> Bounded:
        b = self._operand(other)
        return self._rounded(self.value + b.value, self.error + b.error)

    def __sub__(self, other: Operand) -> Bounded:
        b = self._operand(other)
        return self._rounded(self.value - b.value, self.error + b.error)

    def __mul__(self, other: Operand) -> Bounded:
        b = self._operand(other)
        error = np.abs(self.value) * b.error + np.abs(b.value) * self.error + self.error * b.error
        return self._rounded(self.value * b.value, error)

    def __truediv__(self, other: Operand) -> Bounded:
        b = self._operand(other)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = self.value / b.value
            room = np.abs(b.value) - b.error
            error = np.where(room > 0, (self.error + np.abs(value) * b.error) / room, np.inf)
        return self._rounded(value, error)

    def __radd__(self, other: float) -> Bounded:
        return self._operand(other) + self

    def __rsub__(self, other: float) -> Bounded:
        return self._operand(other) - self

    def __rmul__(self, other: float) -> Bounded:
        return self._operand(other) * self

    def __rtruediv__(self, other: float) -> Bounded:
        return self._operand(other) / self

    def sqrt(self) -> Bounded:
        root = np.sqrt(self.value)
        with np.errstate(divide="ignore", invalid="ignore"):
            by_slope = np.where(root > 0, self.error / root, np.inf)
        return self._rounded(root, np.minimum(by_slope, np.sqrt(self.error)))

    def sign(self) -> Bounded:
        """1, 0 or -1; within 2 where the sign may come out differently."""
        doubtful = (np.abs(self.value) <= self.error) & (np.asarray(self.error) > 0)
        return Bounded(np.sign(self.value), np.where(doubtful, 2.0, 0.0), self.precision)

    def maximum(self, other: Operand) -> Bounded:
        b = self._operand(other)
        error = np.maximum(self.error, b.error)
        return Bounded(np.maximum(self.value, b.value), error, self.precision)

    def minimum(self, other: Operand) -> Bounded:
        b = self._operand(other)
        error = np.maximum(self.error, b.error)
        return Bounded(np.minimum(self.value, b.value), error, self.precision)

    def absolute(self) -> Bounded:
        return Bounded(np.abs(self.value), self.error, self.precision)

    def agrees_with(self, other: Bounded) -> Bounded:
        """1 where both have the same sign and neither is 0, else 0; within 1 where in doubt."""
        product = self.sign().value * other.sign().value
        doubtful = np.maximum(self.sign().error, other.sign().error) > 0
        return Bounded(
            np.where(product > 0, 1.0, 0.0), np.where(doubtful, 1.0, 0.0), self.precision
        )

    def total(self) -> Bounded:
        """The sum over all elements, as a reduction in double computes it."""
        sum_of_magnitudes = float(np.sum(np.abs(self.value)))
        error = float(np.sum(self.error)) + 128 * UNIT["float64"] * sum_of_magnitudes
        return Bounded(float(np.sum(self.value)), error, self.precision)

    def joined(self, other: Bounded) -> Bounded:
        """The sum of two results of ``total``, in double."""
        value, error = self.value + other.value, self.error + other.error
        return Bounded(value, error, self.precision)

    def reshaped(self, *shape: int) -> Bounded:
        """The same values as an array of that shape."""
        value, error = np.reshape(self.value, shape), np.reshape(self.error, shape)
        return Bounded(value, error, self.precision)

    def rounded_to(self, precision: str) -> Bounded:
        """Rounded to another compute precision."""
        error = self.error + UNIT[precision] * (np.abs(self.value) + self.error)
        return Bounded(self.value, error, precision)

    def widened(self, factor: float) -> Bounded:
        """The same values with a multiple of the error."""
        return Bounded(self.value, factor * np.asarray(self.error), self.precision)

    def stored_as(self, dtype: str, rounding: str = "nearest") -> Bounded:
        """Rounded to a storage type; stochastic rounding may take either neighbour."""
        if dtype == self.precision:
            return self
        unit = UNIT[dtype] * (2 if rounding == "stochastic" else 1)
        error = self.error + unit * (np.abs(self.value) + self.error) + TINY[dtype]
        return Bounded(self.value, error, self.precision)

    def _operand(self, x: Operand) -> Bounded:
        if isinstance(x, Bounded):
            return x
        return Bounded(float(x), UNIT[self.precision] * abs(x), self.precision)

    def _rounded(self, value: Values, error: Values) -> Bounded:
        rounding = UNIT[self.precision] * (np.abs(value) + error) + TINY[self.precision]
        return Bounded(value, error + rounding, self.precision)


def exact(values: NDArray[Any], precision: str = "float32") -> Bounded:
    """Stored values, known without error."""
    value = values.astype(np.float64)
    return Bounded(value, np.zeros_like(value), precision)


def excess(actual: NDArray[Any], expected: Bounded) -> float:
    """Largest error of ``actual`` in units of its bound; infinite for NaN."""
    if np.size(actual) == 0:
        return 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = np.abs(actual.astype(np.float64) - expected.value)
        ratio = np.where(difference == 0, 0.0, difference / expected.error)
    return float(np.max(np.where(np.isnan(ratio), np.inf, ratio)))
