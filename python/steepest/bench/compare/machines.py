"""In what two machines differ, as far as it changes times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FACTS = ("cpu", "cores", "caches", "memory_gib", "system")
_OF_STEEPEST = ("target", "threads", "compiler")
_OF_DEVICE = ("name", "driver", "cuda_runtime")


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """A line for each fact in which the machines, or the builds on them, differ."""
    found = [_line(name, before.get(name), after.get(name)) for name in _FACTS]
    for part, names in (("steepest", _OF_STEEPEST), ("device", _OF_DEVICE)):
        a, b = before.get(part) or {}, after.get(part) or {}
        found += [_line(f"{part} {name}", a.get(name), b.get(name)) for name in names]
    return [line for line in found if line]


def _line(name: str, before: Any, after: Any) -> str:
    return "" if before == after else f"{name}: {_text(before)} before, {_text(after)} after"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {each}" for name, each in value.items()) or "none"
    return "none" if value is None else str(value)
