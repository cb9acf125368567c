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


@pytest.mark.parametrize("power", [-1000, -600, -565, 530, 1000])
@pytest.mark.parametrize("start", [False, True])
def test_solutions_scale_with_the_right_side_to_the_bit(start, power):
    """Beyond 2^-537 and 2^512 the squares of elements are out of range, and the norm with them."""
    a, b = spd(np.geomspace(1, 100, 20)), right(20)
    plain = conjugate_gradient(Counted(a), b, x0=b / 50 if start else None)
    other = np.ldexp(b, power)
    found = conjugate_gradient(Counted(a), other, x0=other / 50 if start else None)
    assert plain.converged and plain.iterations > 2
    assert same_bits(found.x, np.ldexp(plain.x, power))
    assert found.residual == np.ldexp(plain.residual, power)
    assert found[2:] == plain[2:]


def test_single_precision_scales_too():
    """No further than x, and the products that its residual is from, are normal numbers."""
    a, b = spd(np.geomspace(1, 50, 20)), right(20).astype(np.float32)
    plain = conjugate_gradient(Counted(a), b, tol=1e-4)
    for power in (-100, 100):
        found = conjugate_gradient(Counted(a), np.ldexp(b, power), tol=1e-4)
        assert same_bits(found.x, np.ldexp(plain.x, power)) and found[2:] == plain[2:]


def test_starts_of_another_size_than_the_solution():
    """Each restart takes off at most the digits of a float64."""
    a, b = spd(np.geomspace(1, 10, 20)), right(20)
    for size in (1e170, 1e-170):
        found = conjugate_gradient(Counted(a), b, x0=size * right(20, 2), tol=1e-10, max_iter=1000)
        assert found.converged
        exact = np.linalg.norm(b - a @ found.x)
        assert exact <= 1e-10 * np.linalg.norm(b) + 23 * UNIT * np.linalg.norm(a @ found.x)


def test_solutions_of_many_scales_keep_their_own_residual():
    """Beside 2^100 an element of 2^-36 is no normal number of float32 when both are scaled down."""
    diagonal = np.array([2.0**-100, 2.0**36])
    b = np.array([1.0, 1.0 + 2.0**-23], np.float32)
    exact = (b / diagonal).astype(np.float32)
    found = conjugate_gradient(lambda v: (diagonal * v).astype(np.float32), b, x0=exact, tol=0)
    assert same_bits(found.x, exact) and found.residual == 0 and found.converged


def test_norms_beyond_the_range_have_not_converged():
    """|b| is 1.5 2^1024, and so is the residual of 0; a solution has one that is small."""
    b = np.full(9, 2.0**1023)
    none = conjugate_gradient(lambda v: v, b, max_iter=0)
    assert none.residual == np.inf and not none.converged
    found = conjugate_gradient(lambda v: v, b)
    assert same_bits(found.x, b) and found.residual == 0 and found.converged


def test_curvature_is_told_and_solutions_beyond_the_range_are_named_at_any_size():
    for size in (1e-170, 1e160):
        with pytest.raises(NotPositiveDefiniteError, match="product: curvature -3 given"):
            conjugate_gradient(lambda v: -3 * v, size * np.ones(2))
    with pytest.raises(ValueError, match="product: a solution beyond the range of float64"):
        conjugate_gradient(lambda v: 1e-200 * v, np.full(2, 1e160))
    with pytest.raises(ValueError, match="product: a solution beyond the range of float32"):
        conjugate_gradient(lambda v: np.float32(1e-20) * v, np.full(2, 1e30, np.float32))
