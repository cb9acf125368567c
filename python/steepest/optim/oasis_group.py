"""A group of OASIS: its learning rate, and the parameters as they were before the last step."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from .. import _arrays
from .._arrays import Array
from ..polar import arguments
from .diagonal import Entry
from .probing import MOST_PROBES, ProbingGroup
from .table import Stream

PREVIOUS = Stream(
    "previous_param",
    "element",
    "any",
    True,
    "the parameter before its last step",
    like_param=True,
)


class OasisGroup(ProbingGroup):
    """Renews `lr` and `theta` among its options; remembers the parameters while `adaptive`."""

    def check(self) -> None:
        super().check()
        options = self.options
        arguments.count("warmup_probes", options["warmup_probes"], 1, MOST_PROBES)
        arguments.at_least("beta2", options["beta2"], 0.0, below=1.0)
        arguments.at_least("alpha", options["alpha"], 0.0)
        if not isinstance(options["adaptive"], bool):
            given = type(options["adaptive"]).__name__
            raise TypeError(f"adaptive: {given} given, expected a bool")
        if options["adaptive"]:
            arguments.between("lr", options["lr"], 0.0, math.inf)
            if options["theta"] != math.inf:
                arguments.at_least("theta", options["theta"], 0.0)
            self._decays()

    def ready(self) -> None:
        """Checks the options, and brings the states up to them."""
        self.check()
        self._rebind()

    def samples(self, index: int) -> int:
        first = self.steps.values()[index] == 0
        return int(self.options["warmup_probes"]) if first else self.probes()

    def drawn(self, index: int) -> int:
        steps = int(self.steps.values()[index])
        return (steps > 0) * int(self.options["warmup_probes"]) + max(0, steps - 1) * self.probes()

    # ---- the learning rate

    def measured(self, grads: Sequence[Array | None]) -> list[Entry]:
        """The parameters that the rate of the coming step is taken from: those with a gradient that
        have made a step."""
        if not self.options["adaptive"]:
            return []
        moved = self.steps.values() > 0
        return [Entry(self, i) for i, g in enumerate(grads) if g is not None and moved[i]]

    def decay(self, i: int) -> float:
        """What the step adds to the gradient of parameter i, as a factor of it."""
        return 0.0 if self.options["decoupled_weight_decay"] else self._decays()[i]

    def renewed(self, moved: float, turned: float) -> dict[str, float]:
        """`lr` and `theta` for these sums of squares; as they were where the parameters have not
        moved, or nothing bounds the rate."""
        rate, theta = float(self.options["lr"]), float(self.options["theta"])
        new = math.sqrt(1 + theta) * rate
        if turned > 0:  # the roots apart: the ratio of the squares may leave the range of double
            new = min(new, 0.5 * (math.sqrt(moved) / math.sqrt(turned)))
        if moved > 0 and 0 < new < math.inf:
            return {"lr": new, "theta": new / rate}
        return {"lr": rate, "theta": theta}

    def _decays(self) -> list[float]:
        given = self.options["weight_decay"]
        if isinstance(given, (str, bytes)) or not hasattr(given, "__len__"):
            return [arguments.at_least("weight_decay", given, 0.0)] * len(self.views)
        if len(given) != len(self.views):
            raise ValueError(
                f"weight_decay: {len(given)} values given, expected one per tensor, that is "
                f"{len(self.views)}"
            )
        return [arguments.at_least("weight_decay", value, 0.0) for value in given]

    # ---- the previous parameters

    def previous(self) -> list[Array]:
        """Each parameter before its last step, or as it is where no step is remembered."""
        moved = self.steps.values() > 0
        states = self.states.get(PREVIOUS.name, self.views)
        return [s if m else v for s, v, m in zip(states, self.views, moved, strict=True)]

    def copies(self, grads: Sequence[Array | None]) -> dict[int, Array]:
        """Of the parameters that are to step, by their places; `remember` makes them states."""
        states = self.states.get(PREVIOUS.name, [])
        return {i: _arrays.copy(self.views[i]) for i in range(len(states)) if grads[i] is not None}

    def remember(self, copies: Mapping[int, Array]) -> None:
        """Takes these for the parameters before their last step."""
        for i, copy in copies.items():
            _arrays.assign(self.states[PREVIOUS.name][i], copy)

    def ensure_states(self, names: Collection[str]) -> None:
        new = PREVIOUS.name in names and PREVIOUS.name not in self.states
        super().ensure_states(names)
        for i in range(len(self.views) if new else 0):
            self.reset_state(PREVIOUS.name, i)

    def reset_state(self, name: str, i: int) -> None:
        if name == PREVIOUS.name:
            _arrays.assign(self.states[name][i], self.views[i])
        else:
            super().reset_state(name, i)

    def _plan_states(self) -> Sequence[str]:
        return [name for name in super()._plan_states() if name != PREVIOUS.name]

    def _bind(self) -> None:
        if not self.options["adaptive"]:
            self.states.pop(PREVIOUS.name, None)  # it would grow old
        super()._bind()
