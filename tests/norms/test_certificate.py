"""The interval by Lanczos' method and a verified factorisation: where it holds and gives way."""

import numpy as np
import pytest
from reference import norms as reference
from steepest import _core
from steepest.norms import dominant_pair, spectral_norm

SIZES = (32, 33, 47, 48, 49, 96, 97, 130)  # strips of the factorisation are 48 wide


def squarings(w, tol):
    return _core.spectral_norms([w], False, 0, -1, tol, False)[2]


@pytest.mark.parametrize("spectrum", reference.SPECTRA)
@pytest.mark.parametrize("n", SIZES)
def test_it_holds_and_is_as_narrow_as_asked(spectrum, n):
    rng = np.random.default_rng(n)
    w = reference.draw(rng, spectrum, (6, n, n + 9))
    low, high = reference.spectral_norm(w)
    for tol in (1e-1, 1e-3, 1e-6, 1e-9):
        bound = spectral_norm(w, tol=tol)
        assert (bound.lower <= high).all() and (low <= bound.upper).all()
        assert (bound.width <= tol).all()


def test_gaussian_matrices_need_no_squaring():
    w = np.random.default_rng(0).standard_normal((10, 100, 140))
    assert (squarings(w, 1e-3) == 0).all()
    assert (squarings(w[:, :31], 1e-3) > 0).all()  # small ones are squared


def test_squarings_take_over_where_the_factorisation_is_not_exact_enough():
    """Its error is about n^2 u relative to the eigenvalue, 2e-12 here, and tol is below."""
    w = np.random.default_rng(1).standard_normal((100, 100))
    assert squarings(w, 1e-13) > 0
    low, high = reference.spectral_norm(w)
    bound = spectral_norm(w, tol=1e-13)
    assert bound.lower <= high and low <= bound.upper


@pytest.mark.parametrize("gap", [1e-2, 1e-4, 1e-7, 0.0])
def test_two_values_near_each_other(gap):
    """Where the vector has not told them apart, the proof must not fall between them."""
    rng = np.random.default_rng(3)
    s = np.concatenate([[1.0, 1.0 - gap], np.linspace(0.9, 0, 62)])
    u, v = (np.linalg.qr(rng.standard_normal((64, 64)))[0] for _ in range(2))
    for tol in (1e-2, 1e-4, 1e-6, 1e-8):
        bound = spectral_norm(u * s @ v, tol=tol)
        assert bound.lower <= 1 + 1e-14 and bound.upper >= 1 - 1e-14
        assert bound.width <= tol


def test_a_dominant_value_in_a_block_of_its_own():
    """Diagonal blocks do not mix: a vector that starts in one stays there."""
    w = np.zeros((60, 60))
    w[:59, :59] = np.random.default_rng(4).standard_normal((59, 59))
    w[59, 59] = 40.0
    bound = spectral_norm(w)
    assert bound.lower <= 40 <= bound.upper and bound.width <= 1e-3


@pytest.mark.parametrize("exponent", [-1060, -500, 500, 1000])
def test_any_scale(exponent):
    w = np.random.default_rng(5).standard_normal((40, 50))
    low, high = reference.spectral_norm(w)
    bound = spectral_norm(np.ldexp(w, exponent))
    slack = 50 * 2.0 ** min(0, -1074 - exponent)  # of rounding the elements when they are scaled
    assert np.ldexp(bound.lower, -exponent) <= high + slack
    assert low - slack <= np.ldexp(bound.upper, -exponent)


def test_the_singular_pair_is_one():
    w = np.random.default_rng(6).standard_normal((80, 60))
    u, s, vt = np.linalg.svd(w)
    pair = dominant_pair(w)
    # An error of 1e-9 in sigma^2 turns the vector by at most its root over the root of the gap.
    angle = np.sqrt(1e-9 / (1 - (s[1] / s[0]) ** 2))
    assert abs(pair.u @ u[:, 0]) >= 1 - angle**2 and abs(pair.v @ vt[0]) >= 1 - angle**2


def within(w, enough, tol=1e-3):
    return _core.spectral_norms([w], False, 0, -1, tol, False, enough)[:2]


@pytest.mark.parametrize("shape", [(3, 5), (40, 30), (50, 130)])
def test_a_bound_that_is_enough(shape):
    w = np.random.default_rng(7).standard_normal((4, *shape))
    low, high = reference.spectral_norm(w)
    for factor in (1.001, 1.1, 100, np.inf):
        enough = high.max() * factor
        lower, upper = within(w, enough)
        assert (lower <= high).all() and (low <= upper).all()
        assert (upper <= enough * (1 + 2.0**-44)).all()
    for factor in (0.0, 0.5, 0.999):
        lower, upper = within(w, high.min() * factor)
        usual = spectral_norm(w)
        assert (lower == usual.lower).all() and (upper == usual.upper).all()


def test_a_bound_that_is_enough_is_positive():
    for wrong in (-1.0, np.nan):
        with pytest.raises(ValueError):
            within(np.eye(3), wrong)
