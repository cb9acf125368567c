"""Optimizers whose rule reads an estimate of the Hessian's diagonal, the state `hessian`.

A step that takes an estimate has two parts: the estimate is made and checked, which writes nothing;
then it is written to the state, and the rule steps. If the step is refused or skipped the state
gets its old bits back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .. import _arrays, _elements
from .._arrays import Array
from ..curvature import structure as curvature_structure
from ..curvature.structure import Structure
from ..polar import arguments
from .base import Optimizer
from .composite import rule_of
from .group import Group
from .table import Rule, rules

HESSIAN = "hessian"
INTERVAL = "hessian_update_interval"
_MOST_STEPS = 2**31 - 1

Values = (
    Any  # an array of float32 or float64: from NumPy for parameters in host memory, else in kind
)


class Entry(NamedTuple):
    """A parameter that takes an estimate at the coming step."""

    group: CurvatureGroup
    place: int  # in the group

    @property
    def position(self) -> int:
        """Its number among the parameters of all groups."""
        return self.group.first + self.place

    @property
    def state(self) -> Array:
        return self.group.states[HESSIAN][self.place]


class CurvatureGroup(Group):
    """A group with the state `hessian`, renewed every hessian_update_interval steps of each of its
    parameters."""

    def check(self) -> None:
        """Raises for options that the estimate or the step would refuse."""
        self.interval()

    def interval(self) -> int:
        """Steps from one estimate to the next."""
        return arguments.count(INTERVAL, self.options[INTERVAL], 1, _MOST_STEPS)

    def due(self, grads: Sequence[Array | None]) -> list[Entry]:
        """The parameters with a gradient whose coming step takes an estimate: their first, and
        every interval-th after it."""
        if len(grads) != len(self.views):
            raise ValueError(f"grads: {len(grads)} given, expected {len(self.views)}")
        now = self.steps.values() % self.interval() == 0
        return [Entry(self, i) for i, g in enumerate(grads) if g is not None and now[i]]

    def signed(self, values: Values) -> Values:
        """The estimate as the rule is to see it."""
        return values

    def _bind(self) -> None:
        self.check()
        super()._bind()


class CurvatureOptimizer(Optimizer):
    """An optimizer of such groups."""

    group_class: ClassVar[type[Group]] = CurvatureGroup

    @property
    def hessian_due(self) -> bool:
        """Whether the coming step takes an estimate, of any parameter that then has a gradient."""
        return any(group.due(group.views) for group in self._curved())

    def _due(self, parts: Sequence[Sequence[Array | None]]) -> list[Entry]:
        """The entries that are due with these gradients; the options that estimates need are
        checked."""
        groups = self._curved()
        for group in groups:
            group.check()
        return [e for g, part in zip(groups, parts, strict=True) for e in g.due(part)]

    def _like(self) -> Structure:
        """The parameters in the structure that they were given in."""
        return structure_of(self._groups, self._structure, self._names)

    def _given(self, diagonal: Any, entries: Sequence[Entry], name: str) -> list[Values]:
        """The arrays of the entries from a structure like the parameters', in single or double."""
        of = self._like()
        parts, labels = of.parts(diagonal, name), [of.label(e.position, name) for e in entries]
        values = [
            floats(parts[e.position], of, e.position, label)
            for e, label in zip(entries, labels, strict=True)
        ]
        return all_finite(values, labels)

    def _checked_not_given(self, **unwanted: Any) -> None:
        """Raises for what is of no use at a step that takes no estimate."""
        for name, value in unwanted.items():
            if value is not None:
                raise ValueError(
                    f"{name}: given at a step that takes no estimate, expected None: see "
                    "hessian_due and hessian_update_interval"
                )

    def _stepped(
        self,
        entries: Sequence[Entry],
        estimates: Sequence[Values],
        run: Callable[[], Any],
    ) -> bool:
        """The step `run` with these estimates in the states; without a step they are put back."""
        pairs = zip(entries, estimates, strict=True)
        signed = [entry.group.signed(values) for entry, values in pairs]
        return stepped([entry.state for entry in entries], signed, run)

    def _curved(self) -> list[CurvatureGroup]:
        return [group for group in self._groups if isinstance(group, CurvatureGroup)]


def structure_of(groups: Sequence[Group], kind: str, names: Sequence[str] | None) -> Structure:
    """The parameters of all groups in the structure that they were given in.

    Raises ValueError where they are in different places.
    """
    views = [view for group in groups for view in group.views]
    given: Any = views
    if kind == "array":
        given = views[0]
    elif kind == "dict" and names is not None:
        given = dict(zip(names, views, strict=True))
    devices = any(map(_elements.is_elsewhere, views))
    return curvature_structure.read(given, "params", devices=devices)


def copied(parts: Sequence[Sequence[Array | None]]) -> list[Sequence[Array | None]]:
    """Gradients that came from `.grad`, before a function is called that may add to them there, as
    torch's `backward` does."""
    return [[None if grad is None else _arrays.copy(grad) for grad in part] for part in parts]


def stepped(states: Sequence[Array], values: Sequence[Values], run: Callable[[], Any]) -> bool:
    """The step `run` with these values in the states; without a step they are put back."""
    kept = [_arrays.copy(state) for state in states]
    applied = False
    try:
        for state, new in zip(states, values, strict=True):
            _elements.write(state, new)
        applied = bool(run())
    finally:
        for state, old in zip(states, kept, strict=True) if not applied else ():
            _arrays.assign(state, old)
    return applied


def native_rule(cls: type, name: str) -> Rule:
    """The row of a class over one native rule, with the options of its constructor."""
    native = next(rule for rule in rules() if rule.name == name)
    own = rule_of(cls, name, native.streams)
    called = tuple(option for option in native.call_options if option in own.defaults)
    return replace(own, call_options=called)


def floats(array: Any, of: Structure, i: int, label: str) -> Values:
    """An array in the precision that parameter i is computed in, its dtype, shape and place
    checked."""
    shape = of.shapes[i]
    seen = curvature_structure.read(array, label, devices=of.devices)
    if seen.is_list:
        raise TypeError(f"{label}: {_arrays.describe(array)} given, expected an array")
    if seen.shapes[0] != shape:
        raise ValueError(f"{label}: shape {seen.shapes[0]} given, expected {shape}")
    view = seen.arrays[0]
    if of.devices:
        of.check_place(i, view, label)
        view = curvature_structure.in_c_order(view)
    return _elements.floats(view, np.dtype(precision(of.dtypes[i])).name)


def precision(dtype: str) -> type[np.floating[Any]]:
    """What arrays of this dtype are computed in."""
    return np.float64 if dtype == "float64" else np.float32


def finite(values: Values, label: str) -> Values:
    """The values, none of which may be a NaN or an infinity."""
    return all_finite([values], [label])[0]


def all_finite(values: list[Values], labels: Sequence[str]) -> list[Values]:
    """The same of several, of which one read of a device tells."""
    bad = _elements.first_not_finite(values)
    if bad is not None:
        raise ValueError(f"{labels[bad]}: a NaN or an infinity given, expected finite numbers")
    return values
