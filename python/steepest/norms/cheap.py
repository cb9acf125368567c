"""Bounds from above that need one product or a few: Frobenius, Schatten, AOL."""

from __future__ import annotations

from typing import Any

from ..polar import arguments
from . import calls
from .results import NormValue

_MOST_ORDER = 2**32


def frobenius(W: Any) -> Any:  # noqa: N803 (the papers' name)
    """Upper bound of the largest singular value: the Frobenius norm, rounded upwards.

    W : as in `spectral_norm`. Returns NormValue(value, "upper"), or a list of them.

    Raises TypeError (kind, dtype), ValueError (fewer than two dimensions), DeviceError (an array on
    a device).
    """
    return _upper(calls.Arrays(W), calls.FROBENIUS)


def schatten(W: Any, p: int) -> Any:  # noqa: N803
    """Upper bound of the largest singular value: the Schatten norm of order p, the p-th root of the
    sum of all singular values' p-th powers, with all rounding errors added.

    It exceeds the largest singular value by a factor of at most rank^(1/p).

    W : as in `spectral_norm`. p : a power of two from 2 (the Frobenius norm) to 2^32. Returns
    NormValue(value, "upper"), or a list of them.

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

    W : as in `spectral_norm`. Returns NormValue(value, "upper"), or a list of them. Raises as
    `frobenius`.

    Source: Prach and Lampert, ECCV 2022, arXiv 2208.03160 (almost-orthogonal layers).
    """
    return _upper(calls.Arrays(W), calls.AOL)


def _upper(arrays: calls.Arrays, method: int, iterations: int = 0) -> Any:
    _, upper, _ = calls.bounds(arrays, method, iterations)
    return arrays.shaped(upper, make=lambda value: NormValue(value, "upper"))
