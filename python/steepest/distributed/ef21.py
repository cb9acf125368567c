"""EF21: compressed differences of gradients, whose error is fed back.

Richtárik, Sokolov and Fatkhullin, arXiv 2106.05203; with weights (EF21-W) Richtárik, Gasanov and
Burlachenko, arXiv 2402.10774. Worker i keeps an estimate g_i of its gradient and sends the
compressed difference to the new one; who adds up what all send has the mean of the estimates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _arrays
from .._arrays import Array
from ..polar import arguments
from . import lists
from .compressors import Compressor, Draw, Native, Values
from .lists import Message

_HEADER = np.dtype([("step", "<u4"), ("worker", "<u4")])


class _Parts:
    """The tensors of a list, and where the bytes of each are in a message.

    A message is a header of 8 bytes (number of the step from 1, number of the worker, as uint32)
    and then the bytes of the tensors, one behind the other.
    """

    def __init__(self, like: Any, compressor: Compressor) -> None:
        arrays, self.is_list = lists.read_list(like, "like")
        views = [_arrays.view(array, "like") for array in arrays]
        self.compressor = compressor
        self.shapes = [tuple(view.shape) for view in views]
        names = [_arrays.dtype_name(view) for view in views]
        self.dtypes = [np.dtype(np.float64 if n == "float64" else np.float32) for n in names]
        self.counts = lists.sizes_of(views)
        sizes = [
            compressor.size(count, dtype.itemsize)
            for count, dtype in zip(self.counts, self.dtypes, strict=True)
        ]
        self.ends = (_HEADER.itemsize + np.cumsum([0, *sizes])).tolist()

    @property
    def size(self) -> int:
        return int(self.ends[-1])

    def zeros(self) -> list[Values]:
        """Flat arrays of the tensors."""
        return [np.zeros(n, d) for n, d in zip(self.counts, self.dtypes, strict=True)]

    def part(self, message: Message, i: int) -> Message:
        return message[self.ends[i] : self.ends[i + 1]]

    def shaped(self, flat: Sequence[Values]) -> Any:
        """In the structure of `like`, on the same memory."""
        made = [x.reshape(shape) for x, shape in zip(flat, self.shapes, strict=True)]
        return made if self.is_list else made[0]

    def read(self, given: Any, name: str) -> list[Array]:
        """Arrays of the structure and shapes of `like`, in C order, float64 where it is."""
        arrays = lists.read_like(given, name, len(self.shapes), self.is_list, "like")
        return [self._read_one(array, name, i) for i, array in enumerate(arrays)]

    def _is_plain(self, array: Array, i: int) -> bool:
        """Whether this is an array as most are, which nothing more need be asked about."""
        return (
            type(array) is np.ndarray
            and array.dtype == self.dtypes[i]
            and array.shape == self.shapes[i]
            and array.flags.c_contiguous
        )

    def _read_one(self, array: Array, name: str, i: int) -> Array:
        if self._is_plain(array, i):
            return array
        label = f"{name}[{i}]" if self.is_list else name
        view = _arrays.view(array, label)
        if tuple(view.shape) != self.shapes[i]:
            raise ValueError(f"{label}: shape {tuple(view.shape)} given, expected {self.shapes[i]}")
        found = _arrays.dtype_name(view)
        if found not in ("float64", "float32", "bfloat16", "float16"):
            raise TypeError(f"{label}: dtype {found} given, expected floats")
        seen = _arrays.as_numpy(view, label)  # bfloat16 as its bits
        double = self.dtypes[i] == np.float64
        if seen.flags.c_contiguous and (found == "float64") == double:
            return view
        return self.wide(view, i)

    def wide(self, view: Array, i: int) -> Values:
        """The elements of a gradient, flat and in the precision of its estimate."""
        if _arrays.dtype_name(view) == "bfloat16":
            wide = np.empty(self.shapes[i], np.float32)
            _arrays.float32_copy(view, wide)
            view = wide
        return np.ascontiguousarray(_arrays.as_numpy(view).reshape(-1), self.dtypes[i])

    def checked(self, message: Any, name: str) -> Message:
        found = lists.bytes_of(message, name, 1)
        if found.size != self.size:
            raise ValueError(f"{name}: {found.size} bytes given, expected {self.size}")
        return found


class EF21Worker:
    """One worker: sends C(scale grad - g) and sets g = g + C(scale grad - g).

        worker = EF21Worker(params, TopK(0.01), worker=rank)
        message = worker.pack(grads)

    like : array or list of arrays with the shapes of the gradients. Estimates and messages are
        float64 for float64 arrays and float32 for all others.
    compressor : TopK, RandomK or ScaledSign, or another `Compressor`, for each array by itself.
    worker : number of this worker, for random choices.
    scale : 1, or in EF21-W 1 / (n w_i) for a worker of weight w_i among n.

    g = 0 before the first step, so that the first message is the compressed gradient itself.

    Sources: Richtárik, Sokolov and Fatkhullin, arXiv 2106.05203; for the weights Richtárik, Gasanov
    and Burlachenko, arXiv 2402.10774. Raises TypeError and ValueError for other arguments.
    """

    def __init__(
        self, like: Any, compressor: Compressor, *, worker: int = 0, scale: float = 1.0
    ) -> None:
        self._parts = _Parts(like, compressor)
        self.worker = arguments.count("worker", worker, 0, 2**32 - 1)
        self.scale = arguments.between("scale", scale, 0.0, float("inf"))
        self.step = 0
        self._estimate = self._parts.zeros()

    @property
    def message_size(self) -> int:
        """Bytes of a message."""
        return self._parts.size

    @property
    def estimate(self) -> Any:
        """g in the structure of `like`: not a copy."""
        return self._parts.shaped(self._estimate)

    def pack(self, grads: Any, out: Any = None) -> Message:
        """The message about the difference of these gradients to the estimate, which moves there.

        grads : in the structure and shapes of `like`. out : uint8 array for the message, or None.

        Raises TypeError, ValueError and BufferError; then nothing has been written.
        """
        given = self._parts.read(grads, "grads")
        message = lists.output(out, "out", self._parts.size)
        step = self.step + 1
        body = message[_HEADER.itemsize :]
        compressor = self._parts.compressor
        if isinstance(compressor, Native):
            compressor.pack(
                given, self._estimate, body, step=step, worker=self.worker, scale=self.scale,
                is_list=self._parts.is_list,
            )  # fmt: skip
        else:
            self._compress_each(compressor, given, message, step)
        message[: _HEADER.itemsize] = (
            np.array((step, self.worker), _HEADER).reshape(1).view(np.uint8)
        )
        self.step = step
        return message

    def _compress_each(
        self, compressor: Compressor, grads: Sequence[Array], message: Message, step: int
    ) -> None:
        for i, (view, estimate) in enumerate(zip(grads, self._estimate, strict=True)):
            difference = estimate.dtype.type(self.scale) * self._parts.wide(view, i) - estimate
            draw = Draw(step, self.worker, i)
            estimate += compressor.compress(difference, draw, self._parts.part(message, i))

    def state_dict(self) -> dict[str, Any]:
        """{"step": int, "estimate": list of flat arrays}: not copies."""
        return {"step": self.step, "estimate": list(self._estimate)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over a `state_dict`, copied. Raises as `_load` of the estimates does."""
        step = arguments.count('state["step"]', state["step"], 0, 2**32 - 1)
        self._estimate = _loaded(state["estimate"], self._estimate)
        self.step = step


class EF21Aggregate:
    """The mean of all workers' estimates, kept by adding up messages: on a server, or on every
    worker, which then all have the same bits.

        mean = EF21Aggregate(params, TopK(0.01))
        opt.step(mean.add(messages))  # messages: uint8, one row per worker

    like, compressor : as of the worker, dtypes too; sources and errors as in `EF21Worker`.
    """

    def __init__(self, like: Any, compressor: Compressor) -> None:
        self._parts = _Parts(like, compressor)
        self.step = 0
        self._estimate = self._parts.zeros()

    @property
    def estimate(self) -> Any:
        """The mean of the estimates in the structure of `like`: not a copy."""
        return self._parts.shaped(self._estimate)

    def add(self, messages: Any, weights: Sequence[float] | None = None) -> Any:
        """Adds weights_i C_i of every message, in their order, and returns `estimate`.

        messages : uint8 array (workers, message_size). All are of the same step, the one that
            follows the last.
        weights : one per message, adding up to 1; None: all the same. In EF21-W those of the paper.

        Raises TypeError and ValueError (also for a message of another step, or two of one worker);
        then nothing has been changed.
        """
        rows = lists.bytes_of(messages, "messages", 2)
        shares = _shares(weights, len(rows))
        heads = [self._head(row, i) for i, row in enumerate(rows)]
        if len({worker for _, worker in heads}) != len(heads):
            raise ValueError("messages: two messages of one worker given")
        compressor = self._parts.compressor
        if isinstance(compressor, Native):
            compressor.add_all(
                rows, self._estimate, step=self.step + 1, workers=[worker for _, worker in heads],
                weights=shares, header=_HEADER.itemsize,
            )  # fmt: skip
        else:
            self._add_each(compressor, rows, shares, heads)
        self.step += 1
        return self.estimate

    def state_dict(self) -> dict[str, Any]:
        """{"step": int, "estimate": list of flat arrays}: not copies."""
        return {"step": self.step, "estimate": list(self._estimate)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over a `state_dict`, copied."""
        step = arguments.count('state["step"]', state["step"], 0, 2**32 - 1)
        self._estimate = _loaded(state["estimate"], self._estimate)
        self.step = step

    def _add_each(
        self,
        compressor: Compressor,
        rows: Message,
        shares: Sequence[float],
        heads: Sequence[tuple[int, int]],
    ) -> None:
        new = [x.copy() for x in self._estimate]
        for row, share, (step, worker) in zip(rows, shares, heads, strict=True):
            for i, x in enumerate(new):
                compressor.add(self._parts.part(row, i), Draw(step, worker, i), x, share)
        for x, y in zip(self._estimate, new, strict=True):
            x[...] = y

    def _head(self, row: Message, i: int) -> tuple[int, int]:
        message = self._parts.checked(row, f"messages[{i}]")
        head = message[: _HEADER.itemsize].copy().view(_HEADER)[0]
        if int(head["step"]) != self.step + 1:
            raise ValueError(
                f"messages[{i}]: message of step {head['step']} given, expected {self.step + 1}"
            )
        return int(head["step"]), int(head["worker"])


def _shares(weights: Sequence[float] | None, count: int) -> list[float]:
    if count == 0:
        raise ValueError("messages: 0 rows given, expected at least 1")
    if weights is None:
        return [1.0 / count] * count
    if len(weights) != count:
        raise ValueError(f"weights: {len(weights)} given, expected {count}")
    return [arguments.between(f"weights[{i}]", w, 0.0, 1.0 + 1e-9) for i, w in enumerate(weights)]


def _loaded(given: Any, like: Sequence[Values]) -> list[Values]:
    if not isinstance(given, (list, tuple)) or len(given) != len(like):
        raise ValueError(f'state["estimate"]: expected a list of {len(like)} arrays')
    made: list[NDArray[Any]] = []
    for i, (array, x) in enumerate(zip(given, like, strict=True)):
        found = np.asarray(array)
        if found.shape != x.shape or found.dtype != x.dtype:
            raise ValueError(
                f'state["estimate"][{i}]: {found.dtype} of shape {found.shape} given, expected '
                f"{x.dtype} of shape {x.shape}"
            )
        made.append(found.copy())
    return made
