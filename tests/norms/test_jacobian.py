"""The surrogates of a Jacobian's nuclear norm against Jacobians that are known."""

import numpy as np
import pytest
from boundary.support import refused
from steepest.curvature import gaussian
from steepest.norms import jacobian_nuclear_surrogate

UNIT = 2.0**-53


@pytest.fixture
def rng():
    return np.random.default_rng(71)


def test_is_the_mean_over_the_probes(rng):
    a, x, sigma = rng.standard_normal((5, 8)), rng.standard_normal(8), 0.25
    got = jacobian_nuclear_surrogate(lambda v: np.tanh(a @ v), x, sigma, probes=7, seed=3)
    samples = [
        np.sum((np.tanh(a @ (x + sigma * gaussian(x, 3, k))) - np.tanh(a @ x)) ** 2) / sigma**2
        for k in range(7)
    ]
    # Values up to 1 in size, whose differences are of the size of sigma.
    assert np.allclose(got.samples, samples, rtol=200 * UNIT / sigma, atol=0)
    assert got.value == np.mean(got.samples)
    assert got.stderr == np.std(got.samples, ddof=1) / np.sqrt(7)
    assert (got.probes, got.products) == (7, 7)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_of_a_linear_map_is_its_squared_frobenius_norm(rng, dtype):
    a = rng.standard_normal((20, 30)).astype(dtype)
    x = rng.standard_normal(30).astype(dtype)
    got = jacobian_nuclear_surrogate(lambda v: a @ v, x, 0.5, probes=400)
    want = np.linalg.norm(a.astype(np.float64)) ** 2
    # var of z^T S z is 2 ||S||_F^2, S = A^T A; five standard deviations of the mean.
    spread = np.sqrt(2 / 400) * np.linalg.norm(a.astype(np.float64).T @ a)
    assert abs(got.value - want) <= 5 * spread
    # The standard deviation is known to about sqrt(3 / 2 / 400), the samples being near normal.
    assert abs(got.stderr / spread - 1) <= 5 * np.sqrt(1.5 / 400)


def test_the_bias_is_of_the_order_of_sigma_squared(rng):
    """f = x^2 elementwise: E |f(x + sigma z) - f(x)|^2 / sigma^2 = 4 |x|^2 + 3 n sigma^2."""
    x = rng.standard_normal(2000)
    for sigma in (0.5, 0.1):
        got = jacobian_nuclear_surrogate(np.square, x, sigma, probes=100)
        want = 4 * np.sum(x**2) + 3 * len(x) * sigma**2
        assert abs(got.value - want) <= 5 * got.stderr
        assert got.stderr < 0.01 * want


def test_of_two_factors_bounds_the_nuclear_norm_and_meets_it_when_balanced(rng):
    u, s, vt = np.linalg.svd(rng.standard_normal((12, 12)))
    nuclear = s.sum()
    x = rng.standard_normal(12)
    balanced = (u * np.sqrt(s), (vt.T * np.sqrt(s)).T)
    skew = rng.standard_normal((12, 12)) + 4 * np.eye(12)
    for (a, b), equal in (
        (balanced, True),
        ((balanced[0] @ skew, np.linalg.solve(skew, balanced[1])), False),
    ):
        pair = (lambda v, b=b: b @ v, lambda v, a=a: a @ v)
        got = jacobian_nuclear_surrogate(pair, x, 1.0, probes=500)
        want = (np.linalg.norm(a) ** 2 + np.linalg.norm(b) ** 2) / 2
        assert abs(got.value - want) <= 5 * got.stderr
        assert got.products == 1000
        assert (abs(want - nuclear) <= 1e-12 * nuclear) == equal
        assert want >= nuclear * (1 - 1e-12)
    assert got.value - 5 * got.stderr > nuclear


def test_the_factors_have_probes_of_their_own(rng):
    """Of two identities the samples are means of two independent numbers, not of one twice."""
    x = rng.standard_normal(40)
    both = jacobian_nuclear_surrogate((lambda v: v, lambda v: v), x, 1.0, probes=300)
    one = jacobian_nuclear_surrogate(lambda v: v, x, 1.0, probes=300)
    assert abs(np.var(both.samples) / np.var(one.samples) - 0.5) < 0.2


def test_structures_and_functions_that_reuse_their_memory(rng):
    x = {"a": rng.standard_normal((3, 2)), "b": rng.standard_normal(4).astype(np.float32)}
    before = {key: value.copy() for key, value in x.items()}
    out = np.empty(2)

    def f(v):
        out[:] = np.sum(v["a"]), np.sum(v["b"].astype(np.float64))
        return [out, v["a"]]

    got = jacobian_nuclear_surrogate(f, x, 0.1, probes=2000)
    assert abs(got.value - (6 + 4 + 6)) <= 5 * got.stderr
    assert all(np.array_equal(x[key], before[key]) for key in x)
    assert np.isnan(jacobian_nuclear_surrogate(f, x, 0.1, probes=1).stderr)


def test_refusals(rng):
    x = rng.standard_normal(3)

    def calls(f, x=x, sigma=0.1, **options):
        return lambda: jacobian_nuclear_surrogate(f, x, sigma, **options)

    shapes = iter([3, 4])
    refused(calls(3.0), TypeError, "f", "float")
    refused(calls((np.sin,)), ValueError, "f", "1 functions")
    refused(calls((np.sin, 1.0)), TypeError, "outer")
    refused(calls(np.sin, x=x.astype(np.float16)), TypeError, "x", "float16")
    refused(calls(np.sin, sigma=0.0), ValueError, "sigma")
    refused(calls(np.sin, probes=0), ValueError, "probes")
    refused(calls(np.sin, seed=-1), ValueError, "seed")
    refused(calls(lambda v: np.zeros(next(shapes))), ValueError, "f's result", "(4,)")
    refused(calls(lambda v: v * np.nan), ValueError, "f's result", "NaN")
    refused(calls(lambda v: 1.0), TypeError, "f's result")
