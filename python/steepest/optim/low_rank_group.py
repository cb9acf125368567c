"""Groups whose matrices keep Adam's moments in a subspace of their gradients."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _arrays, _core
from .._arrays import Array
from ..polar import arguments
from ..polar.layout import is_row_major
from ..polar.subspace import METHODS, leading_subspace
from .directed import Call
from .factored import as_matrix
from .group import Group
from .projection import Matrix, Shape, Workspace, project, projected_shape
from .state import MASTER
from .table import Stream

PROJECTOR, MOMENTS = "projector", ("exp_avg", "exp_avg_sq")
_MOST = 2**31 - 1
_KERNELS = {
    name: _core.bind_stage(name) for name in ("adam_direction", "low_rank_step", "weight_norm")
}


class Step(NamedTuple):
    """What the step of one matrix is made with."""

    grad: Array
    scale: float  # gradients are divided by it, for clipping too
    number: int  # of the step, from 1
    work: Workspace


class LowRankGroup(Group, ABC):
    """Matrices with their projectors; all other parameters are AdamW's, and all parameters where
    rank is None."""

    projected: Sequence[int]
    _all: Any
    _vectors: Any

    # ---- what subclasses say

    def check(self) -> None:
        """Raises for options that a step would refuse."""
        options = self.options
        if options["rank"] is not None:
            arguments.count("rank", options["rank"], 1, _MOST)
        arguments.count("update_gap", options["update_gap"], 1, _MOST)
        arguments.one_of("projection", options["projection"], METHODS)
        arguments.count("oversampling", options["oversampling"], 0, _MOST)
        arguments.count("power_iterations", options["power_iterations"], 0, 100)
        arguments.real("alpha", options["alpha"])
        arguments.at_least("eps", options["eps"], 0.0)
        betas = options["betas"]
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise TypeError(f"betas: {_arrays.describe(betas)} given, expected two numbers")
        for beta in betas:
            arguments.at_least("betas", beta, 0.0, below=1.0)

    def projected_gradient(self, i: int, step: Step) -> tuple[Matrix, float]:
        """What of parameter i is projected, and a factor that it still lacks."""
        sign = -1.0 if self.options["maximize"] else 1.0
        return self.plain(i, step), sign / step.scale

    @abstractmethod
    def move(self, i: int, step: Step) -> None:
        """Steps parameter i."""

    # ---- the parts of a step

    def as_matrices(self, grads: Sequence[Array | None]) -> list[Array | None]:
        """Gradients in the shapes of the views; native calls check all that is said nothing of
        here."""
        return [self._gradient(i, grad) for i, grad in enumerate(grads)]

    def check_call(self, grads: Sequence[Array | None]) -> list[Call]:
        """A call that checks gradients and options of all parameters when it is checked only."""
        self._rebind()
        self.check()
        if not self.views:
            return []
        options = {name: self.options[name] for name in ("lr", "weight_decay", "maximize")}
        return [(self._all, grads, {**options, "step": self.steps.next()})]

    def vector_call(self, grads: Sequence[Array | None]) -> list[Call]:
        """AdamW's step of the parameters without projector."""
        if not self._others:
            return []
        steps = self.steps.next()
        options = {name: self.options[name] for name in ("betas", "eps", "maximize")}
        for name in ("lr", "weight_decay"):
            options[name] = [self.number(name, i) for i in self._others]
        options["step"] = steps if isinstance(steps, int) else [steps[i] for i in self._others]
        return [(self._vectors, [grads[i] for i in self._others], options)]

    def due(self, grads: Sequence[Array | None]) -> list[int]:
        """The matrices whose coming step renews their projector: their first, and every
        update_gap-th after it."""
        now = self.steps.values() % self.options["update_gap"] == 0
        return [i for i in self.projected if grads[i] is not None and now[i]]

    def new_projector(self, i: int, step: Step) -> Matrix:
        """The projector of parameter i from this step's gradient."""
        gradient, _ = self.projected_gradient(i, step)
        return leading_subspace(
            gradient,
            self.options["rank"],
            method=self.options["projection"],
            oversampling=self.options["oversampling"],
            power_iterations=self.options["power_iterations"],
            seed=self.options["seed"],
            probe=(step.number - 1) % _MOST,
            tensor=self.first + i,
        )

    def adam(self, i: int, gradient: Matrix, factor: float, step: Step) -> tuple[Matrix, Matrix]:
        """The projection R of factor times a gradient, and Adam's quotient of its moments."""
        shape = projected_shape(self.shape(i), self.rank(i))
        found = step.work.take("projected", shape, self.computed(i))
        project(self.state(PROJECTOR, i), gradient, factor, found)
        quotient = step.work.take("quotient", shape, self.computed(i))
        self.adam_direction(quotient, found, MOMENTS, i, step)
        return found, quotient

    def adam_direction(
        self, out: Matrix, grad: Matrix, states: Sequence[str], i: int, step: Step
    ) -> None:
        """Moves the moments with these names, and writes their quotient."""
        exp_avg, exp_avg_sq = (self.states[name][i] for name in states)
        rounding = self._rounding(states)
        if isinstance(rounding, dict):
            rounding = {
                m: rounding[s] for m, s in zip(MOMENTS, states, strict=True) if s in rounding
            }
        self.stage("adam_direction", i, step)(
            out,
            grad,
            exp_avg,
            exp_avg_sq,
            betas=self.options["betas"],
            eps=self.options["eps"],
            rounding=rounding,
        )

    def low_rank_step(
        self, i: int, grad: Array, scales: tuple[Matrix, Matrix], step: Step, **keywords: Any
    ) -> None:
        """Moves parameter i, and the rounded copy of a master."""
        param, copy = self._written(i)
        if copy is not None:
            keywords["working_copy"] = copy
        self.descend(param, grad, scales, i, step, **keywords)

    def descend(
        self,
        param: Array,
        grad: Array,
        scales: tuple[Matrix, Matrix],
        i: int,
        step: Step,
        **keywords: Any,
    ) -> None:
        """The last stage at parameter i's rates, for that parameter or a part of it."""
        names = ("params", "working_copy") if "working_copy" in keywords else ("params",)
        self.stage("low_rank_step", i, step)(
            param,
            grad,
            keywords.pop("direction", None),
            *scales,
            lr=self.number("lr", i),
            weight_decay=self.number("weight_decay", i),
            step_scale=self.bias_correction(step),
            rounding=self._rounding(names),
            **keywords,
        )

    def stage(self, name: str, i: int, step: Step) -> Any:
        """A native kernel with the coordinates of what it rounds at random."""
        where = {"seed": self.options["seed"], "tensor_ids": [self.first + i], "step": step.number}

        def call(params: Array, grads: Array, *states: Array | None, **keywords: Any) -> None:
            if (copy := keywords.pop("working_copy", None)) is not None:
                keywords["working_copy"] = [copy]
            lists = (None if state is None else [state] for state in states)
            _KERNELS[name]([params], [grads], *lists, **keywords, **where)

        return call

    def bias_correction(self, step: Step) -> float:
        """What Adam's bias corrections make of the learning rate."""
        beta1, beta2 = self.options["betas"]
        return float(math.sqrt(1 - beta2**step.number) / (1 - beta1**step.number))

    def plain(self, i: int, step: Step) -> Matrix:
        """The gradient as products read it: itself in single or double, or decoded."""
        if _arrays.dtype_name(step.grad) == self.computed(i):
            return _arrays.as_numpy(step.grad)
        out = self.whole(i, step, "gradient")
        ones, zeros = np.ones((len(out), 1), out.dtype), np.zeros((len(out), 1), out.dtype)
        self.stage("weight_norm", i, step)(out, step.grad, None, ones, zeros)
        return out

    def whole(self, i: int, step: Step, name: str = "whole") -> Matrix:
        """Memory of a step for one matrix of the shape and memory order of parameter i."""
        turned = not is_row_major(self.views[i])
        return step.work.take(name, self.shape(i), self.computed(i), turned)

    # ---- facts of a parameter

    def shape(self, i: int) -> Shape:
        """Rows and columns of parameter i."""
        rows, cols = map(int, self.views[i].shape)
        return rows, cols

    def rank(self, i: int) -> int:
        """That of its projector."""
        return min(int(self.options["rank"]), *self.shape(i))

    def computed(self, i: int) -> str:
        """The dtype that parameter i is computed in."""
        double = _arrays.dtype_name(self.views[i]) == "float64"
        return "float64" if double else "float32"

    def state(self, name: str, i: int) -> Matrix:
        """A state in single or double as a NumPy array on its memory."""
        return _arrays.as_numpy(self.states[name][i])

    def number(self, name: str, i: int) -> float:
        """An option of parameter i: a number of the group, or one per parameter."""
        value = self.options[name]
        return float(value if isinstance(value, (int, float)) else value[i])

    def is_projected(self, i: int) -> bool:
        """Whether parameter i has a projector."""
        shape = tuple(self.views[i].shape)
        return self.options["rank"] is not None and len(shape) == 2 and 0 not in shape

    # ---- states and plans

    def expected_state(self, stream: Stream, i: int) -> tuple[tuple[int, ...], str] | None:
        own = self.own_state(stream, i) if self.is_projected(i) else None
        if own is not None or stream.name not in MOMENTS:
            return own
        return super().expected_state(stream, i)

    def own_state(self, stream: Stream, i: int) -> tuple[tuple[int, ...], str]:
        """Shape and dtype name of a state of a matrix with projector."""
        shape, rank = self.shape(i), self.rank(i)
        if stream.name == PROJECTOR:
            return (min(shape), rank), self.computed(i)
        if stream.name in MOMENTS:
            dtype = self.state_dtype[stream.name]
            double = self.computed(i) == "float64"
            return projected_shape(shape, rank), "float64" if double else dtype
        return (1, 1), self.computed(i)

    def advance(self, grads: Sequence[Array | None]) -> None:
        if any(grad is None for grad in grads):
            self.steps.advance_present(grads)
        else:
            self.steps.advance()

    def _bind(self) -> None:
        self._check_in_host_memory("projections are made there only")
        self.check()
        self._check_rank()
        self._check_rounding()
        self.ensure_states(self.rule.active(self.options))
        every = range(len(self.views))
        self.projected = [i for i in every if self.is_projected(i)]
        self._others = [i for i in every if not self.is_projected(i)]
        self._all = self._plan_of("descend", every, ())
        self._vectors = self._plan_of("adamw", self._others, MOMENTS)

    def _binding(self) -> tuple[Any, ...]:
        return *super()._binding(), self.options["rank"]

    def _check_rank(self) -> None:
        rank = self._rank = getattr(self, "_rank", self.options["rank"])
        if self.options["rank"] != rank:
            raise ValueError(
                f"rank: changed from {rank}, expected it to stay: states have its shape"
            )

    def _check_rounding(self) -> None:
        given = self.options["rounding"]
        if not isinstance(given, Mapping):
            return
        known = ["params", "working_copy", *self.state_dtype]
        for name in given:
            if name not in known:
                raise ValueError(f"rounding: unknown stream {name!r}, expected some of {known}")

    def _plan_of(self, rule: str, indices: Sequence[int], states: Collection[str]) -> Any:
        if not indices:
            return None
        params, copies = zip(*(self._written(i) for i in indices), strict=True)
        keywords: dict[str, Any] = {n: [self.states[n][i] for i in indices] for n in states}
        names = {"params", *states}
        if any(copy is not None for copy in copies):
            keywords["working_copy"] = list(copies)
            names.add("working_copy")
        return _core.Plan(
            rule,
            list(params),
            **keywords,
            tensor_ids=[self.first + i for i in indices],
            rounding=self._rounding(names),
            seed=self.options["seed"],
        )

    def _rounding(self, names: Collection[str]) -> str | dict[str, str]:
        """The part of the group's rounding that goes to these streams."""
        given = self.options["rounding"]
        if isinstance(given, str):
            return given
        return {name: mode for name, mode in given.items() if name in names}

    def _written(self, i: int) -> tuple[Array, Array | None]:
        """What a step writes: the parameter, or its master and then its rounded copy."""
        masters = self.states.get(MASTER)
        master = masters[i] if masters is not None else None
        return (self.views[i], None) if master is None else (master, self.views[i])

    def _view(self, i: int, param: Array) -> Array:
        return as_matrix(super()._view(i, param), f"params[{self.first + i}]")

    def _gradient(self, i: int, grad: Array | None) -> Array | None:
        if i >= len(self.arrays) or grad is None or not _arrays.is_array(grad):
            return grad
        what = f"grads[{self.first + i}]"
        view = _arrays.view(grad, what)
        shape = tuple(_arrays.view(self.arrays[i]).shape)
        if len(shape) <= 2:
            return view
        if tuple(view.shape) != shape:
            raise ValueError(f"{what}: shape {tuple(view.shape)} given, expected {shape}")
        return as_matrix(view, what)
