"""The spectral norm as NumPy has it: by the singular value decomposition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..norms.cases import AnyCase, Case
from ..polar import blas

NAME = "numpy"


def available() -> bool:
    return True


def make(case: AnyCase, matrix: Any, threads: int) -> Callable[[Any], object] | None:
    """None where BLAS runs on other threads than ours, and for convolutions."""
    if not isinstance(case, Case) or not blas.runs_on(threads):
        return None
    return lambda _: np.linalg.norm(matrix, 2, axis=(-2, -1))
