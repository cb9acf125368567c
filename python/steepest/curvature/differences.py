"""Hessian-vector products from gradients alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _arrays, _elements
from .._arrays import Array
from ..polar import arguments
from . import structure
from .products import check_finite
from .sampling import checked_callable
from .structure import Structure

_DTYPES = ("float32", "float64")
_RESULT = "grad_fn's result"


def finite_difference_hvp(
    grad_fn: Callable[[Any], Any], params: Any, eps: float | None = None
) -> Callable[[Any], Any]:
    """A callback for the product H v = (g(p + h v) - g(p - h v)) / (2 h), by central differences.

    grad_fn : gets `params`, whose arrays then hold the displaced values, and returns the gradients
        there in the same structure, kinds, shapes and dtypes.
    params : array of float32 or float64 that may be written, or a list, tuple or dict of such, in
        host memory or on a CUDA device, which is waited for at each product. The arrays are
        displaced in place, and hold their own bits again when the product is there or grad_fn has
        raised.
    eps : the step relative to the sizes, h = eps (1 + |p|) / |v| with 2-norms over all arrays.
        None: the cube root of the coarsest dtype's epsilon (6e-6 for float64, 5e-3 for float32),
        which balances the error of the formula, of order h^2, and of rounding, of order
        epsilon / h. So about two thirds of the digits of the gradients remain.

    Returns a function of v, a structure like params, for the estimators of this module. It takes
    two gradients a product, and none for v = 0.

    Source: the definition of a central difference; Nocedal and Wright (2006), section 8.1, for the
    step.

    Raises TypeError and ValueError for wrong arguments and for gradients of another structure,
    dtype or shape, or with a NaN or an infinity, BufferError for parameters that cannot be written.
    """
    grad_fn = checked_callable("grad_fn", grad_fn)
    of = structure.read(params, "params", _DTYPES, devices=True)
    places = [_writable(array, of.label(i)) for i, array in enumerate(of.arrays)]
    if eps is None:
        eps = max(float(np.finfo(dtype).eps) for dtype in of.dtypes) ** (1 / 3)
    relative = arguments.between("eps", eps, 0.0, math.inf)

    def product(v: Any) -> Any:
        direction = [_seen(array) for array in of.unpack(v, "v")]
        size = _norm(direction)
        if size == 0:
            return of.pack(of.zeros())
        step = relative * (1 + _norm(places)) / size
        if not math.isfinite(step):
            raise ValueError("v: a NaN or an infinity given, there or in params; expected finite")
        kept = [_arrays.copy(place) for place in places]
        try:
            ahead = _gradients(grad_fn, params, of, places, kept, direction, step)
            behind = _gradients(grad_fn, params, of, places, kept, direction, -step)
        finally:
            for place, own in zip(places, kept, strict=True):
                _arrays.assign(place, own)
        results = of.zeros()
        for result, a, b in zip(results, ahead, behind, strict=True):
            _elements.write(result, _elements.divided(a - b, 2 * step))
        return of.pack(results)

    return product


def _gradients(
    grad_fn: Callable[[Any], Any],
    params: Any,
    of: Structure,
    places: list[Array],
    kept: list[Array],
    direction: list[Array],
    step: float,
) -> list[Array]:
    """Copies in float64 of the gradients at kept + step * direction."""
    for place, own, along in zip(places, kept, direction, strict=True):
        moved = _elements.floats(own, "float64") + step * _elements.floats(along, "float64")
        _elements.write(place, moved)
    found = of.unpack(grad_fn(params), _RESULT)
    check_finite(of, found, _RESULT)
    return [_elements.floats_of_its_own(array, "float64") for array in found]


def _norm(arrays: list[Array]) -> float:
    """Over the fixed tree; a device is waited for."""
    return _elements.norm([structure.in_c_order(array) for array in arrays])


def _seen(array: Array) -> Array:
    """An array on a device as it is, another one as NumPy shows it."""
    return array if _elements.is_elsewhere(array) else _arrays.as_numpy(array)


def _writable(array: Any, label: str) -> Array:
    if isinstance(array, structure.Foreign):
        raise TypeError(
            f"{label}: {_arrays.describe(array.array)} given, expected a NumPy or CuPy array or a "
            "torch tensor"
        )
    if _elements.is_elsewhere(array):
        return array
    place = _arrays.as_numpy(array, label)
    if not place.flags.writeable:
        raise BufferError(f"{label}: read-only array given, expected one that may be written")
    return place
