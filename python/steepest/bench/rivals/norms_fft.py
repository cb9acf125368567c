"""Convolutions as Sedghi, Gupta and Long have them, in NumPy: the transform of the kernel and the
singular values of every block, in float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..norms.cases import AnyCase
from ..norms.conv_cases import ConvCase, blocks
from ..polar import blas

NAME = "numpy-fft-svd"


def available() -> bool:
    return True


def make(case: AnyCase, kernels: Any, threads: int) -> Callable[[Any], object] | None:
    """None for what is no convolution, and where BLAS runs on other threads than ours."""
    if not isinstance(case, ConvCase) or not blas.runs_on(threads):
        return None
    layers = case.layers
    return lambda _: [
        np.linalg.svd(blocks(k, layer), compute_uv=False).max()
        for k, layer in zip(kernels, layers, strict=True)
    ]
