"""The server's half of Distributed Lion, and the step of the workers with what it returns."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import _arrays, _core
from ..polar import arguments
from . import lists
from .lists import Message
from .signs import checked_bits

MOST_WORKERS = 65535

#: What the planes of bits of `Votes` say, by their number in the C interface.
FORMS = ("signs", "ternary", "mean of signs", "mean of ternary")
TIES = ("zero", "positive", "negative", "first")

_STREAMS = ("params", "working_copy")


class Votes(NamedTuple):
    """A direction for all parameters, in planes of bits.

    data : uint8 (bytes,), the planes one behind the other.
    form : "signs", "ternary", "mean of signs" or "mean of ternary".
    workers : int, that a mean is over, else 1.
    """

    data: Message  #: uint8, the planes one behind the other
    form: str  #: "signs", "ternary", "mean of signs" or "mean of ternary"
    workers: int  #: that a mean is over, else 1

    @property
    def planes(self) -> int:
        """How many planes of bits the data are."""
        return planes_of(self.form, self.workers)


def planes_of(form: str, workers: int = 1) -> int:
    """How many planes of bits hold a direction in this form.

    1 for "signs", 2 for "ternary"; for means as many as their largest count has binary digits:
    that of the number of workers for "mean of signs", of twice that for "mean of ternary".

    Source: the definition of the planes, as in `majority` and `mean`. Raises TypeError and
    ValueError for another form or number.
    """
    arguments.one_of("form", form, FORMS)
    workers = arguments.count("workers", workers, 1, MOST_WORKERS)
    return {
        "signs": 1,
        "ternary": 2,
        "mean of signs": workers.bit_length(),
        "mean of ternary": (2 * workers).bit_length(),
    }[form]


def majority(messages: Any, *, bits: int = 1, tie: str = "zero", out: Any = None) -> Votes:
    """The sign of the sum of the workers' signs, per element (MaVo in the paper).

    messages : uint8 array (workers, size), C-ordered: one message of `pack_signs` per row, or the
        same part of one plane of every message. At most 65535 workers.
    bits : of the messages.
    tie : what counts where as many are for 1 as for -1, which single bits of an odd number of
        workers cannot have. "zero", the paper's sign(0) = 0: the result takes two bits, in the form
        "ternary". "positive", "negative" or "first" (what the first worker has): the result takes
        one bit, in the form "signs". Messages of 2 bits take "zero" only.
    out : uint8 array for the planes of the result; None: a new one.

    A NaN of any worker is NaN in the result, with 2 bits. Bits are counted 64 or more at a time.
    Source: Liu et al., arXiv 2404.00438, algorithm 1.
    Raises TypeError and ValueError; then nothing has been written.
    """
    arguments.one_of("tie", tie, TIES)
    bits = checked_bits(bits)
    if bits == 2 and tie != "zero":
        raise ValueError(f"tie: {tie!r} given, expected 'zero' for messages of 2 bits")
    return _vote(messages, bits, 0, tie, "ternary" if tie == "zero" else "signs", 1, out)


def mean(messages: Any, *, bits: int = 1, out: Any = None) -> Votes:
    """The mean of the workers' signs, per element (Avg in the paper).

    messages, bits, out, errors : as in `majority`.

    The planes hold binary digits, the lowest first: of the number of workers whose sign is 1; for
    messages of 2 bits, of the sum of the signs plus the number of workers, and all digits are set
    for NaN. So n workers take log2(n + 1) bits per element, or log2(2 n + 1), rounded up.
    Source: Liu et al., arXiv 2404.00438, algorithm 1.
    """
    bits = checked_bits(bits)
    workers = len(_rows(messages, bits))
    return _vote(messages, bits, 1, "zero", FORMS[1 + bits], workers, out)


def _rows(messages: Any, bits: int) -> Message:
    rows = lists.bytes_of(messages, "messages", 2)
    arguments.count("messages: workers", len(rows), 1, MOST_WORKERS)
    if rows.shape[1] % bits:
        raise ValueError(f"messages: {rows.shape[1]} bytes given, expected a multiple of {bits}")
    return rows


def _vote(
    messages: Any, bits: int, outcome: int, tie: str, form: str, workers: int, out: Any
) -> Votes:
    rows = _rows(messages, bits)
    size = rows.shape[1] // bits * planes_of(form, workers)
    result = lists.output(out, "out", size)
    _core.vote(rows, bits, outcome, TIES.index(tie), result)
    return Votes(result if out is None else out, form, workers)


def apply_votes(
    params: Any,
    votes: Votes,
    *,
    lr: Any,
    weight_decay: Any = 0.0,
    working_copy: Any = None,
    rounding: Any = "nearest",
    step: int | None = None,
    seed: int = 0,
    tensor_ids: Any = None,
) -> None:
    """p = p (1 - lr weight_decay) - lr d, in place, with the direction d of the votes.

    params : array or list of arrays in host memory, dense, in the order and memory layout of the
        gradients that were packed; float64, float32, bfloat16 or float16.
    votes : of `majority` or `mean`; or Votes(data, form, workers) around bytes that were received,
        or Votes(message, "signs", 1) for a single worker.
    lr, weight_decay : number >= 0, or one per array.
    working_copy : arrays of other dtypes than float64 that receive the new parameters as well; None
        in a list: none.
    rounding : "nearest" or "stochastic", of what is stored in bfloat16 or float16; or a dict from
        "params" and "working_copy" to these.
    step, seed, tensor_ids : coordinates of stochastic rounding, as in `steepest.steps`.

    Source: Liu et al., arXiv 2404.00438, algorithm 1.

    Directions of a mean are the nearest float32 (float64 for float64 parameters) to the true one.
    With the signs of one worker that has no zero directions the parameters are those of
    `steepest.steps.lion` to the bit; with 2 bits, always (a negative zero counts as zero).

    Raises TypeError, ValueError, BufferError and DeviceError as `pack_signs` does; then nothing has
    been written.
    """
    arrays, is_list = lists.read_list(params, "params")
    if not isinstance(votes, Votes):
        raise TypeError(f"votes: {_arrays.describe(votes)} given, expected Votes")
    data = lists.bytes_of(votes.data, "votes", 1)
    copies = _read_copies(working_copy, arrays, is_list)
    streams = [lists.is_stochastic(rounding, stream, _STREAMS) for stream in _STREAMS]
    count = len(arrays)
    settings = [
        (*numbers, *streams, draw)
        for *numbers, draw in zip(
            lists.spread(lr, "lr", count),
            lists.spread(weight_decay, "weight_decay", count),
            lists.draws(step, seed, tensor_ids, count, any(streams)),
            strict=True,
        )
    ]
    form = FORMS.index(votes.form) if votes.form in FORMS else -1
    planes = planes_of(votes.form, votes.workers)
    _core.vote_step(arrays, copies, is_list, settings, form, votes.workers, planes, data)


def _read_copies(given: Any, arrays: list[Any], is_list: bool) -> list[Any]:
    if given is None:
        return [None] * len(arrays)
    if not is_list:
        return lists.read_like(given, "working_copy", 1, is_list, "params")
    if not isinstance(given, (list, tuple)) or len(given) != len(arrays):
        raise ValueError(f"working_copy: expected a list of {len(arrays)} arrays or None")
    return list(given)
