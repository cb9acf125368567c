"""optax's orthogonalisation, compiled by jax for the CPU."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

import numpy as np

from ..polar.cases import Case
from ..polar.matrices import Call, Matrices

NAME = "optax"


def available() -> bool:
    """Whether optax is installed and has the function, which it does not publish."""
    if importlib.util.find_spec("optax") is None:
        return False
    try:
        from optax.contrib._muon import orthogonalize_via_newton_schulz  # noqa: F401
    except ImportError:
        return False
    return True


def make(case: Case, matrices: Matrices, threads: int) -> Call | None:
    """In float32, on the threads that jax takes: one for each core."""
    if case.compute != "float32" or not case.beside_optax or threads != _cores():
        return None
    import jax
    from optax.contrib._muon import orthogonalize_via_newton_schulz

    cpu = jax.devices("cpu")[0]
    given = jax.device_put(matrices.given, cpu)
    triples = jax.device_put(case.triples.astype(np.float32), cpu)
    compiled = jax.jit(lambda x: orthogonalize_via_newton_schulz(x, triples))

    def call(_: Any) -> object:
        return jax.block_until_ready(compiled(given))

    return call


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
