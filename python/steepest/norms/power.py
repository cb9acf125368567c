"""Power iteration, for what approaches the spectral norm from below."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..polar import arguments, stacks
from ..polar.work import Operator
from . import calls

Values = NDArray[np.float64]

_UNIT = 2.0**-53
_MOST_ITERATIONS = 10**6
_KEPT = 3  # iterates that span the Krylov space


class PowerResult(NamedTuple):
    """A proved lower bound of the largest singular value, `kind` "lower", and the vector v of
    length one that proves it, float64 (n,): the start of a later call."""

    value: float
    v: Values
    kind: str


def power_iteration(
    W: Any,  # noqa: N803 (the papers' name)
    iterations: int = 10,
    start: Any = None,
    *,
    krylov: bool = True,
    seed: int = 0,
) -> PowerResult:
    """Lower bound of the largest singular value of one matrix by v <- W^T W v.

    The error falls as (sigma_2 / sigma_1)^(2 iterations) without `krylov`, which adds a
    Rayleigh-Ritz step in the span of the last three iterates: worth a few steps more.

    W : array (m, n) of float64, float32, bfloat16 or float16 in host memory or on a CUDA device
        (CuPy, torch). It is not changed.
    iterations : at least 1.
    start : vector (n,), such as an earlier result's v (warm start); None: Gaussian from `seed`.

    Returns PowerResult(value, v, "lower"); value is ||W v|| minus the bound of its rounding errors,
    so a start that is orthogonal to the singular vector is no danger to it, only to its use. A zero
    or empty W gives 0, one with a NaN or an infinity NaN. Products are in float64: NumPy's, or of
    a copy of W on its device, where only vectors travel; it is waited for at every one.

    Sources: Golub and Van Loan, section 8.2; Su, kexue.fm/archives/11736 (the last three iterates).

    Raises TypeError (kind, dtype), ValueError (not two dimensions, iterations, start), DeviceError
    (no kernels for W's device, a failure of the device).
    """
    shape, dtype = _facts(W)
    count = arguments.count("iterations", iterations, 1, _MOST_ITERATIONS)
    v = _start(start, shape[1], arguments.count("seed", seed, 0, 2**64 - 1))
    with stacks.Place(W, "W") as place:
        work = place.work
        values = work.read(W, "W", shape, dtype, double=True)
        if work.has_nonfinite(values).any():
            return PowerResult(float("nan"), np.full(shape[1], np.nan), "lower")
        values, exponents = work.unit_scale(values)
        frobenius = float(work.norms(values)[0])
        if frobenius == 0:
            return PowerResult(0.0, np.zeros(shape[1]), "lower")
        A = work.operator(values, 0)  # noqa: N806
        v = _iterate(A, v, count, krylov)
        below = _below(A, v, frobenius)
    return PowerResult(float(np.ldexp(below, exponents[0])), v, "lower")


def _facts(W: Any) -> tuple[tuple[int, ...], str]:  # noqa: N803
    """Shape and dtype of one matrix."""
    arrays = calls.Arrays(W)
    if arrays.is_list or len(arrays.facts[0][0]) != 2:
        given = "a list" if arrays.is_list else f"shape {arrays.facts[0][0]}"
        raise ValueError(f"W: {given} given, expected one matrix")
    shape, dtype = arrays.facts[0]
    return shape, dtype


def _start(given: Any, n: int, seed: int) -> Values:
    if given is None:
        return np.random.default_rng(seed).standard_normal(n)
    v = np.array(given, np.float64)
    if v.shape != (n,):
        raise ValueError(f"start: shape {v.shape} given, expected ({n},)")
    if not np.isfinite(v).all() or not v.any():
        raise ValueError("start: zero or a number that is not finite given, expected a vector")
    scaled: Values = v / np.max(np.abs(v))
    return scaled


def _iterate(A: Operator, v: Values, count: int, krylov: bool) -> Values:  # noqa: N803
    kept = [_unit(v)]
    for _ in range(count):
        image = A.times_transposed(A.times(kept[-1]))
        if not image.any():
            break
        kept = [*kept[1 - _KEPT :], _unit(image)]
    return _ritz(A, kept) if krylov else kept[-1]


def _unit(v: Values) -> Values:
    v = v / np.max(np.abs(v))
    unit: Values = v / np.linalg.norm(v)
    return unit


def _ritz(A: Operator, kept: list[Values]) -> Values:  # noqa: N803
    """The vector of their span that A stretches most. QR, not Cholesky-QR: they are nearly
    parallel."""
    basis = np.linalg.qr(np.stack(kept[::-1], axis=1))[0]
    images = np.stack([A.times(np.ascontiguousarray(x)) for x in basis.T], axis=1)
    right = np.linalg.svd(images, full_matrices=False)[2]
    return _unit(basis @ right[0])


def _below(A: Operator, v: Values, frobenius: float) -> float:  # noqa: N803
    """||A v|| / ||v|| less its rounding errors. The product's are at most gamma_n ||A||_F ||v|| for
    any order of the sums, on a device (n + 6) u ||A||_F ||v|| (`polar.products`), and half of what
    is taken off here. A's computed norm is within gamma_(mn + 2) of it, in any order too."""
    m, n = A.shape
    size = m * n + m + n + 8
    gamma = size * _UNIT / (1 - size * _UNIT)
    product = 2 * (n + 6) * _UNIT * frobenius * (1 + 2 * gamma)
    length = float(np.linalg.norm(A.times(v))) / float(np.linalg.norm(v))
    below = length * (1 - 2 * (m + n + 8) * _UNIT) - product - size * 2.0**-1000
    return max(0.0, float(below))
