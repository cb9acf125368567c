"""The learning rate of OASIS: what it is taken from, and the step at it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from .. import _arrays, _core
from .._arrays import Array
from ..curvature import structure as curvature_structure
from ..curvature.structure import Structure, in_c_order
from ..polar import arguments
from ..steps import grad_norm
from .diagonal import HESSIAN, Entry
from .oasis_group import PREVIOUS, OasisGroup

Parts = Sequence[Sequence[Array | None]]


class Pair(NamedTuple):
    """The gradients of a parameter now and at its previous place."""

    entry: Entry
    label: str  # of the previous one
    grad: Array
    previous_grad: Array


def scale_of(given: Any) -> float:
    """grad_scale as a number."""
    return 1.0 if given is None else arguments.between("grad_scale", given, 0.0, math.inf)


def checked(arrays: Sequence[Any], of: Structure, i: int, name: str) -> Array:
    """One gradient where the parameter is, of its shape and of a dtype that goes with it."""
    label = of.label(i, name)
    seen = curvature_structure.read(arrays[i], label, devices=of.devices)
    if seen.is_list:
        raise TypeError(f"{label}: {_arrays.describe(arrays[i])} given, expected an array")
    if seen.shapes[0] != of.shapes[i]:
        raise ValueError(f"{label}: shape {seen.shapes[0]} given, expected {of.shapes[i]}")
    if of.devices:
        of.check_place(i, seen.arrays[0], label)
    if (seen.dtypes[0] == "float64") != (of.dtypes[i] == "float64"):
        expected = "float64" if of.dtypes[i] == "float64" else "a type other than float64"
        raise TypeError(
            f"{label}: dtype {seen.dtypes[0]} given, expected {expected} because the parameter is "
            f"{of.dtypes[i]}"
        )
    return seen.arrays[0]


def rate(group: OasisGroup, pairs: Sequence[Pair], scale: float) -> dict[str, float]:
    """`lr` and `theta` of the coming step, whose estimate is in the states; {}: as they are."""
    if not pairs:
        return {}
    moved, turned = _sums(group, pairs, scale)
    if math.isfinite(moved) and math.isfinite(turned):
        return group.renewed(moved, turned)
    if all(_is_finite(pair.grad) for pair in pairs):
        for pair in pairs:
            if not _is_finite(pair.previous_grad):
                raise ValueError(
                    f"{pair.label}: a NaN or an infinity given, expected finite numbers"
                )
    return {}


def _sums(group: OasisGroup, pairs: Sequence[Pair], scale: float) -> tuple[float, float]:
    """||p - p'||_D^2 and ||g - g'||_1/D^2 for the diagonal that the step makes; two numbers that a
    device is waited for."""
    due = {entry.place for entry in group.due(group.views)}
    tensors = []
    for pair in pairs:
        i = pair.entry.place
        param, diagonal = group.views[i], group.states["exp_hessian_diag"][i]
        before = group.states[PREVIOUS.name][i]
        streams = [param, before, pair.grad, pair.previous_grad, diagonal]
        estimate = in_c_order(group.states[HESSIAN][i]) if i in due else None
        tensors.append((*map(in_c_order, streams), estimate))
    decays = [group.decay(pair.entry.place) for pair in pairs]
    factor = (-1.0 if group.options["maximize"] else 1.0) / scale
    beta2, alpha = float(group.options["beta2"]), float(group.options["alpha"])
    return _core.oasis_measure(tensors, decays, beta2, alpha, factor)


def _is_finite(array: Array) -> bool:
    return bool(grad_norm([array]).finite)


class _Done:
    applied = False


@contextlib.contextmanager
def at(
    groups: Sequence[OasisGroup], rates: Sequence[dict[str, float]], parts: Parts
) -> Iterator[_Done]:
    """The groups at these rates; once a step is applied they keep them, and the parameters before
    it, and otherwise have their old ones again."""
    done = _Done()
    old = [{name: group.options[name] for name in ("lr", "theta")} for group in groups]
    before = [group.copies(part) for group, part in zip(groups, parts, strict=True)]
    try:
        for group, new in zip(groups, rates, strict=True):
            group.options.update(new)
        yield done
    finally:
        for group, copies, kept in zip(groups, before, old, strict=True):
            if done.applied:
                group.remember(copies)
            else:
                group.options.update(kept)
