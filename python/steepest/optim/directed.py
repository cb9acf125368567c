"""Optimizers whose step follows a direction made of the momentum of whole matrices.

A step has three stages, each one native call for all parameters of all groups:

1. `steps.momentum` turns gradients into momentum, with all that any rule does to gradients (scale,
   clipping, ascent, the check for finite numbers); parameters that no direction is made for are
   stepped by AdamW in the same call;
2. a subclass turns the momentum of each matrix into a direction;
3. `steps.descend`, or another last stage, moves the parameters.

Before the first stage, which is the first to write, everything is checked, and all three have their
memory: a step that lacks some changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import _arrays, _core
from .._arrays import Array
from ..polar.prepared import Prepared, reserve
from .base import Optimizer
from .group import Group
from .state import MASTER

Call = tuple[Any, Sequence[Array | None], dict[str, Any]]

# Bytes that the stages take for lists and other small things, and for each line of a matrix.
_SMALL, _PER_LINE = 1 << 20, 64


@dataclass
class Piece:
    """A parameter with its direction."""

    index: int  # of the parameter in its group
    param: Array
    copy: Array | None  # what the rounded parameter is written to, where `param` is its master
    direction: Array
    ratio: float = 1.0  # of its learning rate to the group's


class DirectedGroup(Group):
    """A group whose parameters have plans for the first and the last stage."""

    _first: Any
    _last: Any
    _vectors: Any

    # ---- what subclasses say

    def is_directed(self, i: int) -> bool:
        """Whether parameter i follows a direction; otherwise it is AdamW's."""
        return True

    def piece(self, i: int, direction: Array) -> Piece:
        """Parameter i with the memory of its direction."""
        return Piece(i, *self._written(i), direction)

    def first_options(self) -> dict[str, Any]:
        """Keywords of `steps.momentum`."""
        return {"momentum": self.options["momentum"]}

    def last_stage(self) -> str:
        """The rule that moves the parameters."""
        return "descend"

    def last_options(self) -> dict[str, Any]:
        """Keywords of the last stage besides lr and weight_decay."""
        return {}

    def last_states(self) -> dict[str, list[Array]]:
        """The states of the last stage, one list for each."""
        return {}

    def rates(self, piece: Piece) -> tuple[float, float]:
        """Learning rate and weight decay of a piece."""
        lr = self.number("lr", piece.index)
        return lr * piece.ratio, self.number("weight_decay", piece.index) / piece.ratio

    def vector_options(self) -> dict[str, Any]:
        """Keywords of AdamW for the parameters without a direction."""
        return {}

    def check(self) -> None:
        """Raises for options that the later stages would refuse."""

    # ---- the stages

    def calls(self, grads: Sequence[Array | None]) -> list[Call]:
        """The native calls of the first stage."""
        self._rebind()
        self._check_count(grads)
        self.check()
        for name in ("lr", "weight_decay"):
            for i in range(len(self.views)):
                self.number(name, i)
        maximize = self.options["maximize"]
        calls: list[Call] = []
        if self._directed:
            options = {**self.first_options(), "lr": 1.0, "maximize": maximize}
            calls.append((self._first, [grads[i] for i in self._directed], options))
        if self._others:
            steps = self.steps.next()
            given = steps if isinstance(steps, int) else [steps[i] for i in self._others]
            options = {**self.vector_options(), "step": given, "maximize": maximize}
            calls.append((self._vectors, [grads[i] for i in self._others], options))
        return calls

    def present(self, grads: Sequence[Array | None]) -> list[Piece]:
        """The pieces whose parameters have a gradient, to be given directions."""
        return [piece for piece in self.pieces if grads[piece.index] is not None]

    def last_call(self, grads: Sequence[Array | None]) -> Call:
        """The native call of the last stage."""
        rates = [self.rates(piece) for piece in self.pieces]
        options = {
            **self.last_options(),
            "lr": [lr for lr, _ in rates],
            "weight_decay": [decay for _, decay in rates],
        }
        given = [None if grads[p.index] is None else p.direction for p in self.pieces]
        return self._last, given, options

    def advance(self, grads: Sequence[Array | None]) -> None:
        """Counts the step."""
        if any(grad is None for grad in grads):
            self.steps.advance_present(grads)
        else:
            self.steps.advance()

    # ---- plans

    def number(self, name: str, i: int) -> float:
        """An option of parameter i: a number of the group, or one per parameter."""
        value = self.options[name]
        if not isinstance(value, (int, float)):
            if len(value) != len(self.views):
                raise ValueError(
                    f"{name}: {len(value)} numbers given, expected one or {len(self.views)}"
                )
            value = value[i]
        number = float(value)
        if not 0 <= number < math.inf:
            raise ValueError(f"{name}: {number} given, expected a finite number of at least 0")
        return number

    def _check_count(self, grads: Sequence[Array | None]) -> None:
        if len(grads) != len(self.views):
            raise ValueError(f"grads: {len(grads)} given, expected {len(self.views)}")

    def _bind(self) -> None:
        self.ensure_states(self.rule.active(self.options))
        every = range(len(self.views))
        self._directed = [i for i in every if self.is_directed(i)]
        self._others = [i for i in every if not self.is_directed(i)]
        directions = [self._new_direction(i) for i in self._directed]
        self.pieces = [
            self.piece(i, direction)
            for i, direction in zip(self._directed, directions, strict=True)
        ]
        if self._directed:
            self._first = self._plan_of(
                "momentum", directions, self._directed, ["momentum_buffer"], copies=None
            )
            self._last = self._last_plan()
        if self._others:
            params, copies = zip(*(self._written(i) for i in self._others), strict=True)
            names = ["exp_avg", "exp_avg_sq"]
            self._vectors = self._plan_of("adamw", params, self._others, names, copies)

    def _plan_of(
        self,
        rule: str,
        params: Iterable[Array],
        indices: Sequence[int],
        states: Collection[str],
        copies: Sequence[Array | None] | None,
    ) -> Any:
        keywords = {name: [self.states[name][i] for i in indices] for name in states}
        if copies is not None and any(copy is not None for copy in copies):
            keywords["working_copy"] = list(copies)
        return _core.Plan(
            rule,
            list(params),
            **keywords,
            tensor_ids=[self.first + i for i in indices],
            rounding=self._rounding(states, working_copy="working_copy" in keywords),
            seed=self.options["seed"],
        )

    def _last_plan(self) -> Any:
        copies = [piece.copy for piece in self.pieces]
        keywords: dict[str, Any] = dict(self.last_states())
        if any(copy is not None for copy in copies):
            keywords["working_copy"] = copies
        return _core.Plan(
            self.last_stage(),
            [piece.param for piece in self.pieces],
            **keywords,
            tensor_ids=[self.first + piece.index for piece in self.pieces],
            rounding=self._rounding(self.last_states(), "working_copy" in keywords, params=True),
            seed=self.options["seed"],
        )

    def _rounding(
        self, states: Collection[str], working_copy: bool, params: bool = False
    ) -> str | dict[str, str]:
        """The part of the group's rounding that a plan with these streams takes."""
        given = self.options["rounding"]
        if isinstance(given, str):
            return given
        known = {*states, "params"} | ({"working_copy"} if working_copy else set())
        return {name: mode for name, mode in given.items() if name in known}

    def _new_direction(self, i: int) -> Array:
        """Memory for the direction of parameter i, in its layout and in single or double."""
        double = _arrays.dtype_name(self.views[i]) == "float64"
        return _arrays.zeros(self.views[i], "float64" if double else "float32")

    def _written(self, i: int) -> tuple[Array, Array | None]:
        """What a step writes: the parameter, or its master and then its rounded copy."""
        masters = self.states.get(MASTER)
        master = masters[i] if masters is not None else None
        return (self.views[i], None) if master is None else (master, self.views[i])


class DirectedOptimizer(Optimizer):
    """An optimizer of the three stages; its groups are `group_class`."""

    group_class: ClassVar[type[Group]] = DirectedGroup

    def directions(
        self, pieces: Sequence[tuple[DirectedGroup, Piece]], stream: Any
    ) -> list[Prepared]:
        """What turns the momentum in each piece's `direction` into its direction, in place."""
        raise NotImplementedError

    def _calls(self, parts: Sequence[Sequence[Array | None]]) -> list[Call]:
        return [
            call
            for group, part in zip(self._directed_groups(), parts, strict=True)
            for call in group.calls(part)
        ]

    def _prepared(
        self,
        calls: Sequence[Call],
        parts: Sequence[Sequence[Array | None]],
        options: Mapping[str, Any],
        keywords: Mapping[str, Any],
    ) -> Callable[[], None]:
        groups = list(zip(self._directed_groups(), parts, strict=True))
        _core.run(calls, check_only=True, **options, **keywords)
        pieces = [(group, piece) for group, part in groups for piece in group.present(part)]
        directions = self.directions(pieces, keywords.get("stream"))
        reserve(directions)

        def last_calls() -> list[Call]:
            return [group.last_call(part) for group, part in groups if group.pieces]

        _core.run(last_calls(), check_only=True, **keywords)

        def rest() -> None:
            for direction in directions:
                direction.run()
            _core.run(last_calls(), **keywords)

        lines = sum(sum(piece.direction.shape) for _, piece in pieces)
        np.empty(_SMALL + _PER_LINE * lines, np.uint8)  # there is as much; given back at once
        return rest

    def _directed_groups(self) -> list[DirectedGroup]:
        return [group for group in self._groups if isinstance(group, DirectedGroup)]
