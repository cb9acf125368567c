"""Eigenvectors of symmetric tensors by power methods."""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from ..polar import arguments
from . import elements
from .elements import Values

_MOST_ITERATIONS = 10**6
_RANK = 1e-8  # singular values below this times the largest count as zero


class TensorEigenpair(NamedTuple):
    """T x^(m-1) = value x nearly: `vector` x of length one, float64 (n,), residual
    |T x^(m-1) - value x|, and `iterations`, how many power steps it took."""

    value: float
    vector: Values
    residual: float
    iterations: int


def symmetric_tensor_power(
    T: Any,  # noqa: N803 (the papers' name)
    *,
    start: Any = None,
    shift: float | None = None,
    iterations: int = 1000,
    tol: float = 1e-12,
    seed: int = 0,
) -> TensorEigenpair:
    """An eigenpair of a symmetric tensor: a local maximum of T x^m over the unit sphere.

    x is taken to T x^(m-1) + shift x, and to length one (shifted symmetric higher-order power
    method). With a shift of m - 1 times the largest singular value of a flattening of T, the
    default, T x^m never falls, whatever T is. Which maximum is found depends on the start; for
    minima give -T.

    T : array (n, ..., n) with m >= 2 dimensions, of float64, float32, bfloat16 or float16 in host
        memory, symmetric under all permutations of its dimensions to within 8 roundings of its
        largest element. It is not changed. Memory: n^m and rank n^(m / 2) float64.
    start : vector (n,). None: that of the subspace power method from a Gaussian vector of `seed`:
        projections of x's ceil(m/2)-fold product on the range of the flattened T, whose fixed
        points are the vectors of a T that is a short sum of m-fold products, in general position.
    shift : at least 0, in T's units; less than the default is faster, and may cycle.
    iterations : the most steps of each method; 0: the value at the start.
    tol : stops when the residual is at most tol times the largest singular value.

    Returns TensorEigenpair(value, vector, residual, iterations), computed in float64, T scaled by a
    power of two on the way. Zero gives 0 and the start.

    Sources: Kolda and Mayo, SIAM J. Matrix Anal. 32 (2011), arXiv 1007.1267 (SS-HOPM); Kileel and
    Pereira, arXiv 1912.04007 (the subspace power method). The bound of the shift by a singular
    value, and the shift ceil(m/2) - 1 of the start, are derived here: both make what is maximised
    convex.

    Raises TypeError (kind, dtype), ValueError (shape, not symmetric, NaN or infinity, start, shift,
    iterations, tol), DeviceError (an array on a device).
    """
    tensor, exponent = _read(T)
    n, order = len(tensor), tensor.ndim
    count = arguments.count("iterations", iterations, 0, _MOST_ITERATIONS)
    tol = arguments.at_least("tol", tol, 0.0)
    shift = None if shift is None else arguments.at_least("shift", shift, 0.0)
    seed = arguments.count("seed", seed, 0, 2**64 - 1)
    x = np.random.default_rng(seed).standard_normal(n) if start is None else _start(start, n)
    x = x / np.linalg.norm(x)
    folds = (order + 1) // 2
    flat = tensor.reshape(-1, n**folds)
    _, sigma, right = np.linalg.svd(flat, full_matrices=False)
    top = float(sigma[0])
    if start is None and top > 0:
        x = _subspace(right[sigma > _RANK * top], x, folds, count)
    scaled = (order - 1) * top if shift is None else math.ldexp(shift, -exponent)
    if order % 2 and start is None and _power(tensor, x) @ x < 0:
        x = -x
    value, x, residual, steps = _shifted(tensor, x, scaled, count, tol * top)
    return TensorEigenpair(math.ldexp(value, exponent), x, math.ldexp(residual, exponent), steps)


def _power(tensor: Values, x: Values) -> Values:
    """T x^(m-1)."""
    while tensor.ndim > 1:
        tensor = tensor @ x
    return tensor


def _shifted(
    tensor: Values, x: Values, shift: float, most: int, enough: float
) -> tuple[float, Values, float, int]:
    """The shifted power method: (value, vector, residual, steps)."""
    for step in itertools.count():
        image = _power(tensor, x)
        value = float(image @ x)
        residual = float(np.linalg.norm(image - value * x))
        after = image + shift * x
        length = float(np.linalg.norm(after))
        if residual <= enough or step == most or length == 0:
            return value, x, residual, step
        x = after / length
    raise AssertionError("unreachable")


def _subspace(basis: Values, x: Values, folds: int, most: int) -> Values:
    """x <- P(x^d) x^(d-1) + (d - 1) x, P the projection on the span of rows, until it stays."""
    n = len(x)
    for _ in range(most):
        product = x
        for _ in range(folds - 1):
            product = np.multiply.outer(product, x)
        projected = (basis @ product.reshape(-1)) @ basis
        after = _power(projected.reshape((n,) * folds), x) + (folds - 1) * x
        length = float(np.linalg.norm(after))
        if length == 0:
            return x
        after /= length
        if np.abs(after - x).max() <= 2.0**-50:
            return after
        x = after
    return x


def _start(given: Any, n: int) -> Values:
    x = np.array(given, np.float64)
    if x.shape != (n,):
        raise ValueError(f"start: shape {x.shape} given, expected ({n},)")
    if not np.isfinite(x).all() or not x.any():
        raise ValueError("start: zero or a number that is not finite given, expected a vector")
    scaled: Values = x / np.max(np.abs(x))
    return scaled


def _read(T: Any) -> tuple[Values, int]:  # noqa: N803
    """The tensor over 2^k, its largest element in [1/2, 1), and k."""
    tensor, dtype = elements.read_finite(T, "T")
    shape = tensor.shape
    if len(shape) < 2 or len(set(shape)) != 1 or 0 in shape:
        raise ValueError(f"T: shape {shape} given, expected two or more equal dimensions")
    exponent = math.frexp(float(np.max(np.abs(tensor))))[1]
    tensor = np.ldexp(tensor, -exponent)
    for axis in range(len(shape) - 1):  # exchanges of neighbours make all permutations
        apart = float(np.max(np.abs(tensor - np.swapaxes(tensor, axis, axis + 1))))
        if apart > 8 * elements.EPS[dtype]:
            raise ValueError(
                f"T: elements given that the exchange of dimensions {axis} and {axis + 1} changes "
                f"by {math.ldexp(apart, exponent)}, expected a symmetric tensor"
            )
    return tensor, exponent
