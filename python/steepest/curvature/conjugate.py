"""Conjugate gradients for an operator that is only known by its products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..polar import arguments
from . import structure
from .operator import Operator
from .sampling import Hvp
from .solutions import CGSolution, NotPositiveDefiniteError
from .vectors import (
    Vector,
    dot,
    exponent,
    flat,
    is_finite,
    largest,
    norm,
    shifted,
    shifted_number,
)

_MOST_ITERATIONS = 2**31 - 1
_ROUNDS = 10  # of as many iterations as elements; rounding delays the end
_PRODUCT = "product"
_LEAST = 2.0**-100  # of the start: x does not follow a recurrence's residual that far


class Recurrence:
    """The iterate x with its residual, and the direction conjugate to all before.

    Residual and direction are in units of 2^unit, so that at the start their largest element is
    about 1 and no square overflows or underflows; powers of two change no bit. b and x have no
    such unit.
    """

    def __init__(self, operator: Operator, damping: float | Vector, b: Vector, x: Vector) -> None:
        self.operator, self.damping, self.b, self.x = operator, damping, b, x
        self.iterations = 0
        self.restart(b if largest(x) == 0 else self.true_residual())

    def apply(self, v: Vector) -> Vector:
        """(A + D) v for a v of the operator's dtypes, D with the damping on its diagonal."""
        return self.operator(v) + self.damping * v

    def true_residual(self) -> Vector:
        """Of x rounded to the operator's dtypes, as the caller gets it: one product, with x times a
        power of two where that loses no digit of small elements."""
        with np.errstate(over="ignore"):
            x = self.operator.rounded(self.x)
        if not is_finite(x):
            raise ValueError(
                f"{self.operator.name}: a solution beyond the range of "
                f"{', '.join(sorted(set(self.operator.of.dtypes)))} found, expected more damping "
                "or a smaller right side"
            )
        power = exponent(x)
        unit = self.operator.rounded(shifted(x, -power))
        if bool((shifted(unit, power) != x).any()):
            power, unit = 0, x
        with np.errstate(over="ignore"):
            return self.b - shifted(self.apply(unit), power)

    def restart(self, residual: Vector) -> None:
        """Goes on from the steepest descent, with this residual of x."""
        self.unit = exponent(residual)
        self.residual = self.direction = shifted(residual, -self.unit)

    def step(self) -> None:
        """One product. The direction is rounded as the callback sees it, so that the residual
        belongs to x but for the rounding of the product."""
        direction = self.operator.rounded(self.direction)
        product = self.apply(direction)
        curvature = dot(direction, product)
        if not curvature > 0:
            raise NotPositiveDefiniteError(
                f"{self.operator.name}: curvature {curvature / dot(direction, direction):.3g} "
                f"given along the direction of iteration {self.iterations + 1}, damping "
                f"{self._least_damping():.3g} included; expected a positive definite operator: "
                "more damping helps"
            )
        square = dot(self.residual, self.residual)
        along = dot(self.residual, direction) / curvature
        with np.errstate(over="ignore"):
            self.x = self.x + shifted(along * direction, self.unit)
        self.residual = self.residual - along * product
        ratio = dot(self.residual, self.residual) / square
        self.direction = self.residual + ratio * direction
        self.iterations += 1

    def _least_damping(self) -> float:
        return self.damping if isinstance(self.damping, float) else float(self.damping.min())


def conjugate_gradient(
    product: Hvp,
    b: Any,
    *,
    damping: float = 0.0,
    tol: float = 1e-6,
    max_iter: int | None = None,
    x0: Any = None,
    check_symmetry: bool = False,
    symmetry_tolerance: float | None = None,
) -> CGSolution:
    """Solves (A + damping I) x = b for a symmetric positive definite A + damping I.

    product : v -> A v in the structure of b, its kinds, shapes and dtypes. Vectors come times
        powers of two that bring their elements near 1, so b may be of any size.
    b : array of float32 or float64, or a list, tuple or dict of such, in host memory or on a CUDA
        device, where each iteration waits for its four dot products.
    damping : added to the diagonal, at least 0.
    tol : the solution has converged where |b - (A + damping I) x| <= tol |b|. The recurrence's own
        residual drifts from that one, so at the end it is computed anew; where it is too large
        the process starts again from x, as long as that halves it. float32 products reach
        about epsilon |A| |x|.
    max_iter : of iterations; None: ten times the number of elements, which would be enough once but
        for rounding.
    x0 : where to start, a structure like b; None: zero.
    check_symmetry : test the operator with two products at first; symmetry_tolerance is that of
        `lanczos`.

    The vectors of the process are float64, where b is. Returns a CGSolution, also where it has not
    converged. The bits depend on the sums of NumPy, so on the machine; on a device dot products run
    over the library's fixed tree.

    Source: Hestenes and Stiefel (1952), algorithm 3.1.

    Raises NotPositiveDefiniteError (a ValueError) for a direction of no positive curvature,
    TypeError and ValueError for wrong arguments, for what is not finite, for a product of another
    structure, kind, dtype or shape, for an operator found not symmetric, and for a solution beyond
    the range of b's dtypes.
    """
    operator = Operator(product, b, 0, name=_PRODUCT, like_name="b")
    damping = arguments.at_least("damping", damping, 0.0)
    tol = arguments.at_least("tol", tol, 0.0)
    limit = min(_ROUNDS * operator.size, _MOST_ITERATIONS) if max_iter is None else max_iter
    limit = arguments.count("max_iter", limit, 0, _MOST_ITERATIONS)
    target = vector_like(operator.of, b, "b")
    start = operator.zeros()
    if x0 is not None:
        start = vector_like(operator.of, x0, "x0")
    arguments.boolean("check_symmetry", check_symmetry)
    if symmetry_tolerance is not None:
        symmetry_tolerance = arguments.at_least("symmetry_tolerance", symmetry_tolerance, 0.0)
    if check_symmetry:
        operator.check_symmetry(symmetry_tolerance)
    if largest(target) == 0:
        return CGSolution(operator.pack(target), 0.0, 0, operator.products, True)
    return solve(Recurrence(operator, damping, target, start), tol, limit)


def solve(process: Recurrence, tol: float, limit: int) -> CGSolution:
    """Runs of the recurrence until the true residual is small or no longer halves."""
    allowed = allowance(process.b, tol)
    last = math.inf
    while True:
        enough = max(shifted_number(allowed, -process.unit), _LEAST)
        while norm(process.residual) > enough and process.iterations < limit:
            process.step()
        residual = process.true_residual()
        found = norm(residual)
        done = reached(found, allowed) or process.iterations >= limit
        if done or not math.isfinite(found) or found > last / 2:
            break
        last = found
        process.restart(residual)
    operator = process.operator
    x = operator.pack(process.x)
    return CGSolution(x, found, process.iterations, operator.products, reached(found, allowed))


def allowance(b: Vector, tol: float) -> float:
    """tol |b|, also where |b| alone is beyond the range."""
    power = exponent(b)
    return shifted_number(tol * norm(shifted(b, -power)), power)


def reached(found: float, allowed: float) -> bool:
    """Whether the norm of a residual, which is infinite beyond the range, is small enough."""
    return math.isfinite(found) and found <= allowed


def finite(vector: Vector, name: str) -> Vector:
    """The vector, no element of which may be a NaN or an infinity."""
    if not is_finite(vector):
        raise ValueError(f"{name}: a NaN or an infinity given, expected finite numbers")
    return vector


def vector_like(of: structure.Structure, given: Any, name: str) -> Vector:
    """The elements of a structure as one finite vector."""
    return finite(flat(of.unpack(given, name)), name)
