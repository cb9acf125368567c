"""The named coefficient sets, and the choice of a set by the user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arguments import count
from .minimax import MOST_STEPS, Triple, cans, polar_express


@dataclass(frozen=True)
class CoefficientSet:
    """A published set and its rule for other numbers of steps than its own.

    steps : int, its own number. source : str.
    generate : function of the number of steps that gives the array (steps, 3), or None.
    triples : else the listed steps, of which the first are taken.
    repeats_last : after the end of the list the last step is repeated.
    """

    steps: int  # its own number
    source: str
    generate: Callable[[int], NDArray[np.float64]] | None = None
    triples: tuple[Triple, ...] = ()
    repeats_last: bool = True

    def take(self, steps: int) -> NDArray[np.float64]:
        """The array (steps, 3)."""
        if self.generate is not None:
            return self.generate(steps)
        if not self.repeats_last:
            count("steps", steps, 1, self.steps)
        return _extend(np.array(self.triples), steps)


def _extend(triples: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    """The first steps; the last is repeated where there are not enough."""
    return triples[np.minimum(np.arange(steps), len(triples) - 1)]


_JORDAN: Triple = (3.4445, -4.7750, 2.0315)

SETS = {
    # The same triple at every step.
    "jordan": CoefficientSet(5, "Keller Jordan, Muon (2024)", triples=(_JORDAN,)),
    # More steps: the last one holds [0.97, 1.03] about its fixed point.
    "you": CoefficientSet(
        5,
        "Jiacheng You, in modded-nanogpt (2025)",
        triples=(
            (4.0848, -6.8946, 2.9270),
            (3.9505, -6.3029, 2.6377),
            (3.7418, -5.5913, 2.3037),
            (2.8769, -3.1427, 1.2046),
            (2.8366, -3.0525, 1.2012),
        ),
    ),
    # Generated for exactly as many steps as asked: step t does not depend on their number except
    # that the last one has no safety factor.
    "polar_express": CoefficientSet(5, "2505.16932", generate=polar_express),
    # Generated: the first steps are the same for any number of them. The first five are those of
    # the published table, to its four digits.
    "cans": CoefficientSet(5, "2506.10935", generate=cans),
    # A composition of five cubics: more steps would drift away from 1 and are refused.
    "cubic5": CoefficientSet(
        5,
        "2606.00371",
        triples=(
            (3.3656576, -3.3420992, 0.0),
            (2.5744352, -1.4957376, 0.0),
            (2.5368962, -1.4312570, 0.0),
            (2.4418906, -1.2764040, 0.0),
            (2.2230472, -0.9630650, 0.0),
        ),
        repeats_last=False,
    ),
    # Eight steps that lift, then two that converge; the last one is repeated.
    "deepseek_v4": CoefficientSet(
        10,
        "DeepSeek-V4 report, equation 28",
        triples=(*(_JORDAN,) * 8, *((2.0, -1.5, 0.5),) * 2),
    ),
}


@lru_cache(maxsize=256)
def _named(name: str, steps: int) -> NDArray[np.float64]:
    return SETS[name].take(steps)


def resolve(coefficients: Any, steps: int | None = None) -> NDArray[np.float64]:
    """The float64 array (steps, 3) that a user's choice stands for; the caller's own copy.

    coefficients : name of a set, or an array (k, 3) of real numbers. Of an array the first steps
        are taken; the last row is repeated when it has fewer. Sets: see `SETS`.
    steps : int from 1 to 100; None: as many as the set or the array has.

    Sources: those of the named sets, `SETS[name].source`: Muon (2024), modded-nanogpt (2025),
    arXiv 2505.16932, 2506.10935, 2606.00371 and the report of DeepSeek-V4.

    Raises TypeError (not a name nor an array of real numbers; steps not an int) and ValueError
    (unknown name, shape, NaN or infinity, number of steps).
    """
    if steps is not None:
        steps = count("steps", steps, 1, MOST_STEPS)
    if isinstance(coefficients, str):
        if coefficients not in SETS:
            raise ValueError(f"coefficients: {coefficients!r} given, expected one of {_names()}")
        return np.array(_named(coefficients, steps or SETS[coefficients].steps))
    triples = _custom(coefficients)
    return _extend(triples, steps or len(triples))


def _names() -> str:
    return ", ".join(SETS)


def _custom(coefficients: Any) -> NDArray[np.float64]:
    """A user's array as (k, 3) float64."""
    expected = f"expected one of {_names()} or an array (steps, 3)"
    try:
        array = np.asarray(coefficients)
    except ValueError:  # rows of different lengths
        raise ValueError(f"coefficients: rows of different lengths given, {expected}") from None
    if array.dtype.kind not in "iuf":
        given = type(coefficients).__name__
        if isinstance(coefficients, (np.ndarray, list, tuple)):
            given += f" of {array.dtype}"
        raise TypeError(f"coefficients: {given} given, {expected} of real numbers")
    if array.ndim != 2 or array.shape[1] != 3 or not 1 <= len(array) <= MOST_STEPS:
        raise ValueError(f"coefficients: shape {array.shape} given, {expected}")
    triples = array.astype(np.float64)
    if not np.isfinite(triples).all():
        raise ValueError(f"coefficients: NaN or infinity given, {expected} of finite numbers")
    return triples
