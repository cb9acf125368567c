"""Kernels for training and for studying optimizers, without a deep-learning framework.

steepest.steps      fused optimizer steps on arrays, in place
steepest.optim      the same rules as stateful optimizers
steepest.polar      orthogonalisation by Newton-Schulz iterations, and other functions of a matrix
steepest.norms      norms of matrices, with proved bounds
steepest.curvature  Hessian diagonals, traces and spectra from products with random vectors
steepest.distributed  messages of workers that train together, and statistics of their gradients
steepest.cpu        CPU targets and threads
"""

from __future__ import annotations

from . import cpu, curvature, distributed, norms, optim, polar, steps
from ._config import get_cmake_dir, get_include, show_config
from ._core import DeviceError
from ._core import version as _version

__version__ = _version()

__all__ = [
    "DeviceError",
    "__version__",
    "cpu",
    "curvature",
    "distributed",
    "get_cmake_dir",
    "get_include",
    "norms",
    "optim",
    "polar",
    "show_config",
    "steps",
]

# A misspelt STEEPEST_CPU_TARGET shows at import, not in the middle of a training run.
cpu.active()
