"""The references against the singular value decomposition and against each other."""

import numpy as np
import pytest
from reference import polar
from steepest.polar import coefficients

SHAPES = ((24, 24), (16, 40), (40, 16), (1, 9), (9, 1), (1, 1))
by_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"{s[0]}x{s[1]}")
by_spectrum = pytest.mark.parametrize("spectrum", polar.SPECTRA)
by_set = pytest.mark.parametrize("name", coefficients.SETS)


@pytest.fixture
def rng():
    return np.random.default_rng(20250)


def draw(rng, spectrum, shape):
    return polar.SPECTRA[spectrum](rng, shape)


def rank(a):
    s = polar.svd(a)[1]
    return int(np.count_nonzero(s > s.max() * 1e-12))


# --- What is computed


@by_shape
@by_spectrum
def test_polar_factor(rng, spectrum, shape):
    a = draw(rng, spectrum, shape)
    u, h = polar.polar(a)
    np.testing.assert_allclose(u @ h, a, atol=1e-13 * np.abs(a).max())
    np.testing.assert_allclose(u @ u.T @ u, u, atol=1e-13)  # a partial isometry
    assert np.trace(u.T @ u) == pytest.approx(rank(a))
    assert np.linalg.eigvalsh(h).min() > -1e-13 * np.linalg.norm(h)
    assert polar.nuclear_norm(a) == pytest.approx(np.sum(a * u))


def test_the_polar_factor_is_the_nearest_isometry(rng):
    a = rng.standard_normal((12, 7))
    nearest = np.linalg.norm(a - polar.polar_factor(a))
    for _ in range(50):
        assert np.linalg.norm(a - polar.orthonormal(rng, 12, 7)) > nearest


@by_shape
def test_zero_stays_zero(shape):
    zero = np.zeros(shape)
    assert not polar.polar_factor(zero).any()
    for kind in polar.NORMALIZATIONS:
        assert not polar.orthogonalize(zero, coefficients.resolve("jordan"), kind).any()


def test_matrix_sign(rng):
    symmetric = rng.standard_normal((15, 15))
    symmetric += symmetric.T
    general = rng.standard_normal((15, 15)) + 6 * np.diag(np.sign(rng.standard_normal(15)))
    for a in (symmetric, general):
        sign = polar.matrix_sign(a)
        np.testing.assert_allclose(sign @ sign, np.eye(15), atol=1e-10)
        np.testing.assert_allclose(sign @ a, a @ sign, atol=1e-10)
        assert np.linalg.eigvals(sign @ a).real.min() > 0  # (a^2)^(1/2)
    # A symmetric matrix: also its polar factor, and sign([[0, A], [A^T, 0]]) holds A's.
    np.testing.assert_allclose(
        polar.matrix_sign(symmetric), polar.polar_factor(symmetric), atol=1e-12
    )
    a = rng.standard_normal((6, 6))
    zero = np.zeros((6, 6))
    block = polar.matrix_sign(np.block([[zero, a], [a.T, zero]]))
    np.testing.assert_allclose(block[:6, 6:], polar.polar_factor(a), atol=1e-12)


# --- Iterations


@by_shape
@by_spectrum
@by_set
def test_the_iterations_are_the_scalar_polynomial(rng, name, spectrum, shape):
    triples = coefficients.resolve(name)
    a = draw(rng, spectrum, shape)
    x = polar.normalize(a)
    expected = polar.expected(a, triples)
    np.testing.assert_allclose(polar.newton_schulz(x, triples), expected, atol=1e-10)
    for restarts in ((2,), (1, 3)):
        ours = polar.gram_newton_schulz(x, triples, restarts)
        np.testing.assert_allclose(ours, expected, atol=1e-10)
    # Without a restart the rounding of the first Gram matrix grows, even in double.
    np.testing.assert_allclose(polar.gram_newton_schulz(x, triples), expected, atol=1e-9)


@by_shape
@pytest.mark.parametrize("spectrum", ("gaussian", "flat", "tiny", "huge"))
def test_the_iteration_converges_to_the_polar_factor(rng, spectrum, shape):
    a = draw(rng, spectrum, shape)
    triples = coefficients.polar_express(14, lower=1e-5)
    np.testing.assert_allclose(polar.orthogonalize(a, triples), polar.polar_factor(a), atol=1e-9)
    assert polar.orthogonality_error(polar.orthogonalize(a, triples)) < 1e-9


def test_eight_steps_of_polar_express(rng):
    """The accuracy that is promised, of exact arithmetic."""
    x = polar.with_singular_values(rng, (30, 50), np.geomspace(1e-3, 1, 30))
    result = polar.newton_schulz(x, coefficients.resolve("polar_express", 8))
    assert polar.orthogonality_error(result) < 1e-10


# --- Normalisation


@by_shape
@by_spectrum
@pytest.mark.parametrize("kind", ("frobenius", "schatten4", "aol"))
def test_normalised_singular_values_are_at_most_one(rng, kind, spectrum, shape):
    a = draw(rng, spectrum, shape)
    s = polar.svd(polar.normalize(a, kind))[1]
    assert s.max() <= 1 + 1e-12
    np.testing.assert_allclose(  # scale-free
        polar.normalize(a, kind), polar.normalize(2.0**40 * a, kind), rtol=1e-14
    )


@by_spectrum
def test_the_norms_are_nested(rng, spectrum):
    a = draw(rng, spectrum, (20, 30))
    largest = {k: polar.svd(polar.normalize(a, k))[1].max() for k in ("frobenius", "schatten4")}
    assert largest["frobenius"] <= largest["schatten4"] * (1 + 1e-12)
    s = polar.svd(a)[1]
    assert largest["frobenius"] == pytest.approx(s[0] / np.linalg.norm(a / s[0]) / s[0])
    assert largest["schatten4"] == pytest.approx(1 / np.sum((s / s[0]) ** 4) ** 0.25)


def test_a_given_bound(rng):
    a = rng.standard_normal((5, 8))
    assert np.array_equal(polar.normalize(a, "bound", 4.0), a / 4)


def test_aol_changes_the_singular_vectors(rng):
    """Its limit is the polar factor of the rescaled matrix; of orthogonal rows it is the same."""
    triples = coefficients.polar_express(14, lower=1e-5)
    a = rng.standard_normal((8, 20)) * np.geomspace(1, 10, 8)[:, None]
    result = polar.orthogonalize(a, triples, "aol")
    np.testing.assert_allclose(result, polar.polar_factor(polar.normalize(a, "aol")), atol=1e-9)
    assert np.abs(result - polar.polar_factor(a)).max() > 1e-2
    rows = polar.orthonormal(rng, 20, 8).T * np.geomspace(1, 10, 8)[:, None]
    np.testing.assert_allclose(
        polar.orthogonalize(rows, triples, "aol"), polar.polar_factor(rows), atol=1e-9
    )


# --- Caps


@pytest.mark.parametrize("kind", ("hard", "soft"))
def test_spectral_cap(rng, kind):
    w = polar.with_singular_values(rng, (9, 14), np.linspace(0.1, 1.15, 9))
    capped = polar.spectral_cap(w, 1.0, kind)
    s = polar.svd(capped)[1]
    assert s[0] == pytest.approx(1) and np.all(s <= 1 + 1e-12)
    np.testing.assert_allclose(polar.spectral_cap(w, 2.0, kind), w, atol=1e-13)
    np.testing.assert_allclose(polar.polar_factor(capped), polar.polar_factor(w), atol=1e-12)


@pytest.mark.parametrize("ratio", (1.0, 1.001, 1.1, 2, 100))
def test_the_soft_cap_takes_its_bound_to_the_cap(ratio):
    assert polar.soft_cap(3.0 * ratio, 3.0, 3.0 * ratio) == pytest.approx(3)
    assert 0 <= polar.soft_cap_strength(3.0, 3.0 * ratio) * (3.0 * ratio) ** 2 < 1


# --- Spectra


@by_shape
@by_spectrum
def test_spectra(rng, spectrum, shape):
    a = draw(rng, spectrum, shape)
    assert a.shape == shape and np.isfinite(a).all() and a.any()
    s = polar.svd(a)[1]
    if spectrum == "rank_deficient":
        assert rank(a) == max(1, min(shape) // 2)
    if spectrum == "flat":
        np.testing.assert_allclose(s, 1)
    if spectrum == "spike" and min(shape) > 1:
        assert s[0] / s[1] == pytest.approx(1000)
