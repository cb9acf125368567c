"""The cases of the benchmark of orthogonalisation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...polar import choose
from ...polar.coefficients import resolve
from .operations import of_method

Shape = tuple[int, ...]

POLAR_EXPRESS = "polar_express"
OTHER_SETS = ("jordan", "you", "cans", "cubic5", "deepseek_v4")
# Its intervals leave no room for roundings: results of bfloat16 reach 1.4 where the polynomial's
# largest value is 1.11.
NOT_ACCURATE = {("cans", "bfloat16")}
METHODS = ("standard", "gram")
COMPUTE = ("float32", "bfloat16")


@dataclass(frozen=True)
class Case:
    """One thing to measure: a matrix or a stack of them, and how it is orthogonalised."""

    name: str
    shape: Shape
    method: str
    compute: str  # type of the products' operands
    coefficients: str = POLAR_EXPRESS
    steps: int | None = 5  # None: as many as the set has
    beside_optax: bool = False

    @property
    def impl(self) -> str:
        return f"polar.orthogonalize, {self.method}"

    @property
    def triples(self) -> NDArray[np.float64]:
        return resolve(self.coefficients, self.steps)

    @property
    def restarts(self) -> tuple[int, ...]:
        """The steps before which the Gram form starts anew."""
        choice = choose(self.shape, "float32", self.triples, None, self.method, self.compute)
        return choice.restarts

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """The matrix read once, the result written once."""
        return 2 * np.dtype(np.float32).itemsize * self.elements

    @property
    def operations(self) -> Mapping[str, int]:
        """Useful operations by the type of the operands."""
        *batch, short, long = *self.shape[:-2], *sorted(self.shape[-2:])
        counts = of_method(self.method, self.compute, self.triples, self.restarts, short, long)
        return {dtype: math.prod(batch) * count for dtype, count in counts.items()}

    @property
    def flops(self) -> int:
        return sum(self.operations.values())


def cases(*, quick: bool) -> tuple[Case, ...]:
    """All cases; a quarter of every side if ``quick``."""
    return tuple(_cases(4 if quick else 1))


def _cases(divisor: int) -> Iterator[Case]:
    shapes: tuple[Shape, ...] = ((256, 256), (512, 512), (1024, 1024), (1024, 4096), (512, 1024))
    for full in (*shapes, (126, 128, 128)):
        shape = (*full[:-2], *(side // divisor for side in full[-2:]))
        for compute in COMPUTE:
            for method in METHODS:
                name = f"{label(shape)} {compute} {method}"
                yield Case(name, shape, method, compute, beside_optax=full == (512, 1024))
    shape = (1024 // divisor, 1024 // divisor)
    for coefficients in OTHER_SETS:
        for compute in COMPUTE:
            if (coefficients, compute) in NOT_ACCURATE:
                continue
            name = f"{label(shape)} {compute} standard {coefficients}"
            yield Case(name, shape, "standard", compute, coefficients, steps=None)


def label(shape: Shape) -> str:
    """(1024, 4096) as 1024x4096, (126, 128, 128) as 126 x 128x128."""
    *batch, rows, cols = shape
    return " x ".join([*map(str, batch), f"{rows}x{cols}"])


def describe(case: Case) -> str:
    """What is counted, in a line."""
    parts = ", ".join(f"{count / 1e9:.4g} GFLOP of {t}" for t, count in case.operations.items())
    at = f", anew before steps {', '.join(str(p + 1) for p in case.restarts)}"
    return (
        f"{case.name} ({case.impl}): {len(case.triples)} steps of {case.coefficients}, {parts}"
        f"{at if case.restarts else ''}; {case.bytes} bytes"
    )
