"""A callback as an operator on float64 vectors, which is what Krylov methods work with."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _elements
from . import structure
from .probes import coordinates, draw, fill
from .sampling import Hvp, checked_callable
from .vectors import Vector, dot, flat, is_finite, norm_in_range, zeros

DTYPES = ("float32", "float64")  # 16-bit products are too coarse for orthogonal vectors
_SLACK = 16.0  # in the tolerance of the symmetry test


class Operator:
    """Products with the callback, counted.

    Vectors hold the elements of all arrays of `like` one after the other, in C order, where these
    are.
    """

    def __init__(
        self, hvp: Hvp, like: Any, seed: int, *, name: str = "hvp", like_name: str = "like"
    ) -> None:
        self.hvp = checked_callable(name, hvp)
        self.name = name  # of the callback, for messages
        self.of = structure.read(like, like_name, DTYPES, devices=True)
        self.size = sum(self.of.sizes)
        self.products = 0
        self._seed = draw("rademacher", seed, 0)[0]
        if self.size == 0:
            raise ValueError(f"{like_name}: no element given, expected at least one")

    @property
    def epsilon(self) -> float:
        """Distance from 1 to the next number, of the coarsest dtype."""
        return max(float(np.finfo(dtype).eps) for dtype in self.of.dtypes)

    def probe(self, number: int, distribution: str = "rademacher") -> Vector:
        """The probe of this number as a vector, rounded as hvp would see it."""
        arrays = self.of.zeros()
        fill(arrays, self.of, coordinates(self.of), draw(distribution, self._seed, number))
        return flat(arrays)

    def __call__(self, vector: Vector) -> Vector:
        """The product with a vector, rounded to the dtypes of `like`.

        Raises as hutchinson_trace does for what the callback returns.
        """
        result = f"{self.name}'s result"
        product = flat(self.of.unpack(self.hvp(self.pack(vector)), result))
        self.products += 1
        if not is_finite(product):
            raise ValueError(f"{result}: a NaN or an infinity given, expected finite products")
        return product

    def zeros(self) -> Vector:
        """The vector of zeros."""
        return zeros(self.of.arrays[0], self.size)

    def pack(self, vector: Vector) -> Any:
        """The vector in the caller's structure, rounded to its dtypes."""
        return self.of.pack(self._arrays(vector))

    def rounded(self, vector: Vector) -> Vector:
        """The vector as the callback sees it."""
        return flat(self._arrays(vector))

    def _arrays(self, vector: Vector) -> list[Any]:
        arrays, first = self.of.zeros(), 0
        for array, size, shape in zip(arrays, self.of.sizes, self.of.shapes, strict=True):
            _elements.write(array, vector[first : first + size].reshape(shape))
            first += size
        return arrays

    def check_symmetry(self, tolerance: float | None = None) -> None:
        """Compares u^T H v with v^T H u for two probes u and v, in two products.

        For a symmetric H they differ by rounding. Their difference, in units of |H u| + |H v|, is
        about |H - H^T|_F / (2 |H|_F) in any dimension, because u and v are signs; more than
        `tolerance`, by default 16 times the square root of the dtype's epsilon, raises ValueError.
        """
        u, v = self.probe(2**32 - 1), self.probe(2**32 - 2)
        hu, hv = self(u), self(v)
        difference = abs(dot(u, hv) - dot(v, hu))
        allowed = _SLACK * math.sqrt(self.epsilon) if tolerance is None else tolerance
        size = norm_in_range(hu) + norm_in_range(hv)
        if difference > allowed * size:
            raise ValueError(
                f"{self.name}: an operator that is not symmetric given (u^T H v and v^T H u differ "
                f"by {difference / size:.2g} of |H u| + |H v|), expected at most {allowed:.2g}"
            )
