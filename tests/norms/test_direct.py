"""Estimates of the spectral norm of large matrices, by Lanczos' method on the matrix itself."""

import ml_dtypes
import numpy as np
import pytest
from reference import norms as reference
from steepest import _core, cpu
from steepest.norms import spectral_norm

LARGE = (400, 900)  # 400 * 400 * 900 > 2^27
TOL = 1e-3
# Products of sums in float32 of at most n terms by unit vectors, relative to a norm that is at
# least ||W||_F / sqrt(n): gamma_n sqrt(n) for each of the two.
SLACK = 2 * 400**1.5 * 2.0**-24


def reads(w, tol=TOL):
    """Of the matrix; 0 where the Gram matrix was used."""
    return -int(_core.spectral_norms([w], False, 1, -1, tol, False)[2].min())


def near(w, tol=TOL):
    low, high = reference.spectral_norm(np.asarray(w, np.float64))
    guess = spectral_norm(w, tol=tol, rigorous=False)
    assert guess.rigorous is False and guess.lower <= guess.upper
    assert guess.width <= tol
    assert high * (1 - tol - SLACK) <= guess.lower <= high * (1 + SLACK)
    assert low * (1 - SLACK) <= guess.upper <= high * (1 + tol + SLACK)
    return True


@pytest.mark.parametrize("spectrum", reference.SPECTRA)
def test_is_near_for_every_spectrum(spectrum):
    w = reference.draw(np.random.default_rng(5), spectrum, LARGE).astype(np.float32)
    assert near(w) and reads(w) > 0


@pytest.mark.parametrize("tol", [0.1, 1e-2, 1e-4])
def test_stops_by_the_tolerance(tol):
    w = np.random.default_rng(6).standard_normal(LARGE).astype(np.float32)
    assert near(w, tol)
    assert reads(w, 0.1) < reads(w, 1e-2) < reads(w, 1e-4)


def test_goes_another_way_where_float_does_not_reach():
    w = np.random.default_rng(7).standard_normal(LARGE).astype(np.float32)
    assert reads(w, 1e-7) <= 0
    assert reads(w, 1e-4) > 0 and reads(w, 2e-5) <= 0  # of 900 / 8 roundings
    flat = np.ones((100, 20_000), np.float32)  # large enough, but its vectors are long
    assert reads(flat) <= 0


def test_equal_terms_that_round_alike():
    w = np.full((512, 8000), 1.0 + 2.0**-12, np.float32)
    guess = spectral_norm(w, rigorous=False)
    norm = float(w[0, 0]) * np.sqrt(w.size)  # of rank one
    assert reads(w) > 0 and guess.width <= TOL
    # Half the rounding of the square: 8000 / 8 terms along a lane, 16 down a part.
    slack = (8000 / 8 + 512 / 16) * 2.0**-24
    assert norm * (1 - TOL - slack) <= guess.lower <= norm * (1 + slack)


def test_levels_asked_for_go_another_way():
    w = np.random.default_rng(7).standard_normal(LARGE).astype(np.float32)
    assert spectral_norm(w, 3, rigorous=False).lower > 0


@pytest.mark.parametrize("dtype", [np.float64, np.float16, ml_dtypes.bfloat16])
def test_dtypes(dtype):
    w = np.random.default_rng(8).standard_normal(LARGE).astype(dtype)
    assert near(w) and reads(w) > 0


def test_layouts_and_scales():
    w = np.random.default_rng(9).standard_normal(LARGE).astype(np.float32)
    padded = np.zeros((800, 1000), np.float32)[::2, :900]
    padded[...] = w
    spaced = np.zeros((400, 1800), np.float32)[:, ::2]
    spaced[...] = w
    bound = spectral_norm(w, rigorous=False)
    assert spectral_norm(padded, rigorous=False) == bound
    assert spectral_norm(w.T, rigorous=False) == bound  # the same rows in memory
    assert near(spaced) and near(np.asfortranarray(w)) and near(w[::-1]) and near(w[:, ::-1])
    assert all(reads(x) > 0 for x in (padded, spaced, w[::-1], w[:, ::-1]))
    for exponent in (-130, -60, 60, 110):  # of float32: squares would be lost or overflow
        scaled = spectral_norm(np.ldexp(w, exponent), rigorous=False)
        assert scaled.upper == pytest.approx(np.ldexp(bound.upper, exponent), rel=TOL)
    huge = spectral_norm(np.ldexp(w.astype(np.float64), 900), rigorous=False)
    assert huge.lower == pytest.approx(np.ldexp(bound.lower, 900), rel=TOL)


@pytest.mark.parametrize("shape", [(400, 901), (401, 897), (367, 1003)])
def test_odd_shapes_on_every_target_with_any_thread_count(every_target, shape):
    w = np.random.default_rng(10).standard_normal(shape).astype(np.float32)
    for target in every_target:
        cpu.use(target)
        found = []
        for threads in (1, 2, 5):
            cpu.set_threads(threads)
            found += [spectral_norm(w, rigorous=False)]
        assert found[0] == found[1] == found[2] and near(w)
