"""A group of DOT's: parameters with two gradients, and those with one of them only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _core
from .._arrays import Array
from ..polar import arguments
from .group import Group
from .state import MASTER

Call = tuple[Any, Sequence[Array | None], dict[str, Any]]
Grads = Sequence[Array | None]


class DotGroup(Group):
    """Each step binds the gradients of the distillation loss, which are states to the rule, so that
    one pass reads both."""

    def check(self) -> None:
        """Raises for momentum factors that are not in [0, 1)."""
        momentum = arguments.at_least("momentum", self.options["momentum"], 0.0, below=1.0)
        delta = arguments.at_least("delta", self.options["delta"], 0.0, below=1.0)
        if delta > momentum or momentum + delta >= 1:
            raise ValueError(
                f"delta: {delta} given, expected at most momentum, {momentum}, and less than "
                "1 - momentum"
            )

    def calls(self, grads: Grads, kd_grads: Grads, scale: float) -> list[Call]:
        """The native calls of a step whose gradients are divided by `scale`."""
        self._rebind()
        self.check()
        for name, given in (("grads", grads), ("kd_grads", kd_grads)):
            if len(given) != len(self.views):
                raise ValueError(f"{name}: {len(given)} given, expected {len(self.views)}")
        signed = -scale if self.options["maximize"] else scale
        pairs = list(zip(grads, kd_grads, strict=True))
        both = [i for i, (g, k) in enumerate(pairs) if g is not None and k is not None]
        single = [i for i, (g, k) in enumerate(pairs) if (g is None) != (k is None)]
        calls: list[tuple[Any, Sequence[Array | None], dict[str, Any]]] = []
        if both:
            plan = self._plan_of(both, kd_grad=[kd_grads[i] for i in both])
            options = {**self._options_of(both), "kd_scale": signed}
            calls.append((plan, [grads[i] for i in both], options))
        if single:
            # With factors that are alike and no second gradient this is SGD with momentum.
            options = {**self._options_of(single), "delta": 0.0}
            calls.append((self._plan_of(single), present([pairs[i] for i in single]), options))
        return calls

    def count(self, grads: Grads, kd_grads: Grads) -> None:
        """Counts the step of all parameters that had a gradient."""
        self.steps.advance_present(present(list(zip(grads, kd_grads, strict=True))))

    def _bind(self) -> None:
        self.check()
        super()._bind()

    def _plan_of(self, places: Sequence[int], **given: Any) -> Any:
        """A plan over some of the parameters; the native call wants each one in one plan only."""
        keywords = {name: self.options[name] for name in ("rounding", "seed")}
        keywords["tensor_ids"] = [self.first + i for i in places]
        for name in self.rule.active(self.options):
            keywords[name] = [self.states[name][i] for i in places]
        params = [self.views[i] for i in places]
        masters = self.states.get(MASTER)
        if masters is not None:
            own = [masters[i] for i in places]
            pairs = list(zip(params, own, strict=True))
            params = [view if master is None else master for view, master in pairs]
            keywords["working_copy"] = [None if master is None else view for view, master in pairs]
        return _core.Plan(self.rule.name, params, **keywords, **given)

    def _options_of(self, places: Sequence[int]) -> dict[str, Any]:
        """The options of a call on these parameters, and their steps to come."""
        count = len(self.views)
        options = {
            name: _part(self.options[name], places, count) for name in self.rule.call_options
        }
        return {**options, "step": (self.steps.values()[list(places)] + 1).tolist()}


def present(pairs: Sequence[tuple[Array | None, Array | None]]) -> list[Array | None]:
    """The first gradient of each pair, or the second where there is none."""
    return [second if first is None else first for first, second in pairs]


def _part(value: Any, places: Sequence[int], count: int) -> Any:
    """An option, or its entries of some parameters where it has one for each of `count`."""
    each = isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim == 1)
    return [value[i] for i in places] if each and len(value) == count else value
