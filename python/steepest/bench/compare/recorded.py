"""Recorded runs, read back from their JSON files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ..rows import Key, Row, by_case

_KNOWN = {field.name for field in fields(Row)}
_NOT_A_NUMBER = ("error", "median_s", "p10_s", "p90_s")  # what JSON has null for where it was none


@dataclass(frozen=True)
class Recorded:
    """A run: its machine, and its rows, one per case however many rivals there were."""

    machine: Mapping[str, Any]
    commit: str | None
    rows: Mapping[Key, Row]


def load(path: Path) -> Recorded:
    """The run of a file. Raises ValueError where the file holds none, OSError where it cannot be
    read."""
    try:
        document = json.loads(path.read_text("utf-8"))
        rows = [_row(recorded) for recorded in document["rows"]]
        machine, commit = document["machine"], document["commit"]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path}: expected a run of this benchmark ({error})") from error
    return Recorded(machine, commit, by_case(rows))


def _row(recorded: Mapping[str, Any]) -> Row:
    """Fields that later versions may add are passed over."""
    values = {name: value for name, value in recorded.items() if name in _KNOWN}
    for name in _NOT_A_NUMBER:
        if values[name] is None:
            values[name] = math.nan
    return Row(**values)
