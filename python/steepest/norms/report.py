"""The norms of a layer's weights that one read gives, and those that need its spectral norm."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import _core
from . import calls
from .results import SpectralBound
from .spectral import spectral_norm


class NormReport(NamedTuple):
    """Norms of W (d_out, d_in), named as in `report`. Floats for one matrix, float64 arrays (...,)
    for a stack."""

    frobenius: Any
    max_abs: Any
    max_row_norm: Any
    max_column_norm: Any
    row_rms: Any
    column_rms: Any
    one_to_rms: Any
    rms_to_inf: Any
    one_to_inf: Any
    dual_one_to_rms: Any
    dual_rms_to_inf: Any
    dual_one_to_inf: Any
    rms_to_rms: SpectralBound | None
    stable_rank: SpectralBound | None


def report(W: Any, *, interval: bool = False, tol: float = 1e-3) -> Any:  # noqa: N803
    """Norms of the rows, columns and entries of W, in one read of it.

    W : a matrix (d_out, d_in), a stack (..., d_out, d_in) or a list of them, of float64, float32,
    bfloat16 or float16 and any strides, in host memory or on a CUDA device, whose numbers are then
    waited for. Returns a NormReport, or a list of them:

    frobenius, max_abs              of the entries
    max_row_norm, max_column_norm   largest Euclidean norm of a row, of a column
    row_rms, column_rms             max_row_norm / sqrt(d_in), max_column_norm / sqrt(d_out)
    one_to_rms                      max_column_norm / sqrt(d_out), the same as column_rms
    rms_to_inf                      sqrt(d_in) max_row_norm
    one_to_inf                      max_abs
    dual_one_to_rms                 sqrt(d_out) (sum of the columns' norms)
    dual_rms_to_inf                 (sum of the rows' norms) / sqrt(d_in)
    dual_one_to_inf                 sum of the magnitudes
    rms_to_rms                      interval: sqrt(d_in / d_out) sigma_1; None without `interval`
    stable_rank                     interval: (frobenius / sigma_1)^2; None without `interval`

    interval : also bounds sigma_1, as `spectral_norm` with `tol` does. That bound is proved; both
    fields made from it are rounded outwards by more than the rounding errors of what is made here.

    All sums are in double over a fixed tree: the same bits for any number of threads, target,
    device and strides. No square overflows or underflows. A matrix with a NaN gives NaN, one of
    zeros or of no elements gives zeros.

    Raises TypeError (kind, dtype, interval), ValueError (fewer than two dimensions, tol, arrays in
    different places), DeviceError (no kernels for an array's device, a failure of the device).

    Source: Bernstein and Newhouse, arXiv 2409.20325 (operator norms and their duals); arXiv
    2510.03871 (RMS -> inf norm of the output layer).
    """
    if not isinstance(interval, bool):
        raise TypeError(f"interval: {type(interval).__name__} given, expected a bool")
    is_list = isinstance(W, (list, tuple))
    items = list(W) if is_list else [W]
    bounds = spectral_norm(W, tol=tol) if interval else None
    values = _core.norm_reports(items, is_list)
    shapes = [_core.array_layout(x, "W")[0] for x in items]
    of_each: list[Any] = [None] * len(items) if bounds is None else bounds if is_list else [bounds]
    reports, begin = [], 0
    for shape, bound in zip(shapes, of_each, strict=True):
        end = begin + math.prod(shape[:-2])
        part = values[begin:end].T.reshape(7, *shape[:-2])
        reports.append(_report(part, shape, bound))
        begin = end
    return reports if is_list else reports[0]


def _report(values: calls.Values, shape: tuple[int, ...], bound: Any) -> NormReport:
    out, inn = (math.sqrt(max(d, 1)) for d in shape[-2:])
    fro, entry, row, column, rows, columns, entries = (
        values if len(shape) > 2 else map(float, values)
    )
    both: tuple[SpectralBound | None, SpectralBound | None] = (None, None)
    if bound is not None:
        both = (_rms_to_rms(bound, inn / out), _stable_rank(fro, bound, math.prod(shape[-2:])))
    return NormReport(
        fro, entry, row, column, row / inn, column / out, column / out, inn * row, entry,
        out * columns, rows / inn, entries, *both,
    )  # fmt: skip


def _rms_to_rms(bound: SpectralBound, factor: float) -> SpectralBound:
    slack = 4 * 2.0**-52  # two roots, a quotient and a product, each within half an epsilon
    return SpectralBound(bound.lower * factor * (1 - slack), bound.upper * factor * (1 + slack))


def _stable_rank(frobenius: Any, bound: SpectralBound, size: int) -> SpectralBound:
    # No term goes through more additions than this on the tree: 32 in a lane, 7 folds, the pairs.
    slack = (64 + 2 * math.log2(max(size, 1))) * 2.0**-52
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.square(np.divide(frobenius, bound.upper)) * (1 - slack)
        high = np.square(np.divide(frobenius, bound.lower)) * (1 + slack)
    zero = np.equal(frobenius, 0)
    low, high = np.where(zero, 0.0, low), np.where(zero, 0.0, high)
    return SpectralBound(low[()], high[()]) if low.ndim else SpectralBound(float(low), float(high))
