"""The table rows of optimizers that are made of several native rules: their options are the
keywords of the class."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from .table import Rule, Stream, Unused

_NOT_OPTIONS = ("self", "params", "state_dtype", "master_weights", "capturable")


def rule_of(
    cls: type, name: str, streams: tuple[Stream, ...], unused: Mapping[str, Unused] | None = None
) -> Rule:
    """The row of a class, with the defaults of its constructor."""
    parameters = inspect.signature(cls).parameters.values()
    doc = inspect.getdoc(cls) or ""
    return Rule(
        name=name,
        class_name=cls.__name__,
        summary=doc.partition("\n")[0],
        source=doc,
        streams=streams,
        defaults={p.name: p.default for p in parameters if p.name not in _NOT_OPTIONS},
        docs={},
        unused=unused or {},
    )


def shared_options(groups: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    """Options that all groups have to agree on, because their parameters make one system. Raises
    ValueError where they do not."""
    for i, group in enumerate(groups):
        for name in names:
            if group[name] != groups[0][name]:
                raise ValueError(
                    f"{name}: {group[name]!r} given in group {i}, expected {groups[0][name]!r} as "
                    "in the first: all groups make one system"
                )
    return {name: groups[0][name] for name in names}
