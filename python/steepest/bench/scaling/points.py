"""What is measured along each axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from .. import machine
from ..curvature.cases import Case as CurvatureCase
from ..norms.cases import Case as NormsCase
from ..polar.cases import Case as PolarCase
from ..steps.cases import ITEMSIZE
from ..steps.cases import Case as StepsCase

AnyCase: TypeAlias = "StepsCase | PolarCase | NormsCase | CurvatureCase"
Shape = tuple[int, ...]

AXES = ("elements", "tensors", "batch", "threads")
RULES = ("lion", "lamb")  # of one pass and of two
SIDE = 64  # of the matrices of a batch
LENGTH = 1024  # of the tensors of a list
_IN_MEMORY = 1 << 21  # elements of arrays that no cache holds: there streams have a ceiling
_MOST_OF_MATRIX = 1 << 24
_QUICK_MOST = 1 << 18


@dataclass(frozen=True)
class Point:
    """One place on an axis."""

    axis: str
    at: int
    family: str
    case: AnyCase
    threads: int

    @property
    def name(self) -> str:
        return self.case.name


def points(*, quick: bool, threads: int, memory: int | None = None) -> tuple[Point, ...]:
    """All points, on up to so many threads and in so many bytes: half of those that are free."""
    most = (free_bytes() // 2 if memory is None else memory) // ITEMSIZE["float32"]
    if quick:
        most = min(most, 8 * _QUICK_MOST)
    return (
        *_elements(most, _QUICK_MOST if quick else _MOST_OF_MATRIX, threads),
        *_tensors(1000 if quick else 10_000, threads),
        *_batches(256 if quick else 1024, threads),
        *_threads(1 << 20 if quick else 1 << 24, threads),
    )


def _elements(most: int, most_of_matrix: int, threads: int) -> Iterator[Point]:
    """``most`` values in all arrays of a call together."""
    for rule in RULES:
        streams = len(steps_case("", rule, ((1,),)).streams)
        for n in _powers(8, most // streams):
            case = steps_case(f"{rule} elements {n}", rule, ((n,),))
            yield Point("elements", n, "steps", case, threads)
    for n in _powers(8, most):
        yield Point("elements", n, "curvature", signs(f"rademacher elements {n}", n), threads)
    for family, make in MATRICES.items():
        for n in _powers(8, min(most_of_matrix, most // 8)):
            side = math.isqrt(n)
            matrix = make(f"{_CALL[family]} elements {side * side}", (side, side))
            yield Point("elements", side * side, family, matrix, threads)


def _tensors(most: int, threads: int) -> Iterator[Point]:
    for rule in RULES:
        for count in _powers(10, most):
            case = steps_case(f"{rule} tensors {count}", rule, ((LENGTH,),) * count)
            yield Point("tensors", count, "steps", case, threads)


def _batches(most: int, threads: int) -> Iterator[Point]:
    for family, make in MATRICES.items():
        for count in _powers(4, most):
            case = make(f"{_CALL[family]} batch {count}", (count, SIDE, SIDE))
            yield Point("batch", count, family, case, threads)


def _threads(elements: int, most: int) -> Iterator[Point]:
    """Matrices of a sixteenth of the elements: they have more to do for each."""
    side = math.isqrt(elements // 16)
    for count in sorted({*_powers(2, most), most}):
        for rule in RULES:
            case = steps_case(f"{rule} threads {count}", rule, ((elements,),))
            yield Point("threads", count, "steps", case, count)
        for family, make in MATRICES.items():
            matrix = make(f"{_CALL[family]} threads {count}", (side, side))
            yield Point("threads", count, family, matrix, count)
        name = f"rademacher threads {count}"
        yield Point("threads", count, "curvature", signs(name, elements), count)


def _powers(base: int, most: int) -> list[int]:
    """1, base, base^2, ... up to ``most``."""
    found = []
    n = 1
    while n <= most:
        found.append(n)
        n *= base
    return found


def steps_case(name: str, rule: str, shapes: tuple[Shape, ...]) -> StepsCase:
    """A plan of float32 arrays."""
    large = len(shapes) == 1 and math.prod(shapes[0]) >= _IN_MEMORY
    return StepsCase(name, rule, shapes, impl="Plan", in_memory=large)


def polar_case(name: str, shape: Shape) -> PolarCase:
    """Five steps of Polar Express."""
    return PolarCase(name, shape, "standard", "float32")


def norms_case(name: str, shape: Shape) -> NormsCase:
    """A proved interval."""
    return NormsCase(name, shape, rigorous=True)


def signs(name: str, elements: int) -> CurvatureCase:
    """Random signs, written."""
    return CurvatureCase(name, "rademacher", "rademacher", "float32", elements, write=("probe",))


MATRICES: dict[str, Callable[[str, Shape], AnyCase]] = {"polar": polar_case, "norms": norms_case}
_CALL = {"polar": "orthogonalize", "norms": "spectral_norm"}


def free_bytes() -> int:
    """Memory that can be had without swapping; where the system does not tell, half of all."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    except OSError:
        pass
    return machine.memory_bytes() // 2
