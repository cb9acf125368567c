"""The cases on a GPU: products, symmetric and general, and lists to be orthogonalised."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ...steps.cases import ITEMSIZE
from ..cases import COMPUTE, METHODS, Case, Shape, label
from ..operations import symmetric

GRAM, GENERAL = "gram", "multiply"


@dataclass(frozen=True)
class ProductCase:
    """A A^T, or A B, of Gaussian matrices: rows x inner by inner x cols."""

    kind: str
    rows: int
    inner: int
    cols: int
    compute: str

    @property
    def name(self) -> str:
        sizes = f"{self.rows}x{self.inner}"
        if self.kind == GENERAL:
            sizes += f" by {self.inner}x{self.cols}"
        return f"{sizes} {self.compute} {self.kind} product"

    @property
    def impl(self) -> str:
        return f"polar.products.{self.kind}"

    @property
    def bytes(self) -> int:
        """Operands read once, the product written once."""
        right = self.inner * self.cols if self.kind == GENERAL else 0
        count = self.rows * self.inner + right + self.rows * self.cols
        return ITEMSIZE[self.compute] * count

    @property
    def flops(self) -> int:
        """Half of all where the product is symmetric."""
        if self.kind == GRAM:
            return symmetric(self.rows, self.inner)
        return 2 * self.rows * self.inner * self.cols

    @property
    def operations(self) -> Mapping[str, int]:
        return {self.compute: self.flops}


@dataclass(frozen=True)
class ListCase:
    """A list of arrays in one call: cases of one shape, and how often each occurs."""

    name: str
    parts: tuple[tuple[Case, int], ...]
    dtype: str = "float32"  # of the arrays

    @property
    def first(self) -> Case:
        return self.parts[0][0]

    @property
    def impl(self) -> str:
        return self.first.impl

    @property
    def compute(self) -> str:
        return self.first.compute

    @property
    def elements(self) -> int:
        return sum(count * case.elements for case, count in self.parts)

    @property
    def bytes(self) -> int:
        """Every matrix read once, every result written once."""
        return 2 * ITEMSIZE[self.dtype] * self.elements

    @property
    def operations(self) -> Mapping[str, int]:
        total: dict[str, int] = {}
        for case, count in self.parts:
            for dtype, operations in case.operations.items():
                total[dtype] = total.get(dtype, 0) + count * operations
        return total

    @property
    def flops(self) -> int:
        return sum(self.operations.values())


AnyCase: TypeAlias = "ProductCase | ListCase"

SQUARES = (256, 512, 1024, 2048, 4096, 8192)
# A layer of a network of experts, and a matrix of its shared part: what published timings are of.
EXPERTS = ((2048, 7168), 216), ((7168, 18432), 1)


def cases(*, quick: bool) -> tuple[AnyCase, ...]:
    """All cases; an eighth of every side if ``quick``."""
    divisor = 8 if quick else 1
    return (*_products(divisor), *_single(divisor), *_lists(divisor))


def _products(divisor: int) -> Iterator[ProductCase]:
    """bfloat16 of all sizes; the others have fewer tensor cores or none, and no need of as many."""
    sides = {"bfloat16": SQUARES, "float32": (1024, 4096), "float64": (2048,)}
    for compute, squares in sides.items():
        for side in squares:
            n = side // divisor
            yield ProductCase(GRAM, n, n, n, compute)
            yield ProductCase(GENERAL, n, n, n, compute)
    n, m = 2048 // divisor, 7168 // divisor
    yield ProductCase(GRAM, n, m, n, "bfloat16")
    yield ProductCase(GENERAL, n, n, m, "bfloat16")


def _single(divisor: int) -> Iterator[ListCase]:
    shapes: tuple[Shape, ...] = ((256, 256), (512, 512), (1024, 1024), (1024, 4096))
    for full in (*shapes, (126, 128, 128)):
        shape = (*full[:-2], *(side // divisor for side in full[-2:]))
        for compute in COMPUTE:
            for method in METHODS:
                name = f"{label(shape)} {compute} {method}"
                yield ListCase(name, ((Case(name, shape, method, compute), 1),))


def _lists(divisor: int) -> Iterator[ListCase]:
    """Stored in bfloat16, as what is orthogonalised at this size is."""
    for method in METHODS:
        parts = []
        for (rows, cols), count in EXPERTS:
            shape = (rows // divisor, cols // divisor)
            name = f"{label(shape)} bfloat16 {method}"
            parts.append((Case(name, shape, method, "bfloat16"), max(count // divisor, 1)))
        text = " + ".join(f"{count} x {label(case.shape)}" for case, count in parts)
        yield ListCase(f"{text} bfloat16 {method}", tuple(parts), "bfloat16")


def describe(case: AnyCase) -> str:
    """What is counted, in a line."""
    parts = ", ".join(f"{count / 1e9:.4g} GFLOP of {t}" for t, count in case.operations.items())
    return f"{case.name} ({case.impl}): {parts}; {case.bytes} bytes"


def shapes_of(case: ListCase) -> list[Shape]:
    """Of the arrays in the call."""
    return [part.shape for part, count in case.parts for _ in range(count)]


def memory_of(case: AnyCase) -> int:
    """Bytes on the device at least: what is counted, the rival's results, and workspaces."""
    elements = case.elements if isinstance(case, ListCase) else 0
    largest = max(map(math.prod, shapes_of(case))) if isinstance(case, ListCase) else 0
    return 2 * case.bytes + 4 * elements + 16 * largest
