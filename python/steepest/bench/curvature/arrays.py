"""The arrays of a case, and our call on them."""

from __future__ import annotations

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
SAMPLE = 3  # an ordinary one: neither the first, nor so late that it changes nothing


def allocate(case: Case) -> dict[str, NDArray[Any]]:
    """Gaussian products; everything else zeros, touched. Of an estimate, its operator."""
    if case.probes:
        return operator(case)
    arrays = {name: np.zeros(case.elements, case.dtype) for name in case.arrays}
    for array in arrays.values():
        array.fill(0)
    if "products" in arrays:
        block = np.random.default_rng(0).standard_normal(1 << 16).astype(case.dtype)
        arrays["products"][:] = np.resize(block, case.elements)
    return arrays


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
