"""orthogonalize by a given bound, and with a safety factor."""

import ml_dtypes
import numpy as np
import pytest
from reference import polar
from steepest.polar import coefficients, orthogonalize

DTYPES = ("float64", "float32", ml_dtypes.bfloat16, "float16")
SHAPES = ((12, 20), (20, 12), (6, 6), (1, 9), (9, 1), (1, 1))
by_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=("f64", "f32", "bf16", "f16"))
by_method = pytest.mark.parametrize("method", ("standard", "gram"))


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def draw(rng, shape, dtype):
    """Halves of the elements are no denormals."""
    g = rng.standard_normal(shape)
    return (g + np.copysign(1e-3, g)).astype(dtype)


# --- A given bound


@by_method
@by_dtype
def test_a_given_bound_is_not_scale_free(rng, dtype, method):
    """A larger one by a power of two is a smaller matrix by it, bit by bit."""
    g = draw(rng, (12, 20), dtype)
    options = {"method": method, "normalization": "bound"}
    bound = 2.0 * float(np.linalg.norm(g.astype(np.float64), 2))
    wanted = orthogonalize(g, bound=bound, **options).tobytes()
    half = (g.astype(np.float64) / 2).astype(dtype)
    assert orthogonalize(half, bound=bound / 2, **options).tobytes() == wanted
    assert orthogonalize(g, bound=bound / 2, safety=2.0, **options).tobytes() == wanted
    assert orthogonalize(g, bound=np.float64(bound), **options).tobytes() == wanted
    assert orthogonalize(g, bound=bound / 2, **options).tobytes() != wanted


def test_a_bound_for_each_array_of_a_list(rng):
    arrays = [draw(rng, s, d) for s, d in zip(SHAPES, DTYPES, strict=False)]
    bounds = [20.0, 30.0, 40.0, 50.0]
    each = orthogonalize(arrays, normalization="bound", bound=bounds)
    for g, bound, ours in zip(arrays, bounds, each, strict=True):
        assert ours.tobytes() == orthogonalize(g, normalization="bound", bound=bound).tobytes()
    for g, ours in zip(arrays, orthogonalize(arrays, normalization="bound", bound=50), strict=True):
        assert ours.tobytes() == orthogonalize(g, normalization="bound", bound=50.0).tobytes()


@pytest.mark.parametrize("matrix", (np.eye(3), np.zeros((3, 3))), ids=("identity", "zero"))
def test_a_denormal_bound(matrix):
    wanted = orthogonalize(matrix, normalization="bound", bound=2.0)
    ours = orthogonalize(matrix * 2.0**-1030, normalization="bound", bound=2.0**-1029)
    assert np.array_equal(ours, wanted)


def test_a_huge_bound_with_a_safety():
    wanted = orthogonalize(np.eye(3), normalization="bound", bound=1.0, safety=4.0)
    ours = orthogonalize(np.eye(3) * 2.0**1022, normalization="bound", bound=2.0**1022, safety=4.0)
    assert np.array_equal(ours, wanted)


# --- Safety


@by_method
@pytest.mark.parametrize("safety", (1, 1.0, 1.02, 3.0, 1e6))
def test_safety_divides_the_normalised_matrix(rng, safety, method):
    triples = coefficients.resolve("polar_express")
    for shape in SHAPES:
        g = draw(rng, shape, "float64")
        expected = polar.newton_schulz(polar.normalize(g) / safety, triples)
        result = orthogonalize(g, method=method, safety=safety)
        np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-11)
