"""Other implementations of the same rules, one file each, run on the same buffers.

A rival's module has a ``NAME``, ``available()``, which tells whether it is installed and works,
and ``make(case, buffers, threads)``, which returns a function of the gradients that makes one
step, or None when the rival has no such rule for such arrays. A rival updates the arrays that our
implementation updates.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from ..steps.buffers import Buffers
    from ..steps.calls import Call
    from ..steps.cases import Case

MODULES = ("numpy_", "torch_fused", "torch_foreach", "deepspeed_")
ON_DEVICE = ("torch_fused", "torch_foreach")  # those that also take CUDA tensors


class Rival(Protocol):
    """What each module in this package offers."""

    @property
    def NAME(self) -> str: ...  # noqa: N802 - a constant of the module

    def available(self) -> bool: ...

    def make(self, case: Case, buffers: Buffers, threads: int) -> Call | None: ...


def load(names: Sequence[str] = (), modules: Sequence[str] = MODULES) -> list[Rival]:
    """The rivals of these names, by default all of ``modules``, as far as they are installed.

    Raises ValueError for a name that no rival has.
    """
    rivals = [cast(Rival, import_module(f"{__name__}.{module}")) for module in modules]
    known = [rival.NAME for rival in rivals]
    for name in names:
        if name not in known:
            raise ValueError(f"rivals: expected some of {', '.join(known)}, got {name}")
    return [rival for rival in rivals if (not names or rival.NAME in names) and rival.available()]
