"""quality and nuclear_norm against their definitions."""

import ml_dtypes
import numpy as np
import pytest
from reference import polar as ref
from steepest.polar import Quality, coefficients, nuclear_norm, orthogonalize, polar, quality

from .accuracy import SPECTRA, UNIT, backward, draw, norm

SHAPES = ((20, 20), (12, 30), (30, 12), (1, 5), (5, 1), (1, 1))
by_dtype = pytest.mark.parametrize("dtype", UNIT)
by_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
FIELDS = Quality._fields


@pytest.fixture
def rng():
    return np.random.default_rng(61)


def definition(a, u):
    """The measures of one matrix, from its decompositions."""
    nuclear, top = ref.nuclear_norm(a), ref.svd(a)[1].max()
    s = ref.svd(u)[1]
    if a.shape[0] >= a.shape[1]:
        product = u.T @ a
        h = (product + product.T) / 2
        rest = u @ h - a
    else:
        product = a @ u.T
        h = (product + product.T) / 2
        rest = h @ u - a
    return {
        "orthogonality": ref.orthogonality_error(u),
        "residual": norm(rest) / norm(a),
        "psd_error": max(0.0, -np.linalg.eigvalsh(h).min()) / top,
        "bound_violation": max(0.0, s.max() - 1),
        "dual_gap": (nuclear - np.sum(a * u)) / nuclear,
        "singular_interval": (s.min(), s.max()),
    }


@by_shape
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_quality(rng, spectrum, shape):
    a = draw(rng, spectrum, shape, "float64")
    for u in (orthogonalize(a), polar(a).U, rng.standard_normal(shape), -polar(a).U):
        ours, wanted = quality(a, u), definition(a, u)
        for name in FIELDS:
            given = getattr(ours, name)
            assert all(type(x) is float for x in np.ravel(given).tolist())
            error = np.abs(np.subtract(given, wanted[name])).max()
            assert error <= 64 * UNIT["float64"] * max(shape) * max(1, norm(u)), name


def test_a_perfect_and_a_wrong_factor(rng):
    a = ref.with_singular_values(rng, (6, 9), [3.0, 2, 1, 1, 0.5, 0.1])
    right, wrong = quality(a, ref.polar_factor(a)), quality(a, -1.5 * ref.polar_factor(a))
    assert max(*right[:5], abs(right.dual_gap)) <= 1e-14
    assert wrong.singular_interval == pytest.approx((1.5, 1.5), abs=1e-14)
    assert wrong.bound_violation == pytest.approx(0.5, abs=1e-14)
    assert wrong.dual_gap == pytest.approx(2.5, abs=1e-13)
    assert wrong.psd_error == pytest.approx(1.5, abs=1e-13)
    assert wrong.residual == pytest.approx(1.25, abs=1e-13)
    assert wrong.orthogonality == pytest.approx(1.25, abs=1e-13)


def test_quality_of_stacks_and_zero(rng):
    a = rng.standard_normal((2, 3, 5, 8))
    a[1, 1] = 0
    u = orthogonalize(a).astype(np.float32)
    ours = quality(a, u)
    for index in np.ndindex(2, 3):
        single = quality(a[index], u[index])
        for name in FIELDS:
            both = np.array(getattr(ours, name))
            assert np.array_equal(both[(..., *index)], getattr(single, name))
    zero = quality(a[1, 1], u[1, 1])
    assert zero == (1.0, 0.0, 0.0, 0.0, 0.0, (0.0, 0.0))


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_quality_at_any_scale(rng, scale):
    a = rng.standard_normal((4, 7))
    u = orthogonalize(a)
    plain, ours = quality(a, u), quality(a * scale, u)
    for name in FIELDS:
        assert getattr(ours, name) == pytest.approx(getattr(plain, name), rel=1e-12, abs=1e-14)


# --- Nuclear norm


@by_dtype
@by_shape
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_nuclear_norm(rng, spectrum, shape, dtype):
    """Off by <A, dU>, at most the backward error times the root of the rank."""
    g = draw(rng, spectrum, shape, dtype)
    ours, exact = nuclear_norm(g), ref.nuclear_norm(g)
    assert type(ours) is float
    limit = backward() * UNIT[dtype] * norm(g) * np.sqrt(min(shape))
    assert abs(ours - exact) <= limit
    assert nuclear_norm(g, polar(g).U) == ours


def test_by_product_of_orthogonalize(rng):
    """sum of s p(s): a lower bound where the set stays below 1."""
    g = ref.with_singular_values(rng, (20, 30), np.geomspace(1, 1e-2, 20))
    s = ref.svd(ref.normalize(g))[1]
    exact = ref.nuclear_norm(g)
    for name in ("polar_express", "deepseek_v4", "jordan"):
        mapped = ref.scalar(coefficients.resolve(name), s)
        ours = nuclear_norm(g, orthogonalize(g, name))
        assert ours == pytest.approx(exact * np.sum(s * mapped) / s.sum(), rel=1e-12)
        assert ours <= exact * max(1, mapped.max()) * (1 + 1e-13)
    below = np.array([[1.875, -1.25, 0.375]] * 6)  # never above 1
    assert nuclear_norm(g, orthogonalize(g, below)) <= exact


def test_nuclear_norm_of_stacks_and_kinds(rng):
    g = rng.standard_normal((2, 3, 4, 6))
    g[0, 1] = 0
    ours = nuclear_norm(g)
    assert ours.shape == (2, 3) and ours.dtype == np.float64 and ours[0, 1] == 0
    for index in np.ndindex(2, 3):
        assert nuclear_norm(g[index]) == ours[index]
    half = g[0, 0].astype(ml_dtypes.bfloat16)
    assert nuclear_norm(half) == nuclear_norm(half.astype(np.float32))
    assert nuclear_norm(np.zeros((0, 3))) == 0
    assert nuclear_norm(g[0, 0] * 1e300) == pytest.approx(ours[0, 0] * 1e300, rel=1e-14)


# --- Errors


@pytest.mark.parametrize("function", [quality, nuclear_norm])
def test_refused(function):
    a = np.ones((3, 4))
    name = "A" if function is quality else "G"
    with pytest.raises(ValueError, match=r"^U: shape \(4, 3\) given, expected \(3, 4\)"):
        function(a, a.T)
    with pytest.raises(ValueError, match=rf"^{name}: NaN or infinity"):
        function(a * np.inf, a)
    with pytest.raises(ValueError, match=r"^U: NaN or infinity"):
        function(a, a * np.nan)
    with pytest.raises(TypeError, match=rf"^{name}: .*int64"):
        function(a.astype(int), a)
    with pytest.raises(ValueError, match=rf"^{name}: .*1 dimensions"):
        function(a[0], a[0])


def test_quality_needs_elements():
    with pytest.raises(ValueError, match=r"^A: shape \(0, 3\) given"):
        quality(np.zeros((0, 3)), np.zeros((0, 3)))
