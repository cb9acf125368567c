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
from .group import Group
from .low_rank_group import PROJECTOR, LowRankGroup, Step
from .projection import Matrix, Workspace

Parts = Sequence[Sequence[Array | None]]


class LowRankOptimizer(Optimizer):
    """An optimizer whose groups are of this kind."""

    group_class: ClassVar[type[Group]]
    _work: Workspace

    def _run(self, parts: Sequence[Sequence[Any]], options: Mapping[str, Any], stream: Any) -> bool:
        groups = self._low_rank_groups()
        parts = [group.as_matrices(part) for group, part in zip(groups, parts, strict=True)]
        self._check(groups, parts, options, stream)
        scale = _scale(parts, **options)
        if scale is None:
            return False
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


def _scale(
    parts: Parts, grad_scale: Any, max_grad_norm: float | None, skip_nonfinite: bool
) -> float | None:
    """What gradients are divided by; None for a step to be skipped."""
    scale = 1.0 if grad_scale is None else float(grad_scale)
    if max_grad_norm is None and not skip_nonfinite:
        return scale
    norm = grad_norm([grad for part in parts for grad in part])
    if skip_nonfinite and not norm.finite:
        return None
    if max_grad_norm is None:
        return scale
    total = norm.total / scale
    if not math.isfinite(total):
        raise ValueError(
            "max_grad_norm: gradients whose norm is not finite given, expected finite ones: see "
            "skip_nonfinite"
        )
    return scale / min(1.0, float(max_grad_norm) / (total + 1e-6))
