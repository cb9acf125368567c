"""Spectral norms of convolutions: intervals against explicit matrices, widths, errors."""

from __future__ import annotations

import itertools

import ml_dtypes
import numpy as np
import pytest
from reference.norms.conv import norm_range as truth
from steepest.norms import conv_spectral_norm

UNIT = 2.0**-53
CHANNELS = [(1, 1), (2, 2), (4, 2), (2, 6)]


def holds(bound, kernel, size, **options):
    low, high = truth(kernel, size, **options)
    return bound.lower <= high and low <= bound.upper


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.mark.parametrize("padding", ["circular", "zeros"])
@pytest.mark.parametrize("dilation,groups", [(1, 1), (2, 1), (1, 2), (2, 2)])
def test_one_dimension(rng, padding, dilation, groups):
    for k, n, stride, (c_out, c_in) in itertools.product(
        (1, 2, 3, 5), (5, 6, 9), (1, 2, 3), CHANNELS[groups - 1 :]
    ):
        options = {"padding": padding, "stride": stride, "dilation": dilation, "groups": groups}
        kernel = rng.standard_normal((c_out, c_in // groups, k))
        bound = conv_spectral_norm(kernel, n, **options)
        assert holds(bound, kernel, (n,), **options), (k, n, stride, c_out, c_in)
        if padding == "circular" and n % stride == 0:
            assert bound.width <= 1e-3


@pytest.mark.parametrize("padding", ["circular", "zeros"])
@pytest.mark.parametrize("stride,dilation,groups", [(1, 1, 1), (2, 1, 2), (1, 2, 1), (3, 1, 1)])
def test_two_dimensions(rng, padding, stride, dilation, groups):
    options = {"padding": padding, "stride": stride, "dilation": dilation, "groups": groups}
    for taps, size, (c_out, c_in) in itertools.product(
        ((3, 3), (2, 3), (1, 4)), ((6, 6), (5, 8)), CHANNELS[groups - 1 :]
    ):
        kernel = rng.standard_normal((c_out, c_in // groups, *taps))
        bound = conv_spectral_norm(kernel, size, **options)
        assert holds(bound, kernel, size, **options), (taps, size, c_out, c_in)
        if padding == "circular" and not any(n % stride for n in size):
            assert bound.width <= 1e-3


@pytest.mark.parametrize("stride,dilation", [(1, 1), (2, 1), (1, 2), (3, 2)])
def test_the_bound_of_all_sizes_is_above_every_size(rng, stride, dilation):
    options = {"stride": stride, "dilation": dilation}
    for k, (c_out, c_in) in itertools.product((1, 2, 3, 4, 5), CHANNELS):
        kernel = rng.standard_normal((c_out, c_in, k))
        free = conv_spectral_norm(kernel, **options)
        assert free.width <= 1e-3
        for n in (3, 4, 6, 7, 12):
            if dilation * (k - 1) < n:
                assert truth(kernel, (n,), padding="zeros", **options)[0] <= free.upper
            if n % stride == 0:
                assert truth(kernel, (n,), **options)[0] <= free.upper


def test_the_bound_of_all_sizes_is_reached_by_large_ones(rng):
    for shape in ((3, 2, 3), (2, 2, 3, 2)):
        kernel = rng.standard_normal(shape)
        free = conv_spectral_norm(kernel)
        large = conv_spectral_norm(kernel, 240)
        assert large.lower <= free.upper and free.lower <= large.upper * (1 + 1e-3)


def test_a_sine_between_the_samples():
    # |1 - e^{iw}| = 2 at w = pi alone, which grids of odd length miss
    kernel = np.array([[[1.0, -1.0]]])
    bound = conv_spectral_norm(kernel)
    assert bound.lower <= 2 <= bound.upper <= 2 * (1 + 2e-3)
    assert conv_spectral_norm(kernel, 3).upper < 1.75


def test_orthogonal_kernels(rng):
    q = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    kernel = np.zeros((6, 6, 3, 3))
    kernel[:, :, 1, 1] = q
    for padding in ("circular", "zeros"):
        bound = conv_spectral_norm(kernel, 7, padding)
        assert bound.lower <= 1 + 64 * UNIT and bound.upper >= 1 - 64 * UNIT
        assert bound.width <= 1e-3


def test_zero_padding_of_large_inputs_is_narrow(rng):
    kernel = rng.standard_normal((3, 2, 3))
    assert conv_spectral_norm(kernel, 200, "zeros").width <= 5e-3


def test_iterations_and_tol(rng):
    kernel = rng.standard_normal((4, 3, 3, 3))
    widths = [conv_spectral_norm(kernel, 6, iterations=t).width for t in (1, 4, 12)]
    assert widths[0] > widths[1] > widths[2]
    assert conv_spectral_norm(kernel, 6, tol=1e-9).width <= 1e-9


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
def test_dtypes(rng, dtype):
    kernel = rng.standard_normal((3, 2, 3)).astype(dtype)
    assert holds(conv_spectral_norm(kernel, 8), kernel, (8,))
    assert conv_spectral_norm(kernel, 8) == conv_spectral_norm(kernel.astype(np.float64), 8)
    assert holds(conv_spectral_norm(kernel[:, ::-1], 8), kernel, (8,))


def test_scales(rng):
    kernel = rng.standard_normal((3, 2, 3))
    for size, padding in ((8, "circular"), (8, "zeros"), (None, "circular")):
        bound = conv_spectral_norm(kernel, size, padding)
        for exponent in (-1000, 1000):
            scaled = conv_spectral_norm(np.ldexp(kernel, exponent), size, padding)
            assert scaled.lower == np.ldexp(bound.lower, exponent)
            assert scaled.upper == np.ldexp(bound.upper, exponent)
    tiny = np.full((1, 1, 3), 5e-324)
    assert conv_spectral_norm(tiny, 8).lower <= 1.5e-323 <= conv_spectral_norm(tiny, 8).upper
    assert conv_spectral_norm(np.full((1, 1, 3), 1e308), 8).upper == np.inf


def test_zero_empty_nan():
    for padding in ("circular", "zeros"):
        assert conv_spectral_norm(np.zeros((2, 3, 3)), 5, padding) == (0, 0)
        assert conv_spectral_norm(np.zeros((0, 3, 3)), 5, padding) == (0, 0)
        assert np.isnan(conv_spectral_norm(np.full((1, 1, 3), np.nan), 5, padding).upper)
        assert np.isnan(conv_spectral_norm(np.full((1, 1, 3), np.inf)).lower)


@pytest.mark.parametrize(
    "error,name,arguments",
    [
        (ValueError, "kernel", {"kernel": np.ones((2, 2))}),
        (ValueError, "kernel", {"kernel": np.ones((2, 2, 1, 1, 1))}),
        (ValueError, "kernel", {"kernel": np.ones((2, 2, 0))}),
        (TypeError, "kernel", {"kernel": np.ones((2, 2, 3), np.int32)}),
        (ValueError, "groups", {"groups": 3}),
        (ValueError, "groups", {"groups": 0}),
        (ValueError, "stride", {"stride": 0}),
        (TypeError, "stride", {"stride": (1, 2)}),
        (TypeError, "dilation", {"dilation": 1.5}),
        (ValueError, "padding", {"padding": "reflect"}),
        (ValueError, "input_size", {"input_size": (4, 4)}),
        (ValueError, "input_size", {"input_size": 0}),
        (TypeError, "input_size", {"input_size": "5"}),
        (ValueError, "input_size", {"input_size": 1, "padding": "zeros", "dilation": 1}),
        (ValueError, "tol", {"tol": 1.0}),
        (ValueError, "iterations", {"iterations": 65}),
    ],
)
def test_wrong_calls(error, name, arguments):
    kernel = np.ones((2, 2, 4))
    with pytest.raises(error, match=name):
        conv_spectral_norm(**{"kernel": kernel, "input_size": 5, **arguments})
