"""matfree's Monte Carlo estimators, compiled by JAX for the CPU.

They hold all probes and their products at a time. Their standard error divides by n, not by n - 1.
"""

from __future__ import annotations

import importlib.util
from typing import Any

from ..curvature.arrays import Arrays, Call
from ..curvature.cases import Case
from .curvature_jax import keys, takes, write

NAME = "matfree"


def available() -> bool:
    """Whether matfree is installed, in a version that estimates errors."""
    if importlib.util.find_spec("matfree") is None or importlib.util.find_spec("jax") is None:
        return False
    try:
        from matfree.stochtrace import estimator_monte_carlo_mean_and_sem  # noqa: F401
    except ImportError:
        return False
    return True


def make(case: Case, arrays: Arrays) -> Call | None:
    """Mean and standard error of the trace or of the diagonal."""
    if not takes(case):
        return None
    import jax
    from matfree import stochtrace

    cpu = jax.devices("cpu")[0]
    d, u = (jax.device_put(arrays[name], cpu) for name in ("diagonal", "vector"))
    trace = case.estimates_trace
    integrand = stochtrace.monte_carlo_trace() if trace else stochtrace.monte_carlo_diagonal()
    sampler = stochtrace.sampler_signs(d, num=case.probes)
    estimate = stochtrace.estimator_monte_carlo_mean_and_sem(integrand, sampler)
    compiled = jax.jit(lambda key, d, u: estimate(lambda z: d * z + u * (u @ z), key))
    some = keys()

    def call(_: Any) -> None:
        write(arrays, *compiled(next(some), d, u))

    return call
