"""What the options of a case do to gradients, for the check of the error."""

from __future__ import annotations

import math

from ..bounded import UNIT, Bounded
from .buffers import Buffers
from .cases import VALUE_BOUND, Case
from .pieces import precision, squares, squares_of


class Clip:
    """The clip of one step: a coefficient of every tensor and a bound of elements."""

    def __init__(self, case: Case, buffers: Buffers) -> None:
        self._case, self._buffers = case, buffers
        limit = case.options.get("max_grad_norm")
        self._of_all = 1.0 if limit is None else _coefficient(limit, squares(case, buffers))
        self._of_each: dict[int, float] = {}

    def of(self, grads: Bounded, tensor: int) -> Bounded:
        """A part of a tensor's gradient after it."""
        value = self._coefficient_of(tensor)
        if value != 1.0:
            type_name = precision(self._case)
            grads = grads * Bounded(value, UNIT[type_name] * value, type_name)
        bound = self._case.options.get(VALUE_BOUND)
        return grads if bound is None else grads.minimum(bound).maximum(-bound)

    def _coefficient_of(self, tensor: int) -> float:
        limit = self._case.options.get("max_tensor_norm")
        if limit is None:
            return self._of_all
        if tensor not in self._of_each:
            own = squares_of(self._case, self._buffers, tensor)
            self._of_each[tensor] = min(self._of_all, _coefficient(limit, own))
        return self._of_each[tensor]


def _coefficient(limit: float, of_squares: float) -> float:
    return min(1.0, limit / (math.sqrt(of_squares) + 1e-6))
