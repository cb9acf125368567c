"""Averages of weights over training: the exponential moving average, and the mean of SWA.

average = steepest.optim.averages.EMA(params, decay=0.999)
for grads in training:
    opt.step(grads)
    average.update()
with average.applied():  # the parameters are the average here
    validate()
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

from .. import _arrays, _core
from .._arrays import Array
from ..polar import arguments
from . import structure
from .checkpoint import read_array
from .state import computed_like

__all__ = ["EMA", "SWA", "WeightAverage"]

_FLOATS = ("float64", "float32", "bfloat16", "float16")


class WeightAverage(ABC):
    """An average of parameters, updated in place by one native call.

    params : an array, a list or dict of arrays, or (name, array) pairs, of float64, float32,
        bfloat16 or float16; in host memory or on one CUDA device. Read by `update`, written by
        `swap` and `copy_to` alone, so that any optimizer may step them.
    buffers : arrays in the same structures that belong to the model but have no gradients, such as
        the running statistics of batch normalisation; of any dtype.
    average_buffers : average those of a float dtype too; otherwise, and for other dtypes, the
        average has the latest ones.

    The average is held in float32, of float64 parameters in float64: in 16 bits an average with a
    small weight for the new stands still. Subclasses say the weight. Statistics of batch
    normalisation that are not averaged are those of other weights than the average's: renew them
    on data, with the average applied.

    Raises TypeError for what is no array, or of another dtype, ValueError for an array that comes
    twice.
    """

    def __init__(self, params: Any, *, buffers: Any = (), average_buffers: bool = False) -> None:
        arguments.boolean("average_buffers", average_buffers)
        self._params = structure.read_params(params)
        structure.check_distinct([self._params])
        self._is_one = _arrays.is_array(params)
        self._named = isinstance(params, Mapping)
        self._buffers = structure.read_params(buffers).arrays
        views = self._views()
        for i, view in enumerate(views):
            if _arrays.dtype_name(view) not in _FLOATS:
                raise TypeError(
                    f"params[{i}]: {_arrays.dtype_name(view)} given, expected one of "
                    f"{', '.join(_FLOATS)}"
                )
        copied = [_arrays.view(b, f"buffers[{i}]") for i, b in enumerate(self._buffers)]
        averaged = [average_buffers and _arrays.dtype_name(b) in _FLOATS for b in copied]
        self._averaged = [b for b, a in zip(self._buffers, averaged, strict=True) if a]
        self._copied = [b for b, a in zip(self._buffers, averaged, strict=True) if not a]
        self._averages = [
            computed_like(view) for view in [*views, *map(_arrays.view, self._averaged)]
        ]
        self._copies = [_arrays.copy(b) for b in self._copied]
        self._own: list[Array] | None = None  # what the model holds itself, while it is swapped
        self.updates = 0  #: how many weights have been averaged
        self._plan = _core.Plan("interpolate", self._averages)

    @abstractmethod
    def weight(self) -> float:
        """The weight of the coming weights in the average, from 0 to 1."""

    @property
    def value(self) -> Any:
        """The average, in the structure of the parameters: the arrays themselves, not copies."""
        arrays = self._averages[: len(self._params.arrays)]
        if self._is_one:
            return arrays[0]
        return dict(zip(self._params.names or (), arrays, strict=True)) if self._named else arrays

    def update(self, stream: Any = None) -> None:
        """Takes the present parameters and buffers in. The first become the average.

        stream : as in `steepest.steps`.

        Raises RuntimeError while the average is applied, ValueError or TypeError where parameters
        have become others; then nothing has been changed.
        """
        if self._own is not None:
            raise RuntimeError("update: the parameters are the average; swap() them back before")
        weight = arguments.at_least("weight", self.weight(), 0.0) if self.updates else 1.0
        sources = [*self._views(), *map(_arrays.view, self._averaged)]
        keywords = {} if stream is None else {"stream": stream}
        self._plan(sources, lr=weight, **keywords)
        for copy, buffer in zip(self._copies, self._copied, strict=True):
            _arrays.assign(copy, _arrays.view(buffer))
        self.updates += 1

    def swap(self) -> None:
        """Writes the average to the parameters and buffers, rounded to their dtypes, or, where it
        is there, what they held before, bit for bit.

        Raises RuntimeError where there is no average yet; BufferError for parameters that are
        read-only.
        """
        model = [*self._params.arrays, *self._averaged, *self._copied]
        if self._own is not None:
            for array, own in zip(model, self._own, strict=True):
                _arrays.assign(_arrays.view(array), own)
            self._own = None
            return
        own = [_arrays.copy(array) for array in model]
        self._write(self._params.arrays, self._averaged, self._copied)
        self._own = own

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """A context in which the parameters and buffers are the average."""
        self.swap()
        try:
            yield
        finally:
            if self._own is not None:
                self.swap()

    def copy_to(self, params: Any, buffers: Any = None) -> None:
        """Writes the average to other arrays of the same number, shapes and layouts, rounded to
        their dtypes.

        params : an array, a list or dict of arrays; a dict by order, not by name.
        buffers : likewise; None: no buffers are written.

        Raises RuntimeError where there is no average yet; TypeError, ValueError and BufferError for
        arrays that the average does not fit into.
        """
        given = structure.read_params(params).arrays
        if len(given) != len(self._params.arrays):
            raise ValueError(
                f"params: {len(given)} arrays given, expected {len(self._params.arrays)}"
            )
        others = [] if buffers is None else structure.read_params(buffers).arrays
        if buffers is not None and len(others) != len(self._buffers):
            raise ValueError(f"buffers: {len(others)} arrays given, expected {len(self._buffers)}")
        averaged = {id(b) for b in self._averaged}
        pairs = list(zip(others, self._buffers, strict=True)) if others else []
        self._write(
            given,
            [other for other, own in pairs if id(own) in averaged],
            [other for other, own in pairs if id(own) not in averaged],
        )

    def state_dict(self) -> dict[str, Any]:
        """{"updates": int, "averages": [array, ...] of the parameters and then of the averaged
        buffers, "buffers": [array, ...] of the others}. The arrays are the average's own."""
        return {
            "updates": self.updates,
            "averages": list(self._averages),
            "buffers": list(self._copies),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes over what `state_dict` gave, with arrays of any kind.

        Raises ValueError (missing key, number of arrays, shape) or TypeError (dtype), naming the
        key; then nothing has been changed.
        """
        read = []
        for key, own in (("averages", self._averages), ("buffers", self._copies)):
            if key not in state_dict:
                raise ValueError(f"state_dict: missing {key!r}")
            given = list(state_dict[key])
            if len(given) != len(own):
                raise ValueError(f"{key}: {len(given)} arrays given, expected {len(own)}")
            for i, (array, to) in enumerate(zip(given, own, strict=True)):
                want = (tuple(to.shape), _arrays.dtype_name(to))
                read.append((to, read_array(array, want, f"{key}[{i}]")))
        if "updates" not in state_dict:
            raise ValueError("state_dict: missing 'updates'")
        self.updates = arguments.count("updates", state_dict["updates"], 0, 2**62)
        for to, array in read:
            _arrays.assign(to, array)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_plan"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._plan = _core.Plan("interpolate", self._averages)

    def _views(self) -> list[Array]:
        return [_arrays.view(p, f"params[{i}]") for i, p in enumerate(self._params.arrays)]

    def _write(self, params: list[Array], averaged: list[Array], copied: list[Array]) -> None:
        if self.updates == 0:
            raise RuntimeError("no average yet: call update() before")
        targets = [_arrays.view(array) for array in [*params, *averaged]]
        _core.Plan("interpolate", targets)(self._averages[: len(targets)], lr=1.0)
        for array, copy in zip(copied, self._copies if copied else (), strict=True):
            _arrays.assign(_arrays.view(array), copy)


class EMA(WeightAverage):
    """Exponential moving average: a = d a + (1 - d) p.

    decay : d, at least 0 and less than 1.
    warmup : None, or w of d_n = min(decay, (1 + n) / (w + n)) at the n-th update after the first,
        which follows early weights faster; 10 is that of tf.train.ExponentialMovingAverage.
    params, buffers, average_buffers : see `WeightAverage`.

    The first update takes the parameters as they are, so there is no bias to correct. Polyak and
    Juditsky, SIAM J. Control Optim. 30 (1992), in its exponential form.
    """

    def __init__(
        self,
        params: Any,
        decay: float = 0.999,
        *,
        warmup: float | None = None,
        buffers: Any = (),
        average_buffers: bool = False,
    ) -> None:
        super().__init__(params, buffers=buffers, average_buffers=average_buffers)
        self.decay = arguments.at_least("decay", decay, 0.0, below=1.0)
        self.warmup = None if warmup is None else arguments.at_least("warmup", warmup, 1.0)

    def weight(self) -> float:
        if self.warmup is None:
            return 1 - self.decay
        n = self.updates
        return 1 - min(self.decay, (1 + n) / (self.warmup + n))


class SWA(WeightAverage):
    """Stochastic weight averaging: the mean of all weights that were taken in.

    a = a + (p - a) / (n + 1), n weights being in it. Izmailov, Podoprikhin, Garipov, Vetrov and
    Wilson, UAI 2018, arXiv 1803.05407, algorithm 1; there `update` is called at the end of each
    cycle of the learning rate.

    params, buffers, average_buffers : see `WeightAverage`.
    """

    def weight(self) -> float:
        return 1 / (self.updates + 1)
