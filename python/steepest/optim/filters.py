"""Filters of gradients in front of an optimizer: GrokFast, which amplifies what changes slowly.

grokfast = steepest.optim.filters.GrokFastEMA(params, alpha=0.98, lamb=2.0)
opt.step(grokfast(grads))
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import _arrays, _core
from .._arrays import Array
from ..polar import arguments
from . import structure
from .checkpoint import read_array
from .state import StepCounts, computed_like

__all__ = ["GradientFilter", "GrokFastEMA", "GrokFastMA"]

_MOST = 2**31 - 1
_KERNELS = {name: _core.bind_rule(name) for name in ("grokfast_ema", "grokfast_ma", "descend")}


class GradientFilter(ABC):
    """What gradients go through on their way to an optimizer of any kind.

    params : as optimizers take them: an array, a list or dict of arrays, (name, array) pairs, or a
        list of group dicts, of which only the parameters are read. In host memory or on one CUDA
        device.

    Memory and filtered gradients are in float32, of float64 parameters in float64. A parameter
    whose gradient is None has its memory, and its count of gradients, left as they are.

    Raises TypeError and ValueError as optimizers do.
    """

    def __init__(self, params: Any) -> None:
        self._structure, groups = structure.read_groups(params)
        read = []
        for group in groups:
            if "params" not in group:
                raise TypeError('group: missing the key "params"')
            read.append(structure.read_params(group["params"]))
        structure.check_distinct(read)
        self._names = structure.all_names(read)
        self._arrays = [array for each in read for array in each.arrays]
        views = [_arrays.view(p, f"params[{i}]") for i, p in enumerate(self._arrays)]
        self._outputs = [computed_like(view) for view in views]
        self._counts = StepCounts(len(views))

    def __call__(
        self,
        grads: structure.Gradients = None,
        *,
        grad_scale: Any = None,
        skip_nonfinite: bool = False,
        stream: Any = None,
    ) -> Any:
        """The filtered gradients, in the structure of the parameters: the filter's own arrays, good
        until the next call.

        grads : in the structure of the parameters; without it the parameters' `.grad` is read.
        grad_scale : divides the gradients first. Give a loss scale here and not to the optimizer:
            the memory must not change its unit when the scale does.
        skip_nonfinite : where any gradient has a NaN or an infinity keep it out of the memory, and
            return the gradients as they are, for the optimizer to skip the step too.
        stream : as in `steepest.steps`.

        Raises TypeError or ValueError as Optimizer.step does; then nothing has been changed.
        """
        flat = self._read(grads)
        keywords: dict[str, Any] = {"skip_nonfinite": skip_nonfinite, "step": self._counts.next()}
        if grad_scale is not None:
            keywords["grad_scale"] = grad_scale
        if stream is not None:
            keywords["stream"] = stream
        if not self._filter(flat, keywords):
            return self._pack(flat)
        if any(grad is None for grad in flat):
            self._counts.advance_present(flat)
        else:
            self._counts.advance()
        pairs = zip(self._outputs, flat, strict=True)
        return self._pack([None if grad is None else out for out, grad in pairs])

    def state_dict(self) -> dict[str, Any]:
        """{"steps": [int, ...], name: [array, ...], ...}: how many gradients of each parameter have
        been seen, and the memory. The arrays are the filter's own."""
        return {"steps": self._counts.values().tolist(), **self._memory()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes over what `state_dict` gave, with arrays of any kind.

        Raises ValueError (missing key, number of arrays, shape) or TypeError (dtype), naming the
        key; then nothing has been changed.
        """
        read = []
        for key, own in {"steps": self._outputs, **self._memory()}.items():
            if key not in state_dict:
                raise ValueError(f"state_dict: missing {key!r}")
            given = list(state_dict[key])
            if len(given) != len(own):
                raise ValueError(f"{key}: {len(given)} given, expected {len(own)}")
            for i, (value, to) in enumerate(zip(given, own, strict=True)):
                if key != "steps":
                    want = (tuple(to.shape), _arrays.dtype_name(to))
                    read.append((to, read_array(value, want, f"{key}[{i}]")))
        steps = [arguments.count("steps", step, 0, 2**62) for step in state_dict["steps"]]
        self._counts.load(np.array(steps, np.int64))
        for to, array in read:
            _arrays.assign(to, array)

    @abstractmethod
    def _filter(self, grads: Sequence[Array | None], keywords: Mapping[str, Any]) -> Any:
        """Writes the outputs and the memory. Returns whether it has, as a step does."""

    @abstractmethod
    def _memory(self) -> dict[str, list[Array]]:
        """The arrays of the memory, all of one purpose under its name."""

    def _read(self, grads: structure.Gradients) -> Sequence[Array | None]:
        if grads is None:
            return structure.read_grads(self._arrays)
        (flat,) = structure.split_grads(grads, self._structure, [len(self._arrays)], self._names)
        if len(flat) != len(self._arrays):
            raise ValueError(f"grads: {len(flat)} given, expected {len(self._arrays)}")
        return flat

    def _pack(self, flat: Sequence[Array | None]) -> Any:
        if self._structure == "array":
            return flat[0]
        if self._structure == "dict" and self._names is not None:
            return dict(zip(self._names, flat, strict=True))
        return list(flat)


class GrokFastEMA(GradientFilter):
    """Gradients with their exponential moving average added: g + lamb m.

    m = alpha m + (1 - alpha) g; the first gradient is the first m, as in the authors' code.

    Lee, Kang, Kim and Lee, arXiv 2405.20233, algorithm GrokFast-EMA.

    params : see `GradientFilter`.
    alpha : decay rate of the average, at least 0 and less than 1.
    lamb : how much of it is added, at least 0. Both may be changed between calls.
    """

    def __init__(self, params: Any, alpha: float = 0.98, lamb: float = 2.0) -> None:
        super().__init__(params)
        self.alpha = arguments.at_least("alpha", alpha, 0.0, below=1.0)
        self.lamb = arguments.at_least("lamb", lamb, 0.0)
        self._averages = [computed_like(output) for output in self._outputs]

    def _filter(self, grads: Sequence[Array | None], keywords: Mapping[str, Any]) -> Any:
        options = {"alpha": self.alpha, "lamb": self.lamb, **keywords}
        return _KERNELS["grokfast_ema"](self._outputs, grads, self._averages, **options)

    def _memory(self) -> dict[str, list[Array]]:
        return {"exp_avg": self._averages}


class GrokFastMA(GradientFilter):
    """Gradients with the mean of the last of them added: g + lamb mean(window).

    Lee, Kang, Kim and Lee, arXiv 2405.20233, algorithm GrokFast-MA.

    params : see `GradientFilter`.
    window : how many gradients are in the mean, the present one among them.
    lamb : how much of it is added, at least 0; may be changed between calls.
    reduction : "mean" or "sum".
    warmup : leave gradients as they are until there have been `window` of them; False: the mean of
        those there are.

    Keeps window + 2 arrays for each parameter. Sums over the window are made of two parts, the
    gradients since a multiple of `window` added up one after the other, and those before it summed
    from there backwards at that time, so that nothing is ever subtracted: no rounding error, NaN or
    infinity stays longer than the gradient that brought it. Every `window`-th call walks over the
    whole window.
    """

    def __init__(
        self,
        params: Any,
        window: int = 100,
        lamb: float = 5.0,
        *,
        reduction: str = "mean",
        warmup: bool = True,
    ) -> None:
        super().__init__(params)
        self.window = arguments.count("window", window, 1, _MOST)
        self.lamb = arguments.at_least("lamb", lamb, 0.0)
        arguments.one_of("reduction", reduction, ("mean", "sum"))
        self.reduction = reduction
        self.warmup = arguments.boolean("warmup", warmup)
        self._prefixes = [computed_like(output) for output in self._outputs]
        # Of each parameter, the gradients since the cut in their places, and in the places after
        # them what is left of the window before it, summed from the end. The last one stays 0.
        self._rings = [
            [computed_like(output) for _ in range(window + 1)] for output in self._outputs
        ]

    def _filter(self, grads: Sequence[Array | None], keywords: Mapping[str, Any]) -> Any:
        places = [int(count) % self.window for count in self._counts.values()]
        pairs = list(zip(self._rings, places, strict=True))
        applied = _KERNELS["grokfast_ma"](
            self._outputs,
            grads,
            self._prefixes,
            [ring[place + 1] for ring, place in pairs],
            [ring[place] for ring, place in pairs],
            lamb=self.lamb,
            window=self.window,
            warmup=self.warmup,
            reduction=self.reduction,
            **keywords,
        )
        stream = {"stream": keywords["stream"]} if "stream" in keywords else {}
        if applied:
            last = self.window - 1
            full = [
                r for (r, i), g in zip(pairs, grads, strict=True) if g is not None and i == last
            ]
            self._sum_backwards(full, stream)
        return applied

    def _sum_backwards(self, rings: Sequence[list[Array]], keywords: Mapping[str, Any]) -> None:
        """Adds to each gradient of full windows those after it; the first leaves before it is asked
        for."""
        for place in range(self.window - 2, 0, -1) if rings else ():
            sums, later = ([ring[i] for ring in rings] for i in (place, place + 1))
            _KERNELS["descend"](sums, later, lr=1.0, maximize=True, **keywords)  # sums += later

    def _memory(self) -> dict[str, list[Array]]:
        slots = [slot for ring in self._rings for slot in ring[:-1]]
        return {"prefix": self._prefixes, "window": slots}
