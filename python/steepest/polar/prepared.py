"""Calls whose arguments are checked and whose results have their memory, to be run later.

What a call takes besides, its workspace, can be reserved for several of them together. A run then
has nothing to ask for but what is small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .. import _core


class Prepared:
    """A call that returns `result` once all its parts have run, in their order."""

    def __init__(self, result: Any = None) -> None:
        self._result = result
        self._parts: list[Callable[[], object]] = []
        self.native: list[_core.CheckedCall] = []  # those of the parts that take a workspace

    def add(self, call: _core.CheckedCall) -> None:
        """A native call as the next part."""
        self.native.append(call)
        self._parts.append(call.run)

    def then(self, part: Callable[[], object]) -> None:
        """A part that takes no memory."""
        self._parts.append(part)

    def append(self, other: Prepared) -> None:
        """All parts of another call."""
        self.native += other.native
        self._parts += other._parts

    def run(self) -> Any:
        """Runs it, once."""
        for part in self._parts:
            part()
        return self._result


def reserve(prepared: Iterable[Prepared]) -> None:
    """Memory for the workspace of each of these calls, which run one after the other.

    Raises MemoryError, or what the allocator of the arrays' framework raises.
    """
    _core.reserve([call for one in prepared for call in one.native])
