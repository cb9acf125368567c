"""A process environment in which every library runs at its best."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

# Overrides of the processor type or of instruction sets. They make a library slower than the
# machine is.
OVERRIDES = (
    "ATEN_CPU_CAPABILITY",
    "BLIS_ARCH_TYPE",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_DEBUG_CPU_TYPE",
    "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES",
    "NVPL_BLAS_DEBUG_CPU_TYPE",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "OPENBLAS_VERBOSE",
)


def without_overrides(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment less the variables that hold a library back."""
    return {name: value for name, value in environment.items() if name not in OVERRIDES}


def restart_without_overrides() -> None:
    """Starts the interpreter anew when an override is set.

    Libraries read these variables when they are imported, and importing ``steepest`` has already
    imported NumPy, so taking them out of ``os.environ`` would come too late.
    """
    cleaned = without_overrides(os.environ)
    if len(cleaned) == len(os.environ):
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], cleaned)
