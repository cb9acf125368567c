"""What the norms return: an interval or a number, and what it is."""

from __future__ import annotations

from typing import Any, NamedTuple


class SpectralBound(NamedTuple):
    """lower <= largest singular value <= upper, in floating point: every rounding error is
    accounted for. Floats for one matrix, float64 arrays (...,) for a stack."""

    lower: Any
    upper: Any

    @property
    def rigorous(self) -> bool:
        """True: the interval is proved."""
        return True

    @property
    def width(self) -> Any:
        """(upper - lower) / upper, 0 for zero; at most `tol` unless that could not be reached."""
        return _width(self.lower, self.upper)


class SpectralEstimate(NamedTuple):
    """Estimates of a lower and an upper bound, computed in float32: rounding may put the largest
    singular value outside. Floats for one matrix, float64 arrays (...,) for a stack."""

    lower: Any
    upper: Any

    @property
    def rigorous(self) -> bool:
        """False: an estimate."""
        return False

    @property
    def width(self) -> Any:
        """(upper - lower) / upper, 0 for zero."""
        return _width(self.lower, self.upper)


class NormValue(NamedTuple):
    """A number (or a float64 array (...,) for a stack) and its `kind`, what it is of the largest
    singular value: a proved "upper" or "lower" bound, or an "estimate"."""

    value: Any
    kind: str


class SingularPair(NamedTuple):
    """Dominant singular vectors u (..., m) and v (..., n) of length one, float64, and sigma, which
    is a proved lower bound of the largest singular value."""

    u: Any
    sigma: Any
    v: Any


class NormGradient(NamedTuple):
    """A gradient, of W's kind, shape and dtype, and the value of the norm that it belongs to:
    the Schatten norm of order `order`."""

    gradient: Any
    value: Any
    order: int


def _width(lower: Any, upper: Any) -> Any:
    if isinstance(upper, float):
        return (upper - lower) / upper if upper != 0 else 0.0
    positive = upper != 0
    return (upper - lower) / (upper + ~positive)
