"""How to run the suite of norms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..rivals import NormsRival
from ..timing import Effort


@dataclass(frozen=True)
class Settings:
    """How to run a suite."""

    effort: Effort
    threads: int
    rivals: Sequence[NormsRival] = ()
