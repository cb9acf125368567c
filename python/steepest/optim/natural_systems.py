"""The damped system of a natural gradient over all parameters, and its solvers.

Vectors hold the elements of all parameters one after the other, in C order. Those of parameters
without a gradient take no part: rows and columns of theirs are left out of the matrix.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .. import _arrays, _elements
from .._arrays import Array
from ..curvature import structure as curvature_structure
from ..curvature.conjugate import Recurrence, allowance, reached, solve
from ..curvature.damped import pack
from ..curvature.factored import Factored
from ..curvature.operator import DTYPES, Operator
from ..curvature.rows import Rows
from ..curvature.sampling import checked_callable
from ..curvature.solutions import CGSolution, FisherSolution
from ..curvature.structure import Structure, in_c_order
from ..curvature.vectors import Vector, dot, flat, largest, norm, shifted, zeros
from ..polar import arguments
from .diagonal import finite

FISHER = "fisher"
_MOST_SAMPLES = 2**53
_DIVERGED = 10.0  # times the least residual: with steps that are short enough it only falls
_CLIP_EPS = 1e-6  # as in the native clipping


@dataclass(frozen=True)
class System:
    """(F + D) x = b without F."""

    of: Structure  # of the parameters, with the dtypes of their solutions
    active: Sequence[int]  # the parameters that take part
    damping: Vector  # the diagonal of D
    right: Vector  # b, zero elsewhere

    def parts(self, v: Vector) -> list[Vector]:
        """The part of each parameter."""
        ends = np.cumsum([0, *self.of.sizes]).tolist()
        return [v[begin:end] for begin, end in pairwise(ends)]

    def has_elements(self) -> bool:
        return any(self.of.sizes[i] for i in self.active)

    def mask(self) -> Array:
        """Which elements take part, beside the vectors."""
        on = [np.full(size, i in set(self.active)) for i, size in enumerate(self.of.sizes)]
        return _elements.beside(np.concatenate(on), self.right)


class Solved(NamedTuple):
    """x with how it was found, and a function v -> v^T (F + D) v."""

    x: Vector
    report: CGSolution | FisherSolution
    square: Any


class Bounds(NamedTuple):
    """What gradients over their scale are clipped to; None: no bound."""

    max_grad_norm: Any
    max_tensor_norm: Any
    max_grad_value: Any

    def applied(self, grads: Mapping[int, Vector], scale: float) -> dict[int, Vector]:
        """The gradients over the scale, each made as short as its stricter bound on a norm wants,
        and then bounded by element."""
        values, tensor = self._positive("max_grad_value"), self._positive("max_tensor_norm")
        factors = dict.fromkeys(grads, 1.0)
        if (total := self._total()) < math.inf:
            norm = math.sqrt(sum(dot(g, g) for g in grads.values())) / scale
            factors = dict.fromkeys(grads, _shorter(total, norm))
        if tensor < math.inf:
            norms = {i: math.sqrt(dot(g, g)) / scale for i, g in grads.items()}
            factors = {i: min(factors[i], _shorter(tensor, n)) for i, n in norms.items()}
        return {i: (factors[i] / scale * g).clip(-values, values) for i, g in grads.items()}

    def _total(self) -> float:
        bound = self.max_grad_norm
        if bound is None or bound == math.inf:
            return math.inf
        return float(arguments.at_least("max_grad_norm", bound, 0.0))

    def _positive(self, name: str) -> float:
        bound = getattr(self, name)
        if bound is None or bound == math.inf:
            return math.inf
        found = float(arguments.at_least(name, bound, 0.0))
        if found == 0.0:
            raise ValueError(f"{name}: {bound!r} given, expected a number > 0")
        return found


def _shorter(bound: float, norm: float) -> float:
    """The factor that brings a norm down to a bound."""
    return min(1.0, bound / (norm + _CLIP_EPS))


def check_fisher(fisher: Any, samples: Any, solver: str) -> None:
    if fisher is None:
        raise ValueError(f"{FISHER}: None given, expected arrays or a function")
    if solver != "woodbury":
        checked_callable(FISHER, fisher)
        if samples is not None:
            raise ValueError(f"samples: given with solver={solver!r}, expected None")
    elif callable(fisher) and not _arrays.is_array(fisher):
        raise TypeError(f'{FISHER}: a function given, expected arrays with solver="woodbury"')


# ---- iterations


class _Restricted(Operator):
    """The callback's operator on the elements that take part."""

    def __init__(self, product: Any, system: System) -> None:
        like = system.of.pack(system.of.zeros())
        super().__init__(product, like, 0, name=FISHER, like_name="params")
        self.mask = system.mask()

    def probe(self, number: int, distribution: str = "rademacher") -> Vector:
        return _elements.chosen(self.mask, super().probe(number, distribution), 0.0)

    def __call__(self, v: Vector) -> Vector:
        return _elements.chosen(self.mask, super().__call__(v), 0.0)


def iterated(system: System, product: Any, start: Vector, options: Mapping[str, Any]) -> Solved:
    """By the solver of the options from `start`, with the callback v -> F v."""
    operator = _Restricted(product, system)
    if options["check_symmetry"]:
        operator.check_symmetry()
    begin = operator.zeros() if largest(system.right) == 0 else start
    begin = _elements.chosen(operator.mask, begin, 0.0)
    process = Recurrence(operator, system.damping, system.right, begin)
    tol, limit = float(options["tol"]), int(options["max_iter"])
    if options["solver"] == "cg":
        found = solve(process, tol, limit)
    else:
        found = _relaxed(process, float(options["time_step"]), tol, limit)

    def square(v: Vector) -> float:
        rounded = operator.rounded(v)
        return dot(rounded, process.apply(rounded))

    return Solved(flat(operator.of.unpack(found.x, "x")), found, square)


def _relaxed(process: Recurrence, time_step: float, tol: float, limit: int) -> CGSolution:
    """Euler steps of dx = (b - (F + D) x) dt from the point of the process."""
    operator, allowed = process.operator, allowance(process.b, tol)
    rest, iterations = shifted(process.residual, process.unit), 0
    least = norm(rest)
    while (size := norm(rest)) > allowed and iterations < limit:
        least = min(least, size)
        if size > _DIVERGED * least:
            raise ValueError(
                f"time_step: {time_step} given, with which the residual has grown from {least:.3g} "
                f"to {size:.3g}, expected less than 2 over the largest eigenvalue of F + damping I"
            )
        process.x = operator.rounded(process.x + time_step * rest)
        rest, iterations = process.true_residual(), iterations + 1
    x = operator.pack(process.x)
    return CGSolution(x, size, iterations, operator.products, reached(size, allowed))


# ---- Woodbury's identity


def factored(system: System, given: Any, samples: Any) -> Solved:
    """By a Cholesky factorisation in the smaller space, with the samples' gradients.

    Variables y = (D / d)^(1/2) x for the least d of D have the damping d alone.
    """
    matrices = read_rows(system.of, system.active, system.of.parts(given, FISHER), FISHER)
    rows = int(matrices[0].shape[0])
    count = arguments.count("samples", rows if samples is None else samples, 1, _MOST_SAMPLES)
    mask = system.mask()
    damping, right = system.damping[mask], system.right[mask]
    least = float(damping.min())
    scale = None if float(damping.max()) == least else _elements.sqrt(least / damping)
    factors = Factored(Rows(matrices, scale), count * least, "auto")
    y, residual = factors.solve(g=count * (right if scale is None else scale * right))
    residual, active, plain = residual / count, y, Rows(matrices)
    if scale is not None:
        active = scale * y
        rest = plain.transposed_times(plain.times(active)) / count + damping * active
        residual = norm(right - rest)
    x = zeros(system.right, int(mask.shape[0]))
    x[mask] = active

    def square(v: Vector) -> float:
        along = plain.times(v[mask])
        return dot(along, along) / count + dot(v[mask], damping * v[mask])

    with np.errstate(over="ignore"):
        packed = pack(system.of, x)
    report = FisherSolution(packed, residual, factors.side)
    return Solved(x, report, square)


def read_rows(of: Structure, active: Sequence[int], parts: Sequence[Any], name: str) -> list[Array]:
    """The matrices (rows, elements) of the parameters that take part, not copied, on a device in C
    order; `parts` has an entry for every parameter."""
    matrices: list[Array] = []
    for i in active:
        label, wanted = of.label(i, name), of.shapes[i]
        if not _arrays.is_array(parts[i]):
            raise TypeError(f"{label}: {_arrays.describe(parts[i])} given, expected an array")
        seen = curvature_structure.read(parts[i], label, DTYPES, devices=of.devices)
        shape = seen.shapes[0]
        rows = shape[:1] if not matrices else (int(matrices[0].shape[0]),)
        if shape != (*rows, *wanted) or rows in ((), (0,)):
            known = str(rows[0]) if matrices else "rows"
            expected = ", ".join([known, *map(str, wanted)])
            raise ValueError(f"{label}: shape {shape} given, expected ({expected})")
        view = seen.arrays[0]
        if of.devices:
            of.check_place(i, view, label)
        matrix = in_c_order(view) if of.devices else _arrays.as_numpy(view)
        matrices.append(finite(matrix.reshape((rows[0], math.prod(wanted))), label))
    return matrices
