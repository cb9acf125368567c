"""Convolutions by power iteration in NumPy, on the blocks of all frequencies at a time: a lower
bound, with as many steps as usual (Ryu et al., ICML 2019), in float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..norms.cases import AnyCase
from ..norms.conv_cases import ConvCase, blocks
from ..polar import blas

NAME = "numpy-power"
STEPS = 50


def available() -> bool:
    return True


def make(case: AnyCase, kernels: Any, threads: int) -> Callable[[Any], object] | None:
    """None for what is no convolution, and where BLAS runs on other threads than ours."""
    if not isinstance(case, ConvCase) or not blas.runs_on(threads):
        return None
    layers = case.layers
    return lambda _: [lower(blocks(k, layer)) for k, layer in zip(kernels, layers, strict=True)]


def lower(A: Any) -> float:  # noqa: N803 (the papers' name)
    """Of the largest of all blocks (..., m, n)."""
    v = np.ones((len(A), A.shape[2], 1), A.dtype)
    adjoint = A.conj().swapaxes(-1, -2)
    for _ in range(STEPS):
        u = A @ v
        v = adjoint @ u
        v /= np.linalg.norm(v, axis=1, keepdims=True)
    return float(np.linalg.norm(A @ v, axis=1).max())
