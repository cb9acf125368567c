"""What orthogonalize promises of its results: how large and how orthogonal they are."""

import numpy as np
import pytest
from reference import polar
from steepest.polar import choose, coefficients, orthogonalize

from .bounds import SPECTRA, UNIT, assert_accurate, draw, largest, singular_values

by_compute = pytest.mark.parametrize("compute", UNIT)
by_method = pytest.mark.parametrize("method", ("standard", "gram"))
by_set = pytest.mark.parametrize("name", coefficients.SETS)


@pytest.fixture
def rng():
    return np.random.default_rng(20250)


@by_method
@by_compute
@by_set
def test_no_singular_value_escapes(rng, name, compute, method):
    """1.2, or what the set itself makes of some singular value in exact arithmetic."""
    if (compute, name) == ("bfloat16", "cans"):
        pytest.skip("see test_cans_in_bfloat16")
    limit = max(1.2, coefficients.survey(name).largest + 2 * UNIT[compute])
    for shape in ((96, 96), (40, 160), (72, 40)):
        for spectrum in SPECTRA:
            g = draw(rng, spectrum, shape, compute)
            assert largest(orthogonalize(g, name, method=method)) <= limit, spectrum


def test_cans_in_bfloat16(rng):
    """Its steps leave no room above 1, and rounding to bfloat16 goes there: not offered."""
    g = draw(rng, "gaussian", (40, 72), "bfloat16")
    with pytest.raises(ValueError, match="compute: 'bfloat16' given"):
        orthogonalize(g, "cans", compute="bfloat16")
    assert choose(g.shape, "bfloat16", "cans").compute == "float32"
    assert largest(orthogonalize(g, "cans")) <= 1.2


@pytest.mark.parametrize("normalization", ("schatten4", "aol"))
@pytest.mark.parametrize(
    ("compute", "method"),
    [(compute, method) for compute in UNIT for method in ("standard", "gram")],
)
def test_other_normalizations_do_not_let_escape(rng, compute, method, normalization):
    worst = 0
    for shape in ((6, 6), (12, 20), (40, 72)):
        for spectrum in SPECTRA * 4:
            g = draw(rng, spectrum, shape, compute)
            result = orthogonalize(g, method=method, normalization=normalization)
            worst = max(worst, largest(result))
    assert worst <= 1.2


EIGHT_STEPS = {
    "geometric": np.geomspace(1.001e-3, 1, 40),
    "linear": np.linspace(2e-3, 1, 40),
    "spike": np.r_[900, np.ones(39)],
    "two": np.r_[np.ones(20), np.full(20, 0.005)],
    "flat": np.ones(40),
}


@pytest.mark.parametrize(
    ("method", "spectrum"),
    [(method, spectrum) for method in ("auto", "standard", "gram") for spectrum in EIGHT_STEPS],
)
def test_eight_steps_of_polar_express(rng, method, spectrum):
    """Orthogonal to 2e-5 in float32 where every normalised singular value is at least 1e-3."""
    bounded = spectrum in ("geometric", "linear")
    start = ("bound", 1.0001) if bounded else ("frobenius", None)
    for shape in ((40, 160), (72, 40), (40, 40)):
        g = polar.with_singular_values(rng, shape, EIGHT_STEPS[spectrum]).astype(np.float32)
        assert singular_values(g, *start).min() >= 1e-3
        options = {"normalization": start[0], "bound": start[1], "method": method}
        result = orthogonalize(g, "polar_express", 8, **options)
        assert polar.orthogonality_error(result) <= 2e-5


@by_compute
@pytest.mark.parametrize(
    ("name", "steps"), [("polar_express", 10), ("polar_express", 14), ("deepseek_v4", 10)]
)
def test_the_gram_form_of_many_steps_starts_anew(rng, name, steps, compute):
    for shape in ((40, 72), (64, 64)):
        for spectrum in SPECTRA:
            g = draw(rng, spectrum, shape, compute)
            choice = assert_accurate(g, name, steps, method="gram")
            assert choice.restarts
            assert largest(orthogonalize(g, name, steps, method="gram")) <= 1.2
    if compute != "bfloat16":
        g = draw(rng, "gaussian", (40, 160), compute)
        result = orthogonalize(g, name, steps, method="gram").astype(np.float64)
        error = np.abs(polar.scalar(coefficients.resolve(name, steps), singular_values(g)) - 1)
        assert polar.orthogonality_error(result) <= 2 * error.max() + 300 * UNIT[compute]
