"""The bounds of a step with two gradients per parameter: those of each count as one vector."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _arrays, _core
from .._arrays import Array
from ..polar import arguments
from ..steps import grad_norm

Parts = Sequence[Sequence[Array | None]]
Norms = NDArray[np.float64]

_stage = _core.bind_stage("clip")


class Bounds(NamedTuple):
    """Of the norm of all gradients, of that of each parameter, of the size of an element."""

    norm: float
    tensor_norm: float
    value: float

    @staticmethod
    def read(norm: float | None, tensor_norm: float | None, value: float | None) -> Bounds:
        """Infinity where there is none. Raises TypeError or ValueError, naming the option."""
        given = {"max_grad_norm": norm, "max_tensor_norm": tensor_norm, "max_grad_value": value}
        return Bounds(
            *(
                math.inf if bound is None else arguments.between(name, bound, 0.0, math.inf)
                for name, bound in given.items()
            )
        )

    def needs_norms(self) -> bool:
        """Whether gradients are to be measured."""
        return self.norm < math.inf or self.tensor_norm < math.inf

    def one_scale_for_all(self) -> bool:
        """Whether dividing all gradients by one number does it."""
        return self.tensor_norm == math.inf and self.value == math.inf


class Norms2(NamedTuple):
    """Norms of the two gradients of each parameter together, of all, and whether all is finite."""

    each: Norms
    total: float
    finite: bool


def measured(parts: Parts, kd_parts: Parts, keywords: Mapping[str, Any]) -> Norms2:
    """In one pass over all gradients."""
    grads = [grad for side in (parts, kd_parts) for part in side for grad in part]
    if all(grad is None for grad in grads):
        return Norms2(np.zeros(len(grads) // 2), 0.0, True)
    found = grad_norm(grads, **keywords)
    both = np.asarray(_arrays.to_host(found.per_tensor), np.float64).reshape(2, -1)
    return Norms2(np.hypot(both[0], both[1]), float(found.total), bool(found.finite))


def coefficients(norms: Norms2, bounds: Bounds, scale: float) -> Norms:
    """What each parameter's gradients are multiplied by for the bounds on norms, the stricter one
    counting, beside being divided by the scale."""
    of_all = _coefficient(norms.total / scale, bounds.norm)
    own = [_coefficient(norm / scale, bounds.tensor_norm) for norm in norms.each]
    return np.minimum(of_all, np.array(own, np.float64))


def _coefficient(norm: float, bound: float) -> float:
    """What shortens a norm to the bound; as in torch.nn.utils.clip_grad_norm_ with a guard."""
    return min(1.0, bound / (norm + 1e-6)) if math.isfinite(norm) else 1.0


def clipped(
    parts: Parts, scales: Norms, value: float, keywords: Mapping[str, Any]
) -> list[Sequence[Any]]:
    """Copies in single or double of gradients over a scale of each parameter's own, their elements
    brought between -value and value."""
    flat = [grad for part in parts for grad in part]
    made = [None if grad is None else _arrays.zeros(grad, _precision(grad)) for grad in flat]
    for scale in np.unique(scales):
        chosen = [i for i in np.flatnonzero(scales == scale) if flat[i] is not None]
        if chosen:
            limit = None if value == math.inf else value
            _stage(
                [made[i] for i in chosen],
                [flat[i] for i in chosen],
                grad_scale=float(scale),
                max_grad_value=limit,
                **keywords,
            )
    copies = iter(made)
    return [[next(copies) for _ in part] for part in parts]


def _precision(grad: Array) -> str:
    return "float64" if _arrays.dtype_name(grad) == "float64" else "float32"
