"""The spectral norm as NumPy has it: by the singular value decomposition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..norms.cases import Case
from ..polar import blas

NAME = "numpy"


def available() -> bool:
    return True


def make(case: Case, matrix: NDArray[np.float32], threads: int) -> Callable[[Any], object] | None:
    """None where BLAS runs on other threads than ours."""
    if not blas.runs_on(threads):
        return None
    return lambda _: np.linalg.norm(matrix, 2, axis=(-2, -1))
