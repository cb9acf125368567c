"""The gradient of a convolution's spectral norm: finite differences, limits, kinds."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from reference.norms.conv import conv_sigma
from steepest.norms import conv_spectral_norm, conv_spectral_norm_grad

CASES = [
    ((3, 2, 3), 6, {}),
    ((2, 3, 4), 7, {"dilation": 2}),
    ((4, 2, 3), 6, {"stride": 2}),
    ((4, 2, 3), 5, {"groups": 2}),
    ((2, 3, 3, 2), (4, 6), {"stride": 2, "dilation": 3}),
    ((2, 2, 3), 6, {"padding": "zeros"}),
]


def differences(kernel, value):
    """Central differences: (truncation h^2) + (rounding u / h) with h = u^(1/3)."""
    h = 2.0**-18
    result = np.zeros_like(kernel)
    for place in np.ndindex(kernel.shape):
        step = np.zeros_like(kernel)
        step[place] = h
        result[place] = (value(kernel + step) - value(kernel - step)) / (2 * h)
    return result


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.mark.parametrize("shape,size,options", CASES)
@pytest.mark.parametrize("iterations", [0, 2, 5])
def test_finite_differences(rng, shape, size, options, iterations):
    kernel = rng.standard_normal(shape)

    def value(k):
        return conv_spectral_norm_grad(k, size, **options, iterations=iterations).value

    gradient = conv_spectral_norm_grad(kernel, size, **options, iterations=iterations).gradient
    np.testing.assert_allclose(gradient, differences(kernel, value), atol=1e-8)


@pytest.mark.parametrize("shape,size,options", CASES[:5])
def test_tends_to_the_gradient_of_the_norm(rng, shape, size, options):
    kernel = rng.standard_normal(shape)
    sizes = (size,) * (len(shape) - 2) if isinstance(size, int) else size
    result = conv_spectral_norm_grad(kernel, size, **options, iterations=14)
    wanted = differences(kernel, lambda k: conv_sigma(k, sizes, **options))
    np.testing.assert_allclose(result.gradient, wanted, atol=1e-7)
    # the norm is homogeneous: Euler's identity
    assert np.vdot(result.gradient, kernel) == pytest.approx(result.value, rel=1e-9)
    bound = conv_spectral_norm(kernel, size, **options, tol=1e-8)
    assert bound.lower <= result.value <= bound.upper * 8 ** (2.0 / result.order)


def test_kinds_zero_and_nan(rng):
    for dtype in (np.float64, np.float32, np.float16, ml_dtypes.bfloat16):
        kernel = rng.standard_normal((3, 2, 3)).astype(dtype)
        result = conv_spectral_norm_grad(kernel, 6)
        assert result.gradient.dtype == dtype and result.gradient.shape == kernel.shape
        wanted = conv_spectral_norm_grad(kernel.astype(np.float64), 6).gradient.astype(dtype)
        np.testing.assert_array_equal(result.gradient, wanted)
    assert (conv_spectral_norm_grad(np.zeros((2, 2, 3)), 6).gradient == 0).all()
    assert np.isnan(conv_spectral_norm_grad(np.full((2, 2, 3), np.nan), 6).gradient).all()
    assert conv_spectral_norm_grad(np.zeros((0, 2, 3)), 6).gradient.shape == (0, 2, 3)


def test_torch(rng):
    torch = pytest.importorskip("torch")
    kernel = rng.standard_normal((3, 2, 3))
    result = conv_spectral_norm_grad(torch.tensor(kernel), 6).gradient
    assert isinstance(result, torch.Tensor)
    np.testing.assert_array_equal(result.numpy(), conv_spectral_norm_grad(kernel, 6).gradient)


def test_wrong_calls():
    kernel = np.ones((2, 2, 3))
    with pytest.raises(ValueError, match="input_size: None given"):
        conv_spectral_norm_grad(kernel, None)
    with pytest.raises(ValueError, match="iterations"):
        conv_spectral_norm_grad(kernel, 5, iterations=-1)
