"""The linear model of Levenberg and Marquardt, made of what the functions returned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _arrays, _elements
from .._arrays import Array
from ..curvature import structure as curvature_structure
from ..curvature.damped import levenberg_marquardt_solve
from ..curvature.rows import Rows
from ..curvature.solutions import MarquardtStep
from ..curvature.structure import Structure
from ..curvature.vectors import Vector, dot, largest
from .marquardt_group import DTYPES, MarquardtGroup
from .natural_systems import read_rows

RESIDUALS, JACOBIAN = "residuals' result", "jacobian's result"


class Model:
    """Residuals that are linear in the step."""

    def __init__(self, of: Structure, r: Vector, jacobian: Any, scaling: str | None) -> None:
        parts = of.parts(jacobian, JACOBIAN)
        self.active = [i for i, part in enumerate(parts) if part is not None]
        if not self.active:
            raise ValueError(f"{JACOBIAN}: None for every parameter given, expected an array")
        self.matrices = read_rows(of, self.active, parts, JACOBIAN)
        rows, wanted = int(self.matrices[0].shape[0]), int(r.shape[0])
        if rows != wanted:
            raise ValueError(f"{JACOBIAN}: {rows} rows given, expected {wanted}, one per residual")
        self.r, self.scaling = r, scaling
        with np.errstate(over="ignore"):
            self.loss = dot(r, r) / 2
        self.gradient = largest(Rows(self.matrices).transposed_times(r))

    def solved(self, damping: float) -> MarquardtStep:
        """-d, which `descend` subtracts."""
        return levenberg_marquardt_solve(self.matrices, -self.r, damping, scaling=self.scaling)

    def directions(
        self, step: Sequence[Array], groups: Sequence[MarquardtGroup]
    ) -> list[list[Array | None]]:
        """The step as arrays of the parameters that take part; None for the others."""
        by_position = dict(zip(self.active, step, strict=True))
        return [
            [
                group.direction(i, by_position[group.first + i])
                if group.first + i in by_position
                else None
                for i in range(len(group.views))
            ]
            for group in groups
        ]


def residual_vector(given: Any, rows: int | None, of: Structure) -> Vector:
    """Residuals in float64, a copy; where the parameters are."""
    if not _arrays.is_array(given):
        raise TypeError(f"{RESIDUALS}: {_arrays.describe(given)} given, expected an array")
    seen = curvature_structure.read(given, RESIDUALS, DTYPES, devices=of.devices)
    shape = seen.shapes[0]
    if len(shape) != 1 or (rows is not None and shape != (rows,)) or shape == (0,):
        expected = "(m,) with m > 0" if rows is None else f"({rows},)"
        raise ValueError(f"{RESIDUALS}: shape {shape} given, expected {expected}")
    if of.devices:
        of.check_place(0, seen.arrays[0], RESIDUALS)
    view = curvature_structure.in_c_order(seen.arrays[0])
    return _elements.floats_of_its_own(view, "float64")
