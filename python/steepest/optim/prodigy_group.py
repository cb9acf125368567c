"""A group of Prodigy: where its parameters started, and the sums over parts of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from .. import _arrays, _core
from .._arrays import Array
from ..polar import arguments
from .group import Group
from .state import MASTER
from .table import Stream

S, P0 = "s", "p0"
MEASURED = (S, P0)  # the states that the estimate is made of

Call = tuple[Any, Sequence[Array | None], dict[str, Any]]


class ProdigyGroup(Group):
    """Steps at the rate and distances that the optimizer sets before. With `slice_p` above 1 the
    states s and p0 hold every slice_p-th element only, in a row, and have native calls of their
    own."""

    rate = 0.0
    distance = (1.0, 1.0)  # the estimate that the step is at, and the one that scales eps
    stride = 0  # slice_p, which the shapes of states depend on

    def call(self, grads: Sequence[Array | None]) -> Call:
        plan, grads, keywords = super().call(grads)
        return plan, grads, {**keywords, "lr": self.rate, "distance": self.distance}

    def start(self, grads: Sequence[Array | None]) -> None:
        """Notes where parameters are that are to make their first step."""
        self._rebind()
        coming = self.steps.next()
        if isinstance(coming, int) and coming > 1:
            return
        counts = self.steps.values()
        for i, grad in enumerate(grads):
            if grad is not None and counts[i] == 0:
                self.reset_state(P0, i)

    def measured_call(self, grads: Sequence[Array | None]) -> Call:
        """The native call whose sums the estimate takes in, and which, where it is not that of the
        step, moves s alone: its parameters and moments are copies for this call."""
        whole = self.call(grads)
        if self.stride == 1:
            return whole
        params = [_arrays.every(param, self.stride) for param in self._sources()]
        keywords: dict[str, Any] = {name: self.states[name] for name in MEASURED}
        for name in ("exp_avg", "exp_avg_sq"):
            keywords[name] = [_arrays.zeros(p, _precision(p)) for p in params]
        ids = list(range(self.first, self.first + len(params)))
        rounding, seed = self.options["rounding"], self.options["seed"]
        plan = _core.Plan(
            self.rule.name, params, tensor_ids=ids, rounding=rounding, seed=seed, **keywords
        )
        parts = [None if grad is None else _arrays.every(grad, self.stride) for grad in grads]
        return plan, parts, whole[2]

    def expected_state(self, stream: Stream, i: int) -> tuple[tuple[int, ...], str] | None:
        want = super().expected_state(stream, i)
        if want is None or stream.name not in MEASURED or self.stride == 1:
            return want
        elements = 1
        for extent in self.views[i].shape:
            elements *= int(extent)
        return (-(-elements // self.stride),), want[1]

    def ensure_states(self, names: Collection[str]) -> None:
        new = P0 in names and P0 not in self.states
        super().ensure_states(names)
        for i in range(len(self.views) if new else 0):
            self.reset_state(P0, i)

    def reset_state(self, name: str, i: int) -> None:
        if name != P0:
            super().reset_state(name, i)
            return
        source = self._sources()[i]
        part = source if self.stride == 1 else _arrays.every(source, self.stride)
        if _arrays.dtype_name(source) == "float64":
            _arrays.assign(self.states[P0][i], part)
        else:
            _arrays.float32_copy(part, self.states[P0][i])

    def _sources(self) -> list[Array]:
        """What steps: the parameters, or the masters of those that have one."""
        masters = self.states.get(MASTER) or [None] * len(self.views)
        return [v if m is None else m for v, m in zip(self.views, masters, strict=True)]

    def _plan_states(self) -> Sequence[str]:
        active = super()._plan_states()
        return active if self.stride == 1 else [name for name in active if name not in MEASURED]

    def _binding(self) -> tuple[Any, ...]:
        return *super()._binding(), self.options["slice_p"]

    def _bind(self) -> None:
        given = arguments.count("slice_p", self.options["slice_p"], 1, 2**31 - 1)
        if self.stride not in (0, given):
            raise ValueError(
                f"slice_p: {given} given, expected {self.stride} as at first, which states have "
                "the shape of"
            )
        self.stride = given
        super()._bind()


def _precision(param: Array) -> str:
    return "float64" if _arrays.dtype_name(param) == "float64" else "float32"
