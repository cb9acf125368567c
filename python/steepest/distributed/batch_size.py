"""Whether a batch is large enough for the gradient that it gives, and how large one should be.

Lau, Liu and Kolar, arXiv 2402.11215 (AdAdaGrad), after Byrd, Chin, Nocedal and Wu (2012) and
Bollapragada, Byrd and Nocedal, arXiv 1710.11258.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _arrays, _core
from .._arrays import Array
from ..polar import arguments
from . import lists

_MOST = 2**62


class NormTest(NamedTuple):
    """What `norm_test` returns.

    statistic : variance of a sample's gradient / (batch_size |mean|^2). passed : whether that is at
        most theta^2.
    advised : the batch size that would pass, an int; None: no finite one.
    variance : of the gradient of one sample, the trace of its covariance. mean_square : |mean|^2.
    """

    statistic: float  #: variance of a sample's gradient / (batch_size |mean|^2)
    passed: bool  #: whether that is at most theta^2
    advised: int | None  #: the batch size that would pass; None: no finite one
    variance: float  #: of the gradient of one sample: the trace of its covariance
    mean_square: float  #: |mean|^2


class InnerProductTest(NamedTuple):
    """What `inner_product_test` returns.

    statistic : variance of <g_i, mean> / (batch_size |mean|^4).
    orthogonal : variance of what is orthogonal to the mean / (batch_size |mean|^2).
    passed : whether the first is at most theta^2, the second at most nu^2.
    advised : the batch size that would pass both, an int; None: no finite one.
    mean_square : |mean|^2.
    """

    statistic: float  #: variance of <g_i, mean> / (batch_size |mean|^4)
    orthogonal: float  #: variance of what is orthogonal to the mean / (batch_size |mean|^2)
    passed: bool  #: whether the first is at most theta^2, the second at most nu^2
    advised: int | None  #: the batch size that would pass both; None: no finite one
    mean_square: float  #: |mean|^2


class Moments(NamedTuple):
    """Sums over the gradients g_i of samples or workers.

    mean_square : |mean|^2. deviations : |g_i - mean|^2, float64 (samples,). products :
        <g_i, mean>, float64 (samples,).
    """

    mean_square: float  #: |mean|^2
    deviations: NDArray[np.float64]  #: |g_i - mean|^2
    products: NDArray[np.float64]  #: <g_i, mean>


def gradient_moments(grads: Any, *, stacked: bool = False) -> Moments:
    """Sums that the tests are made of, in one native call.

    grads : a list with the gradient of every sample or worker, each an array or a list of arrays of
        the same shapes, in host memory, of any float dtypes; or with `stacked` one gradient whose
        arrays have a first dimension of samples, in C order.

    In double over the fixed reduction tree: the same bits on every CPU target and for any number of
    threads. Source: the definition of the terms of `norm_test` and `inner_product_test`.

    Raises TypeError (kind, dtype, structure), ValueError (shape, no gradient) and DeviceError
    (arrays on a device).
    """
    samples, is_list = _stacked(grads) if stacked else _listed(grads)
    return Moments(*_core.gradient_moments(samples, is_list))


def norm_test(
    grads: Any, batch_size: int | None, theta: float, *, stacked: bool = False
) -> NormTest:
    """Whether the expected error of the mean gradient is at most theta of its norm.

    grads, stacked : as in `gradient_moments`: at least 2 gradients, of single samples, or means
        over the equal shares of a batch that workers have.
    batch_size : samples in all gradients together, a multiple of their number; None: one in each.
    theta : > 0, the paper's eta.

    The test is variance / batch_size <= theta^2 |mean|^2, where the variance of a sample's gradient
    is estimated without bias: m sum_i |g_i - mean|^2 / (n - 1) from n gradients of m samples each.
    advised = ceil(variance / (theta^2 |mean|^2)) where it fails, else batch_size.

    Source: Lau, Liu and Kolar, arXiv 2402.11215, after Byrd, Chin, Nocedal and Wu (2012).

    Raises as `gradient_moments`, and ValueError for a batch_size or theta out of range.
    """
    theta = arguments.between("theta", theta, 0.0, math.inf)
    moments, batch = _measured(grads, batch_size, stacked)
    variance = _variance(moments.deviations, batch)
    statistic = _ratio(variance, moments.mean_square) / batch
    passed = statistic <= theta**2
    advised = batch if passed else _advised(batch * statistic / theta**2, batch)
    return NormTest(statistic, passed, advised, variance, moments.mean_square)


def inner_product_test(
    grads: Any,
    batch_size: int | None,
    theta: float,
    nu: float,
    *,
    stacked: bool = False,
) -> InnerProductTest:
    """Whether samples' gradients agree with the mean one along it, and do not leave it too far.

    grads, batch_size, stacked : as in `norm_test`.
    theta, nu : > 0. nu = inf is the inner-product test without its augmentation.

    With p_i = <g_i, mean> and q = |mean|^2, the tests are Var p_i / batch_size <= theta^2 q^2 and
    Var(g_i - p_i / q mean) / batch_size <= nu^2 q, with variances of samples as in `norm_test`.

    Source: Lau, Liu and Kolar, arXiv 2402.11215, after Bollapragada, Byrd and Nocedal,
    arXiv 1710.11258. Raises as `norm_test`, and ValueError for a nu out of range.
    """
    theta = arguments.between("theta", theta, 0.0, math.inf)
    if nu != math.inf:
        nu = arguments.between("nu", nu, 0.0, math.inf)
    moments, batch = _measured(grads, batch_size, stacked)
    q = moments.mean_square
    with np.errstate(invalid="ignore"):  # gradients that are not finite make a NaN, which fails
        along = np.square(moments.products - q)  # the mean of the products is q
    statistic = _ratio(_ratio(_variance(along, batch), q), q) / batch
    aside = moments.deviations - (along / q if q > 0 else 0.0)
    orthogonal = _ratio(_variance(np.where(aside < 0, 0.0, aside), batch), q) / batch
    passed = statistic <= theta**2 and orthogonal <= nu**2
    wanted = batch * np.maximum(statistic / theta**2, orthogonal / nu**2)
    advised = batch if passed else _advised(float(wanted), batch)
    return InnerProductTest(statistic, orthogonal, passed, advised, q)


def _listed(grads: Any) -> tuple[list[list[Array]], bool]:
    if not isinstance(grads, (list, tuple)):
        raise TypeError(f"grads: {_arrays.describe(grads)} given, expected a list of gradients")
    if not grads:
        raise ValueError("grads: an empty list given, expected at least one gradient")
    first, is_list = lists.read_list(grads[0], "grads[0]")
    rest = [
        lists.read_like(g, f"grads[{i}]", len(first), is_list, "the first")
        for i, g in enumerate(grads[1:], 1)
    ]
    return [first, *rest], is_list


def _stacked(grads: Any) -> tuple[list[list[Array]], bool]:
    arrays, is_list = lists.read_list(grads, "grads")
    views = [_arrays.view(array, "grads") for array in arrays]
    if not views:
        raise ValueError("grads: an empty list given, expected at least one array")
    counts = {tuple(view.shape[:1]) for view in views}
    if len(counts) != 1 or counts in ({()}, {(0,)}):
        raise ValueError(
            f"grads: first dimensions {sorted(counts)} given, expected one number of samples"
        )
    (samples,) = counts.pop()
    return [[view[i] for view in views] for i in range(samples)], is_list


def _measured(grads: Any, batch_size: int | None, stacked: bool) -> tuple[Moments, int]:
    moments = gradient_moments(grads, stacked=stacked)
    count = len(moments.products)
    if count < 2:
        raise ValueError(f"grads: {count} gradient given, expected at least 2")
    batch = count if batch_size is None else arguments.count("batch_size", batch_size, 1, _MOST)
    if batch % count:
        raise ValueError(f"batch_size: {batch} given, expected a multiple of {count} gradients")
    return moments, batch


def _variance(squares: Sequence[float] | NDArray[np.float64], batch: int) -> float:
    """Of one sample, from squared deviations of the means of equal shares of a batch."""
    count = len(squares)
    return float(np.sum(squares)) / (count - 1) * (batch // count)


def _ratio(a: float, b: float) -> float:
    """a / b, and no variance is none beside no mean either."""
    return a / b if b != 0 else 0.0 if a == 0 else math.nan if math.isnan(a) else math.inf


def _advised(wanted: float, batch: int) -> int | None:
    return max(batch, math.ceil(wanted)) if math.isfinite(wanted) else None
