"""Numbers that carry a bound of their own rounding error (running error analysis; Higham, Accuracy
and Stability of Numerical Algorithms, section 3.3).

`Tracked` wraps float64 arrays and behaves like one, so the plain references run on it unchanged.
Next to each value it keeps a bound of |computed - value| for any program that performs the same
operations in the given precision: an operation passes its operands' errors on and adds `unit` times
the result. Comparisons that the errors leave open get the error 1, so a sign or a mask that may
fall either way is counted as such and everything that follows from it too.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Precision:
    """`unit`: relative error allowed to an operation. `tiny`: absolute error where results
    underflow. `overflow`: results of this size are infinite."""

    unit: float
    tiny: float
    overflow: float


# Twice the unit roundoff 2^-24: the same formula in another order, (a b) c for a (b c), has as many
# operations but may round them at another size of the intermediate result.
SINGLE = Precision(unit=2.0**-23, tiny=2.0**-149, overflow=2.0**128)
# Twice again, since the float64 reference rounds as well.
DOUBLE = Precision(unit=2.0**-51, tiny=2.0**-1073, overflow=np.inf)

# Of up to 2^20 terms: 32 in a lane, 7 over lanes, 8 over blocks; NumPy's pairwise sum needs fewer.
LONGEST_SUM = 48


class UndecidedError(Exception):
    """A branch depends on a comparison that the rounding errors leave open."""


class Tracked(np.lib.mixins.NDArrayOperatorsMixin):
    """value, error: float64 arrays of one shape. precision: that of the operations to come."""

    __array_priority__ = 1000

    def __init__(self, value, error=0.0, precision=DOUBLE):
        self.value = np.asarray(value, np.float64)
        self.error = np.broadcast_to(np.asarray(error, np.float64), self.value.shape)
        self.precision = precision

    shape = property(lambda self: self.value.shape)
    size = property(lambda self: self.value.size)
    ndim = property(lambda self: self.value.ndim)

    def astype(self, dtype):
        """Exact: a single is a double, and what follows is computed in double."""
        assert dtype == np.float64
        return Tracked(self.value, self.error, DOUBLE)

    def sum(self, axis=None, keepdims=False):
        """In double, each term going through at most LONGEST_SUM additions, here as in the
        library."""
        assert self.precision is DOUBLE, "the library sums in double"
        terms = self.size // max(self.value.sum(axis=axis).size, 1)
        roundings = 2 * min(terms, LONGEST_SUM) * 2.0**-53
        own = roundings * np.abs(self.value).sum(axis=axis, keepdims=keepdims)
        error = self.error.sum(axis=axis, keepdims=keepdims) + own
        return Tracked(self.value.sum(axis=axis, keepdims=keepdims), error)

    def mean(self, axis=None, keepdims=False):
        terms = self.size if axis is None else self.shape[axis]
        return self.sum(axis=axis, keepdims=keepdims) / terms

    def max(self, axis, keepdims):
        """Exact, but any element may be it whose error reaches so far; an infinity surely is."""
        assert keepdims
        value = self.value.max(axis=axis, keepdims=True)
        with np.errstate(invalid="ignore"):
            above = (self.value + self.error).max(axis=axis, keepdims=True) - value
            below = value - (self.value - self.error).max(axis=axis, keepdims=True)
        error = np.maximum(above, below)
        surely = ((self.value == np.inf) & (self.error == 0)).any(axis=axis, keepdims=True)
        error = np.where(surely, 0.0, np.where(np.isnan(error), np.inf, error))
        return Tracked(value, error, self.precision)

    def __float__(self):
        assert not self.error.any(), "the error would be forgotten"
        return float(self.value)

    def __bool__(self):
        if self.error.any():
            raise UndecidedError(f"{self.value} with error {self.error}")
        return bool(self.value)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if ufunc is np.isfinite:
            return np.isfinite(self.value)
        if method != "__call__" or kwargs or ufunc not in OPERATIONS:
            return NotImplemented
        precision = coarser(x.precision for x in inputs if isinstance(x, Tracked))
        operands = [operand(x, precision) for x in inputs]
        with np.errstate(all="ignore"):
            value, error, exact = OPERATIONS[ufunc](*operands)
            if not exact:
                value, error = rounded(value, error, precision)
        return Tracked(value, error, precision)


def coarser(precisions):
    return max(precisions, key=lambda precision: precision.unit)


def operand(x, precision):
    """(value, error) of x as an operand in `precision`; a double enters it rounded once, unless it
    is exact there (the singles are taken as exact in both)."""
    if isinstance(x, Tracked):
        value, error, own = x.value, x.error, x.precision
    else:
        value, error, own = np.asarray(x, np.float64), 0.0, DOUBLE
    if own is precision and isinstance(x, Tracked):
        return value, error
    with np.errstate(all="ignore"):
        representable = (value.astype(np.float32) == value) & (error == 0)
        entry = precision.unit * np.abs(value) + precision.tiny
    return value, np.where(representable, error, error + entry)


def rounded(value, error, precision):
    """Adds one rounding: relative, or absolute in the range of underflow; exact zeros stay exact.
    Where overflow depends on the order of operations the error is infinite: anything may come of
    it."""
    error = np.where(np.isnan(error), np.inf, error)
    if precision.overflow < np.inf:
        size = np.abs(value)
        surely = size - error >= 2 * precision.overflow
        maybe = ~surely & np.isfinite(value) & (size + error >= precision.overflow / 2)
        value = np.where(surely, np.copysign(np.inf, value), value)
        error = np.where(surely, 0.0, np.where(maybe, np.inf, error))
    own = np.where((value != 0) | (error > 0), precision.unit * np.abs(value) + precision.tiny, 0.0)
    unlimited = np.where(np.isinf(error), np.inf, 0.0)
    return value, np.where(np.isfinite(value), error + own, unlimited)


def _add(a, b):
    return a[0] + b[0], a[1] + b[1], False


def _subtract(a, b):
    return a[0] - b[0], a[1] + b[1], False


def _infinite(x):
    return np.isinf(x[0]) & (x[1] == 0)


def _times_error(x, error):
    """|x| error, where no error times infinity is still no error."""
    return np.where(error == 0, 0.0, np.abs(x) * error)


def _multiply(a, b):
    error = _times_error(a[0], b[1]) + _times_error(b[0], a[1]) + _times_error(a[1], b[1])
    exact = _infinite(a) & (np.abs(b[0]) > b[1]) | _infinite(b) & (np.abs(a[0]) > a[1])
    return a[0] * b[0], np.where(exact, 0.0, error), False


def _divide(a, b):
    value = a[0] / b[0]
    closest = np.abs(b[0]) - b[1]
    numerator = a[1] + _times_error(np.where(np.isfinite(value), value, 0.0), b[1])
    error = np.where(numerator == 0, 0.0, np.where(closest > 0, numerator / closest, np.inf))
    return value, np.where(_infinite(a) & np.isfinite(b[0]), 0.0, error), False


def _sqrt(a):
    value, error = np.sqrt(a[0]), a[1]
    # sqrt(x) - sqrt(x - e) = e / (sqrt(x) + sqrt(x - e)) while e <= x; else sqrt(x + e) bounds
    # both.
    below = np.sqrt(np.maximum(a[0] - error, 0.0))
    spread = np.where(error <= a[0], error / (value + below), np.sqrt(a[0] + error))
    return value, np.where(error == 0, 0.0, spread), False


def _maximum(a, b):
    error = np.maximum(a[1], b[1])
    error = np.where(a[0] - a[1] > b[0] + b[1], a[1], error)
    error = np.where(b[0] - b[1] > a[0] + a[1], b[1], error)
    return np.maximum(a[0], b[0]), error, True


def _minimum(a, b):
    value, error, exact = _maximum((-a[0], a[1]), (-b[0], b[1]))
    return -value, error, exact


def _sign(a):
    return np.sign(a[0]), np.where(np.abs(a[0]) >= a[1], 0.0, 1 + np.abs(np.sign(a[0]))), True


def _greater(a, b):
    margin, error = np.abs(a[0] - b[0]), a[1] + b[1]
    return a[0] > b[0], np.where((margin > error) | (error == 0), 0.0, 1.0), True


def _exp(a):
    """2 units of the last place in the library and one here."""
    value = np.exp(a[0])
    return value, np.abs(value) * (np.expm1(a[1]) + 3 * 2.0**-52), False


def _log(a):
    """Likewise; of numbers away from 0."""
    value, below = np.log(a[0]), a[0] - a[1]
    return value, a[1] / below + 3 * 2.0**-52 * np.abs(value), False


def _power(a, n):
    """A double to an integer power: n - 1 roundings at most, by squaring or not, and one ulp
    here."""
    value, count = a[0] ** n[0], n[0]
    roundings = np.where(count > 1, count + 1, 0) * 2.0**-53
    error = count * np.abs(a[0]) ** (count - 1) * a[1] + roundings * np.abs(value)
    return value, 1.01 * error, True


OPERATIONS = {
    np.add: _add,
    np.subtract: _subtract,
    np.multiply: _multiply,
    np.divide: _divide,
    np.sqrt: _sqrt,
    np.exp: _exp,
    np.log: _log,
    np.maximum: _maximum,
    np.minimum: _minimum,
    np.sign: _sign,
    np.greater: _greater,
    np.power: _power,
    np.absolute: lambda a: (np.abs(a[0]), a[1], True),
    np.negative: lambda a: (-a[0], a[1], True),
}


def outside(actual, tracked):
    """Where `actual` is further from the reference than its bound; NaN only where the reference has
    it or the bound is infinite."""
    actual = np.asarray(actual, np.float64)
    with np.errstate(invalid="ignore"):
        near = np.abs(actual - tracked.value) <= tracked.error
    same = (actual == tracked.value) | (np.isnan(actual) & np.isnan(tracked.value))
    return ~(near | same | np.isinf(tracked.error))
