"""Bounds from above that need one product or a few: Frobenius, Schatten, AOL.

All hold on a device as on the CPU. Their sums are of products that are rounded once, or sums of
squares or magnitudes, in double; the bounds of their errors ask for no order. The bits differ.
"""

from __future__ import annotations

from typing import Any

from ..polar import arguments
from . import calls
from .results import NormValue

_MOST_ORDER = 2**32


def frobenius(W: Any) -> Any:  # noqa: N803 (the papers' name)
    """Upper bound of the largest singular value: the Frobenius norm, rounded upwards.

    W : as in `spectral_norm`, in host memory or on a CUDA device, which is then waited for. Returns
    NormValue(value, "upper"), or a list of them.

    Source: the largest singular value's square is one term of the sum.

    Raises TypeError (kind, dtype), ValueError (fewer than two dimensions, arrays in different
    places), DeviceError (no kernels for an array's device, a failure of the device).
    """
    return _upper(calls.Arrays(W), calls.FROBENIUS)


def schatten(W: Any, p: int) -> Any:  # noqa: N803
    """Upper bound of the largest singular value: the Schatten norm of order p, the p-th root of the
    sum of all singular values' p-th powers, with all rounding errors added.

    It exceeds the largest singular value by a factor of at most rank^(1/p).

    W : as in `frobenius`. p : a power of two from 2 (the Frobenius norm) to 2^32. Returns
    NormValue(value, "upper"), or a list of them. On a device the host waits after every squaring.

    Raises as `frobenius`, and TypeError or ValueError for other p.
    """
    arrays = calls.Arrays(W)
    p = arguments.count("p", p, 2, _MOST_ORDER)
    if p & (p - 1):
        raise ValueError(f"p: {p} given, expected a power of two")
    if p == 2:
        return _upper(arrays, calls.FROBENIUS)
    return _upper(arrays, calls.SCHATTEN, p.bit_length() - 3)


def aol_bound(W: Any) -> Any:  # noqa: N803
    """Upper bound of the largest singular value: the root of the largest absolute row sum of the
    Gram matrix of the short side, with all rounding errors added.

    W : as in `frobenius`. Returns NormValue(value, "upper"), or a list of them. Raises as
    `frobenius`.

    Source: Prach and Lampert, ECCV 2022, arXiv 2208.03160 (almost-orthogonal layers).
    """
    return _upper(calls.Arrays(W), calls.AOL)


def _upper(arrays: calls.Arrays, method: int, iterations: int = 0) -> Any:
    _, upper, _ = calls.bounds(arrays, method, iterations)
    return arrays.shaped(upper, make=lambda value: NormValue(value, "upper"))
