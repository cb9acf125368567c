"""Surrogates of the nuclear norm of a Jacobian, from values of the function alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from .. import _arrays
from ..curvature import probes as random
from ..curvature import structure
from ..curvature.estimates import TraceEstimate, trace_estimate
from ..curvature.sampling import MOST_PROBES, checked_callable
from ..curvature.structure import Structure
from ..polar import arguments

Function = Callable[[Any], Any]

_DTYPES = ("float32", "float64")


def jacobian_nuclear_surrogate(
    f: Any, x: Any, sigma: float, probes: int = 16, seed: int = 0
) -> TraceEstimate:
    """Squared Frobenius norm of a Jacobian at x, or its surrogate of the nuclear norm of a product
    of two, by denoising differences:

        ||J||_F^2 = E ||f(x + sigma z) - f(x)||^2 / sigma^2 + O(sigma^2),  z standard normal.

    For a composition f = outer(inner(x)), with the Jacobian J = A B, A of outer at inner(x) and B
    of inner at x, the nuclear norm is at most (||A||_F^2 + ||B||_F^2) / 2, with equality for some
    factors of every J; a network that learns to make this small makes the nuclear norm of J small.

    f : function of one argument like x, which gives an array, or a list, tuple or dict of arrays,
        of float32 or float64, always of the same shapes: the value is ||J||_F^2. Or a pair
        (inner, outer): the value is half the sum of both.
    x : array of float32 or float64 in host memory, or a list, tuple or dict of such. It is not
        changed.
    sigma : size of the displacements. The error from curvature is of the order of sigma^2, that of
        rounding of epsilon |f| / sigma.
    probes : how many displacements, each with one call of every function besides one at x.
    seed : of the Gaussian probes (`steepest.curvature.gaussian`): the same on every CPU.

    Returns a TraceEstimate (||J||_F^2 is the trace of J^T J): value, standard error over the
    probes (NaN for one), `interval`; `products` counts the displaced calls.

    Source: Scarvelis and Solomon, NeurIPS 2024, arXiv 2405.14544; the identity
    E ||J z||^2 = ||J||_F^2 and the bound of the product are elementary.

    Raises TypeError and ValueError for wrong arguments, for results of another structure, dtype or
    shape than at x, and for a NaN or an infinity in them; DeviceError for arrays on a device.
    """
    functions = _functions(f)
    of = structure.read(x, "x", _DTYPES)
    sigma = arguments.between("sigma", sigma, 0.0, math.inf)
    count = arguments.count("probes", probes, 1, MOST_PROBES)
    totals, tensor, point = np.zeros(count), 0, of
    for name, function in functions:
        result = _kept(function(point.pack(point.arrays)), name)
        for k in range(count):
            moved = _displaced(point, sigma, (seed, k, tensor))
            totals[k] += _squared_distance(function(moved), result, name)
        point, tensor = result, tensor + len(point.keys)
    samples = totals / (len(functions) * sigma**2)
    return trace_estimate(samples, count * len(functions))


def _functions(given: Any) -> list[tuple[str, Function]]:
    if not isinstance(given, (tuple, list)):
        return [("f", checked_callable("f", given))]
    if len(given) != 2:
        raise ValueError(f"f: {len(given)} functions given, expected one or (inner, outer)")
    names = ("inner", "outer")
    return [(n, checked_callable(f"f ({n})", f)) for n, f in zip(names, given, strict=True)]


def _kept(given: Any, name: str) -> Structure:
    """A result with arrays of its own: the function may write to its memory again."""
    of = structure.read(given, f"{name}'s result", _DTYPES)
    arrays = of.zeros()
    for own, array in zip(arrays, of.arrays, strict=True):
        _arrays.assign(own, array)
    return replace(of, arrays=tuple(arrays))


def _displaced(point: Structure, sigma: float, draw: tuple[int, int, int]) -> Any:
    """point + sigma z in new arrays; draw is (seed, probe, tensor)."""
    seed, probe, tensor = draw
    moved = point.zeros()
    random.fill(
        moved, point, random.coordinates(point, tensor), random.draw("gaussian", seed, probe)
    )
    for z, start in zip(moved, point.arrays, strict=True):
        place = _arrays.as_numpy(z)
        place[...] = _arrays.as_numpy(start) + sigma * place.astype(np.float64)
    return point.pack(moved)


def _squared_distance(given: Any, result: Structure, name: str) -> float:
    arrays = result.unpack(given, f"{name}'s result")
    total = 0.0
    for there, here in zip(arrays, result.arrays, strict=True):
        difference = _arrays.as_numpy(there).astype(np.float64) - _arrays.as_numpy(here)
        total += float(np.sum(difference * difference))
    if not math.isfinite(total):
        raise ValueError(f"{name}'s result: a NaN or an infinity given, expected finite numbers")
    return total
