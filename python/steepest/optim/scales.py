"""Learning rates per tensor from shapes: mu-P, u-mu-P and the spectral condition.

Each function takes shapes and what the tensors are, and returns one factor per tensor, to multiply
a learning rate that was found once with:

    kinds = ["input", "hidden", "hidden", "output"]
    factors = steepest.optim.scales.mup([p.shape for p in params], kinds, base=256)
    opt = steepest.optim.Adam(params, lr=[1e-3 * f for f in factors])

A weight (fan_out, fan_in) maps fan_in numbers to fan_out; a kernel (out, in, k...) has a fan_in of
in times the elements of k. An embedding, a table (entries, width) that is looked up, is an input
weight whose fan_out is its width: give its shape as (width, entries). Fewer dimensions than two are
biases and gains, of fan_in 1 whatever their kind.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from ..polar import arguments

__all__ = ["fans", "mup", "spectral", "u_mup"]

KINDS = ("input", "hidden", "output")
OPTIMIZERS = ("adam", "sgd")
_FIXED = "fixed"  # what has no dimension that grows with the width


class Fans(NamedTuple):
    """How many numbers a tensor maps to and from."""

    fan_out: int
    fan_in: int


def fans(shape: Iterable[int]) -> Fans:
    """(fan_out, fan_in) of a shape, ints: (n, 1) for a vector of n, (1, 1) for a scalar.

    shape : ints. Source: Yang et al., arXiv 2203.03466, for the names.

    Raises TypeError for lengths that are no integers, ValueError for lengths below 1.
    """
    lengths = [arguments.count("shape", n, 1, 2**62) for n in shape]
    if not lengths:
        return Fans(1, 1)
    return Fans(lengths[0], math.prod(lengths[1:]))


def mup(
    shapes: Sequence[Iterable[int]],
    kinds: Sequence[str] | str = "hidden",
    *,
    optimizer: str = "adam",
    base: int | None = None,
) -> list[float]:
    """Factors of mu-P (Yang et al., arXiv 2203.03466, table 3).

    shapes : of the tensors, of ints.
    kinds : "input", "hidden" or "output", one for all or one for each.
        Vectors are input weights, as the paper has biases; but those given as "output", biases of
        the outputs, and scalars have no dimension that grows with the width, and factors of 1.
    optimizer : "adam" (and its relatives whose step does not depend on the size of gradients):
        1, 1 / fan_in, 1 / fan_in for input, hidden and output weights; "sgd": fan_out, 1,
        1 / fan_in.
    base : the width that the learning rate was found at: fans are divided by it, so that factors
        are 1 there. None: 1. Fans that do not grow with the width (the input's fan_in, the
        output's fan_out) enter none of the factors.

    With these go initial variances of 1 / fan_in, and of 1 / fan_in^2 for output weights. Models
    that divide their outputs by fan_in instead, as the authors' package mup does (table 8), leave
    output weights at 1 for "adam", as if they were input weights, and have fan_in for "sgd". Raises
    TypeError and ValueError for wrong shapes, kinds or names.
    """
    arguments.one_of("optimizer", optimizer, OPTIMIZERS)
    width = 1 if base is None else arguments.count("base", base, 1, 2**62)
    table: dict[str, dict[str, Callable[[Fans], float]]] = {
        "adam": {
            "input": lambda f: 1.0,
            "hidden": lambda f: width / f.fan_in,
            "output": lambda f: width / f.fan_in,
            _FIXED: lambda f: 1.0,
        },
        "sgd": {
            "input": lambda f: f.fan_out / width,
            "hidden": lambda f: 1.0,
            "output": lambda f: width / f.fan_in,
            _FIXED: lambda f: 1.0,
        },
    }
    return [table[optimizer][kind](fan) for fan, kind in _tensors(shapes, kinds)]


def u_mup(
    shapes: Sequence[Iterable[int]],
    kinds: Sequence[str] | str = "hidden",
    *,
    residual_layers: int | None = None,
) -> list[float]:
    """Factors of u-mu-P for Adam (Blake et al., arXiv 2407.17465, table 2).

    1 / sqrt(fan_out), 1 / sqrt(fan_in), 1 for input, hidden and output weights; 1 for vectors and
    scalars, apart from depth. residual_layers : the number of layers on residual branches: whatever
    is hidden, to be what lies on branches, has a further 1 / sqrt(residual_layers), biases and
    gains included as in the authors' package unit-scaling.

    With these go weights that begin with variance 1 and are multiplied in the model by 1,
    1 / sqrt(fan_in) and 1 / fan_in. shapes, kinds and errors as `mup` has them.
    """
    depth = 1
    if residual_layers is not None:
        depth = arguments.count("residual_layers", residual_layers, 1, 2**62)
    factors = []
    for fan, kind, dimensions in _named(shapes, kinds):
        weight = dimensions >= 2
        if kind == "hidden":
            factors.append(1 / math.sqrt((fan.fan_in if weight else 1) * depth))
        elif kind == "input" and weight:
            factors.append(1 / math.sqrt(fan.fan_out))
        else:
            factors.append(1.0)
    return factors


def spectral(shapes: Sequence[Iterable[int]], *, optimizer: str = "sgd") -> list[float]:
    """Factors of the spectral condition (Yang, Simon and Bernstein, arXiv 2310.17813), for every
    layer alike.

    optimizer : "sgd", fan_out / fan_in, so that updates have a spectral norm of the order of
        sqrt(fan_out / fan_in) (their parametrization 1); "adam", 1 / fan_in, where the elements of
        an update are of order 1.

    With these go initial standard deviations of min(1, sqrt(fan_out / fan_in)) / sqrt(fan_in).
    Vectors are matrices of one column, as biases are in the paper. shapes and errors as `mup` has
    them.
    """
    arguments.one_of("optimizer", optimizer, OPTIMIZERS)
    found = [fan for fan, _ in _tensors(shapes, "hidden")]
    if optimizer == "adam":
        return [1 / fan.fan_in for fan in found]
    return [fan.fan_out / fan.fan_in for fan in found]


def _tensors(shapes: Any, kinds: Sequence[str] | str) -> list[tuple[Fans, str]]:
    """Fans and kinds, checked; vectors and scalars as `mup` has them."""
    found = []
    for fan, name, dimensions in _named(shapes, kinds):
        vector = "input" if dimensions == 1 and name != "output" else _FIXED
        found.append((fan, name if dimensions >= 2 else vector))
    return found


def _named(shapes: Any, kinds: Sequence[str] | str) -> list[tuple[Fans, str, int]]:
    """Fans, the kinds given and how many dimensions there are, checked."""
    given = [tuple(shape) for shape in shapes]
    names = [kinds] * len(given) if isinstance(kinds, str) else list(kinds)
    if len(names) != len(given):
        raise ValueError(f"kinds: {len(names)} given, expected one or {len(given)}, as shapes")
    for name in names:
        arguments.one_of("kinds", name, KINDS)
    return [(fans(shape), name, len(shape)) for shape, name in zip(given, names, strict=True)]
