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


def test_a_bound_for_each_matrix_of_a_stack(rng):
    stack = draw(rng, (2, 3, 12, 20), "float64")
    bounds = 20.0 + 10 * np.arange(6.0).reshape(2, 3)
    for array, each in ((stack, bounds), (stack.swapaxes(0, 1)[::-1], bounds.T[::-1])):
        ours = orthogonalize(array, normalization="bound", bound=each)
        for index in np.ndindex(each.shape):
            single = orthogonalize(array[index], normalization="bound", bound=float(each[index]))
            assert ours[index].tobytes() == single.tobytes()
    one = orthogonalize(stack[0, 0], normalization="bound", bound=np.array(20.0))
    assert one.tobytes() == orthogonalize(stack[0, 0], normalization="bound", bound=20).tobytes()
    assert orthogonalize(stack[:0], normalization="bound", bound=bounds[:0]).shape == (0, 3, 12, 20)


def test_bounds_of_lists_of_stacks(rng):
    """An array, a sequence of numbers, and a sequence with an array for each matrix of a stack."""
    matrix, stack = draw(rng, (12, 20), "float64"), draw(rng, (3, 12, 20), "float64")
    each = np.array([30.0, 40.0, 50.0])
    first, second = orthogonalize([matrix, stack], normalization="bound", bound=[20, each])
    assert first.tobytes() == orthogonalize(matrix, normalization="bound", bound=20).tobytes()
    assert second.tobytes() == orthogonalize(stack, normalization="bound", bound=each).tobytes()
    pair = orthogonalize([matrix, matrix], normalization="bound", bound=np.array([20.0, 30.0]))
    for ours, bound in zip(pair, (20.0, 30.0), strict=True):
        wanted = orthogonalize(matrix, normalization="bound", bound=bound)
        assert ours.tobytes() == wanted.tobytes()


@pytest.mark.parametrize(
    ("bound", "error", "words"),
    [
        (np.ones((3, 2)), ValueError, r"^bound: array of shape \(3, 2\) given, .*\(2, 3\)"),
        (np.ones(6), ValueError, r"^bound: array of shape \(6,\)"),
        (np.zeros((2, 3)), ValueError, r"^bound: 0.0 given"),
        (np.full((2, 3), np.nan), ValueError, r"^bound: nan given"),
        (np.array([["1"] * 3] * 2), TypeError, r"^bound: array of <U1 given"),
        ([1.0] * 6, TypeError, r"^bound: list given"),
        (None, TypeError, r"^bound: NoneType given"),
    ],
    ids=str,
)
def test_bounds_refused(rng, bound, error, words):
    stack = draw(rng, (2, 3, 4, 5), "float64")
    before = stack.copy()
    with pytest.raises(error, match=words):
        orthogonalize(stack, normalization="bound", bound=bound, out=stack)
    assert np.array_equal(stack, before)


def test_bounds_of_lists_refused(rng):
    stack = draw(rng, (3, 4, 5), "float64")
    for bound, words in (
        ([1.0], "1 numbers given, expected one per array, 2"),
        (np.ones(3), "3 numbers given, expected one per array, 2"),
        ([1.0, np.ones(2)], r"bound\[1\]: array of shape \(2,\)"),
        ([np.ones(3), -1.0], r"bound\[1\]: -1.0 given"),
    ):
        with pytest.raises(ValueError, match=words):
            orthogonalize([stack, stack], normalization="bound", bound=bound)


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
