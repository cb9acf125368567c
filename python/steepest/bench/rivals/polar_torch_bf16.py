"""Orthogonalisation in torch with products of bfloat16, matrix by matrix."""

from __future__ import annotations

from typing import Any

from ..polar.cases import Case
from ..polar.matrices import Call, Matrices
from .polar_torch import installed, make_call, product_call, takes_minutes

NAME = "torch-bf16"


def available() -> bool:
    return installed()


def make(case: Case, matrices: Matrices, threads: int) -> Call | None:
    if case.compute != "bfloat16" or takes_minutes(case.compute, case.flops):
        return None
    return make_call(case, matrices, threads, loop=True)


def make_product(a: Any, compute: str, threads: int) -> Call | None:
    if compute != "bfloat16" or takes_minutes(compute, 2 * len(a) ** 3):
        return None
    return product_call(a, compute, threads)
