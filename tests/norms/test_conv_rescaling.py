"""Rescaled layers: proved 1-Lipschitz in every dtype, nearer to it with every iteration."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from reference.norms.conv import conv_sigma
from steepest.norms import aol_bound, conv_spectral_norm, spectral_norm, spectral_rescaling

DTYPES = [np.float64, np.float32, np.float16, ml_dtypes.bfloat16]


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape,groups", [((4, 3, 3), 1), ((4, 2, 4), 2), ((3, 2, 3, 2), 1)])
def test_one_lipschitz(rng, dtype, shape, groups):
    kernel = (rng.standard_normal(shape) * 30).astype(dtype)
    result = spectral_rescaling(kernel, groups=groups)
    assert result.kernel.dtype == dtype and result.kernel.shape == kernel.shape
    assert result.upper <= 1 and result.scale.shape == (shape[1] * groups,)
    rescaled = result.kernel.astype(np.float64)
    size = (6,) * (len(shape) - 2)
    for padding in ("circular", "zeros"):
        assert conv_sigma(rescaled, size, padding=padding, groups=groups) <= 1 + 1e-14


def test_scale_is_by_input_channel(rng):
    kernel = rng.standard_normal((4, 3, 3))
    result = spectral_rescaling(kernel)
    np.testing.assert_allclose(result.kernel, kernel * result.scale[None, :, None], rtol=1e-14)


def test_iterations_bring_the_norm_to_one(rng):
    kernel = rng.standard_normal((6, 5, 3))
    lowers = [conv_spectral_norm(spectral_rescaling(kernel, n).kernel).lower for n in (1, 2, 4, 7)]
    assert lowers == sorted(lowers)
    assert lowers[-1] > 0.95


def test_one_iteration_is_prach_and_lamperts(rng):
    matrix = rng.standard_normal((5, 4))
    sums = np.abs(matrix.T @ matrix).sum(axis=1)
    np.testing.assert_allclose(spectral_rescaling(matrix, 1).scale, sums**-0.5, rtol=1e-13)
    assert aol_bound(matrix).value >= sums.max() ** 0.5


def test_matrices(rng):
    for shape in ((5, 3), (3, 5), (1, 1)):
        result = spectral_rescaling(rng.standard_normal(shape).astype(np.float32))
        assert spectral_norm(result.kernel, tol=1e-6).lower <= 1
        assert result.upper <= 1


def test_zero_nan_and_scales(rng):
    assert (spectral_rescaling(np.zeros((2, 3, 3))).kernel == 0).all()
    assert np.isnan(spectral_rescaling(np.full((2, 3, 3), np.inf)).kernel).all()
    kernel = rng.standard_normal((3, 2, 3))
    kernel[:, 1] = 0
    assert (spectral_rescaling(kernel).kernel[:, 1] == 0).all()
    for exponent in (-900, 900):
        assert 0.3 < spectral_rescaling(np.ldexp(kernel, exponent)).upper <= 1


def test_wrong_calls():
    for shape in ((3,), (1, 1, 1, 1, 1)):
        with pytest.raises(ValueError, match="kernel: "):
            spectral_rescaling(np.ones(shape))
    with pytest.raises(ValueError, match="iterations"):
        spectral_rescaling(np.ones((2, 2)), 0)
