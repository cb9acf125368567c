"""Orthogonalisation in torch of a whole stack in each call, in the type of the case."""

from __future__ import annotations

from ..polar.cases import Case
from ..polar.matrices import Call, Matrices
from .polar_torch import installed, make_call, takes_minutes

NAME = "torch-bmm"


def available() -> bool:
    return installed()


def make(case: Case, matrices: Matrices, threads: int) -> Call | None:
    if len(case.shape) < 3 or takes_minutes(case.compute, case.flops):
        return None
    return make_call(case, matrices, threads, loop=False)
