"""A group of Schedule-Free steps: weights of the iterates in their average, and the two points that
its parameters can hold."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .. import _core
from .._arrays import Array
from ..polar import arguments
from .group import Group
from .table import Stream

SUM = Stream("weight_sum", "tensor", "any", False, "sum of the weights so far", like_param=True)
PEAK = Stream("lr_max", "tensor", "any", False, "largest rate of a step so far", like_param=True)
SCALARS = (SUM.name, PEAK.name)
_PER_TENSOR = ("step", "lr", "weight_decay")

Call = tuple[Any, Sequence[Array | None], dict[str, Any]]


class Weighing(NamedTuple):
    """What a step makes of the weights of one parameter."""

    sum: float
    peak: float
    share: float  # of the newest iterate


class ScheduleFreeGroup(Group, ABC):
    """Weighs the iterate of step t by t^r times the largest rate so far to weight_lr_power."""

    beta_name: ClassVar[str]
    _subsets: dict[tuple[int, ...], Any]  # plans for some of the parameters
    _coming: list[Weighing | None]

    @abstractmethod
    def beta(self) -> float:
        """The part of the average in the point where gradients are taken."""

    @abstractmethod
    def correction(self, step: int) -> float:
        """What the rate of a step is multiplied by, beside the warm-up."""

    def check(self) -> None:
        """Raises for options that the native step does not know, or that leave no average."""
        if not self.beta() > 0:
            raise ValueError(
                f"{self.beta_name}: {self.beta()} given, expected more than 0: without a part of "
                "the average in y there is no way back to it"
            )
        for name in ("warmup_steps", "r", "weight_lr_power"):
            arguments.at_least(name, self.options[name], 0.0)
            if self.capturable and name != "warmup_steps" and self.options[name] != 0:
                raise ValueError(
                    f"{name}: {self.options[name]} given, expected 0 because capturable is True: "
                    "the steps are known to the device alone, which weighs all iterates alike"
                )
        arguments.boolean("train_mode", self.options["train_mode"])

    # ---- the step

    def calls(self, grads: Sequence[Array | None]) -> list[Call]:
        """The native calls of a step: one for all parameters whose iterates have the same share."""
        self.check()
        if not self.options["train_mode"]:
            raise RuntimeError(
                "step: the parameters hold the average; call train() before gradients are taken"
            )
        if len(grads) != len(self.views):
            raise ValueError(f"grads: {len(grads)} given, expected {len(self.views)}")
        plan, _, keywords = self.call(grads)
        if self.capturable:
            return [(plan, grads, {**keywords, "share": None})]
        self._coming = self._weigh(grads, keywords["step"])
        places: dict[float, list[int]] = {}
        for i, weighing in enumerate(self._coming):
            if weighing is not None:
                places.setdefault(weighing.share, []).append(i)
        if len(places) <= 1:
            return [(plan, grads, {**keywords, "share": next(iter(places), 0.0)})]
        return [
            self._call_of(tuple(indices), grads, {**keywords, "share": share})
            for share, indices in places.items()
        ]

    def advance(self, grads: Sequence[Array | None]) -> None:
        for i, weighing in enumerate(self._coming):
            if weighing is not None:
                self.states[SUM.name][i][0] = weighing.sum
                self.states[PEAK.name][i][0] = weighing.peak
        if any(grad is None for grad in grads):
            self.steps.advance_present(grads)
        else:
            self.steps.advance()

    def _weigh(self, grads: Sequence[Array | None], step: Any) -> list[Weighing | None]:
        rates = self._each("lr")
        steps = step if isinstance(step, list) else [step] * len(grads)
        known: dict[tuple[float, ...], Weighing] = {}  # most parameters have all in common
        coming: list[Weighing | None] = []
        for i, grad in enumerate(grads):
            if grad is None:
                coming.append(None)
                continue
            old = [float(self.states[name][i][0]) if steps[i] > 1 else 0.0 for name in SCALARS]
            key = (steps[i], rates[i], *old)
            if key not in known:
                known[key] = self._weighing(steps[i], rates[i], *old)
            coming.append(known[key])
        return coming

    def _weighing(self, step: int, lr: float, total: float, peak: float) -> Weighing:
        warmup = self.options["warmup_steps"]
        warmed = lr * (step / warmup) if step < warmup else lr
        peak = max(peak, warmed * self.correction(step))
        weight = float(step ** self.options["r"]) * peak ** self.options["weight_lr_power"]
        total += weight
        return Weighing(total, peak, weight / total if total > 0 else 0.0)

    def _each(self, name: str) -> list[float]:
        """An option of every parameter: a number of the group, or one per parameter."""
        value = self.options[name]
        if isinstance(value, (int, float)) or not hasattr(value, "__len__") or not np.ndim(value):
            return [arguments.at_least(name, value, 0.0)] * len(self.views)
        if len(value) != len(self.views):
            raise ValueError(
                f"{name}: {len(value)} values given, expected one per tensor, that is "
                f"{len(self.views)}"
            )
        return [arguments.at_least(name, number, 0.0) for number in value]

    # ---- plans

    def _call_of(
        self, indices: tuple[int, ...], grads: Sequence[Array | None], keywords: Mapping[str, Any]
    ) -> Call:
        def own(name: str, value: Any) -> Any:
            if name not in _PER_TENSOR or not hasattr(value, "__len__") or not np.ndim(value):
                return value
            return [value[i] for i in indices]

        if indices not in self._subsets:
            self._subsets[indices] = self._plan_of(indices)
        given = {name: own(name, value) for name, value in keywords.items()}
        return self._subsets[indices], [grads[i] for i in indices], given

    def _plan_of(self, indices: Sequence[int]) -> Any:
        params, copies = self._outputs()
        keywords = {name: [self.states[name][i] for i in indices] for name in self._plan_states()}
        if copies is not None:
            keywords["working_copy"] = [copies[i] for i in indices]
        return _core.Plan(
            self.rule.name,
            [params[i] for i in indices],
            **keywords,
            tensor_ids=[self.first + i for i in indices],
            rounding=self.options["rounding"],
            seed=self.options["seed"],
        )

    def _bind(self) -> None:
        self.check()
        super()._bind()
        self._subsets = {}

    # ---- the points

    def switch(self, train: bool) -> list[Call]:
        """The native call that turns the average into the point where gradients are taken, or back;
        none where the parameters hold it already."""
        self.check()
        if self.options["train_mode"] is train:
            return []
        self._rebind()
        params, copies = self._outputs()
        keywords = {} if copies is None else {"working_copy": copies}
        plan = _core.Plan("interpolate", params, **keywords)
        moved = self.steps.values() > 0  # the others are at both points
        iterates = [z if m else None for z, m in zip(self.states["z"], moved, strict=True)]
        weight = 1 - self.beta() if train else 1 / self.beta() - 1
        return [(plan, iterates, {"lr": weight, "outward": not train})]

    # ---- the states that are numbers, in host memory wherever the parameters are

    def expected_state(self, stream: Stream, i: int) -> tuple[tuple[int, ...], str] | None:
        return ((1,), "float64") if stream.name in SCALARS else super().expected_state(stream, i)

    def ensure_states(self, names: Collection[str]) -> None:
        super().ensure_states([name for name in names if name not in SCALARS])
        for name in SCALARS:
            if name in names and name not in self.states:
                self.states[name] = [np.zeros(1) for _ in self.views]

    def present_states(self) -> Mapping[str, list[Array]]:
        for sums, count in zip(
            self.states[SUM.name] if self.capturable else (), self.steps.values(), strict=False
        ):
            sums[0] = count  # of weights of 1
        return self.states

    def _plan_states(self) -> Sequence[str]:
        return [name for name in super()._plan_states() if name not in SCALARS]


class FreeSgdGroup(ScheduleFreeGroup):
    """On plain gradients."""

    beta_name = "momentum"

    def beta(self) -> float:
        return arguments.at_least("momentum", self.options["momentum"], 0.0, below=1.0)

    def correction(self, step: int) -> float:
        return 1.0


class FreeAdamWGroup(ScheduleFreeGroup):
    """On gradients over the root of their second moment, whose bias is corrected in the rate."""

    beta_name = "betas[0]"

    def beta(self) -> float:
        return arguments.at_least("betas[0]", self.options["betas"][0], 0.0, below=1.0)

    def correction(self, step: int) -> float:
        return math.sqrt(1 - float(self.options["betas"][1]) ** step)

    def check(self) -> None:
        super().check()
        arguments.at_least("betas[1]", self.options["betas"][1], 0.0, below=1.0)
