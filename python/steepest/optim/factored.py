"""Groups of parameters that are seen as matrices, and divided by the outer product of two vectors
each, the states `output_factor` and `input_factor`."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _arrays, _elements
from .._arrays import Array
from ..curvature.fisher import coefficients
from ..curvature.structure import in_c_order
from ..polar import arguments
from .diagonal import Values, finite, precision
from .group import Group
from .kronecker import as_floats

OUTPUT, INPUT = "output_factor", "input_factor"
INTERVAL = "factor_update_interval"
_MOST_STEPS = 2**31 - 1
_FLOATS = ("float64", "float32", "bfloat16", "float16")


class Renewed(NamedTuple):
    """A state and what it is to be at the coming step."""

    state: Array
    values: Values


class FactoredGroup(Group):
    """Its parameters of more than two axes are matrices (outputs, inputs), all axes but the first
    in one; their factors are renewed every factor_update_interval steps of each."""

    def check(self) -> None:
        """Raises for options that a renewal would refuse, or that would divide by zero: entries of
        the factors may be 0."""
        self.interval()
        self.shares()
        arguments.between("damping", self.options["damping"], 0.0, math.inf)

    def shares(self) -> tuple[float, float]:
        """What a renewal takes of the old factors and of the new."""
        return coefficients(self.options["gammas"], self.options["average"], "average")

    def interval(self) -> int:
        """Steps from one renewal to the next."""
        return arguments.count(INTERVAL, self.options[INTERVAL], 1, _MOST_STEPS)

    def due(self, grads: Sequence[Array | None]) -> list[int]:
        """The parameters with a gradient whose coming step renews their factors: their first, and
        every interval-th after it."""
        if len(grads) != len(self.views):
            raise ValueError(f"grads: {len(grads)} given, expected {len(self.views)}")
        now = self.steps.values() % self.interval() == 0
        return [i for i, grad in enumerate(grads) if grad is not None and now[i]]

    def renewed(self, i: int, pair: Any, what: str) -> list[Renewed]:
        """The factors of parameter i with a new pair taken in, checked."""
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(
                f"{what}: {_arrays.describe(pair)} given, expected a pair (output, input)"
            )
        keep, take = self.shares()
        made = []
        for name, given in zip((OUTPUT, INPUT), pair, strict=True):
            state = self.states[name][i]
            label = f"{what}, {name.removesuffix('_factor')}"
            new = _factor(given, state, label).reshape(tuple(state.shape))
            with np.errstate(over="ignore"):
                values = keep * as_floats(state, np.float64) + take * new
                narrow = as_floats(values, precision(_arrays.dtype_name(state)))
            made.append(Renewed(state, finite(narrow, label)))
        return made

    # ---- parameters and gradients as matrices

    def call(
        self, grads: Sequence[Array | None]
    ) -> tuple[Any, Sequence[Array | None], dict[str, Any]]:
        return super().call([self._gradient(i, grad) for i, grad in enumerate(grads)])

    def _gradient(self, i: int, grad: Array | None) -> Array | None:
        """A gradient in the shape of the view; the native call checks all that is said nothing of
        here."""
        if i >= len(self.arrays) or not _arrays.is_array(grad):
            return grad
        shape = tuple(_arrays.view(self.arrays[i]).shape)
        if len(shape) <= 2:
            return grad
        what = f"grads[{self.first + i}]"
        view = _arrays.view(grad, what)
        if tuple(view.shape) != shape:
            raise ValueError(f"{what}: shape {tuple(view.shape)} given, expected {shape}")
        return as_matrix(view, what)

    def _view(self, i: int, param: Array) -> Array:
        return as_matrix(super()._view(i, param), f"params[{self.first + i}]")

    # ---- states

    def ensure_states(self, names: Collection[str]) -> None:
        new = [name for name in (OUTPUT, INPUT) if name in names and name not in self.states]
        super().ensure_states(names)
        for name in new:
            for i in range(len(self.views)):
                self.reset_state(name, i)

    def reset_state(self, name: str, i: int) -> None:
        if name in (OUTPUT, INPUT):
            _arrays.fill(self.states[name][i], 1.0)
        else:
            super().reset_state(name, i)

    def _bind(self) -> None:
        self.check()
        super()._bind()


def as_matrix(x: Array, what: str) -> Array:
    """The same memory with all axes but the first in one, of more than two."""
    shape = tuple(x.shape)
    if len(shape) <= 2:
        return x
    in_order = x.is_contiguous() if _arrays.torch_of(x) is not None else x.flags.c_contiguous
    if not in_order:
        raise ValueError(
            f"{what}: array of shape {shape} in another memory order given, expected C order, as "
            "it has more than two axes"
        )
    return x.reshape((shape[0], math.prod(shape[1:])))


def _factor(given: Any, state: Array, what: str) -> Values:
    """A factor in float64, checked; on a device that waits."""
    size = math.prod(state.shape)
    if not _arrays.is_array(given):
        raise TypeError(f"{what}: {_arrays.describe(given)} given, expected an array")
    view = _arrays.view(given, what)
    if _arrays.dtype_name(view) not in _FLOATS:
        raise TypeError(f"{what}: {_arrays.dtype_name(view)} given, expected a float dtype")
    if tuple(view.shape) != (size,):
        raise ValueError(f"{what}: shape {tuple(view.shape)} given, expected ({size},)")
    _elements.check_beside(view, state, what)
    values = finite(as_floats(in_c_order(view), np.float64), what)
    if bool((values < 0).any()):
        raise ValueError(f"{what}: {float(values.min())} given, expected numbers of at least 0")
    return values
