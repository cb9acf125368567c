"""The cases of the benchmark of curvature."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

FULL_ELEMENTS = 1 << 24
QUICK_ELEMENTS = 1 << 20
# Of an estimate: the number of probes, and the standard error that the operator is made to give
# them, in relation to the trace or, for a diagonal, to its 2-norm.
PROBES = 32
TARGET = 0.01


@dataclass(frozen=True)
class Case:
    """One thing to measure, and what it moves: arrays that are read, updated and written once."""

    name: str
    call: str  # of steepest.curvature
    distribution: str
    dtype: str
    elements: int
    read: tuple[str, ...] = ()
    update: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    flops_per_element: int = 0  # of the useful arithmetic; random bits count for nothing
    first: tuple[str, ...] = ()  # read in a pass of its own before
    probes: int = 0  # of an estimate: equal numbers have equal standard errors, whoever makes them

    @property
    def impl(self) -> str:
        return f"curvature.{self.call}"

    @property
    def estimates_trace(self) -> bool:
        return self.call == "hutchinson_trace"

    @property
    def arrays(self) -> tuple[str, ...]:
        return (*self.read, *self.update, *self.write)

    @property
    def bytes(self) -> int:
        """Of an estimate, per probe: the probe written, and what accumulate moves."""
        streams = len(self.first) + len(self.read) + 2 * len(self.update) + len(self.write)
        per_probe = 2 if self.estimates_trace else 6
        moved = streams + per_probe * self.probes
        return moved * np.dtype(self.dtype).itemsize * self.elements

    @property
    def flops(self) -> int:
        return self.flops_per_element * self.elements


def cases(*, quick: bool, elements: int | None = None) -> tuple[Case, ...]:
    """All cases, on arrays of 16M elements (4096 x 4096), 1M if ``quick``."""
    n = elements or (QUICK_ELEMENTS if quick else FULL_ELEMENTS)
    made = []
    for dtype in ("float32", "float64"):
        made += [
            Case(f"signs {dtype}", "rademacher", "rademacher", dtype, n, write=("probe",)),
            Case(
                f"accumulate {dtype}",
                "accumulate",
                "rademacher",
                dtype,
                n,
                read=("products",),
                update=("mean", "scatter"),
                flops_per_element=7,
            ),
        ]
    made.append(Case("gaussian float32", "gaussian", "gaussian", "float32", n, write=("probe",)))
    side = math.isqrt(n)
    made.append(
        Case(
            "mkor update float32",
            "mkor_update",
            "",
            "float32",
            side * side,
            first=("inverse",),
            update=("inverse",),
            flops_per_element=5,
        )
    )
    made += [_estimate("trace", n // 4, 2), _estimate("diag", n // 4, 7)]
    return tuple(made)


def _estimate(of: str, elements: int, flops_per_probe: int) -> Case:
    """Time to a standard error: as many probes as reach it, the same number for everyone."""
    return Case(
        f"{of} to {TARGET:.0%} float32",
        f"hutchinson_{of}",
        "rademacher",
        "float32",
        elements,
        flops_per_element=flops_per_probe * PROBES,
        probes=PROBES,
    )


def describe(case: Case) -> str:
    """What is counted, in a line."""
    streams = ", ".join(
        f"{verb} {' '.join(names)}"
        for verb, names in (
            ("first read", case.first),
            ("read", case.read),
            ("update", case.update),
            ("write", case.write),
        )
        if names
    )
    if case.probes:
        streams = (
            f"{case.probes} products with a diagonal matrix plus one of rank 1, for a standard "
            f"error of {TARGET:.0%}"
        )
    return (
        f"{case.name} ({case.impl}): {case.bytes / case.elements:g} bytes, "
        f"{case.flops_per_element} FLOPs per element; {streams}"
    )
