"""Which parts of the arrays the error check looks at, and walks over whole tensors in parts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..bounded import Bounded, exact
from .buffers import Array, Buffers
from .cases import Case
from .rules import GRADS, PARAMS

_CHUNK = 1 << 16  # elements: intermediate results stay in the second-level cache
_SAMPLE = 2048  # elements per piece
_TENSORS = 8  # looked at in a list


@dataclass(frozen=True)
class Piece:
    """Elements [first, last) of one tensor in its own order."""

    tensor: int
    first: int
    last: int

    def of(self, tensors: list[Array]) -> Array:
        """The elements themselves, not a copy."""
        return tensors[self.tensor].reshape(-1)[self.first : self.last]


def samples(case: Case) -> list[Piece]:
    """Beginning, middle and end of tensors spread over the list, ends of vectors included."""
    return [p for k in looked_at(case) for p in _of_tensor(k, math.prod(case.shapes[k]))]


def looked_at(case: Case) -> list[int]:
    """Tensors spread over the list."""
    chosen = np.linspace(0, len(case.shapes) - 1, _TENSORS).astype(int)
    return sorted({int(k) for k in chosen})


def rows(case: Case) -> list[Piece]:
    """Whole rows: the first, one in the middle and the last of matrices spread over the list."""
    pieces = []
    for tensor in looked_at(case):
        shape = case.shapes[tensor]
        length = math.prod(shape[1:])
        chosen = sorted({0, shape[0] // 2, shape[0] - 1})
        pieces += [Piece(tensor, row * length, (row + 1) * length) for row in chosen]
    return pieces


def _of_tensor(tensor: int, size: int) -> list[Piece]:
    starts = sorted({0, max(0, size // 2 - 1001), max(0, size - _SAMPLE)})
    return [Piece(tensor, first, min(first + _SAMPLE, size)) for first in starts]


def chunks(case: Case, tensor: int) -> Iterator[Piece]:
    """The whole tensor in parts."""
    size = math.prod(case.shapes[tensor])
    for first in range(0, size, _CHUNK):
        yield Piece(tensor, first, min(first + _CHUNK, size))


def precision(case: Case) -> str:
    """The type that the kernels compute in."""
    return "float64" if case.dtype == "float64" else "float32"


def streams_of(case: Case, buffers: Buffers, piece: Piece) -> dict[str, Bounded]:
    """The inputs of a step in that piece, states of rows and columns as its elements find them."""
    x = {name: exact(piece.of(buffers.tensors[name]), precision(case)) for name in case.streams}
    for name in case.facts.vectors:
        x[name] = exact(_of_elements(buffers, name, piece), precision(case))
    return x


def _of_elements(buffers: Buffers, name: str, piece: Piece) -> Array:
    """The values of a state of rows, columns or the tensor that the elements of a piece meet."""
    state = buffers.tensors[name][piece.tensor]
    if state.size == 1:
        return np.full(piece.last - piece.first, state.astype(np.float64).reshape(-1)[0])
    rows, cols = buffers.tensors[PARAMS][piece.tensor].shape[-2:]
    elements = np.arange(piece.first, piece.last)
    of_rows = state.shape[-1] == 1
    index = elements // cols if of_rows else elements // (rows * cols) * cols + elements % cols
    values: Array = state.astype(np.float64).reshape(-1)[index]
    return values


def squares(case: Case, buffers: Buffers) -> float:
    """Sum of the squares of all gradients, in float64."""
    return math.fsum(squares_of(case, buffers, tensor) for tensor in range(len(case.shapes)))


def squares_of(case: Case, buffers: Buffers, tensor: int) -> float:
    """The same of one gradient."""
    parts = (piece.of(buffers.tensors[GRADS]).astype(np.float64) for piece in chunks(case, tensor))
    return math.fsum(float(part @ part) for part in parts)
