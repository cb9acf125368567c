"""Layers scaled channel by channel until they are 1-Lipschitz."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import _arrays, _core
from ..polar import arguments
from . import conv_check
from .conv import conv_spectral_norm
from .conv_symbol import Values

_MOST_ITERATIONS = 10  # the transform grows by two per dimension and iteration
_UNITS = {"float64": 2.0**-53, "float32": 2.0**-24, "bfloat16": 2.0**-8, "float16": 2.0**-11}


class Rescaled(NamedTuple):
    """The rescaled kernel, of the given one's kind, shape and dtype; `scale`, the factor of every
    input channel, float64 (c_in,); and a proved upper bound, at most 1, of its spectral norm."""

    kernel: Any
    scale: Any
    upper: float


def spectral_rescaling(
    kernel: Any, iterations: int = 3, groups: int = 1, tol: float = 1e-3
) -> Rescaled:
    """A kernel with its input channels scaled so that the layer is 1-Lipschitz.

    Channel i is divided by r_i = (sum over j, x of |G_ij(x)|)^(2^-N), where G is the kernel's Gram
    operator A^T A, a convolution, to the power 2^(N-1): r^2 is above A^T A, since a row sum of
    absolute values bounds G from above and roots keep that order. With one iteration it is the
    layer of Prach and Lampert; with more, all singular values move closer to one.

    kernel : matrix (c_out, c_in), or as in `conv_spectral_norm`. It is not changed.
    iterations : N, 1 to 10; time and memory grow by 4^N for two-dimensional kernels.
    groups : as in `conv_spectral_norm`.
    tol : of the proof, as in `conv_spectral_norm`.

    Returns Rescaled(kernel, scale, upper). It holds for every input size, stride, dilation and
    padding by zeros, and for circular inputs that the stride divides: the rounded kernel has passed
    `conv_spectral_norm` without a size; where its upper bound exceeds 1, all channels shrink by
    that much, by `tol` or little more. Channels of zeros stay zero; NaN and infinities give NaN.

    Sources: Delattre et al., 2024, arXiv 2402.00240; Prach and Lampert, ECCV 2022, arXiv
    2208.03160.

    Raises TypeError (kind, dtype), ValueError (shape, iterations, groups, tol), DeviceError (an
    array on a device).
    """
    shape, dtype = _core.array_facts(kernel, "kernel", -1)
    values, groups = conv_check.kernel(kernel, groups, least=2)
    count = arguments.count("iterations", iterations, 1, _MOST_ITERATIONS)
    tol = arguments.at_least("tol", tol, 0.0, 1.0)
    largest = float(np.max(np.abs(values), initial=0.0))
    scale = np.ones(values.shape[0] * values.shape[2])
    if not math.isfinite(largest):
        scale, upper, values = scale * math.nan, math.nan, values * math.nan
    elif largest == 0:
        upper = 0.0
    else:
        scale = np.stack([_factors(group / largest, count) for group in values])
        values = values / largest * scale[:, None, :].reshape(groups, 1, -1, *(1,) * len(shape[2:]))
        values, shrunk, upper = _proved(values, dtype, tol)
        scale = scale.ravel() / largest * shrunk
    result = _arrays.zeros(_arrays.view(kernel, "kernel"), dtype, shape)
    if values.size:
        rounded = values.reshape(shape).astype(_arrays.numpy_dtype(dtype))
        _arrays.assign(result, rounded)
    return Rescaled(result, scale, upper)


def _factors(kernel: Values, count: int) -> Values:
    """1 / r_i of one group (c_out, c_in, taps...), G by a transform that holds all of it."""
    axes = tuple(range(2, kernel.ndim))
    sides = [2**count * (k - 1) + 1 for k in kernel.shape[2:]]
    if not axes:
        gram, last = (kernel.T @ kernel).astype(np.complex128), None
    else:
        blocks = np.moveaxis(np.fft.rfftn(kernel, sides, axes), (0, 1), (-2, -1))
        gram, last = blocks.conj().swapaxes(-1, -2) @ blocks, sides
    logarithm = 0.0
    for _ in range(count - 1):
        size = float(np.max(np.abs(gram)))
        gram = gram / size
        gram = gram @ gram
        logarithm = 2 * (logarithm + math.log(size))
    if last is not None:
        gram = np.fft.irfftn(gram, last, tuple(range(len(axes))))
    places = tuple(range(gram.ndim - 2))
    sums = np.abs(gram).sum(axis=places).sum(axis=-1)
    power = 2.0**-count
    roots: Values = np.where(sums > 0, sums, 1.0) ** power * math.exp(logarithm * power)
    factors: Values = np.where(sums > 0, 1 / roots, 1.0)
    return factors


def _proved(values: Values, dtype: str, tol: float) -> tuple[Values, float, float]:
    """(values, factor, upper bound) after rounding to `dtype`; shrinks until the bound is 1."""
    factor, margin = 1.0, _UNITS[dtype]
    while True:
        rounded = _rounded(values * factor, dtype)
        upper = _upper(rounded, tol)
        if upper <= 1:
            return rounded, factor, upper
        factor *= max(0.0, 1 - margin) / upper
        margin *= 2


def _upper(values: Values, tol: float) -> float:
    """Of the largest group; a matrix is a kernel of one tap."""
    taps = values.shape[3:] or (1,)
    stacked = values.reshape(-1, values.shape[2], *taps)
    return float(conv_spectral_norm(stacked, groups=values.shape[0], tol=tol).upper)


def _rounded(values: Values, dtype: str) -> Values:
    rounded: Values = values.astype(_arrays.numpy_dtype(dtype)).astype(np.float64)
    return rounded
