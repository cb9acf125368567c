"""Diagonals of a layer's Kronecker factors: what AdaFisher divides its steps by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _core, _elements
from ..polar import arguments
from . import fisher_arguments as checked

Vector = NDArray[np.float64]
AVERAGES = ("code", "paper")
GAMMAS = (0.92, 0.008)
_EPS = 1e-12
_KINDS = ("batch", "layer")
_SQUARES = "the mean squares are"
_quiet = np.errstate(over="ignore", invalid="ignore")  # what is not finite raises in the end


class FisherFactors(NamedTuple):
    """Of one parameter (outputs, ...), all of whose other axes are its inputs: element (i, j) of
    the Fisher matrix's diagonal is output[i] * input[j].

    output : S, (outputs,), float64.
    input : H, (inputs,), float64; of a bias (1,). Both from NumPy, or on a device of its kind.
    """

    output: Any
    input: Any


def linear_factors(
    inputs: Any,
    output_grads: Any,
    *,
    bias: bool = True,
    normalize: bool = True,
    eps: float = _EPS,
) -> tuple[FisherFactors, ...]:
    """Factors of a weight (outputs, inputs) and, with `bias`, of the bias (outputs,).

    H is the mean over all examples of the squared inputs, with 1 behind them for the bias; S that
    of the squared gradients of the outputs; both then normalised to [0, 1], H with the bias's 1 in
    it: (x - min x) / (max x - min x + eps).

    inputs : (..., inputs), float64, float32, bfloat16 or float16, in host memory or on a CUDA
        device, where the factors then are, too; the checks wait for it.
    output_grads : (..., outputs), the gradient of the loss at the layer's outputs, in the same
        number of examples. A factor common to all does not matter while max S - min S is above eps.
    normalize : False: H and S as they are.
    eps : at least 0; a vector of equal entries becomes 0 with any.

    All is computed in float64. Returns the pair of the weight, and that of the bias.

    Gomes et al., ICLR 2025, arXiv 2405.16397, and the authors' code, which does not divide H by the
    number of examples where there is no bias; the normalisation takes that out.

    Raises TypeError (kind, dtype), ValueError (shape, range, no example, a NaN or an infinity).
    """
    x = checked.values(inputs, "inputs", least=1, devices=True)
    s = checked.values(output_grads, "output_grads", least=1, devices=True)
    checked.same_leading(x, s)
    return _pairs(_mean_squares(s), _mean_squares(x), 1.0, bias, normalize, eps)


def conv_factors(
    inputs: Any,
    output_grads: Any,
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    bias: bool = True,
    normalize: bool = True,
    eps: float = _EPS,
) -> tuple[FisherFactors, ...]:
    """Factors of a convolution's weight (outputs, channels, *kernel_size), and of its bias.

    As `linear_factors` of the patches that the kernel meets: H has one entry per channel and tap,
    the mean square over examples and positions of the padded input under it. No patch is formed.

    inputs : (batch, channels, *size) with one to three dimensions of space.
    output_grads : (batch, outputs, *positions).
    kernel_size, stride, padding, dilation : an int, or one per dimension; the padding is of zeros.
        One group of channels only. The authors' code leaves the dilation out.

    The rest, errors included, as in `linear_factors`; also ValueError where positions and the other
    arguments do not fit.
    """
    x = checked.values(inputs, "inputs", least=3, most=5)
    s = checked.values(output_grads, "output_grads", least=3, most=5)
    taps = checked.Taps(x.shape[2:], kernel_size, stride, padding, dilation)
    checked.positions(x, s, taps)
    h = _mean_squares_of_taps(x, taps)
    return _pairs(_channel_mean_squares(s), h, 1.0, bias, normalize, eps)


def norm_factors(
    inputs: Any,
    output_grads: Any,
    kind: str = "batch",
    *,
    bias: bool = True,
    normalize: bool = True,
    eps: float = _EPS,
) -> tuple[FisherFactors, ...]:
    """Factors of the scale (features,) of a normalisation, and of its bias, as the authors' code
    has them.

    "batch"     of (batch, features, ...): H from the sums h over batch and positions of each
                feature, S from those of the gradients
    "layer"     of (batch, ..., features): h of what has one index of axis 1, over all other axes;
                S from the sums over all axes but the last

    H = (sum of (h / positions^2)^2) / batch^2 for the scale, (number of h) / batch^2 for the bias,
    where positions is the number of elements of one example under one h; S = (sum s)^2 / batch.
    Two entries normalised to [0, 1] are 0 and 1: only one of scale and bias is left with curvature.

    The rest, errors included, as in `linear_factors`.
    """
    arguments.one_of("kind", kind, _KINDS)
    x = checked.values(inputs, "inputs", least=2)
    s = checked.values(output_grads, "output_grads", least=2)
    if s.shape != x.shape:
        raise ValueError(f"output_grads: shape {s.shape} given, expected {x.shape}, as of inputs")
    h, of_bias = _squared_sums(x)
    of_s = _squared_totals(s, 1 if kind == "batch" else x.ndim - 1)
    return _pairs(of_s, h, of_bias, bias, normalize, eps)


def average_factors(
    current: Any, new: Any, *, gammas: Sequence[float] = GAMMAS, form: str = "code"
) -> Vector:
    """The running average of a factor, in float64, with both coefficients as they are given.

    "code"      (1 - gammas[0]) current + gammas[1] new, in the authors' program
    "paper"     gammas[0] current + (1 - gammas[1]) new, in the article

    The coefficients do not add to 1. Before the first factor the average is 1.

    current, new : of one shape, any float dtype, finite.
    gammas : a tuple or list of two numbers from 0 to 1.
    form : "code" or "paper".

    Source: Gomes et al., ICLR 2025, arXiv 2405.16397, and the authors' code.

    Raises TypeError and ValueError for other arguments, ValueError for a sum beyond float64.
    """
    keep, take = coefficients(gammas, form)
    old, add = checked.values(current, "current", least=0), checked.values(new, "new", least=0)
    if old.shape != add.shape:
        raise ValueError(f"new: shape {add.shape} given, expected {old.shape}, as of current")
    with np.errstate(over="ignore"):
        average: Vector = np.asarray(keep * old + take * add)
    _in_range(average, "current, new", "the average is")
    return average


def coefficients(gammas: Any, form: str, name: str = "form") -> tuple[float, float]:
    """The shares of the old average and of the new factor; `name` is what messages call the
    form."""
    arguments.one_of(name, form, AVERAGES)
    if isinstance(gammas, str) or not isinstance(gammas, Sequence):
        raise TypeError(
            f"gammas: {type(gammas).__name__} given, expected a tuple or list of two numbers"
        )
    if len(gammas) != 2:
        raise ValueError(f"gammas: {len(gammas)} numbers given, expected two")
    above = float(np.nextafter(1.0, 2.0))
    first, second = (arguments.at_least("gammas", gamma, 0.0, above) for gamma in gammas)
    return (1 - first, second) if form == "code" else (first, 1 - second)


def _pairs(
    s: Any, h: Any, of_bias: float, bias: bool, normalize: bool, eps: float
) -> tuple[FisherFactors, ...]:
    """The pairs of weight and bias, whose input is one more entry of H before the split."""
    eps = arguments.at_least("eps", eps, 0.0)
    _in_range(h, "inputs", _SQUARES)
    _in_range(s, "output_grads", _SQUARES)
    whole = _elements.appended(h, of_bias) if checked.flag("bias", bias) else h
    if checked.flag("normalize", normalize):
        s, whole = _normalized(s, eps), _normalized(whole, eps)
    count = int(h.shape[0])
    weight = FisherFactors(s, whole[:count])
    return (weight, FisherFactors(s, whole[count:])) if bias else (weight,)


def _in_range(x: Any, name: str, what: str) -> Any:
    """The results of finite arguments, finite too."""
    if _elements.first_not_finite([x]) is not None:
        raise ValueError(
            f"{name}: numbers given of which {what} beyond the range of float64, expected smaller "
            "ones"
        )
    return x


def _normalized(x: Any, eps: float) -> Any:
    least = x.min()
    width = x.max() - least
    if eps == 0 and float(width) == 0:
        return x - least  # zeros, as they are of any eps above 0
    return (x - least) / (width + eps)


@_quiet
def _mean_squares(x: Any) -> Any:
    """Over all axes but the last, over the fixed tree."""
    rows = x.reshape((-1, x.shape[-1]))
    sums = _elements.beside(_core.line_sums(rows, None, 0), x)
    return _elements.divided(sums, int(rows.shape[0]))


@_quiet
def _channel_mean_squares(x: Vector) -> Vector:
    """Over batch and positions."""
    flat = x.reshape(x.shape[0], x.shape[1], -1)
    return np.asarray(np.einsum("bcp,bcp->c", flat, flat) / (flat.shape[0] * flat.shape[2]))


@_quiet
def _mean_squares_of_taps(x: Vector, taps: checked.Taps) -> Vector:
    """One mean for each channel and tap, in the order of a kernel's elements: of the places of the
    padded input that the tap meets."""
    squares = (x * x).sum(axis=0)
    squares = np.pad(squares, [(0, 0), *((p, p) for p in taps.padding)])
    space = tuple(range(1, squares.ndim))
    met = ((slice(None), *places) for places in taps.places())
    sums = [squares[index].sum(axis=space) for index in met]
    return np.asarray(np.stack(sums, axis=1).reshape(-1) / (x.shape[0] * taps.count))


@_quiet
def _squared_sums(x: Vector) -> tuple[Vector, float]:
    """H of a normalisation's scale, and of its bias."""
    sums = x.sum(axis=tuple(a for a in range(x.ndim) if a != 1))
    spread = sums / float(x[0, 0].size) ** 2
    return np.array([spread @ spread]) / x.shape[0] ** 2, sums.size / x.shape[0] ** 2


@_quiet
def _squared_totals(s: Vector, features: int) -> Vector:
    """S of a normalisation, whose features are along this axis."""
    total = s.sum(axis=tuple(a for a in range(s.ndim) if a != features))
    return np.asarray(total * total / s.shape[0])
