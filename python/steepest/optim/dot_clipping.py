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
    of_all = _coefficients(np.array([norms.total]) / scale, bounds.norm)
    return np.minimum(of_all, _coefficients(norms.each / scale, bounds.tensor_norm))


def _coefficients(norms: Norms, bound: float) -> Norms:
    """What shortens norms to the bound; as in torch.nn.utils.clip_grad_norm_ with a guard."""
    with np.errstate(invalid="ignore"):  # infinite norms, which are left out
        return np.where(np.isfinite(norms), np.minimum(1.0, bound / (norms + 1e-6)), 1.0)


def clipped(
    sides: Sequence[Parts], scales: Norms, value: float, keywords: Mapping[str, Any]
) -> list[list[Sequence[Array | None]]]:
    """Copies in single or double of the gradients of both sides over a scale of each parameter's
    own, their elements brought between -value and value: in one native call."""
    flat = [grad for parts in sides for part in parts for grad in part]
    made = [None if grad is None else _arrays.single_or_double(grad) for grad in flat]
    if any(copy is not None for copy in made):
        limit = None if value == math.inf else value
        each = np.tile(scales, len(sides)).tolist()
        _core.clip_copies(made, flat, each, max_value=limit, **keywords)
    copies = iter(made)
    return [[[next(copies) for _ in part] for part in parts] for parts in sides]
