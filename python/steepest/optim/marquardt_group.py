"""A group of Levenberg and Marquardt: the damping, and trial steps that can be taken back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import _arrays, _core, _elements
from .._arrays import Array
from ..polar import arguments
from .group import Group

DTYPES = ("float32", "float64")
UPDATES = ("nielsen", "marquardt")
_MOST_TRIES = 2**20
_MOST_GROWTH = 2.0**60


class MarquardtGroup(Group):
    """A group that the native rule `descend` moves by a whole step."""

    def check(self) -> None:
        """Raises for options that a step would refuse."""
        options = self.options
        for name in ("damping", "min_damping", "max_damping"):
            arguments.between(name, options[name], 0.0, math.inf)
        if not options["min_damping"] <= options["max_damping"]:
            raise ValueError(
                f"max_damping: {options['max_damping']} given, expected at least min_damping, "
                f"{options['min_damping']}"
            )
        for name in ("growth", "factor"):
            arguments.between(name, options[name], 1.0, math.inf)
        arguments.one_of("update", options["update"], UPDATES)
        if options["scaling"] is not None:
            arguments.one_of("scaling", options["scaling"], ("marquardt",))
        arguments.count("max_tries", options["max_tries"], 1, _MOST_TRIES)
        arguments.at_least("min_gain", options["min_gain"], 0.0, below=1.0)

    def ready(self) -> None:
        """Checks the options and brings the plan up to date."""
        self.check()
        self._rebind()

    def trial(self, directions: Sequence[Array | None]) -> tuple[Any, Any, dict[str, Any]]:
        """The native call that subtracts directions from the parameters."""
        return self._plan, directions, {"lr": 1.0, "weight_decay": 0.0}

    def direction(self, i: int, values: Array) -> Array:
        """Values as an array of the kind, dtype and layout of parameter i."""
        made = _arrays.zeros(self.views[i], _arrays.dtype_name(self.views[i]))
        seen = _elements.floats(values, _arrays.dtype_name(made))
        _elements.write(made, seen.reshape(tuple(made.shape)))
        return made

    def copies(self) -> list[Array]:
        """The parameters, to be put back."""
        return [_arrays.copy(view) for view in self.views]

    def put_back(self, copies: Sequence[Array]) -> None:
        """Writes copies to the parameters, wherever they are by now."""
        self._rebind()
        for view, copy in zip(self.views, copies, strict=True):
            _arrays.assign(view, copy)

    def _binding(self) -> tuple[Any, ...]:
        return ()

    def _bind(self) -> None:
        for i, view in enumerate(self.views):
            dtype = _arrays.dtype_name(view)
            if dtype not in DTYPES:
                label = f"params[{self.first + i}]"
                raise TypeError(f"{label}: dtype {dtype} given, expected {', '.join(DTYPES)}")
        self.check()
        ids = [self.first + i for i in range(len(self.views))]
        self._plan = _core.Plan("descend", self.views, tensor_ids=ids, rounding="nearest", seed=0)


class Damping:
    """The damping of a step, and how it follows the gain ratio."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.value, self.growth = float(options["damping"]), float(options["growth"])

    def accepted(self, gain: float) -> None:
        """Less, after a step that gained this part of what the model predicted."""
        if self.options["update"] == "nielsen":
            # A gain far above 1 is as good as 1: its cube might overflow.
            factor, self.growth = max(1 / 3, 1 - (2 * min(gain, 2.0) - 1) ** 3), 2.0
        else:
            factor = 1 / float(self.options["factor"])
        self._times(factor)

    def refused(self) -> None:
        """More, after a step that is taken back."""
        if self.options["update"] == "nielsen":
            self._times(self.growth)
            self.growth = min(2 * self.growth, _MOST_GROWTH)
        else:
            self._times(float(self.options["factor"]))

    def _times(self, factor: float) -> None:
        least, most = float(self.options["min_damping"]), float(self.options["max_damping"])
        self.value = min(max(self.value * factor, least), most)
