"""Gradient clipping in place, apart from a step."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import _core


class GradNorm(NamedTuple):
    """L2 norms of gradients.

    total : over all of them. per_tensor : of each, float64 (tensors,). finite : whether every
        element is.

    For torch and CuPy arrays on a device all three are arrays of that kind on it: float64 with no
    dimension, float64 with one, int32 with none. `total` and `finite` turn into a number by float()
    and bool(), which wait for the device.
    """

    total: float
    per_tensor: NDArray[np.float64]
    finite: bool


def clip_value_(grads: Any, max_value: float, *, stream: Any = None) -> None:
    """Brings every element into [-max_value, max_value], in place.

    grads : array or list of arrays (None is left out) of float64, float32, bfloat16 or float16,
        dense, of any shape.
    max_value : number > 0.
    stream : CUDA stream, for arrays on a device, as in the rules' functions.

    An infinity becomes the bound, a NaN stays. The steps do the same on the way, in no pass of its
    own, with max_grad_value.
    Raises TypeError, ValueError (a bound that is no number > 0, gaps, overlaps), BufferError
    (read-only) or DeviceError; then nothing has been written.
    """
    if max_value is None:
        raise TypeError("max_value: None given, expected a number")
    _core.clip(grads, max_value=max_value, stream=stream)


def clip_norm_(
    grads: Any,
    max_norm: float,
    *,
    per_tensor: bool = False,
    skip_nonfinite: bool = False,
    stream: Any = None,
) -> GradNorm:
    """Scales gradients whose L2 norm is above max_norm down to it, in place.

    grads : array or list of arrays (None is left out, with norm 0) of float64, float32, bfloat16 or
        float16, dense, of any shape.
    max_norm : number > 0. Elements are multiplied by min(1, max_norm / (norm + 1e-6)).
    per_tensor : the norm is that of each array, not the one over all of them.
    skip_nonfinite : change nothing when any element is a NaN or an infinity; `finite` of the result
        tells. Without it a norm that is NaN or infinite makes what it scales NaN.
    stream : CUDA stream, for arrays on a device, as in the rules' functions.

    Pascanu, Mikolov & Bengio, arXiv 1211.5063, algorithm 1, with the 1e-6 of
    torch.nn.utils.clip_grad_norm_; what clipping does to convergence: Koloskova, Hendrikx & Stich,
    arXiv 2305.01588. Norms have the bits of `grad_norm`, results those that the steps find with
    max_grad_norm and max_tensor_norm on the way.

    Returns the norms before clipping, as `grad_norm` does: on a device nothing is waited for.
    Raises TypeError, ValueError (a bound that is no number > 0, gaps, overlaps), BufferError
    (read-only) or DeviceError; then nothing has been written.
    """
    if max_norm is None:
        raise TypeError("max_norm: None given, expected a number")
    found = _core.clip(
        grads,
        max_norm=max_norm,
        per_tensor=per_tensor,
        skip_nonfinite=skip_nonfinite,
        stream=stream,
    )
    assert found is not None  # norms were asked for
    return GradNorm(*found)


def clip_adaptive_(
    grads: Any,
    params: Any,
    factor: float = 0.01,
    *,
    eps: float = 1e-3,
    axis: int = 0,
    stream: Any = None,
) -> None:
    """Scales what a gradient has for one output down to a part of its parameter's norm, in place.

    g_i becomes factor max(|w_i|, eps) / |g_i| g_i where |g_i| is above factor max(|w_i|, eps), for
    the L2 norms of each unit i: the weights of one output. Brock, De, Smith & Simonyan, arXiv
    2102.06171, equation 3.

    grads : array or list of arrays (None is left out) of float64, float32, bfloat16 or float16,
        dense.
    params : the parameters, same structure, shapes and memory layouts, of any of these dtypes; only
        read. May be None where the gradient is.
    factor : number > 0; the paper has 0.01 for large batches, up to 0.16 for small ones.
    eps : number >= 0, so that parameters at zero can move.
    axis : of the outputs, 0 as torch has it for linear layers and convolutions. Its units must lie
        one behind the other in memory, as those of the first axis do in C order and those of the
        last in F order. An array with at most one dimension longer than 1 is one unit.
    stream : CUDA stream, for arrays on a device, as in the rules' functions.

    The authors leave out the last linear layer. A norm that is NaN makes its unit NaN, an infinite
    one of a gradient leaves NaNs where the infinities were. Nothing is waited for on a device.
    Raises TypeError, ValueError (range, structure, shape, layout, overlaps), BufferError
    (read-only) or DeviceError; then nothing has been written.
    """
    _core.clip_units(grads, params, factor=factor, eps=eps, axis=axis, stream=stream)
