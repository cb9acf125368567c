"""Clipped copies of gradients, for optimizers that read them before a native step does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import _arrays, _core
from .._arrays import Array

#: The most that gradients may be divided by.
LARGEST_SCALE = 2.0**127

_stage = _core.bind_stage("clip")


def clipped(
    parts: Sequence[Sequence[Array | None]], options: Mapping[str, Any]
) -> list[list[Array | None]] | None:
    """The gradients after all that the options of a step do to them, in single or double; None
    where skip_nonfinite holds the step back."""
    present = [grad for part in parts for grad in part if grad is not None]
    made = [_arrays.single_or_double(grad) for grad in present]
    if not _stage(made, present, **options):
        return None
    copies = iter(made)
    return [[None if grad is None else next(copies) for grad in part] for part in parts]
