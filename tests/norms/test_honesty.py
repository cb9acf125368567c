"""lower <= sigma_1 <= upper, without exception, and the interval is as narrow as asked for."""

import ml_dtypes
import numpy as np
import pytest
from reference import norms as reference
from steepest.norms import aol_bound, frobenius, schatten, spectral_norm

DTYPES = (np.float64, np.float32, ml_dtypes.bfloat16, np.float16)
SHAPES = ((1, 1), (1, 9), (2, 2), (3, 7), (8, 5), (16, 16), (12, 40), (33, 20))


def stacks(rng, count):
    """Stacks of `count` matrices in all over every spectrum, shape and dtype."""
    kinds = [(s, shape, d) for s in reference.SPECTRA for shape in SHAPES for d in DTYPES]
    each = -(-count // len(kinds))
    for spectrum, shape, dtype in kinds:
        scale = np.exp(rng.uniform(-3, 3, (each, 1, 1)))
        drawn = scale * reference.draw(rng, spectrum, (each, *shape))
        yield f"{spectrum} {shape} {np.dtype(dtype)}", drawn.astype(dtype)


@pytest.mark.parametrize("tol", [1e-3, 1e-6, 0.0])
def test_ten_thousand_matrices(tol):
    """In the three runs together."""
    rng = np.random.default_rng(round(-np.log10(tol + 1e-9)))
    seen = 0
    for name, w in stacks(rng, 3400):
        low, high = reference.spectral_norm(w)
        bound = spectral_norm(w, tol=tol)
        # Whichever of the reference's own numbers is true, the interval must meet theirs.
        assert (bound.lower <= high).all() and (low <= bound.upper).all(), name
        assert (bound.lower <= bound.upper).all(), name
        assert (bound.width <= max(tol, 1e-10)).all(), name
        seen += len(w)
    assert seen >= 3400


@pytest.mark.parametrize("spectrum", reference.SPECTRA)
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: np.dtype(d).name)
def test_against_sixty_digits(spectrum, dtype):
    """Where the interval is a few roundings wide, LAPACK's answer is not sharp enough a judge."""
    rng = np.random.default_rng(7)
    for shape in ((1, 4), (3, 3), (5, 2), (6, 9)):
        w = reference.draw(rng, spectrum, shape).astype(dtype)
        exact = reference.exact_spectral_norm(w)
        for options in ({"tol": 0.0}, {"tol": 1e-3}, {"iterations": 3}):
            bound = spectral_norm(w, **options)
            assert bound.lower <= exact <= bound.upper
        for upper in (frobenius(w), schatten(w, 4), schatten(w, 64), aol_bound(w)):
            assert upper.kind == "upper" and exact <= upper.value


@pytest.mark.parametrize("shape", [(150, 150), (96, 300), (257, 128)])
@pytest.mark.parametrize("spectrum", reference.SPECTRA)
def test_larger_ones_with_float32_squarings(spectrum, shape):
    w = reference.draw(np.random.default_rng(3), spectrum, shape).astype(np.float32)
    low, high = reference.spectral_norm(w)
    for tol in (1e-1, 1e-2, 1e-3, 1e-5):
        bound = spectral_norm(w, tol=tol)
        assert low <= bound.upper and bound.lower <= high and bound.width <= tol


def test_float32_fails_where_the_interval_holds():
    """Gram iteration in float32, as its authors have it, falls below the truth."""
    rng = np.random.default_rng(0)
    failures = 0
    for _ in range(50):
        w = reference.draw(rng, "clustered", (64, 96)).astype(np.float32)
        low, high = reference.spectral_norm(w)
        m, log = w @ w.T, 0.0
        for t in range(15):
            r = np.linalg.norm(m)
            log = log + np.log(float(r)) * 2.0**-t
            m = (m / r) @ (m / r)
        theirs = np.exp((log + np.log(float(np.linalg.norm(m))) * 2.0**-15) / 2)
        failures += theirs < low
        bound = spectral_norm(w, iterations=15)
        assert low <= bound.upper and bound.lower <= high
    assert failures > 0


@pytest.mark.parametrize("spectrum", ["gaussian", "harmonic", "top_gap", "flat"])
def test_width_by_iteration_is_the_theory_s(spectrum):
    w = reference.draw(np.random.default_rng(1), spectrum, (60, 90))
    for t in range(9):
        lower, upper = reference.two_moment_bounds(w, t)
        bound = spectral_norm(w, t)
        assert bound.upper == pytest.approx(upper, rel=2.0**-26)  # what may cancel
        assert bound.lower >= lower * (1 - 1e-9)  # the quotient is at least as good here


def test_four_iterations_shrink_what_is_left_sixteenfold():
    """upper / sigma <= n^(2^-(t+2)) for the Schatten norm that the two moments improve on."""
    w = reference.draw(np.random.default_rng(2), "top_gap", (64, 64))
    _, high = reference.spectral_norm(w)
    for t in range(12):
        assert spectral_norm(w, t).upper <= high * 64 ** (2.0 ** -(t + 2)) * (1 + 1e-12)


@pytest.mark.parametrize("exponent", [-1074, -1060, -1022, -997, -500, 500, 997, 1019])
def test_any_scale(exponent):
    w = np.ldexp(np.random.default_rng(4).standard_normal((5, 8)), exponent)
    unit = np.ldexp(w, -exponent if exponent > -1000 else 1000)
    exact = reference.exact_spectral_norm(unit)
    bound = spectral_norm(w)
    shift = exponent if exponent > -1000 else -1000
    assert float(bound.upper) > 0
    assert np.ldexp(bound.lower, -shift if shift > -1000 else 1000) <= exact
    assert exact <= np.ldexp(bound.upper, -shift if shift > -1000 else 1000)


def test_elements_of_all_scales_at_once():
    w = np.array([[1e300, 1e-300], [1e-300, 1e300], [5e-324, -1e300]])
    bound = spectral_norm(w)
    exact = reference.exact_spectral_norm(w, 700)
    assert bound.lower <= exact <= bound.upper and bound.width <= 1e-3


def test_a_norm_beyond_the_largest_double():
    bound = spectral_norm(np.full((3, 3), 1e308))
    assert bound.upper == np.inf and bound.lower == np.finfo(float).max


def test_zero_nan_infinity_empty():
    assert spectral_norm(np.zeros((3, 4))) == (0.0, 0.0)
    assert spectral_norm(np.zeros((0, 4))) == (0.0, 0.0)
    for bad in (np.nan, np.inf, -np.inf):
        w = np.ones((3, 4))
        w[1, 2] = bad
        assert all(np.isnan(spectral_norm(w))) and all(np.isnan(spectral_norm(w, rigorous=False)))
    stack = spectral_norm(np.zeros((0, 3, 4)))
    assert stack.lower.shape == stack.upper.shape == (0,)


def test_estimates_say_so_and_are_near():
    rng = np.random.default_rng(5)
    for spectrum in reference.SPECTRA:
        w = reference.draw(rng, spectrum, (70, 50)).astype(np.float32)
        low, high = reference.spectral_norm(w)
        guess = spectral_norm(w, rigorous=False)
        assert guess.rigorous is False and spectral_norm(w).rigorous is True
        slack = 70 * 2.0**-24 * 50  # a float32 product's error over its norm, at most
        assert guess.lower <= high * (1 + slack) and low <= guess.upper * (1 + slack)
        assert guess.width <= 1e-3
