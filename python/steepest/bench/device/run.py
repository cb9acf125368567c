"""Runs cases on the device one after the other, whatever becomes of each."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from ..rows import Row
from ..timing import Effort
from . import Framework


@dataclass(frozen=True)
class Settings:
    """How to run a suite on the device. ``nominal`` is its bandwidth by the data sheet."""

    effort: Effort
    framework: Framework
    nominal: float | None = None
    rivals: Sequence[Any] = ()  # modules of steepest.bench.rivals for the family
    notice: Callable[[str], None] = print
    failures: list[str] = field(default_factory=list)  # names of cases that raised an error


class Named(Protocol):
    """What is told of a case that fails."""

    @property
    def name(self) -> str: ...

    @property
    def impl(self) -> str: ...


C = TypeVar("C", bound=Named)


def each(
    cases: Sequence[C], settings: Settings, measure: Callable[[C, Settings], list[Row]]
) -> Iterator[list[Row]]:
    """The rows of each case, as they come. A case that fails has none and is noted."""
    for case in cases:
        try:
            rows = measure(case, settings)
        except Exception as error:
            settings.failures.append(f"{case.name} ({case.impl})")
            where = traceback.extract_tb(error.__traceback__)[-1]
            settings.notice(
                f"{case.name} ({case.impl}): {type(error).__name__}: {error} "
                f"[{where.name}, line {where.lineno}]"
            )
            rows = []
        gc.collect()
        settings.framework.release()
        yield rows
