"""matrix_sign: by the polar factor of symmetric matrices, by scaled Newton steps of others."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import stacks
from .decomposition import convergence
from .factor import ROUNDS, wide_factor
from .products import multiply
from .stacks import Stack
from .work import Values

#: Newton steps; scaled ones need about nine in float64, more where eigenvalues are near the
#: imaginary axis.
MOST_NEWTON = 60
# Scaling stops when a step changes the iterate by less than this: from there on convergence is
# quadratic, and scaling would only disturb it.
_NEAR = 1e-2


def matrix_sign(
    A: Any,  # noqa: N803
    *,
    tol: float | None = None,
    max_steps: int | None = None,
    out: Any = None,
    stream: Any = None,
) -> Any:
    """The sign of a square matrix, or of each matrix of a stack: A (A^2)^(-1/2), with A's
    eigenvectors and eigenvalues +1 and -1 for those of A right and left of the imaginary axis.

    A : array (..., n, n) of float64, float32, bfloat16 or float16, in host memory or on a CUDA
        device (CuPy, torch).
    tol, max_steps : for symmetric matrices as for `polar`.
    out : receives the result; may be A.
    stream : for an array on a device, as in `orthogonalize`.

    A symmetric matrix is recognised by equal elements; its sign is its polar factor, and comes out
    exactly symmetric. Eigenvalues that are zero to rounding give 0, 1 or -1; zero gives zero. Other
    matrices go through Newton's iteration X <- (mu X + (mu X)^-1) / 2 with scaling by the
    determinant (Byers, 1987), which is at a fixed point when a step changes X by no more than
    roundoff does, and one step of Newton and Schulz after it. The error is about u times the
    condition number of the sign, which grows with the square of ||sign(A)|| and with the inverse
    distance of the spectrum from the imaginary axis. Of an array on a device the symmetric matrices
    stay there, as in `polar`; the others are copied to host memory and back.

    Raises TypeError, ValueError (also for matrices that are not square, NaN and infinity),
    BufferError, DeviceError as `polar`, and numpy.linalg.LinAlgError for a matrix that is not
    symmetric and has an eigenvalue on the imaginary axis, or no further from it than n u ||A||_F,
    or where `tol` is not reached. After an error nothing has been written.

    Source: Higham, Functions of Matrices (2008), chapter 5.
    """
    with stacks.Place(A, "A", stream) as place:
        stack = stacks.read(A, "A", place)
        m, n = stack.shape
        if m != n:
            raise ValueError(f"A: matrices of shape {(m, n)} given, expected square ones")
        stacks.check_output(out, "out", stack, (n, n))
        tol, rounds = convergence(tol, max_steps)
        return stacks.write(sign_of(stack, tol, rounds), stack, out)


def sign_of(stack: Stack, tol: float | None = None, rounds: int = ROUNDS) -> Values:
    """The signs of all matrices."""
    work = stack.work
    x, _ = work.unit_scale(stack.values)
    are_symmetric = work.are_symmetric(x)
    symmetric, result = np.flatnonzero(are_symmetric), work.zeros_like(x)
    some = stack._replace(numbers=stack.numbers[symmetric])
    factors = wide_factor(work.take(x, symmetric), some, tol, rounds)[0]
    work.put(result, symmetric, work.symmetrized(factors), np.arange(len(symmetric)))
    for index in map(int, np.flatnonzero(~are_symmetric)):
        work.from_host(result, index, _checked(work.to_host(x, index), stack.at(index)))
    return result


def _checked(x: Values, name: str) -> Values:
    """On the imaginary axis the iteration is chaotic: its roundings decide where it ends, mostly in
    a sign of a matrix close by. So the eigenvalues are looked at first, and since those of some
    matrices are hard to compute, it is made sure that the sign commutes with its matrix."""
    reach = len(x) * stacks.roundoff(x) * np.linalg.norm(x)
    if np.abs(np.linalg.eigvals(x).real).min() <= reach:
        raise _no_sign(name)
    sign = _newton(x, name)
    difference = np.linalg.norm(multiply(x, sign) - multiply(sign, x))
    size = np.linalg.norm(x) * np.linalg.norm(sign)
    if not difference <= stacks.roundoff(x) ** 0.5 * size:
        raise _no_sign(name)
    return sign


def _newton(x: Values, name: str) -> Values:
    u, scaled = stacks.roundoff(x), True
    n = len(x)
    for _ in range(MOST_NEWTON):
        before = x
        mu = _determinant_scale(x) if scaled else x.dtype.type(1)
        x = (mu * x + _inverse(mu * x, name)) / 2
        if not x.any():
            break
        change = np.linalg.norm(x - before) / np.linalg.norm(x)
        scaled = scaled and change > _NEAR
        # Quadratic convergence: the next change would be about the square of this one.
        if not scaled and change <= (n * u) ** 0.5:
            return _polished(x, name)
        if not np.isfinite(change):
            break
    raise _no_sign(name)


def _determinant_scale(x: Values) -> Any:
    """|det x|^(-1/n), which brings the eigenvalues' moduli to a geometric mean of 1."""
    return x.dtype.type(np.exp(-np.linalg.slogdet(x)[1] / len(x)))


def _inverse(x: Values, name: str) -> Values:
    try:
        return np.asarray(np.linalg.inv(x), x.dtype)
    except np.linalg.LinAlgError:
        raise _no_sign(name) from None


def _no_sign(name: str) -> np.linalg.LinAlgError:
    return np.linalg.LinAlgError(
        f"{name}: matrix given with an eigenvalue on the imaginary axis, to working precision, "
        "where no sign is defined"
    )


def _polished(x: Values, name: str) -> Values:
    """x (3 I - x^2) / 2. A sign has ||x^2 - I|| of the order of u ||x||^2."""
    defect = multiply(x, x, gamma=-1.0)
    size, limit = np.linalg.norm(defect), stacks.roundoff(x) ** 0.5 * np.linalg.norm(x) ** 2
    if not size <= min(limit, 0.5 * np.linalg.norm(x)):
        raise _no_sign(name)
    return np.asarray(multiply(x, defect, x, alpha=-0.5))
