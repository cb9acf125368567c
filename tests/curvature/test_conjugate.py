"""conjugate_gradient: solutions, honest residuals, and what it refuses."""

import numpy as np
import pytest
from reference.curvature import models, solves
from steepest.curvature import (
    NotPositiveDefiniteError,
    conjugate_gradient,
    empirical_fisher_product,
    fisher_solve,
)

from .support import product_with, same_bits, symmetric

UNIT = 2.0**-53


def spd(values, seed=0):
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.standard_normal((len(values), len(values))))
    a = (q * values) @ q.T
    return (a + a.T) / 2


def right(n, seed=1):
    return np.random.default_rng(seed).standard_normal(n)


class Counted:
    def __init__(self, a):
        self.a, self.calls = a, 0

    def __call__(self, v):
        self.calls += 1
        return (self.a @ v.astype(np.float64)).astype(v.dtype)


@pytest.mark.parametrize("damping", [0.0, 0.5])
@pytest.mark.parametrize("tol", [1e-3, 1e-8, 1e-12])
def test_the_residual_is_the_one_of_the_solution(tol, damping):
    a, b = spd(np.geomspace(1, 100, 60)), right(60)
    hvp = Counted(a)
    found = conjugate_gradient(hvp, b, damping=damping, tol=tol)
    system = a.astype(np.longdouble) + damping * np.eye(60)
    exact = float(np.linalg.norm((b - system @ found.x).astype(np.float64)))
    slack = 63 * UNIT * np.linalg.norm(np.abs(a) @ np.abs(found.x) + np.abs(b))
    assert abs(found.residual - exact) <= slack
    assert found.converged and found.residual <= tol * np.linalg.norm(b)
    assert found.products == hvp.calls == found.iterations + 1
    # |x - x*| <= |residual| / least eigenvalue.
    error = np.linalg.norm((found.x - solves.eliminated(system, b)).astype(np.float64))
    assert error <= (exact + slack) / (1 + damping)


def test_the_error_falls_as_chebyshev_polynomials_say():
    """In the norm of A: 2 ((sqrt(k) - 1) / (sqrt(k) + 1))^i (Hestenes and Stiefel; Daniel 1967)."""
    a, b = spd(np.linspace(1, 100, 80)), right(80)
    exact = solves.eliminated(a, b).astype(np.float64)
    start = np.sqrt(exact @ a @ exact)
    for i in (1, 5, 10, 20, 30):
        found = conjugate_gradient(Counted(a), b, tol=0, max_iter=i)
        error = found.x - exact
        assert found.iterations == i and not found.converged
        assert np.sqrt(error @ a @ error) <= 2 * (9 / 11) ** i * start


def test_as_many_iterations_as_different_eigenvalues():
    a, b = spd(np.repeat([1.0, 3, 10], 20)), right(60)
    assert conjugate_gradient(Counted(a), b, tol=1e-12).iterations == 3
    assert conjugate_gradient(lambda v: 4 * v, b).iterations == 1
    shifted = conjugate_gradient(Counted(a), b, damping=2.0, tol=1e-12)
    assert shifted.iterations == 3


def test_rounding_may_need_more_iterations_than_elements():
    """Two for each here; the limit that is taken by default leaves room for it."""
    a, b = spd(np.geomspace(1, 1e3, 50)), right(50)
    assert not conjugate_gradient(Counted(a), b, tol=1e-10, max_iter=50).converged
    assert conjugate_gradient(Counted(a), b, tol=1e-10).converged


def test_a_start_saves_iterations():
    a, b = spd(np.geomspace(1, 1e3, 50)), right(50)
    cold = conjugate_gradient(Counted(a), b, tol=1e-10)
    assert cold.converged
    warm = conjugate_gradient(Counted(a), b, tol=1e-10, x0=cold.x)
    assert warm.iterations == 0 and warm.converged and same_bits(warm.x, cold.x)
    near = conjugate_gradient(Counted(a), b, tol=1e-10, x0=cold.x + 1e-6 * right(50, 2))
    assert near.converged and 0 < near.iterations < cold.iterations


def test_unreachable_tolerances_end_without_convergence():
    """kappa is 1e8: the recurrence's residual passes below what a float64 x can have."""
    a, b = spd(np.geomspace(1e-8, 1, 40)), right(40)
    found = conjugate_gradient(Counted(a), b, tol=1e-15, max_iter=4000)
    assert not found.converged and found.iterations < 4000
    exact = b - a.astype(np.longdouble) @ found.x
    slack = 43 * UNIT * np.linalg.norm(np.abs(a) @ np.abs(found.x) + np.abs(b))
    assert abs(found.residual - float(np.linalg.norm(exact.astype(float)))) <= slack


def test_single_precision_tells_its_own_residual():
    a, b = spd(np.geomspace(1, 50, 40)), right(40).astype(np.float32)
    found = conjugate_gradient(Counted(a), b, tol=1e-5)
    assert found.x.dtype == np.float32 and found.converged
    # A product is rounded by at most 2^-24 of each element.
    exact = np.linalg.norm(b - a @ found.x.astype(np.float64))
    assert abs(found.residual - exact) <= 2.0**-23 * np.linalg.norm(a @ found.x)


def test_structures_keep_their_form():
    torch = pytest.importorskip("torch")
    grads = np.random.default_rng(0).standard_normal((5, 12))
    whole = fisher_solve(grads, right(12), 0.3).x
    parts = {"w": grads[:, :6].reshape(5, 2, 3), "b": grads[:, 6:]}
    b = {"w": right(12)[:6].reshape(2, 3), "b": right(12)[6:]}
    for read in (np.asarray, torch.from_numpy):
        given = {name: read(x) for name, x in parts.items()}
        product = empirical_fisher_product(given)
        one = conjugate_gradient(
            product, {k: read(x) for k, x in b.items()}, damping=0.3, tol=1e-13
        )
        assert type(one.x) is dict and type(one.x["w"]) is type(given["w"])
        flat = models.flat([np.asarray(one.x["w"]), np.asarray(one.x["b"])])
        assert np.linalg.norm(flat - whole) <= 2e-13 * np.linalg.norm(right(12)) / 0.3
    listed = conjugate_gradient(
        product_with(spd([1.0, 2, 3]), [(1,), (2,)]), [b["b"][:1], b["b"][:2]]
    )
    assert isinstance(listed.x, list) and listed.x[1].shape == (2,)


def test_a_right_side_of_zeros_needs_no_product():
    found = conjugate_gradient(Counted(np.eye(3)), np.zeros(3), x0=np.ones(3))
    assert not found.x.any() and found.converged and found.products == 0


def test_indefinite_operators_are_named():
    a = spd(np.r_[-1.0, np.geomspace(1, 10, 20)])
    with pytest.raises(NotPositiveDefiniteError, match="product: curvature -"):
        conjugate_gradient(Counted(a), right(21))
    with pytest.raises(NotPositiveDefiniteError, match="product: curvature 0"):
        conjugate_gradient(lambda v: 0 * v, right(21))
    assert conjugate_gradient(Counted(a), right(21), damping=1.5).converged
    assert issubclass(NotPositiveDefiniteError, ValueError)


def test_symmetry_is_tested_when_asked_for():
    a = spd(np.geomspace(1, 10, 50))
    slanted = a + 0.2 * np.triu(symmetric(50), 1)
    found = conjugate_gradient(Counted(a), right(50), check_symmetry=True)
    assert found.products == found.iterations + 3
    with pytest.raises(ValueError, match="product: an operator that is not symmetric"):
        conjugate_gradient(Counted(slanted), right(50), check_symmetry=True)
    conjugate_gradient(
        Counted(slanted), right(50), max_iter=1, check_symmetry=True, symmetry_tolerance=1.0
    )


def test_wrong_calls_change_nothing():
    b = right(4)
    before = b.copy()
    for error, words, product, given, options in [
        (TypeError, "product", None, b, {}),
        (TypeError, "b: dtype float16", abs, b.astype(np.float16), {}),
        (ValueError, "b: no element", abs, np.zeros(0), {}),
        (ValueError, "b: a NaN", abs, b * np.nan, {}),
        (ValueError, "x0: shape", abs, b, {"x0": b[:2]}),
        (ValueError, "x0: a NaN", abs, b, {"x0": b * np.inf}),
        (TypeError, "x0: dtype float32", abs, b, {"x0": b.astype(np.float32)}),
        (ValueError, "damping", abs, b, {"damping": -1.0}),
        (ValueError, "tol", abs, b, {"tol": -1.0}),
        (TypeError, "max_iter", abs, b, {"max_iter": 1.5}),
        (ValueError, "max_iter", abs, b, {"max_iter": -1}),
        (ValueError, "symmetry_tolerance", abs, b, {"symmetry_tolerance": -1.0}),
        (ValueError, "product's result: a NaN", lambda v: v * np.nan, b, {}),
        (ValueError, "product's result: shape", lambda v: v[:3], b, {}),
        (TypeError, "product's result: dtype", lambda v: v.astype(np.float32), b, {}),
    ]:
        with pytest.raises(error, match=words):
            conjugate_gradient(product, given, **options)
    assert same_bits(b, before)
