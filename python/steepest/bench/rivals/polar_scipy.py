"""BLAS's own symmetric product, ssyrk and dsyrk through SciPy: one triangle, not mirrored."""

from __future__ import annotations

import importlib.util
from importlib import import_module
from typing import Any

import numpy as np

from ..polar import blas
from ..polar.cases import Case
from ..polar.matrices import Call, Matrices

NAME = "scipy"


def available() -> bool:
    return importlib.util.find_spec("scipy") is not None


def make(case: Case, matrices: Matrices, threads: int) -> Call | None:
    """It has no orthogonalisation by products."""
    return None


def make_product(a: Any, compute: str, threads: int) -> Call | None:
    """A A^T of a matrix in C order: of BLAS's transposed view of it, the product from the left."""
    if compute == "bfloat16" or not blas.runs_on(threads):
        return None
    routines = import_module("scipy.linalg.blas")

    syrk = routines.ssyrk if compute == "float32" else routines.dsyrk
    out = np.zeros_like(a, order="F")

    def call(_: Any) -> object:
        return syrk(1.0, a.T, trans=1, lower=1, c=out, overwrite_c=1)

    return call
