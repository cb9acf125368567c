"""Layers whose gradients are preconditioned from both sides: a weight, perhaps with a bias, and the
inverses of its two Kronecker factors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from .. import _arrays, _elements, steps
from .._arrays import Array
from ..curvature.mkor import mkor_update
from ..polar import products
from .diagonal import Values, precision

LEFT, RIGHT = "left_inverse", "right_inverse"


class Statistics(NamedTuple):
    """Means over the batch, in the precision of the layer: of its inputs, with 1 behind them where
    it has a bias, and of the gradients of its outputs."""

    inputs: Values
    outputs: Values


@dataclass
class Layer:
    """A weight (outputs, ...), whose other axes are its inputs, and a bias (outputs,) or None; its
    inverses are where it is."""

    weight: Array
    bias: Array | None
    weight_at: int  # positions among the parameters of all groups
    bias_at: int | None
    label: str
    inverses: dict[str, Values] = field(default_factory=dict)
    largest: dict[str, float | None] = field(default_factory=dict)  # None: not known

    def __post_init__(self) -> None:
        self.shape = tuple(self.weight.shape)
        self.rows = self.shape[0]
        self.cols = math.prod(self.shape[1:])
        self.dtype = precision(_arrays.dtype_name(self.weight))
        sizes = {LEFT: self.rows, RIGHT: self.cols + (self.bias is not None)}
        self.set_inverses({name: self._identity(size) for name, size in sizes.items()})

    def set_inverses(self, given: Mapping[str, Values]) -> None:
        self.inverses = dict(given)
        self.largest = dict.fromkeys(given)

    def _identity(self, size: int) -> Values:
        return _elements.beside(np.eye(size, dtype=self.dtype), self.weight)

    def copies(self) -> dict[str, Values]:
        return {name: _arrays.copy(inverse) for name, inverse in self.inverses.items()}

    def put_back(self, copies: Mapping[str, Values], largest: Mapping[str, float | None]) -> None:
        """The inverses as they were, in the arrays that a state_dict may have given away."""
        for name, inverse in self.inverses.items():
            _arrays.assign(inverse, copies[name])
        self.largest = dict(largest)

    def update(self, statistics: Statistics, options: Mapping[str, Any]) -> None:
        """The rank-one updates of both inverses. Raises ValueError where one of them is not
        positive definite any more."""
        for name, v in ((LEFT, statistics.outputs), (RIGHT, statistics.inputs)):
            try:
                found = mkor_update(self.inverses[name], v, largest=self.largest[name], **options)
            except ValueError as error:
                raise ValueError(f"{name} of {self.label}: {error}") from None
            self.largest[name] = found.largest

    def precondition(self, grads: Sequence[Array], rescale: bool) -> list[Array]:
        """left_inverse G right_inverse of the gradients of weight and bias together, as arrays of
        the parameters' kinds and layouts; with `rescale` of the norm of G."""
        g = self._matrix(grads)
        made = products.multiply(products.multiply(self.inverses[LEFT], g), self.inverses[RIGHT])
        if rescale:
            made = _rescaled(made, g)
        parts = [made[:, : self.cols].reshape(self.shape), made[:, -1].reshape((self.rows,))]
        like = [self.weight] if self.bias is None else [self.weight, self.bias]
        return [self._in_kind(part, param) for part, param in zip(parts, like, strict=False)]

    def _matrix(self, grads: Sequence[Array]) -> Values:
        """(rows, cols), and the gradient of the bias as the last column."""
        like, name = self.inverses[RIGHT], np.dtype(self.dtype).name
        together = _arrays.zeros(like, name, (self.rows, int(like.shape[0])))
        with _elements.current(together):
            matrix = as_floats(grads[0], self.dtype).reshape((self.rows, self.cols))
            together[:, : self.cols] = matrix
            if self.bias is not None:
                together[:, -1] = as_floats(grads[1], self.dtype).reshape((self.rows,))
        return together

    def _in_kind(self, values: Values, param: Array) -> Array:
        made = _arrays.zeros(param, np.dtype(self.dtype).name)
        _elements.write(made, values)
        return made


def as_floats(array: Array, dtype: type[np.floating[Any]]) -> Values:
    """An array of any float dtype as one of single or double: in NumPy, or on its device."""
    return _elements.floats(array, np.dtype(dtype).name)


def _rescaled(made: Values, gradient: Values) -> Values:
    """A matrix with the Frobenius norm of another one; without a direction it stays as it is. A
    device is not waited for."""
    norms = _elements.beside(steps.grad_norm([made, gradient]).per_tensor, made)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = _elements.chosen(norms[:1] > 0, norms[1:] / norms[:1], 1.0)
    return made * _elements.floats(ratio, _arrays.dtype_name(made))
