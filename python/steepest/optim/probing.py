"""Diagonals from products with random vectors, for some of the parameters of an optimizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _arrays, _core, _elements
from .._arrays import Array
from ..curvature.probes import draw
from ..curvature.sampling import RESULT, Hvp
from ..curvature.structure import Structure
from ..polar import arguments
from . import structure
from .diagonal import (
    HESSIAN,
    CurvatureGroup,
    CurvatureOptimizer,
    Entry,
    Values,
    copied,
    precision,
)
from .streams import on_its_stream

MOST_PROBES = 2**20
_PROBE_NUMBERS = 2**32

Draw = tuple[int, int, int]  # seed, number of the probe, distribution


class Statistics(NamedTuple):
    """The running mean of z * (H z) of one parameter, and the scatter around it."""

    mean: Values
    scatter: Values


class ProbingGroup(CurvatureGroup):
    """Its estimates are means over `probes` random vectors."""

    def check(self) -> None:
        super().check()
        self.probes()
        draw(self.distribution(), self.options["seed"], 0)

    def probes(self) -> int:
        """How many random vectors make an estimate."""
        return arguments.count("probes", self.options["probes"], 1, MOST_PROBES)

    def distribution(self) -> str:
        return "rademacher"

    def draw(self, index: int, sample: int) -> Draw:
        """The random vector of a parameter: a function of the seed and of its steps so far, so a
        restored optimizer goes on with the same ones."""
        number = (self.drawn(index) + sample) % _PROBE_NUMBERS
        return draw(self.distribution(), self.options["seed"], number)

    def samples(self, index: int) -> int:
        """How many random vectors make the coming estimate of a parameter."""
        return self.probes()

    def drawn(self, index: int) -> int:
        """The number of the first of them."""
        return int(self.steps.values()[index]) * self.probes()

    def estimate(self, index: int, mean: Values) -> Values:
        """What the step divides by, from the mean over the probes."""
        return mean


class ProbingOptimizer(CurvatureOptimizer):
    """An optimizer of such groups, that is given a product or the diagonal itself."""

    group_class = ProbingGroup

    @on_its_stream
    def step(
        self,
        grads: structure.Gradients = None,
        hvp: Hvp | None = None,
        *,
        hessian: Any = None,
        grad_scale: Any = None,
        max_grad_norm: float | None = None,
        max_tensor_norm: float | None = None,
        max_grad_value: float | None = None,
        skip_nonfinite: bool = False,
        stream: Any = None,
    ) -> bool:
        """Updates all parameters of all groups, at first the estimate where one is due.

        grads, grad_scale, max_grad_norm, max_tensor_norm, max_grad_value, skip_nonfinite : as in
            `steepest.optim.Optimizer.step`.
            Neither scale nor clipping is applied to the Hessian.
        hvp : callback that gets a random vector z in the structure of the parameters (a list for
            group dicts), of their shapes, dtypes and kinds, and returns H z in the same. Called
            once for each probe of an estimate, and not at all when none is due. z is zero at
            parameters that take no estimate at this step, as are those without a gradient.
        hessian : the diagonal instead, as estimated by other means, in that structure and of any
            float dtype; it is taken as it is, without the group's averaging. Entries of parameters
            that take no estimate may be None.
        stream : where all work on a device is enqueued; meanwhile the framework's current one, for
            functions of the caller, too. None: that is the one as it is.

        The coming step of a parameter takes an estimate if the number of its steps so far is a
        multiple of hessian_update_interval: `hessian_due` tells.

        Returns whether the step was applied. Raises TypeError and ValueError as Optimizer.step
        does; for neither or both of hvp and hessian when an estimate is due and for a hessian when
        none is; for a product or diagonal of another structure, kind, dtype or shape, or with a
        NaN or an infinity. Then nothing has been changed.
        """
        parts = self._parts(grads)
        entries = self._due(parts)
        if grads is None and entries and callable(hvp):
            parts = copied(parts)
        estimates = self._estimates(entries, hvp, hessian)
        options = {
            "grad_scale": grad_scale,
            "max_grad_norm": max_grad_norm,
            "max_tensor_norm": max_tensor_norm,
            "max_grad_value": max_grad_value,
            "skip_nonfinite": skip_nonfinite,
        }
        return self._stepped(entries, estimates, lambda: self._run(parts, options, stream))

    def _estimates(self, entries: Sequence[Entry], hvp: Any, hessian: Any) -> list[Values]:
        if hvp is not None and not callable(hvp):
            raise TypeError(f"hvp: {type(hvp).__name__} given, expected a function")
        if hvp is not None and hessian is not None:
            raise ValueError(f"{HESSIAN}: given beside hvp, expected one of them")
        if not entries:
            self._checked_not_given(hessian=hessian)
            return []
        if hessian is not None:
            return self._given(hessian, entries, HESSIAN)
        if hvp is None:
            raise ValueError(
                "hvp: None given, expected a function (or hessian) at a step that takes an estimate"
            )
        return _diagonals(hvp, self._like(), entries)


def _diagonals(hvp: Hvp, of: Structure, entries: Sequence[Entry]) -> list[Values]:
    """One estimate per entry."""
    statistics = [_zeros(of, e.position) for e in entries]
    samples = [_group(e).samples(e.place) for e in entries]
    for sample in range(max(samples)):
        active = [k for k, count in enumerate(samples) if sample < count]
        _take(hvp, of, entries, statistics, active, sample)
    return [_group(e).estimate(e.place, s.mean) for e, s in zip(entries, statistics, strict=True)]


def _take(
    hvp: Hvp,
    of: Structure,
    entries: Sequence[Entry],
    statistics: Sequence[Statistics],
    active: Sequence[int],
    sample: int,
) -> None:
    """Takes one product into the statistics of the active entries."""
    z = of.zeros()
    together: dict[Draw, list[int]] = {}
    for k in active:
        together.setdefault(_group(entries[k]).draw(entries[k].place, sample), []).append(k)
    for what, those in together.items():
        positions = [entries[k].position for k in those]
        where = [(position, 0) for position in positions]
        _core.probe_fill([z[position] for position in positions], True, where, what)
    products = of.unpack(hvp(of.pack(z)), RESULT)
    for what, those in together.items():
        positions = [entries[k].position for k in those]
        given = [products[position] for position in positions]
        kept = [(*statistics[k], None) for k in those]
        _accumulate(of, positions, given, kept, what, sample)


def _accumulate(
    of: Structure,
    positions: Sequence[int],
    products: Sequence[Array],
    statistics: Sequence[tuple[Any, Any, None]],
    what: Draw,
    sample: int,
) -> None:
    where = [(position, 0) for position in positions]
    ones = [1] * len(positions)
    _, sums = _core.probe_accumulate(products, statistics, True, ones, where, what, sample + 1)
    sums = _arrays.to_host(sums)  # of a device one read per product, which waits for it
    for position, total in zip(positions, sums, strict=True):
        if not np.isfinite(total):
            raise ValueError(
                f"{of.label(position, RESULT)}: a NaN or an infinity given, expected finite "
                "products"
            )


def _zeros(of: Structure, i: int) -> Statistics:
    shape, dtype = of.shapes[i], np.dtype(precision(of.dtypes[i]))
    if _elements.is_elsewhere(of.arrays[i]):
        made = (_arrays.zeros(of.arrays[i], dtype.name, shape) for _ in range(2))
        return Statistics(*made)
    return Statistics(np.zeros(shape, dtype), np.zeros(shape, dtype))


def _group(entry: Entry) -> ProbingGroup:
    assert isinstance(entry.group, ProbingGroup)
    return entry.group
