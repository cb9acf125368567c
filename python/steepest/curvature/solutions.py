"""What the solvers of damped systems return and raise."""

from __future__ import annotations

from typing import Any, NamedTuple


class NotPositiveDefiniteError(ValueError):
    """A matrix, with its damping, was found not to be positive definite."""


class CGSolution(NamedTuple):
    """Of (A + damping I) x = b by iterations.

    x : in the structure, kinds and dtypes of b.
    residual : |b - (A + damping I) x| over all arrays, from a product with this x.
    iterations : steps, one product each.
    products : all calls of the callback, for residuals and the test of symmetry too.
    converged : whether residual <= tol |b|.
    """

    x: Any
    residual: float
    iterations: int
    products: int
    converged: bool


class FisherSolution(NamedTuple):
    """Of (F + damping I) x = g by a factorisation.

    x : in the structure of one sample's gradient.
    residual : |g - (F + damping I) x| over all arrays, in float64 and before x is rounded to its
        dtypes.
    side : "samples" or "parameters", the space of the matrix that was factored.
    """

    x: Any
    residual: float
    side: str


class MarquardtStep(NamedTuple):
    """The step d of Levenberg and Marquardt from residuals r with Jacobian J.

    step : d, in the structure of one row of the Jacobian, to be added to the parameters.
    residual : |(J^T J + damping D) d + J^T r| in the scaled variables D^(1/2) d, in float64 and
        before d is rounded to its dtypes.
    predicted : (|r|^2 - |r + J d|^2) / 2, what the linear model says that half the squared error
        falls by; what it falls by over this is the gain ratio.
    side : "samples" or "parameters", the space of the matrix that was factored.
    """

    step: Any
    residual: float
    predicted: float
    side: str
