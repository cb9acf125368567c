"""The matrix of a case, our call on it, and what rivals make of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import steepest

from .cases import Case

Array = NDArray[Any]
Call = Callable[[Any], object]  # of None; returns the result


@dataclass(frozen=True)
class Matrices:
    """What all implementations read, and where ours writes."""

    given: NDArray[np.float32]
    result: NDArray[np.float32]


def allocate(case: Case) -> Matrices:
    """A Gaussian matrix; its content depends on the shape only."""
    given = np.random.default_rng(0).standard_normal(case.shape, np.float32)
    return Matrices(given, np.empty_like(given))


def make_call(case: Case, matrices: Matrices) -> Call:
    """Our orthogonalisation, as a user calls it."""
    given, result = matrices.given, matrices.result

    def call(_: Any) -> object:
        return steepest.polar.orthogonalize(
            given,
            case.coefficients,
            case.steps,
            method=case.method,
            compute=case.compute,
            out=result,
        )

    return call


def nothing() -> None:
    """The argument of every call: no implementation changes what it reads."""
