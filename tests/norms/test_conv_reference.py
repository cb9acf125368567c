"""The explicit convolution matrices against transforms, plain loops and known inequalities."""

from __future__ import annotations

import numpy as np
import pytest
from reference.norms.conv import conv_matrix, conv_sigma

UNIT = 2.0**-53


def kernel_of(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def slack(kernel: np.ndarray, size: tuple[int, ...]) -> float:
    """What two computed norms of one operator may differ by: p u ||A||_F, p a multiple of its side.

    LAPACK's SVD is backward stable (Higham, section 20), and the transform adds far less.
    """
    places = int(np.prod(size))
    rows = places * max(kernel.shape[:2])
    return 64 * rows * UNIT * float(np.linalg.norm(kernel)) * places**0.5


@pytest.mark.parametrize(
    "shape,size", [((3, 2, 3), (7,)), ((2, 4, 5), (6,)), ((3, 3, 3, 2), (5, 4))]
)
def test_circular_is_block_diagonal_in_the_fourier_basis(shape, size):
    kernel = kernel_of(*shape)
    axes = tuple(range(2, kernel.ndim))
    blocks = np.moveaxis(np.fft.fftn(kernel, size, axes), (0, 1), (-2, -1))
    expected = np.linalg.svd(blocks, compute_uv=False).max()
    assert abs(conv_sigma(kernel, size) - expected) <= slack(kernel, size)


def test_zero_padding_is_numpys_correlation():
    kernel, x = kernel_of(1, 1, 5), kernel_of(11)
    y = conv_matrix(kernel, (11,), padding="zeros") @ x
    expected = np.correlate(x, kernel[0, 0], "same")
    assert np.abs(y - expected).max() <= 10 * UNIT * np.abs(kernel).sum() * np.abs(x).max()


@pytest.mark.parametrize("stride,dilation", [(1, 1), (2, 1), (1, 2), (3, 2)])
def test_zero_padding_is_below_the_larger_circle(stride, dilation):
    kernel, size = kernel_of(3, 2, 3), (9,)
    zeros = conv_sigma(kernel, size, padding="zeros", stride=stride, dilation=dilation)
    larger = (size[0] + dilation * (kernel.shape[2] - 1),)
    circle = conv_sigma(kernel, larger, dilation=dilation)
    assert zeros <= circle + slack(kernel, larger)


@pytest.mark.parametrize("padding", ["circular", "zeros"])
def test_groups_are_the_maximum(padding):
    kernel, size = kernel_of(4, 2, 3), (6,)
    halves = [conv_sigma(half, size, padding=padding) for half in np.split(kernel, 2)]
    whole = conv_sigma(kernel, size, padding=padding, groups=2)
    assert abs(whole - max(halves)) <= slack(kernel, size)


@pytest.mark.parametrize("padding", ["circular", "zeros"])
def test_dilation_is_a_kernel_with_holes(padding):
    kernel = kernel_of(2, 3, 3)
    holes = np.zeros((2, 3, 5))
    holes[..., ::2] = kernel
    dilated = conv_matrix(kernel, (8,), padding=padding, dilation=2)
    assert np.array_equal(dilated, conv_matrix(holes, (8,), padding=padding))


@pytest.mark.parametrize("padding", ["circular", "zeros"])
def test_a_stride_keeps_every_other_output(padding):
    kernel = kernel_of(2, 3, 3)
    dense = conv_matrix(kernel, (8,), padding=padding).reshape(2, 8, -1)
    strided = conv_matrix(kernel, (8,), padding=padding, stride=2)
    assert np.array_equal(strided, dense[:, ::2].reshape(8, -1))
