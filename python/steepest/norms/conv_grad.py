"""The gradient of a convolution's spectral norm."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _arrays, _core
from ..polar import arguments
from . import conv_check, conv_weights
from .conv import circular
from .conv_search import Search, on_grid
from .conv_symbol import Symbol, Values
from .conv_weights import DeviceWeights, HostWeights
from .results import NormGradient
from .spectral import MOST_ITERATIONS, spectral_norm_grad

_TOL = 1e-6  # of the search for the largest block


def conv_spectral_norm_grad(
    kernel: Any,
    input_size: Any,
    padding: str = "circular",
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    *,
    iterations: int = 12,
) -> NormGradient:
    """Gradient with respect to the kernel of the Schatten norm f of the largest block: the block,
    of one frequency and group, whose spectral norm is that of the convolution.

    With G = df/dA(w) as in `spectral_norm_grad`, u v^H in the limit,

        df/dkernel[o, i, t] = Re(conj(G[o, (i, t d mod s)]) exp(2 pi i w . (t d // s) / M)).

    kernel, input_size, padding, stride, dilation, groups : as in `conv_spectral_norm`, which has
        the notation; input_size is required. For "zeros", and a stride that does not divide the
        size, it is the circular operator of the upper bound whose gradient is taken.
    iterations : N, 0 to 64; f is the Schatten norm of order 2^(N+1), above the spectral norm by
        a factor of at most rank^(2^-(N+1)).

    Returns NormGradient(gradient, value, order): the gradient is of the kernel's kind, shape and
    dtype, value is f. Where several blocks are largest, it is a gradient of one of them. A zero or
    empty kernel, where there is no gradient, gets zeros, one with a NaN or an infinity NaN. For a
    kernel on a device the gradient of the largest block comes to the host, goes from there to the
    taps and back.

    Source: Delattre et al., ICML 2023, arXiv 2305.16173.

    Raises as `conv_spectral_norm` does.
    """
    weights = conv_weights.read(kernel, groups)
    if input_size is None:
        raise ValueError("input_size: None given, expected an int or one per dimension")
    shape = conv_check.geometry(weights.shape, input_size, padding, stride, dilation)
    count = arguments.count("iterations", iterations, 0, MOST_ITERATIONS)
    order = 2 ** (count + 1)
    largest = weights.largest()
    if largest == 0 or not math.isfinite(largest):
        missing = 0.0 if largest == 0 else math.nan
        return NormGradient(_like(kernel, np.full(weights.shape, missing)), missing, order)
    exponent = math.frexp(largest)[1]
    symbol = weights.symbol(-exponent, circular(shape)[0], shape.dilation)
    gradient, value = _of_largest_block(weights, symbol, shape, count)
    return NormGradient(_like(kernel, gradient), float(np.ldexp(value, exponent)), order)


def _of_largest_block(
    weights: HostWeights | DeviceWeights,
    symbol: Symbol,
    shape: conv_check.Geometry,
    count: int,
) -> tuple[Values, float]:
    """Gradient (groups, c_out, c_in, taps...), in host memory, and value."""
    lengths = circular(shape)[1]
    assert lengths is not None
    search = Search(symbol, None, _TOL)
    on_grid(search, lengths)
    assert search.best is not None
    frequency = search.best[0]
    of_blocks = spectral_norm_grad(symbol.blocks(frequency, lengths)[0], count)
    group = int(np.argmax(of_blocks.value))
    once = 2.0 ** -(2.0 ** -(count + 1))  # [[Re, -Im], [Im, Re]] has every singular value twice
    gradient = np.zeros(weights.shape)
    waves = symbol.waves(frequency, lengths)
    of_block = _arrays.to_host(of_blocks.gradient[group]) * once
    gradient[group] = _to_taps(symbol, of_block, waves).reshape(weights.shape[1:])
    return gradient, float(of_blocks.value[group]) * once


def _to_taps(symbol: Symbol, block: Values, waves: tuple[Values, Values]) -> Values:
    """From the gradient of [[Re, -Im], [Im, Re]] to that of (c_out, c_in, taps)."""
    c_out, c_in = map(int, symbol.kernel.shape[1:3])
    parts = block.reshape(2, c_out, 2, c_in, -1)[..., symbol.residues]
    cosines, sines = waves[0][:, 0], waves[1][:, 0]
    re, im = parts[0, :, 0] + parts[1, :, 1], parts[1, :, 0] - parts[0, :, 1]
    gradient: Values = re * cosines + im * sines
    return gradient


def _like(kernel: Any, gradient: Values) -> Any:
    """The gradient as an array of the kernel's kind, shape and dtype."""
    shape, dtype = _core.array_facts(kernel, "kernel", -1, True)
    result = _arrays.zeros(_arrays.view(kernel, "kernel"), dtype, shape)
    if math.prod(shape):
        rounded = gradient.reshape(shape).astype(_arrays.numpy_dtype(dtype))
        _arrays.assign(result, rounded)
    return result
