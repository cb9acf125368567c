"""The one-cycle schedule of super-convergence, and its estimate of a learning rate (Smith and
Topin, arXiv 1708.07120)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _arrays
from ..polar import arguments

__all__ = ["HessianFreeRate", "OneCycle", "Rates", "one_cycle"]

_MOST_STEPS = 2**62


class Rates(NamedTuple):
    """What a step is made with, two numbers.

    lr : the learning rate. momentum : of the optimizer's keyword of that name.
    """

    lr: float
    momentum: float


class OneCycle:
    """One cycle of the learning rate: up, down, and then far below where it began.

        schedule = steepest.optim.schedules.OneCycle(steps=1000, max_lr=3.0)
        for t in range(1000):
            opt.lr = schedule(t).lr

    steps : of the whole training.
    max_lr : the largest learning rate, as found by a range test.
    min_lr : where the cycle begins and ends; None: max_lr / 10.
    final_lr : where the steps after the cycle end; None: min_lr / 100.
    cycle : share of the steps that the cycle takes, half of it up and half of it down, more than 0
        and at most 1.
    momentum : (low, high), which runs against the learning rate, from high to low and back, and
        stays at high after the cycle; one number: always that.

    All runs are linear, as in the paper (Smith and Topin, arXiv 1708.07120).

    Raises TypeError and ValueError for numbers of other kinds or out of range.
    """

    def __init__(
        self,
        steps: int,
        max_lr: float,
        *,
        min_lr: float | None = None,
        final_lr: float | None = None,
        cycle: float = 0.9,
        momentum: float | tuple[float, float] = 0.9,
    ) -> None:
        self.steps = arguments.count("steps", steps, 1, _MOST_STEPS)
        self.max_lr = arguments.between("max_lr", max_lr, 0.0, math.inf)
        self.min_lr = self.max_lr / 10 if min_lr is None else _rate("min_lr", min_lr, self.max_lr)
        final = self.min_lr / 100 if final_lr is None else _rate("final_lr", final_lr, self.min_lr)
        self.final_lr = final
        self.cycle = arguments.real("cycle", cycle)
        if not 0 < self.cycle <= 1:
            raise ValueError(f"cycle: {self.cycle} given, expected more than 0, at most 1")
        pair = momentum if isinstance(momentum, (tuple, list)) else (momentum, momentum)
        if len(pair) != 2:
            raise ValueError(f"momentum: {len(pair)} numbers given, expected one or two")
        low, high = (arguments.at_least("momentum", m, 0.0, below=1.0) for m in pair)
        if low > high:
            raise ValueError(f"momentum: {(low, high)} given, expected (low, high)")
        self.momentum = (low, high)

    def __call__(self, step: int) -> Rates:
        """Learning rate and momentum of a step, counted from 0; those of the last beyond it."""
        at = min(arguments.count("step", step, 0, _MOST_STEPS), self.steps - 1)
        half = self.cycle * (self.steps - 1) / 2
        low, high = self.momentum
        if at <= 2 * half:
            height = 1 - abs(at - half) / half if half else 1.0
            rate = self.min_lr + (self.max_lr - self.min_lr) * height
            return Rates(rate, high + (low - high) * height)
        rest = (at - 2 * half) / (self.steps - 1 - 2 * half)
        return Rates(self.min_lr + (self.final_lr - self.min_lr) * rest, high)


def one_cycle(steps: int, max_lr: float, **options: Any) -> list[Rates]:
    """All steps of the schedule with these arguments, a list; errors too are as in `OneCycle`."""
    schedule = OneCycle(steps, max_lr, **options)
    return [schedule(t) for t in range(schedule.steps)]


class HessianFreeRate:
    """The learning rate that the curvature along the path of the weights suggests.

    A step that is Newton's along a coordinate is (w' - w) / (f'(w') - f'(w)) times the gradient.
    With w' = w - lr f'(w) gradients are differences of weights, so three successive weights
    w, w', w'' of plain descent at the rate lr give lr (w' - w) / (2 w' - w - w''). Of all
    coordinates the sums of the magnitudes of numerator and denominator are divided, and the
    quotients of successive steps averaged: average = decay average + (1 - decay) quotient.

        rate = HessianFreeRate()
        rate.update(params, lr)  # after each step; returns None until there are three

    decay : a number, of the running average, from 0 to less than 1; its bias at the start is
        corrected.

    A path without curvature, as of gradients that are all the same, leaves the average as it is.

    Source: Smith and Topin, arXiv 1708.07120. Raises TypeError and ValueError for another decay.
    """

    def __init__(self, decay: float = 0.9) -> None:
        self.decay = arguments.at_least("decay", decay, 0.0, below=1.0)
        self._history: list[list[np.ndarray]] = []
        self._average, self._weight = 0.0, 0.0

    @property
    def value(self) -> float | None:
        """The estimate, or None while there is none."""
        return self._average / self._weight if self._weight else None

    def update(self, params: Any, lr: float) -> float | None:
        """Takes in the weights after a step at this learning rate; returns the estimate.

        params : an array or a list of arrays of float32 or float64 in host memory, of the same
            shapes at every call. Copies of those of two steps are kept.
        Raises TypeError and ValueError for others.
        """
        lr = arguments.between("lr", lr, 0.0, math.inf)
        arrays = _copies(params)
        if self._history and [a.shape for a in self._history[0]] != [a.shape for a in arrays]:
            shapes = [a.shape for a in arrays]
            expected = [a.shape for a in self._history[0]]
            raise ValueError(f"params: shapes {shapes} given, expected {expected} as before")
        self._history.append(arrays)
        if len(self._history) < 3:
            return None
        first, second, third = self._history
        self._history = [second, third]
        moved, bent = _magnitudes(first, second, third)
        if bent > 0 and math.isfinite(moved) and math.isfinite(bent):
            self._average = self.decay * self._average + (1 - self.decay) * lr * moved / bent
            self._weight = self.decay * self._weight + (1 - self.decay)
        return self.value


def _rate(name: str, value: float, most: float) -> float:
    rate = arguments.at_least(name, value, 0.0)
    if rate > most:
        raise ValueError(f"{name}: {rate} given, expected at most {most}")
    return rate


def _copies(params: Any) -> list[np.ndarray]:
    given = params if isinstance(params, (list, tuple)) else [params]
    copies = []
    for i, array in enumerate(given):
        what = f"params[{i}]" if given is params else "params"
        if not _arrays.is_array(array):
            raise TypeError(f"{what}: {_arrays.describe(array)} given, expected an array")
        view = _arrays.view(array, what)
        if _arrays.dtype_name(view) not in ("float32", "float64"):
            name = _arrays.dtype_name(view)
            raise TypeError(f"{what}: dtype {name} given, expected float32 or float64")
        copies.append(_arrays.as_numpy(view, what).astype(np.float64))
    return copies


def _magnitudes(
    first: Sequence[np.ndarray], second: Sequence[np.ndarray], third: Sequence[np.ndarray]
) -> tuple[float, float]:
    """Sums of |w' - w| and of |2 w' - w - w''|."""
    moved = bent = 0.0
    for a, b, c in zip(first, second, third, strict=True):
        moved += float(np.abs(b - a).sum())
        bent += float(np.abs(2 * b - a - c).sum())
    return moved, bent
