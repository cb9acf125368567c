"""polar and stiefel_project: the polar decomposition to working precision."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _core
from . import arguments, stacks
from .factor import ROUNDS, STEPS, tolerances, wide_factor
from .products import multiply
from .stacks import Stack
from .work import Values


class Polar(NamedTuple):
    """A = U H, arrays of A's kind and dtype: U (..., m, n) with orthonormal columns (rows where
    m < n), H (..., n, n) symmetric and positive semidefinite."""

    U: Any
    H: Any


def polar(
    A: Any,  # noqa: N803
    *,
    tol: float | None = None,
    max_steps: int | None = None,
    out: tuple[Any, Any] | None = None,
    stream: Any = None,
) -> Polar:
    """The polar decomposition A = U H of a matrix or of each matrix of a stack.

    A : array (..., m, n) of float64, float32, bfloat16 or float16, of any strides, in host memory
        or on a CUDA device (CuPy, torch).
    tol : the limit of ||U U^T - I||_F / sqrt(min(m, n)) (U^T U for tall matrices); None: what
        rounding leaves, at most 8 u sqrt(max(m, n)), or 4 u max(m, n) where roundings add up, with
        u the unit roundoff of float64 for float64, else of float32.
    max_steps : of the iteration, which goes in rounds of 11; None: 88.
    out : (array for U, array for H), of A's dtype; either may be A or overlap it. None: new ones.
    stream : for an array on a device, as in `orthogonalize`.

    Returns Polar(U, H) of A's kind. H (..., n, n) is (A^T A)^(1/2): exactly symmetric, positive
    semidefinite up to rounding, and unique. U (..., m, n) has orthonormal rows or columns where A
    has full rank. Where it has not, U is a partial isometry: its singular values are 1 or 0, and
    directions in which A vanishes to rounding may come out as either. Zero gives U = 0 and H = 0.
    The scale of A does not matter.

    ||A - U H||_F is a small multiple of u ||A||_F, whatever the condition of A: 10 to 60 u were
    measured up to 300 x 300 (for bfloat16 and float16 before the results are rounded to them).

    On a device the same holds, with bits of its own; it is waited for where A is read and once a
    round, up to eight in all, but not for the results.

    Raises TypeError (kind, dtype), ValueError (fewer than two dimensions, NaN or infinity in A,
    shapes), BufferError, DeviceError, and numpy.linalg.LinAlgError with the matrix and its error
    where `tol` is not reached. After an error nothing has been written.

    Source: Higham, Functions of Matrices (2008), chapter 8; the steps of arXiv 2505.16932.
    """
    with stacks.Place(A, "A", stream) as place:
        stack = stacks.read(A, "A", place)
        m, n = stack.shape
        first, second = _two_outputs(out)
        stacks.check_output(first, "out[0]", stack, (m, n))
        stacks.check_output(second, "out[1]", stack, (n, n))
        if out is not None and _core.share_memory(first, second):
            raise ValueError("out[0]: memory shared with out[1] given, expected memory apart")
        tol, rounds = convergence(tol, max_steps)
        u, h, exponents, _ = decompose(stack, tol, rounds)
        h = place.work.combined(h, powers=exponents)
        return Polar(stacks.write(u, stack, first), stacks.write(h, stack, second))


def stiefel_project(
    W: Any,  # noqa: N803
    *,
    tol: float | None = None,
    max_steps: int | None = None,
    out: Any = None,
    stream: Any = None,
) -> Any:
    """The matrix with orthonormal columns (rows where m < n) that is nearest to W in the Frobenius
    norm and every other unitarily invariant one: the polar factor of W.

    W, tol, max_steps, errors : as in `polar`, its A being W; `out` is one array and may be W.

    Raises LinAlgError also where W has no full rank to working precision, so that the nearest
    matrix is not unique; zero is such a matrix.
    """
    with stacks.Place(W, "W", stream) as place:
        stack = stacks.read(W, "W", place)
        stacks.check_output(out, "out", stack, stack.shape)
        tol, rounds = convergence(tol, max_steps)
        x, _ = place.work.unit_scale(stack.values)
        u, errors = wide_factor(_wide(x, stack), stack, tol, rounds)
        for index in np.flatnonzero(errors > tolerances(x, tol)[1]):
            raise np.linalg.LinAlgError(
                f"{stack.at(int(index))}: rank-deficient matrix given (its polar factor is "
                f"off by {errors[index]:.2g}), expected full rank"
            )
        return stacks.write(_as_before(u, stack), stack, out)


def convergence(tol: Any, max_steps: Any) -> tuple[float | None, int]:
    """Checked: (tol, rounds)."""
    if tol is not None:
        tol = arguments.between("tol", tol, 0.0, 1.0)
    if max_steps is None:
        return tol, ROUNDS
    return tol, arguments.count("max_steps", max_steps, STEPS, 10**6) // STEPS


def decompose(
    stack: Stack, tol: float | None = None, rounds: int = ROUNDS
) -> tuple[Values, Values, NDArray[np.int32], NDArray[np.float64]]:
    """(U, H / 2^k, k, ||U U^T - I||_F / sqrt(short side)) of every matrix."""
    work = stack.work
    x, exponents = work.unit_scale(stack.values)
    wide, errors = wide_factor(_wide(x, stack), stack, tol, rounds)
    other = work.transposed(wide)
    u, transposed = (other, wide) if _is_tall(stack) else (wide, other)
    return u, work.symmetrized(multiply(transposed, x)), exponents, errors


def _is_tall(stack: Stack) -> bool:
    m, n = stack.shape
    return m > n


def _wide(x: Values, stack: Stack) -> Values:
    """With no more rows than columns."""
    return stack.work.transposed(x) if _is_tall(stack) else x


def _as_before(u: Values, stack: Stack) -> Values:
    return stack.work.transposed(u) if _is_tall(stack) else u


def _two_outputs(out: Any) -> tuple[Any, Any]:
    if out is None:
        return None, None
    if not isinstance(out, (tuple, list)):
        raise TypeError(f"out: {type(out).__name__} given, expected a pair of arrays")
    if len(out) != 2:
        raise ValueError(f"out: {len(out)} arrays given, expected two, for U and H")
    for index, one in enumerate(out):
        if one is None:
            raise TypeError(f"out[{index}]: None given, expected an array")
    return out[0], out[1]
