"""Orthogonalisation in plain NumPy: the five lines that a person writes, in float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..polar import blas
from ..polar.cases import Case
from ..polar.matrices import Array, Call, Matrices

NAME = "numpy"


def available() -> bool:
    return True


def make(case: Case, matrices: Matrices, threads: int) -> Call | None:
    """For a stack the same lines on all of it. None where BLAS runs on other threads than ours."""
    if case.compute != "float32" or not blas.runs_on(threads):
        return None
    given = matrices.given
    triples = [tuple(map(float, triple)) for triple in case.triples]

    def call(_: Any) -> Array:
        x = given / np.sqrt(np.sum(given * given, axis=(-2, -1), keepdims=True))
        for a, b, c in triples:
            r = x @ x.swapaxes(-2, -1)
            x = a * x + (b * r + c * (r @ r)) @ x
        result: Array = x
        return result

    return call


def make_product(a: Array, compute: str, threads: int) -> Call | None:
    """All of A A^T. NumPy calls BLAS's symmetric product where it sees the same operand twice, and
    mirrors the triangle."""
    if compute == "bfloat16" or not blas.runs_on(threads):
        return None
    out = np.empty_like(a)
    return lambda _: np.matmul(a, a.T, out=out)
