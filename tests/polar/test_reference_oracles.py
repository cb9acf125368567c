"""References: the oracles against the dual norms, the optimizers against each other."""

import numpy as np
import pytest
from reference import polar


@pytest.fixture
def rng():
    return np.random.default_rng(20252)


# --- Oracles

NORMS = {
    # the norm whose unit ball the oracle's answers lie on, and its dual
    "Spectral": (
        lambda d: polar.svd(d)[1][0] * np.sqrt(d.shape[1] / d.shape[0]),
        lambda g: polar.nuclear_norm(g) * np.sqrt(g.shape[0] / g.shape[1]),
    ),
    "ColNorm": (
        lambda d: np.sqrt(np.mean(d**2, axis=0)).max(),
        lambda g: np.sqrt(np.sum(g**2, axis=0)).sum() * np.sqrt(g.shape[0]),
    ),
    "RowNorm": (
        lambda d: np.sqrt(np.sum(d**2, axis=1)).max() * np.sqrt(d.shape[1]),
        lambda g: np.sqrt(np.sum(g**2, axis=1)).sum() / np.sqrt(g.shape[1]),
    ),
    "Sign": (
        lambda d: np.abs(d).max() * d.shape[1],
        lambda g: np.abs(g).sum() / g.shape[1],
    ),
    "Euclidean": (np.linalg.norm, np.linalg.norm),
}


@pytest.mark.parametrize("shape", ((24, 24), (16, 40), (40, 16)))
@pytest.mark.parametrize("name", NORMS)
def test_an_oracle_maximises_over_the_unit_ball(rng, name, shape):
    norm, dual = NORMS[name]
    g = rng.standard_normal(shape)
    best = polar.ORACLES[name](g)
    assert norm(best) == pytest.approx(1, abs=1e-6)
    assert np.sum(g * best) == pytest.approx(dual(g), rel=1e-6)
    for _ in range(20):
        d = rng.standard_normal(shape)
        assert np.sum(g * d) / norm(d) < dual(g)


def test_kernels_are_isometries_over_the_number_of_taps(rng):
    g = rng.standard_normal((6, 3, 2, 2))
    taps = polar.spectral_conv(g)
    flat = taps.reshape(6, 12)
    np.testing.assert_allclose(polar.svd(flat)[1], np.sqrt(2) / 4, atol=1e-12)
    line = polar.spectral_conv(rng.standard_normal((6, 3, 5)))
    np.testing.assert_allclose(polar.svd(line.reshape(6, 15))[1], np.sqrt(2) / 5, atol=1e-12)


def test_options_of_the_oracles(rng):
    g = rng.standard_normal((4, 10))
    assert polar.svd(polar.spectral(g, normalized=False))[1][0] == pytest.approx(2)
    assert polar.svd(polar.spectral(g, at_least_one=True))[1][0] == pytest.approx(1)
    np.testing.assert_allclose(
        polar.col_norm(g, normalized=True), polar.col_norm(g) / 10, rtol=1e-6
    )
    np.testing.assert_allclose(polar.col_norm(g, transpose=True), polar.col_norm(g.T).T)
    np.testing.assert_allclose(polar.row_norm(g, transpose=True), polar.row_norm(g.T).T)
    np.testing.assert_allclose(np.linalg.norm(polar.row_norm(g, False), axis=1), 1, rtol=1e-6)
    assert np.array_equal(np.abs(polar.sign(g, False)), np.ones((4, 10)))
    assert np.sqrt(np.mean(polar.bias_rms(g[0]) ** 2)) == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("name", polar.ORACLES)
def test_the_oracle_of_zero_is_zero(name):
    shape = {"SpectralConv": (4, 3, 2, 2), "BiasRMS": (7,)}.get(name, (4, 6))
    assert not polar.ORACLES[name](np.zeros(shape)).any()


# --- Optimizers


def test_lr_ratios():
    assert polar.lr_ratio((64, 16)) == polar.lr_ratio((64, 16), "original") == 2
    assert polar.lr_ratio((16, 64)) == 1
    assert polar.lr_ratio((16, 100), "match_rms_adamw") == pytest.approx(2)


@pytest.mark.parametrize("nesterov", (True, False))
def test_moonlight_is_muon_with_the_other_ratio(rng, nesterov):
    """The orthogonalisation does not see the scale of the momentum."""
    p = q = rng.standard_normal((6, 11))
    ours = theirs = {"momentum_buffer": np.zeros((6, 11))}
    for _ in range(4):
        g = rng.standard_normal((6, 11))
        p, ours = polar.muon(p, g, ours, nesterov=nesterov, adjust_lr="match_rms_adamw")
        q, theirs = polar.moonlight(q, g, theirs, nesterov=nesterov)
        np.testing.assert_allclose(p, q, rtol=1e-11)


def test_the_decay_of_muon_is_by_lr_itself(rng):
    p = rng.standard_normal((16, 4))
    state = {"momentum_buffer": np.zeros((16, 4))}
    moved, _ = polar.muon(p, np.zeros((16, 4)), state, lr=0.1, weight_decay=0.5)
    np.testing.assert_allclose(moved, p * 0.95)


def test_muon_of_a_kernel_is_muon_of_its_matrix(rng):
    p, g = rng.standard_normal((2, 8, 3, 2, 2))
    flat = {"momentum_buffer": np.zeros((8, 12))}
    moved, _ = polar.muon(p, g, {"momentum_buffer": np.zeros_like(p)})
    matrix, _ = polar.muon(p.reshape(8, 12), g.reshape(8, 12), flat)
    np.testing.assert_allclose(moved.reshape(8, 12), matrix)


def test_scion_stays_in_its_ball(rng):
    p = np.zeros((8, 8))
    state = {"momentum_buffer": np.zeros((8, 8))}
    for _ in range(50):
        g = rng.standard_normal((8, 8))
        p, state = polar.scion(p, g, state, lr=0.2, momentum=0.1, scale=3.0)
        assert polar.svd(p)[1][0] <= 3 + 1e-12
    free, _ = polar.scion(p, g, state, lr=0.2, scale=3.0, unconstrained=True)
    assert np.linalg.norm(free - p) == pytest.approx(0.2 * 3 * np.sqrt(8))
