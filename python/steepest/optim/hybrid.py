"""The switch of MKOR-H: when to leave second-order steps for first-order ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..polar import arguments

_MOST_STEPS = 2**31 - 1


class LossSwitch:
    """Compares the mean loss of windows of steps that follow each other: once it decreases by less
    than `rate` of the mean before, in magnitude, the switch is thrown, for good.

    rate None: only by hand.
    """

    def __init__(self, rate: float | None, window: int) -> None:
        self.rate = None if rate is None else arguments.real("hybrid", rate)
        self.window = arguments.count("hybrid_window", window, 1, _MOST_STEPS)
        self.thrown = False
        self._sum, self._count = 0.0, 0
        self._before: float | None = None

    def check(self, loss: Any) -> float | None:
        """The loss of a step as a float. Raises where one is needed and not given."""
        if loss is None:
            if self.rate is not None and not self.thrown:
                raise ValueError("loss: None given, expected a number: hybrid follows the loss")
            return None
        return arguments.real("loss", loss.item() if hasattr(loss, "item") else loss)

    def take(self, loss: float | None) -> None:
        """Counts a step."""
        if loss is None or self.rate is None or self.thrown:
            return
        self._sum += loss
        self._count += 1
        if self._count >= self.window:  # more, of a state from longer windows
            self._close(self._sum / self._count)

    def _close(self, mean: float) -> None:
        assert self.rate is not None
        if self._before is not None:
            self.thrown = self._before - mean < self.rate * abs(self._before)
        self._before, self._sum, self._count = mean, 0.0, 0

    def state(self) -> dict[str, Any]:
        """Plain values for a state_dict."""
        return {
            "first_order": self.thrown,
            "sum": self._sum,
            "count": self._count,
            "before": self._before,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Takes over what `state` returned, checked by `read`."""
        self.thrown = bool(state["first_order"])
        self._sum, self._count = float(state["sum"]), int(state["count"])
        before = state["before"]
        self._before = None if before is None else float(before)


def read(given: Any) -> Mapping[str, Any]:
    """A saved state, checked. Raises ValueError for one that is none."""
    names = ("first_order", "sum", "count", "before")
    if not isinstance(given, Mapping) or set(given) != set(names):
        raise ValueError(f"mkor['switch']: {given!r} given, expected a dict of {', '.join(names)}")
    numbers = [given["sum"], given["count"], given["before"] or 0.0]
    if not all(isinstance(x, (int, float)) and math.isfinite(x) for x in numbers):
        raise ValueError(f"mkor['switch']: {given!r} given, expected finite numbers")
    count = given["count"]
    if not isinstance(given["first_order"], bool) or isinstance(count, float) or count < 0:
        raise ValueError(
            f"mkor['switch']: {given!r} given, expected a bool for first_order and an int of at "
            "least 0 for count"
        )
    return given
