"""The loop over probes in JAX, compiled for the CPU: signs, product and Welford's update fused."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

import numpy as np

import steepest

from ..curvature.arrays import SEED, Arrays, Call
from ..curvature.cases import Case

NAME = "jax"


def available() -> bool:
    return importlib.util.find_spec("jax") is not None


def takes(case: Case) -> bool:
    """Estimates in float32, on the threads that JAX takes: one for each core."""
    return case.probes > 0 and case.dtype == "float32" and steepest.cpu.threads() == _cores()


def make(case: Case, arrays: Arrays) -> Call | None:
    """Mean and standard error of the trace or of the diagonal."""
    if not takes(case):
        return None
    import jax

    cpu = jax.devices("cpu")[0]
    d, u = (jax.device_put(arrays[name], cpu) for name in ("diagonal", "vector"))
    compiled = jax.jit(lambda key, d, u: _estimate(case, key, d, u))
    some = keys()

    def call(_: Any) -> None:
        write(arrays, *compiled(next(some), d, u))

    return call


def write(arrays: Arrays, value: Any, stderr: Any) -> None:
    """Waits for a result and writes it where the others write theirs."""
    arrays["value"][...], arrays["stderr"][...] = np.asarray(value), np.asarray(stderr)


def keys() -> Any:
    """A key for every call, so that nothing can be kept from one to the next."""
    import jax

    key = jax.random.key(SEED)
    while True:
        key, new = jax.random.split(key)
        yield new


def _estimate(case: Case, key: Any, d: Any, u: Any) -> Any:
    import jax
    from jax import numpy as jnp

    def take(k: Any, state: Any) -> Any:
        mean, scatter = state
        z = jax.random.rademacher(jax.random.fold_in(key, k), d.shape, d.dtype)
        x = z * (d * z + u * (u @ z))
        x = x.sum(keepdims=True) if case.estimates_trace else x
        deviation = x - mean
        mean = mean + deviation / (k + 1)
        return mean, scatter + deviation * (x - mean)

    start = jnp.zeros(_shape(case), d.dtype)
    mean, scatter = jax.lax.fori_loop(0, case.probes, take, (start, start))
    return mean, jnp.sqrt(scatter / (case.probes * (case.probes - 1)))


def _shape(case: Case) -> tuple[int]:
    """Of the result."""
    return (1,) if case.estimates_trace else (case.elements,)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
