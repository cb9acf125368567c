"""Orthogonalisation in torch with products of float32, matrix by matrix."""

from __future__ import annotations

from typing import Any

from ..polar.cases import Case
from ..polar.matrices import Call, Matrices
from .polar_torch import installed, make_call, product_call

NAME = "torch-f32"


def available() -> bool:
    return installed()


def make(case: Case, matrices: Matrices, threads: int) -> Call | None:
    if case.compute != "float32":
        return None
    return make_call(case, matrices, threads, loop=True)


def make_product(a: Any, compute: str, threads: int) -> Call | None:
    return None if compute == "bfloat16" else product_call(a, compute, threads)
