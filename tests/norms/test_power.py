"""Power iteration: proved from below, warm starts, and what three kept iterates are worth."""

import ml_dtypes
import numpy as np
import pytest
import standin
from boundary.device_fakes import emulation
from boundary.support import refused
from reference import norms as reference
from steepest.norms import power_iteration


@pytest.fixture
def rng():
    return np.random.default_rng(13)


@pytest.mark.parametrize("krylov", [False, True])
@pytest.mark.parametrize("spectrum", reference.SPECTRA)
def test_never_above(rng, spectrum, krylov):
    for dtype in (np.float64, np.float32, ml_dtypes.bfloat16, np.float16):
        for shape in ((1, 1), (3, 5), (7, 2)):
            w = reference.draw(rng, spectrum, shape).astype(dtype)
            result = power_iteration(w, 60, krylov=krylov)
            assert result.kind == "lower"
            assert result.value <= reference.exact_spectral_norm(w)
            assert result.v.shape == (shape[1],)


def test_converges(rng):
    w = reference.draw(rng, "harmonic", (40, 60))
    low, _ = reference.spectral_norm(w)
    assert power_iteration(w, 40).value >= low * (1 - 1e-12)


def test_three_iterates_are_worth_three_steps_more(rng):
    better = 0
    for _ in range(20):
        w = rng.standard_normal((80, 100))
        five = power_iteration(w, 5).value
        assert five >= power_iteration(w, 5, krylov=False).value * (1 - 1e-13)
        better += five > power_iteration(w, 8, krylov=False).value
    assert better >= 18


def test_warm_start(rng):
    w = rng.standard_normal((50, 50))
    first = power_iteration(w, 50)
    again = power_iteration(w, 1, first.v)
    assert again.value >= first.value * (1 - 1e-13)


def test_scales_zero_and_nan(rng):
    w = rng.standard_normal((4, 6))
    for exponent in (-1000, 1000):
        scaled = power_iteration(np.ldexp(w, exponent))
        assert scaled.value == np.ldexp(power_iteration(w).value, exponent)
    assert power_iteration(np.zeros((3, 4))).value == 0
    assert power_iteration(np.zeros((0, 4))).value == 0
    assert np.isnan(power_iteration(np.array([[1.0, np.nan]])).value)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"W": np.ones((2, 3, 4))}, ValueError, ("W: ", "(2, 3, 4)")),
        ({"W": [np.ones((2, 3))]}, ValueError, ("W: ", "list")),
        ({"iterations": 0}, ValueError, ("iterations: ", "0")),
        ({"start": np.ones(3)}, ValueError, ("start: ", "(3,)", "(4,)")),
        ({"start": np.zeros(4)}, ValueError, ("start: ", "zero")),
        ({"seed": -1}, ValueError, ("seed: ", "-1")),
    ],
    ids=str,
)
def test_wrong_calls(arguments, error, words):
    with refused(error, *words):
        power_iteration(**{"W": np.ones((2, 4)), **arguments})


# ---- On a device


def on(kind, w, *arguments, **options):
    with kind.running():
        return power_iteration(kind.array(w), *arguments, **options)


@pytest.mark.parametrize("krylov", [False, True])
@pytest.mark.parametrize("spectrum", reference.SPECTRA)
def test_never_above_on_a_device(kind, rng, spectrum, krylov):
    for dtype in (np.float64, np.float32, ml_dtypes.bfloat16, np.float16):
        for shape in ((1, 1), (3, 5), (7, 2)):
            w = reference.draw(rng, spectrum, shape).astype(dtype)
            result = on(kind, w, 60, krylov=krylov)
            assert result.kind == "lower" and isinstance(result.value, float)
            assert result.value <= reference.exact_spectral_norm(w)
            assert type(result.v) is np.ndarray and result.v.shape == (shape[1],)


@pytest.mark.parametrize("shape", [(40, 60), (60, 40)])
def test_a_device_follows_numpy(kind, rng, shape):
    """Few steps, whose iterates differ by roundings only, and many, which converge."""
    w = reference.draw(rng, "harmonic", shape)
    for krylov in (False, True):
        found, wanted = on(kind, w, 3, krylov=krylov), power_iteration(w, 3, krylov=krylov)
        assert found.value == pytest.approx(wanted.value, rel=1e-12)
        np.testing.assert_allclose(found.v, wanted.v, atol=1e-8)
    low, _ = reference.spectral_norm(w)
    assert on(kind, w, 40).value >= low * (1 - 1e-12)
    assert on(kind, w, 1, on(kind, w, 40).v).value >= low * (1 - 1e-12)


def test_scales_zero_nan_and_nothing_on_a_device(kind, rng):
    w = rng.standard_normal((4, 6))
    for exponent in (-1000, 1000):
        scaled = on(kind, np.ldexp(w, exponent))
        assert scaled.value == np.ldexp(on(kind, w).value, exponent)
    single = np.array([[1e38, 1e-38], [1e-45, 1e38]], np.float32)
    assert on(kind, single).value == pytest.approx(float(single[0, 0]), rel=1e-13)
    assert on(kind, np.zeros((3, 4))).value == 0
    assert not on(kind, np.zeros((3, 4))).v.any()
    assert on(kind, np.zeros((0, 4))).value == 0
    for bad in (np.nan, np.inf):
        found = on(kind, np.array([[1.0, bad, 2.0]]))
        assert np.isnan(found.value) and np.isnan(found.v).all()


def test_of_a_cupy_array(rng):
    w = rng.standard_normal((12, 9)).T
    with emulation(), standin.installed():
        found = power_iteration(standin.asarray(w), 5)
    assert found.value == pytest.approx(power_iteration(w, 5).value, rel=1e-12)
