"""The symmetric product itself: A A^T with one triangle's operations, exactly symmetric."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...polar import products
from ..bounded import UNIT
from .operations import symmetric

SIDES = (256, 512, 1024, 2048)
TYPES = ("float32", "bfloat16", "float64")
_SAMPLE = 16  # rows of a result in double that are checked, in extended precision


@dataclass(frozen=True)
class ProductCase:
    """A A^T of a square Gaussian matrix; its content depends on side and type only."""

    side: int
    compute: str

    @property
    def name(self) -> str:
        return f"{self.side}x{self.side} {self.compute} product"

    @property
    def impl(self) -> str:
        return "polar.products.gram"

    @property
    def shape(self) -> tuple[int, int]:
        return (self.side, self.side)

    @property
    def bytes(self) -> int:
        """A read once, the product written once."""
        return 2 * _dtype(self.compute).itemsize * self.side**2

    @property
    def operations(self) -> Mapping[str, int]:
        """Useful operations by the type of the operands."""
        return {self.compute: symmetric(self.side, self.side)}

    @property
    def flops(self) -> int:
        return symmetric(self.side, self.side)


def cases(*, quick: bool) -> tuple[ProductCase, ...]:
    """All cases; a quarter of every side if ``quick``. bfloat16 needs ml_dtypes."""
    found = importlib.util.find_spec("ml_dtypes") is not None
    types = [t for t in TYPES if found or t != "bfloat16"]
    return tuple(ProductCase(n // (4 if quick else 1), t) for n in SIDES for t in types)


def operand(case: ProductCase) -> NDArray[Any]:
    """The matrix of a case."""
    gaussian = np.random.default_rng(0).standard_normal(case.shape, np.float32)
    return gaussian.astype(_dtype(case.compute))


def error_of(case: ProductCase, a: NDArray[Any], c: NDArray[Any]) -> float:
    """The largest error in units of the bound that `polar.products` states.

    Infinite for NaN, and where the result is not exactly symmetric.
    """
    if not np.array_equal(c, c.T):
        return float("inf")
    wide, rows = np.float64, slice(None)
    if case.compute == "float64":
        wide, rows = np.longdouble, slice(None, None, max(1, case.side // _SAMPLE))
    x = a.astype(wide)
    exact, magnitude = x[rows] @ x.T, np.abs(x[rows]) @ np.abs(x.T)
    sums = "float64" if case.compute == "float64" else "float32"
    room = (case.side + 6) * UNIT[sums] * magnitude
    if case.compute == "bfloat16":
        room = room + UNIT["bfloat16"] * (np.abs(exact) + room)
    return float(np.max(np.abs(c[rows].astype(wide) - exact) / room))


def gram(a: NDArray[Any], out: NDArray[Any]) -> None:
    """Ours, as a user calls it."""
    products.gram(a, out=out)


def _dtype(name: Any) -> np.dtype[Any]:
    if name == "bfloat16":
        import ml_dtypes

        name = ml_dtypes.bfloat16
    made: np.dtype[Any] = np.dtype(name)
    return made
