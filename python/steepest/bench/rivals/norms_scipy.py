"""The largest singular value by ARPACK, through SciPy."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

from ..norms.cases import AnyCase, Case
from ..polar import blas

NAME = "scipy"


def available() -> bool:
    return importlib.util.find_spec("scipy") is not None


def make(case: AnyCase, matrix: Any, threads: int) -> Callable[[Any], object] | None:
    """To the case's tolerance, which ARPACK has on the eigenvalue. One matrix after the other of a
    stack."""
    if not isinstance(case, Case) or not blas.runs_on(threads):
        return None
    from scipy.sparse.linalg import svds

    single = matrix.reshape(-1, *matrix.shape[-2:])
    options = {"k": 1, "tol": 2 * case.tol, "return_singular_vectors": False}

    def call(_: Any) -> object:
        return [svds(each, **options, v0=np.ones(min(each.shape), np.float32)) for each in single]

    return call
