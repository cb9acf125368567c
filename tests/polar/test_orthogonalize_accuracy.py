"""orthogonalize against singular value decompositions in float64."""

import numpy as np
import pytest
from reference import polar
from steepest import cpu
from steepest.polar import choose, coefficients, orthogonalize

from .bounds import (
    ROUNDINGS,
    SPECTRA,
    UNIT,
    assert_accurate,
    assert_within,
    draw,
    magnification,
    singular_values,
)

SHAPES = ((40, 72), (96, 64), (64, 64))
NORMALIZATIONS = ("frobenius", "schatten4", "aol", "bound")
by_compute = pytest.mark.parametrize("compute", UNIT)
by_method = pytest.mark.parametrize("method", ("standard", "gram"))
by_set = pytest.mark.parametrize("name", coefficients.SETS)
by_normalization = pytest.mark.parametrize("normalization", NORMALIZATIONS)


@pytest.fixture
def rng():
    return np.random.default_rng(20250)


# --- The scalar polynomial


@by_set
@by_method
@by_compute
def test_singular_values(rng, compute, method, name):
    if (compute, name) == ("bfloat16", "cans"):
        pytest.skip("see test_cans_in_bfloat16")
    for shape in SHAPES:
        for spectrum in SPECTRA:
            assert_accurate(draw(rng, spectrum, shape, compute), name, method=method)


@by_method
@by_compute
def test_every_target(rng, compute, method, every_target):
    for spectrum in SPECTRA:
        g = draw(rng, spectrum, (40, 72), compute)
        for target in every_target:
            cpu.use(target)
            assert_accurate(g, "polar_express", method=method)
            assert_accurate(g, "cubic5", method=method)


@by_method
@by_compute
def test_long_rows(rng, compute, method):
    """Several blocks of the inner dimension."""
    for shape in ((24, 2100), (1300, 40)):
        assert_accurate(draw(rng, "geometric", shape, compute), "you", method=method)


@by_method
@by_compute
@pytest.mark.parametrize("steps", (1, 2, 7))
def test_other_numbers_of_steps(rng, steps, method, compute):
    for name in ("jordan", "you", "polar_express"):
        assert_accurate(draw(rng, "geometric", (40, 72), compute), name, steps, method=method)


@pytest.mark.parametrize("dtype", UNIT)
@by_compute
@by_method
def test_storage_and_compute_apart(rng, method, compute, dtype):
    """The result is rounded once more where its type is the shorter one."""
    g = draw(rng, "gaussian", (40, 72), dtype)
    result = orthogonalize(g, "you", method=method, compute=compute)
    if UNIT[compute] >= UNIT[dtype]:
        choice = choose(g.shape, dtype, "you", None, method, compute)
        assert_within(result, singular_values(g), coefficients.resolve("you"), choice)
    exact = orthogonalize(g.astype(np.float64), "you", method=method, compute=compute)
    assert np.abs(result.astype(np.float64) - exact).max() <= 2 * UNIT[dtype] * np.abs(exact).max()


def test_coefficients_of_the_caller(rng):
    """An array, cubic at one step, for as many steps as asked."""
    triples = [(1.5, -0.5, 0.0), (1.875, -1.25, 0.375)]
    g = draw(rng, "geometric", (40, 72), "float64")
    expected = polar.orthogonalize(g, coefficients.resolve(triples, 4))
    for method in ("standard", "gram"):
        ours = orthogonalize(g, triples, 4, method)
        np.testing.assert_allclose(ours, expected, atol=1e-12)


@by_method
@by_compute
@by_set
def test_singular_vectors(rng, name, compute, method):
    """They stay: U^T O V is diagonal. In each step some roundings of the size of a unit, each
    magnified by what follows."""
    triples = coefficients.resolve(name)
    for shape in SHAPES:
        s = np.linspace(1, 2, min(shape))
        g = polar.with_singular_values(rng, shape, s).astype(compute)
        u, s, vt = polar.svd(polar.normalize(g.astype(np.float64)))
        expected = polar.scalar(triples, s)
        result = orthogonalize(g, name, method=method).astype(np.float64)
        limit = ROUNDINGS * len(triples) * UNIT[compute] * magnification(triples, s)
        assert np.linalg.norm(u.T @ result @ vt.T - np.diag(expected), 2) <= limit
        assert np.linalg.norm(result - (u * expected) @ vt, 2) <= limit


# --- Normalisation


@by_normalization
@by_method
@by_compute
def test_normalizations(rng, compute, method, normalization):
    """Schatten-4 and AOL come from the rounded Gram matrix and round the iterate anew."""
    triples = coefficients.resolve("you")
    for shape in SHAPES:
        for spectrum in SPECTRA:
            g = draw(rng, spectrum, shape, compute)
            norm = float(np.linalg.norm(g.astype(np.float64), 2))
            bound = 1.1 * norm if normalization == "bound" else None
            options = {"method": method, "normalization": normalization, "bound": bound}
            result = orthogonalize(g, "you", **options)
            choice = choose(shape, compute, "you", None, method)
            s = singular_values(g, normalization, bound)
            assert_within(result, s, triples, choice, 1 if normalization == "frobenius" else 4)


@by_normalization
@by_method
@pytest.mark.parametrize("safety", (1.0, 1.05, 7.0))
def test_the_whole_matrix(rng, safety, method, normalization):
    """In double, where what the normalisation does to the singular vectors can be seen."""
    triples = coefficients.resolve("polar_express")
    for shape in (*SHAPES, (1, 9), (9, 1), (1, 1)):
        g = rng.standard_normal(shape) * np.geomspace(1, 10, shape[0])[:, None]
        bound = 1.1 * np.linalg.norm(g, 2) if normalization == "bound" else None
        x = polar.normalize(g, normalization, bound) / safety
        result = orthogonalize(
            g, method=method, normalization=normalization, bound=bound, safety=safety
        )
        np.testing.assert_allclose(result, polar.newton_schulz(x, triples), atol=1e-11)
