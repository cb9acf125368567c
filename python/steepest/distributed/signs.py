"""A worker's half of Distributed Lion: signs of directions in one or two bits per element.

Liu, Wu, Chen, Liang, Zhu, Krishnamoorthi and Krähenbühl, arXiv 2404.00438, algorithm 1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import _core
from ..polar import arguments
from . import lists
from .lists import Message

BITS = (1, 2)


class Packed(NamedTuple):
    """What `pack_signs` returns.

    message : uint8 (bytes,), as many as `message_size` says. nans : int, how many directions are
        NaN.
    """

    message: Message  #: uint8, `message_size` bytes
    nans: int  #: how many directions are NaN


def message_size(params: Any, bits: int = 1) -> int:
    """Bytes of a worker's message about these arrays: `bits` planes of ceil(n / 8) bytes for every
    array of n elements.

    params : array or list of arrays; only their shapes matter.
    bits : 1 or 2.

    Source: the definition of the message, as in `pack_signs`. Raises TypeError and ValueError for
    other arguments.
    """
    arrays, _ = lists.read_list(params, "params")
    return checked_bits(bits) * sum(-(-size // 8) for size in lists.sizes_of(arrays))


def checked_bits(bits: Any) -> int:
    """1 or 2. Raises TypeError and ValueError."""
    return arguments.count("bits", bits, 1, 2)


def pack_signs(
    grads: Any,
    exp_avg: Any,
    *,
    betas: tuple[float, float] = (0.9, 0.99),
    bits: int = 1,
    out: Any = None,
    grad_scale: float = 1.0,
    maximize: bool = False,
    rounding: Any = "nearest",
    step: int | None = None,
    seed: int = 0,
    tensor_ids: Any = None,
) -> Packed:
    """Packs sign(beta1 m + (1 - beta1) g) and sets m = beta2 m + (1 - beta2) g, in one pass.

    grads : array or list of arrays g in host memory, dense; float64, float32, bfloat16 or float16.
    exp_avg : the momenta m, updated in place: same structure, shapes and memory layout; float32 or
        bfloat16, or float64 with float64 gradients.
    betas : (beta1, beta2), each in [0, 1).
    bits : 1: a set bit for 1, a clear one for -1; a direction of 0 counts as 1, a NaN as -1.
        2: a plane of bits that are set for 1, then one for -1; neither is 0, both are NaN.
    out : uint8 array of `message_size(grads, bits)` bytes for the message; None: a new one.
    grad_scale : gradients are divided by it first.
    maximize : change the sign of the gradients.
    rounding : "nearest" or "stochastic", of momenta in bfloat16; or {"exp_avg": one of these}.
    step, seed, tensor_ids : coordinates of stochastic rounding, as in `steepest.steps`.

    A plane holds ceil(n / 8) bytes for every array of n elements, array after array without gaps.
    Element e of an array, counted in memory order, is bit e % 8, from the lowest, of its byte
    e // 8: NumPy's packbits(bitorder="little"). Unused bits are clear.

    Source: Liu et al., arXiv 2404.00438, algorithm 1.

    The signs and momenta are those of `steepest.steps.lion`, the same bits on every CPU target and
    for any number of threads. Raises TypeError (kind, dtype, structure), ValueError (shape, layout,
    overlap, range), BufferError (read-only momentum or out), DeviceError (array on a device); then
    nothing has been written.
    """
    arrays, is_list = lists.read_list(grads, "grads")
    momenta = lists.read_like(exp_avg, "exp_avg", len(arrays), is_list, "grads")
    bits = checked_bits(bits)
    beta1, beta2 = lists.read_betas(betas)
    scale = arguments.real("grad_scale", grad_scale)
    if scale == 0:
        raise ValueError("grad_scale: 0 given, expected another number")
    ascend = arguments.boolean("maximize", maximize)
    random = lists.is_stochastic(rounding, "exp_avg", ("exp_avg",))
    settings = [
        (beta1, beta2, ascend, random, draw)
        for draw in lists.draws(step, seed, tensor_ids, len(arrays), random)
    ]
    message = lists.output(out, "out", message_size(grads, bits))
    nans = _core.sign_pack(arrays, momenta, is_list, settings, scale, bits, message)
    return Packed(message, nans)
