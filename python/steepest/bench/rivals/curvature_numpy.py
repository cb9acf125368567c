"""Probes in plain NumPy, as a person writes them: NumPy's own Philox, and Welford's update."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..curvature.arrays import DECAY, SAMPLE, SEED, Arrays, Call
from ..curvature.cases import Case
from ..curvature.operator import product

NAME = "numpy"


def available() -> bool:
    return True


def make(case: Case, arrays: Arrays) -> Call | None:
    """The same work into the same arrays."""
    if case.call == "mkor_update":
        return lambda _: _update(arrays["inverse"], arrays["vector"])
    generator = np.random.Generator(np.random.Philox(SEED))
    if case.call == "gaussian":
        probe = arrays["probe"]
        return lambda _: generator.standard_normal(out=probe, dtype=probe.dtype)
    if case.call == "rademacher":
        return lambda _: _signs(generator, arrays["probe"])
    if case.probes:
        return (_trace if case.estimates_trace else _diagonal)(generator, case, arrays)
    return _accumulate(generator, arrays)


def _update(inverse: NDArray[Any], v: NDArray[Any]) -> object:
    """In place: no identity and no copy of the matrix, but the outer product is one."""
    inverse *= DECAY
    inverse.flat[:: len(v) + 1] += 1 - DECAY
    u = inverse @ v
    inverse -= np.outer(u, u / (1 + v @ u))
    return np.abs(inverse).max()


def _signs(generator: np.random.Generator, out: NDArray[Any]) -> NDArray[Any]:
    bits = generator.integers(0, 2, out.size, dtype=np.int8)
    np.multiply(bits, 2, out=out, dtype=out.dtype)
    out -= 1
    return out


def _trace(generator: np.random.Generator, case: Case, arrays: Arrays) -> Call:
    """The loop over probes, and the standard error of its samples."""
    z = np.empty_like(arrays["diagonal"])

    def call(_: Any) -> None:
        samples = [float(z @ product(arrays, _signs(generator, z))) for _ in range(case.probes)]
        arrays["value"][0] = np.mean(samples)
        arrays["stderr"][0] = np.std(samples, ddof=1) / np.sqrt(case.probes)

    return call


def _diagonal(generator: np.random.Generator, case: Case, arrays: Arrays) -> Call:
    """The loop over probes, with mean and squared deviations."""
    z, mean, scatter = np.empty_like(arrays["diagonal"]), arrays["value"], arrays["stderr"]

    def call(_: Any) -> None:
        mean.fill(0)
        scatter.fill(0)
        for sample in range(1, case.probes + 1):
            x = product(arrays, _signs(generator, z))
            x *= z
            deviation = x - mean
            mean[...] += deviation / z.dtype.type(sample)
            x -= mean
            x *= deviation
            scatter[...] += x
        scatter[...] /= case.probes * (case.probes - 1)
        np.sqrt(scatter, out=scatter)

    return call


def _accumulate(generator: np.random.Generator, arrays: Arrays) -> Call:
    h, mean, scatter = arrays["products"], arrays["mean"], arrays["scatter"]
    z, x = np.empty_like(h), np.empty_like(h)

    def call(_: Any) -> object:
        _signs(generator, z)
        np.multiply(z, h, out=x)
        total = x.sum(dtype=np.float64)
        np.subtract(x, mean, out=z)
        np.multiply(z, h.dtype.type(1 / SAMPLE), out=x)
        np.add(mean, x, out=mean)
        np.multiply(z, z, out=z)
        z[...] *= h.dtype.type((SAMPLE - 1) / SAMPLE)
        np.add(scatter, z, out=scatter)
        return total

    return call
