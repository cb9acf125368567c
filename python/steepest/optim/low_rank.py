"""The step of optimizers that keep Adam's moments in a subspace of the gradient.

Everything is checked first, then new projectors are made, which writes nothing either; then the
matrices step one after the other, in memory for the largest of them, and all other parameters in
one native call of AdamW.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from .. import _core
from .._arrays import Array
from ..steps import grad_norm
from .base import Optimizer
from .clipping import clipped
from .group import Group
from .low_rank_group import PROJECTOR, LowRankGroup, Step
from .projection import Matrix, Workspace

Parts = Sequence[Sequence[Array | None]]
_NORM_BOUNDS = ("max_grad_norm", "max_tensor_norm")


class LowRankOptimizer(Optimizer):
    """An optimizer whose groups are of this kind."""

    group_class: ClassVar[type[Group]]
    _work: Workspace

    def _run(self, parts: Sequence[Sequence[Any]], options: Mapping[str, Any], stream: Any) -> bool:
        groups = self._low_rank_groups()
        parts = [group.as_matrices(part) for group, part in zip(groups, parts, strict=True)]
        self._check(groups, parts, options, stream)
        scaled = _scaled(parts, options)
        if scaled is None:
            return False
        parts, scale = scaled
        for group, new in self._projectors(groups, parts, scale):
            for i, projector in new.items():
                group.state(PROJECTOR, i)[...] = projector
        for group, part in zip(groups, parts, strict=True):
            for i in group.projected:
                if part[i] is not None:
                    group.move(i, self._step(group, part, i, scale))
        calls = [c for g, p in zip(groups, parts, strict=True) for c in g.vector_call(p)]
        _core.run(calls, grad_scale=scale)
        for group, part in zip(groups, parts, strict=True):
            group.advance(part)
        return True

    def _check(
        self, groups: Sequence[LowRankGroup], parts: Parts, options: Mapping[str, Any], stream: Any
    ) -> None:
        """Raises for whatever the native calls of a step would refuse."""
        keywords = {**options, "check_only": True}
        if stream is not None:
            keywords["stream"] = stream
        pairs = list(zip(groups, parts, strict=True))
        _core.run([call for group, part in pairs for call in group.check_call(part)], **keywords)
        _core.run([call for group, part in pairs for call in group.vector_call(part)], **keywords)

    def _projectors(
        self, groups: Sequence[LowRankGroup], parts: Parts, scale: float
    ) -> list[tuple[LowRankGroup, dict[int, Matrix]]]:
        """The projectors that are due."""
        return [
            (g, {i: g.new_projector(i, self._step(g, part, i, scale)) for i in g.due(part)})
            for g, part in zip(groups, parts, strict=True)
        ]

    def _step(
        self, group: LowRankGroup, part: Sequence[Array | None], i: int, scale: float
    ) -> Step:
        if not hasattr(self, "_work"):
            self._work = Workspace()
        count = group.steps.next()
        number = count if isinstance(count, int) else count[i]
        return Step(part[i], scale, number, self._work)

    def _low_rank_groups(self) -> list[LowRankGroup]:
        return [group for group in self._groups if isinstance(group, LowRankGroup)]


def _scaled(parts: Parts, options: Mapping[str, Any]) -> tuple[Parts, float] | None:
    """Gradients and what they are divided by; None for a step to be skipped."""
    scale = 1.0 if options["grad_scale"] is None else float(options["grad_scale"])
    bounds = [name for name in _NORM_BOUNDS if options[name] is not None]
    if not bounds and options["max_grad_value"] is None and not options["skip_nonfinite"]:
        return parts, scale
    norm = grad_norm([grad for part in parts for grad in part])
    if options["skip_nonfinite"] and not norm.finite:
        return None
    total = norm.total / scale
    if bounds and not math.isfinite(total):
        raise ValueError(
            f"{bounds[0]}: gradients whose norm is not finite given, expected finite ones: see "
            "skip_nonfinite"
        )
    if options["max_tensor_norm"] is not None or options["max_grad_value"] is not None:
        made = clipped(parts, options)
        return None if made is None else (made, 1.0)
    if not bounds:
        return parts, scale
    return parts, scale / min(1.0, float(options["max_grad_norm"]) / (total + 1e-6))
