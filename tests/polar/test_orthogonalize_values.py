"""orthogonalize on values from the ends of the number range, zero, NaN and infinities."""

import ml_dtypes
import numpy as np
import pytest
from reference import polar
from steepest.polar import choose, coefficients, orthogonalize

from .bounds import assert_within, singular_values

DTYPES = ("float64", "float32", "bfloat16", "float16")
SHAPES = ((12, 20), (20, 12), (6, 6), (1, 9), (9, 1), (1, 1))
SCALE_FREE = ("frobenius", "schatten4", "aol")
# Powers of two that leave every element of a Gaussian normal.
POWERS = {
    "float64": (-996, -500, -1, 1, 500, 996),
    "float32": (-100, -64, -1, 1, 64, 100),
    "bfloat16": (-100, -64, -1, 1, 64, 100),
}
by_dtype = pytest.mark.parametrize("dtype", DTYPES)
by_method = pytest.mark.parametrize("method", ("standard", "gram"))
by_normalization = pytest.mark.parametrize("normalization", SCALE_FREE)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def draw(rng, shape, dtype):
    """No element is so small that a scale would make it denormal."""
    g = rng.standard_normal(shape)
    return (g + np.copysign(1e-3, g)).astype(dtype)


def is_nan(a):
    return np.isnan(a.astype(np.float64))


# --- Scale


@by_normalization
@by_method
@pytest.mark.parametrize("dtype", POWERS)
def test_powers_of_two_do_not_matter(rng, dtype, method, normalization):
    for shape in SHAPES:
        g = draw(rng, shape, dtype)
        options = {"method": method, "normalization": normalization}
        wanted = orthogonalize(g, **options).tobytes()
        for power in POWERS[dtype]:
            scaled = np.ldexp(g.astype(np.float64), power).astype(dtype)
            assert orthogonalize(scaled, **options).tobytes() == wanted, f"2^{power}"
        scales = [np.ldexp(g.astype(np.float64), p).astype(dtype) for p in POWERS[dtype]]
        for ours in orthogonalize(np.stack(scales), **options):
            assert ours.tobytes() == wanted


@by_normalization
@by_method
@pytest.mark.parametrize(
    ("dtype", "scale"),
    [
        *(("float32", s) for s in (1e-30, 1e-10, 1e10, 1e30)),
        *(("bfloat16", s) for s in (1e-30, 1e30)),
        *(("float64", s) for s in (1e-300, 1e-200, 1e-30, 1e30, 1e200, 1e300)),
    ],
)
def test_scales(rng, dtype, scale, method, normalization):
    triples = coefficients.resolve("you")
    for shape in SHAPES:
        g = (draw(rng, shape, "float64") * scale).astype(dtype)
        s = singular_values(g, normalization)
        result = orthogonalize(g, "you", method=method, normalization=normalization)
        choice = choose(shape, dtype, "you", None, method)
        assert_within(result, s, triples, choice, 1 if normalization == "frobenius" else 4)


@by_method
@pytest.mark.parametrize("dtype", ("float64", "float32", "bfloat16", "float16"))
def test_the_largest_and_the_smallest_numbers(rng, dtype, method):
    """Powers of two times orthogonal columns of ones, denormal ones included."""
    signs = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1]])
    info = ml_dtypes.finfo(dtype)
    wanted = orthogonalize(signs.astype(dtype), method=method).tobytes()
    biggest, least = np.frexp(float(info.max))[1] - 1, float(info.smallest_subnormal)
    for size in (2.0**biggest, float(info.smallest_normal), least, 4 * least):
        assert orthogonalize((signs * size).astype(dtype), method=method).tobytes() == wanted


def test_a_wide_range_inside_a_matrix(rng):
    """What is small beside the largest element does not disturb."""
    g = np.diag([1e300, 1.0, 1e-300])
    triples = coefficients.resolve("you")
    np.testing.assert_allclose(orthogonalize(g, "you"), polar.expected(g, triples), atol=1e-12)


# --- Zero, NaN and infinities


@by_dtype
@by_method
@pytest.mark.parametrize("normalization", (*SCALE_FREE, "bound"))
def test_zero(dtype, method, normalization):
    bound = 3.0 if normalization == "bound" else None
    for shape in SHAPES:
        zero = np.zeros(shape, dtype)
        result = orthogonalize(zero, method=method, normalization=normalization, bound=bound)
        assert result.shape == shape and not result.astype(np.float64).any()


@by_normalization
@by_method
def test_zero_rows_and_columns_stay(rng, method, normalization):
    for shape in ((12, 20), (20, 12), (6, 6)):
        g = draw(rng, shape, "float64")
        g[2] = g[:, 4] = 0
        result = orthogonalize(g, method=method, normalization=normalization)
        assert not result[2].any() and not result[:, 4].any()
        expected = polar.expected(g, coefficients.resolve("polar_express"), normalization)
        np.testing.assert_allclose(result, expected, atol=1e-11)


@pytest.mark.parametrize("value", (np.nan, np.inf, -np.inf))
@by_dtype
@by_method
@pytest.mark.parametrize("normalization", (*SCALE_FREE, "bound"))
def test_nan_and_infinity_fill_their_matrix_only(rng, value, dtype, method, normalization):
    bound = 30.0 if normalization == "bound" else None
    options = {"method": method, "normalization": normalization, "bound": bound}
    for shape in SHAPES:
        stack = draw(rng, (4, *shape), dtype)
        spoilt = stack.copy()
        spoilt[1, shape[0] // 2, shape[1] - 1] = value
        spoilt[3, 0, 0] = value
        result, wanted = orthogonalize(spoilt, **options), orthogonalize(stack, **options)
        assert is_nan(result[[1, 3]]).all()
        assert result[[0, 2]].tobytes() == wanted[[0, 2]].tobytes()
        each = orthogonalize([*spoilt], **options)
        assert [bool(is_nan(a).all()) for a in each] == [False, True, False, True]


@by_method
@by_dtype
def test_signs_and_permutations(rng, dtype, method):
    """-G gives the negative, bit by bit."""
    g = draw(rng, (12, 20), dtype)
    assert np.array_equal(orthogonalize(-g, method=method), -orthogonalize(g, method=method))
