"""The arrays of a case, and our call on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import steepest

from .cases import Case
from .operator import allocate as operator
from .operator import product

Arrays = Mapping[str, NDArray[Any]]
Call = Callable[[Any], object]  # of None

SEED = 7
DECAY = 0.95
SAMPLE = 3  # an ordinary one: neither the first, nor so late that it changes nothing


def allocate(case: Case) -> dict[str, NDArray[Any]]:
    """Gaussian products; everything else zeros, touched. Of an estimate, its operator;
    of an update, the inverse of a factor and a vector."""
    if case.probes:
        return operator(case)
    if case.call == "mkor_update":
        return _factor(case)
    arrays = {name: np.zeros(case.elements, case.dtype) for name in case.arrays}
    for array in arrays.values():
        array.fill(0)
    if "products" in arrays:
        block = np.random.default_rng(0).standard_normal(1 << 16).astype(case.dtype)
        arrays["products"][:] = np.resize(block, case.elements)
    return arrays


def _factor(case: Case) -> dict[str, NDArray[Any]]:
    """I - u u^T / (1 + u^T u), which is what an update leaves of I."""
    n = math.isqrt(case.elements)
    rng = np.random.default_rng(0)
    u, vector = (rng.standard_normal(n).astype(case.dtype) for _ in range(2))
    inverse = np.outer(u, -u / (1 + u @ u))
    inverse = (inverse + inverse.T) / 2
    inverse.flat[:: n + 1] += 1
    return {"inverse": inverse, "vector": vector}


def make_call(case: Case, arrays: Arrays) -> Call:
    """Ours, as a user calls it."""
    if case.call == "accumulate":

        def accumulate(_: Any) -> object:
            return steepest.curvature.accumulate(
                arrays["products"], arrays["mean"], arrays["scatter"], SEED, sample=SAMPLE
            )

        return accumulate
    if case.probes:
        return _estimate(case, arrays)
    if case.call == "mkor_update":
        # What an optimizer knows from the update before.
        return lambda _: steepest.curvature.mkor_update(
            arrays["inverse"], arrays["vector"], decay=DECAY, largest=1.0
        )
    fill = getattr(steepest.curvature, case.call)
    probe = arrays["probe"]
    return lambda _: fill(probe, SEED, out=probe)


def _estimate(case: Case, arrays: Arrays) -> Call:
    """Writes value and standard error, as the rivals do."""
    hutchinson = getattr(steepest.curvature, case.call)

    def estimate(_: Any) -> None:
        found = hutchinson(lambda z: product(arrays, z), arrays["diagonal"], case.probes, SEED)
        arrays["value"][...], arrays["stderr"][...] = found.value, found.stderr

    return estimate


def nothing() -> None:
    """The argument of every call."""
