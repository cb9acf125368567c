"""Gram matrices of floats summed in float over short runs and in double over these: usual for
sides from 32 on, where the tolerance leaves room for their errors."""

import numpy as np
import pytest
from reference import norms as reference
from steepest import cpu
from steepest.norms import dominant_pair, spectral_norm

UNIT = 2.0**-24
TOL = 1e-3


def holds(w, bound):
    low, high = reference.spectral_norm(w)
    return bound.lower <= high and low <= bound.upper and bound.width <= TOL


@pytest.mark.parametrize("spectrum", reference.SPECTRA)
@pytest.mark.parametrize("shape", [(32, 32), (40, 333), (200, 64), (130, 1000)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_spectrum(spectrum, shape, dtype):
    w = reference.draw(np.random.default_rng(shape[0]), spectrum, shape).astype(dtype)
    assert holds(w, spectral_norm(w, tol=TOL))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [1 / 3, 1 + 2.0**-23, 1 - 2.0**-24])
def test_roundings_that_all_have_one_direction(dtype, value):
    """Equal elements: every sum of floats is rounded alike, in each run anew."""
    w = np.full((64, 2001), value, dtype)
    exact = float(w[0, 0]) * np.sqrt(w.size)
    bound = spectral_norm(w, tol=TOL)
    assert bound.lower <= exact * (1 + 2.0**-51) and exact * (1 - 2.0**-51) <= bound.upper
    assert bound.width <= TOL


def test_elements_that_fall_between_two_floats():
    """Rounding the matrix to float takes half a unit of every element here, all to one side."""
    w = np.full((40, 50), 1 + 2.0**-24 - 2.0**-50)
    exact = w[0, 0] * np.sqrt(w.size)
    bound = spectral_norm(w, tol=TOL)
    assert bound.lower <= exact * (1 + 2.0**-51) and exact * (1 - 2.0**-51) <= bound.upper


@pytest.mark.parametrize("exponent", [-1000, -140, 120, 1000])
def test_any_scale(exponent):
    w = np.random.default_rng(0).standard_normal((48, 60))
    low, high = reference.spectral_norm(w)
    bound = spectral_norm(np.ldexp(w, exponent), tol=TOL)
    slack = 60 * 2.0 ** min(0, -1074 - exponent)
    assert np.ldexp(bound.lower, -exponent) <= high + slack
    assert low - slack <= np.ldexp(bound.upper, -exponent) and bound.width <= TOL


def test_elements_far_below_the_largest_vanish_in_float():
    w = np.random.default_rng(1).standard_normal((50, 70)) * 1e-200
    w[3, 4] = 1.0
    assert holds(w, spectral_norm(w, tol=TOL))


def test_the_tolerance_decides():
    """A width that runs of floats cannot give is got from sums in double: then the bound does not
    depend on whether the matrix was float."""
    w = np.random.default_rng(2).standard_normal((64, 96)).astype(np.float32)
    narrow = spectral_norm(w, tol=1e-9)
    assert narrow.width <= 1e-9 and holds(w, narrow)
    wide = spectral_norm(w, tol=TOL)
    assert wide.lower != narrow.lower and wide.lower <= narrow.upper and narrow.lower <= wide.upper


def test_a_flat_spectrum_leaves_no_room():
    """||W||_F^2 is n times the squared norm, and so is the error: sums in double take over."""
    q = np.linalg.qr(np.random.default_rng(3).standard_normal((700, 700)))[0]
    bound = spectral_norm(q, tol=4e-4)
    assert holds(q, bound) and bound.width <= 4e-4


def test_the_singular_pair_on_every_target(every_target):
    w = np.random.default_rng(4).standard_normal((90, 70)).astype(np.float32)
    u, s, vt = np.linalg.svd(w.astype(np.float64))
    # A quotient of at least (1 - TOL)^2 s0^2 leaves this to the vectors of the others.
    others = 2 * TOL / (1 - (s[1] / s[0]) ** 2)
    for target in every_target:
        cpu.use(target)
        pair = dominant_pair(w, tol=TOL)
        assert (pair.u @ u[:, 0]) ** 2 >= 1 - others
        assert (pair.v @ vt[0]) ** 2 >= 1 - others
