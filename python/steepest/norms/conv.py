"""The spectral norm of convolutions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..polar import arguments
from . import conv_check, conv_lower, conv_weights
from .conv_check import Geometry
from .conv_search import Search, on_grid, on_torus
from .conv_symbol import TINY, UNIT, Indices
from .conv_weights import DeviceWeights, HostWeights
from .results import SpectralBound
from .spectral import MOST_ITERATIONS


def conv_spectral_norm(
    kernel: Any,
    input_size: Any = None,
    padding: str = "circular",
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    *,
    iterations: int | None = None,
    tol: float = 1e-3,
) -> SpectralBound:
    """An interval that holds the spectral norm of a convolution, as an operator on whole inputs.

        y[o, p] = sum over i, t of kernel[o, i, t] x[i, p stride + t dilation - pad]

    (torch's convention; the norm is the same for the flipped kernel.)

    kernel : array (c_out, c_in / groups, k) or (c_out, c_in / groups, k, k) of float64, float32,
        bfloat16 or float16, in host memory or, as a CuPy array or torch tensor, on a CUDA device.
        It is not changed.
    input_size : places of the input per dimension, or one int for all. None: the supremum over all
        sizes, of either padding, except for circular inputs that the stride does not divide.
    padding : "circular": taps outside wrap round. "zeros": they read zero, with pad =
        dilation (k - 1) // 2 of them on either side.
    stride, dilation, groups : ints from 1, for all dimensions.
    iterations : squarings of every block's Gram matrix, 0 to 64; None: as many as `tol` asks for.
    tol : as in `spectral_norm`, for the largest block. Circular padding reaches it where the
        stride divides the size, and input_size=None where few frequencies compete. For "zeros"
        the upper bound is that of the circular operator on an input that is larger by the
        padding, of which it is a part; `width` tells how far the norm may lie below.

    Returns SpectralBound(lower, upper), floats: rounding errors are accounted for, those of the
    Fourier transform too. A zero or empty kernel gives (0, 0), one with a NaN or an infinity (nan,
    nan).

    Blocks per frequency come from a direct transform of the small kernel (see `conv_symbol`), at
    half of the frequencies, groups side by side: the largest counts. A stride that does not divide
    the size of a circular input takes rows of the operator with stride gcd(size, stride). The
    lower bound is that of the largest block, and where the operator is only part of the circular
    one, ||A x|| / ||x|| for a vector x found by power iteration with the operator itself. A few
    blocks are bounded from both sides; of the others one factorisation proves that they are not
    larger, in float32 where `tol` leaves room for its errors, many frequencies at once. Where the
    lower bound needs the operator, NumPy's products are used, so the last bits may depend on its
    BLAS; the interval holds for any order of summation.

    On a device transform, blocks and operator stay there, in float64, and every block goes through
    the Gram iteration of `spectral_norm` until it is proved not to be larger. The complex blocks
    are real ones of twice the rows and columns, which costs twice the arithmetic. A few numbers per
    block and squaring are waited for.

    Sources: Sedghi et al., ICLR 2019, arXiv 1805.10408; Delattre et al., ICML 2023, arXiv
    2305.16173.

    Raises TypeError (kind, dtype), ValueError (shape, input_size, padding, stride, dilation,
    groups, iterations, tol), DeviceError (no kernels for an array's device, a failure of the
    device).
    """
    weights = conv_weights.read(kernel, groups)
    shape = conv_check.geometry(weights.shape, input_size, padding, stride, dilation)
    tol = arguments.at_least("tol", tol, 0.0, 1.0)
    if iterations is not None:
        iterations = arguments.count("iterations", iterations, 0, MOST_ITERATIONS)
    largest = weights.largest()
    if not math.isfinite(largest):
        return SpectralBound(math.nan, math.nan)
    if largest == 0:
        return SpectralBound(0.0, 0.0)
    exponent = math.frexp(largest)[1]
    strides = circular(shape)[0]
    search = Search(weights.symbol(-exponent, strides, shape.dilation), iterations, tol)
    lower, upper = _interval(weights, shape, search)
    return SpectralBound(_scaled(lower, exponent, down=True), _scaled(upper, exponent, down=False))


def _interval(
    weights: HostWeights | DeviceWeights, shape: Geometry, search: Search
) -> tuple[float, float]:
    _, lengths, exact = circular(shape)
    count = search.symbol.count
    upper = on_torus(search) if lengths is None else on_grid(search, lengths)
    upper = _with_tiny(upper, count)
    if exact:
        lower = search.lower - search.symbol.error
        return max(0.0, lower * (1 - 4 * UNIT) - count * TINY), upper
    operator = weights.operator(search.symbol, shape)
    return min(conv_lower.lower_bound(operator, search), upper), upper


def _with_tiny(upper: float, count: int) -> float:
    """With what the scaling by a power of two may have lost of entries far below the largest."""
    return upper * (1 + 4 * UNIT) + count * TINY


def circular(shape: Geometry) -> tuple[tuple[int, ...], Indices | None, bool]:
    """Strides and output lengths of a circular operator that holds ours; whether it is ours."""
    s = shape.stride
    if shape.size is None:
        return (s,) * len(shape.taps), None, True
    if shape.padding == "circular":
        strides = tuple(math.gcd(s, n) for n in shape.size)
        lengths = [n // g for n, g in zip(shape.size, strides, strict=True)]
        return strides, np.array(lengths), strides == (s,) * len(shape.size)
    lengths = [-(-(n + q) // s) for n, q in zip(shape.size, shape.pads, strict=True)]
    return (s,) * len(shape.size), np.array(lengths), max(shape.spans) == 1


def _scaled(value: float, exponent: int, *, down: bool) -> float:
    """value 2^exponent, outward where that is subnormal or overflows."""
    try:
        scaled = math.ldexp(value, exponent)
    except OverflowError:
        return float(np.finfo(np.float64).max) if down else math.inf
    if math.ldexp(scaled, -exponent) == value:
        return scaled
    return max(0.0, math.nextafter(scaled, -math.inf if down else math.inf))
