"""The operator that traces and diagonals are estimated of: cheap, and with known errors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cases import TARGET, Case

Arrays = Mapping[str, NDArray[Any]]
Floats = NDArray[np.float64]


def allocate(case: Case) -> dict[str, NDArray[Any]]:
    """diag(diagonal) + vector vector^T, and places for an estimate and its standard error.

    The vector is as long as makes the standard error of `case.probes` random signs the target.
    """
    n = case.elements
    diagonal = np.linspace(1, 2, n)
    unit = np.random.default_rng(0).standard_normal(n)
    unit /= np.linalg.norm(unit)
    vector = np.sqrt(_square_of_length(case, diagonal, unit)) * unit
    result = 1 if case.estimates_trace else n
    return {
        "diagonal": diagonal.astype(case.dtype),
        "vector": vector.astype(case.dtype),
        "value": np.zeros(result, case.dtype),
        "stderr": np.zeros(result, case.dtype),
    }


def _square_of_length(case: Case, diagonal: Floats, unit: Floats) -> float:
    """Of the vector: its square s gives a standard error of s times a constant."""
    off = 1 - float(np.sum(unit**4))  # of the square of unit unit^T, the part off its diagonal
    if case.estimates_trace:
        error = math.sqrt(2 * off / case.probes)
        return TARGET * float(diagonal.sum()) / (error - TARGET)
    error = math.sqrt(off / case.probes)
    return TARGET * float(np.linalg.norm(diagonal)) / error  # the vector's part of it is negligible


def product(arrays: Arrays, z: NDArray[Any]) -> NDArray[Any]:
    """The operator's product, the same for all who estimate."""
    made: NDArray[Any] = arrays["diagonal"] * z
    made += arrays["vector"] * (arrays["vector"] @ z)
    return made


def standard_error(case: Case, arrays: Arrays) -> tuple[Floats, Floats]:
    """What is estimated, and the standard error of each of its entries, in float64."""
    d, u = arrays["diagonal"].astype(np.float64), arrays["vector"].astype(np.float64)
    square = float(u @ u)
    if case.estimates_trace:
        variance = 2 * (square**2 - np.sum(u**4)) / case.probes
        return np.array([d.sum() + square]), np.sqrt(np.array([variance]))
    return d + u * u, np.abs(u) * np.sqrt((square - u * u) / case.probes)
