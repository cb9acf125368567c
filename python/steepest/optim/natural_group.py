"""A group of natural gradients: its options, and the gradient that its system is solved for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _arrays, _elements
from .._arrays import Array
from ..curvature.vectors import Vector, zeros
from ..polar import arguments
from .group import Group
from .kronecker import as_floats
from .state import MASTER

SOLUTION = "solution"
SOLVERS = ("woodbury", "cg", "euler")
#: Options of the one system that all groups share.
SHARED = ("solver", "tol", "max_iter", "time_step", "warm_start", "check_symmetry", "kl_clip")
_MOST_ITERATIONS = 2**31 - 1


class NaturalGroup(Group):
    """A group that the native rule of SGD steps along the solution."""

    def ready(self) -> None:
        """Checks the options, and brings the states up to them."""
        self.check()
        self._rebind()

    def check(self) -> None:
        """Raises for options that the system would refuse."""
        options = self.options
        arguments.one_of("solver", options["solver"], SOLVERS)
        arguments.between("damping", options["damping"], 0.0, math.inf)
        arguments.at_least("tol", options["tol"], 0.0)
        arguments.between("time_step", options["time_step"], 0.0, math.inf)
        arguments.count("max_iter", options["max_iter"], 1, _MOST_ITERATIONS)
        arguments.at_least("warm_start", options["warm_start"], 0.0, np.nextafter(1.0, 2.0))
        if options["kl_clip"] is not None:
            arguments.between("kl_clip", options["kl_clip"], 0.0, math.inf)
        flags = ("check_symmetry", "maximize", "decoupled_weight_decay", "cautious_weight_decay")
        for name in flags:
            arguments.boolean(name, options[name])
        if options["cautious_weight_decay"] and not options["decoupled_weight_decay"]:
            raise ValueError(
                "cautious_weight_decay: True given, expected False because decoupled_weight_decay "
                "is False"
            )
        self.numbers("lr")
        self.numbers("weight_decay")

    def numbers(self, name: str) -> list[float]:
        """An option that is a number, or one per parameter, for each parameter."""
        given = self.options[name]
        if isinstance(given, (str, bytes)) or not hasattr(given, "__len__"):
            return [arguments.at_least(name, given, 0.0)] * len(self.views)
        if len(given) != len(self.views):
            raise ValueError(
                f"{name}: {len(given)} values given, expected one per parameter, that is "
                f"{len(self.views)}"
            )
        return [arguments.at_least(name, value, 0.0) for value in given]

    def decays(self) -> list[float]:
        """The factors of the parameters that belong to their gradients."""
        if self.options["decoupled_weight_decay"]:
            return [0.0] * len(self.views)
        return self.numbers("weight_decay")

    # ---- the system

    def point(self, i: int) -> Vector:
        """Parameter i, or its master, as a vector in float64."""
        masters = self.states.get(MASTER)
        master = masters[i] if masters is not None else None
        return vector(self.views[i] if master is None else master)

    def start(self, i: int) -> Vector:
        """Where iterations start for parameter i: a part of its last solution."""
        if SOLUTION not in self.rule.active(self.options):
            return zeros(self.views[i], math.prod(self.views[i].shape))
        return float(self.options["warm_start"]) * vector(self.states[SOLUTION][i])

    def direction(self, i: int, values: Vector) -> Array:
        """Values as an array of the kind and layout of parameter i, in its precision."""
        made = _arrays.zeros(self.views[i], dtype_of(self.views[i]))
        with np.errstate(over="ignore"):
            _elements.write(made, values.reshape(tuple(made.shape)))
        if _elements.first_not_finite([made]) is not None:
            raise ValueError(
                f"params[{self.first + i}]: a solution beyond the range of "
                f"{dtype_of(self.views[i])} found, expected more damping or smaller gradients"
            )
        return made

    def keep(self, i: int, values: Vector) -> None:
        """Makes values the last solution, where that is a state in use."""
        if SOLUTION not in self.rule.active(self.options):
            return
        state = self.states[SOLUTION][i]
        _elements.write(state, values.reshape(tuple(state.shape)))

    # ---- the native step

    def call(
        self, grads: Sequence[Array | None]
    ) -> tuple[Any, Sequence[Array | None], dict[str, Any]]:
        """That of the rule for the solution, whose right side has taken the sign and the decay that
        is not decoupled."""
        plan, given, keywords = super().call(grads)
        keywords.update(maximize=False, decoupled_weight_decay=True)
        if not self.options["decoupled_weight_decay"]:
            keywords["weight_decay"] = 0.0
        return plan, given, keywords

    def _plan_states(self) -> Sequence[str]:
        return [name for name in super()._plan_states() if name != SOLUTION]

    def _bind(self) -> None:
        self.check()
        super()._bind()


def dtype_of(param: Array) -> str:
    """The name of the dtype that a parameter's solution has."""
    return "float64" if _arrays.dtype_name(param) == "float64" else "float32"


def vector(array: Array) -> Vector:
    """The elements of an array of any float dtype in C order, in float64: a copy, or its memory."""
    return as_floats(array, np.float64).reshape((-1,))
