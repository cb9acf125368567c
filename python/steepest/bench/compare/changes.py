"""The change of each row between two runs, and what can be said of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ..rows import Key, Row

FASTER, SLOWER, SAME, WRONG = "faster", "slower", "not resolved", "wrong"


@dataclass(frozen=True)
class Band:
    """A ratio, above 1 where it got better, and the band it lies in."""

    ratio: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """``SAME`` where the band contains 1."""
        if self.low > 1:
            return FASTER
        return SLOWER if self.high < 1 else SAME

    def about(self, ratio: float) -> Band:
        """A band as wide about another ratio."""
        return Band(ratio, ratio * self.low / self.ratio, ratio * self.high / self.ratio)

    def is_slower_by(self, percent: float) -> bool:
        """Whether it is resolved that it got worse, and the ratio is worse by more than that."""
        return self.verdict == SLOWER and 1 / self.ratio > 1 + percent / 100


@dataclass(frozen=True)
class Change:
    """A row of both runs. Without a speed where a result was wrong in one of them."""

    before: Row
    after: Row
    speed: Band | None
    share: Band | None  # of the ceiling; None where one of the runs has none

    @property
    def verdict(self) -> str:
        """By the times; ``WRONG`` where a result was."""
        return WRONG if self.speed is None else self.speed.verdict

    @property
    def broke(self) -> bool:
        """Whether the result was right, and is wrong now."""
        return self.before.counts and not self.after.counts

    def is_slower_by(self, percent: float) -> bool:
        """By the times, and by the fractions of the ceiling where there are some."""
        if self.speed is None:
            return self.broke
        bands = [self.speed] if self.share is None else [self.speed, self.share]
        return all(band.is_slower_by(percent) for band in bands)


@dataclass(frozen=True)
class Comparison:
    """All changes, and the rows that only one of the runs has."""

    changes: tuple[Change, ...]
    only_before: tuple[Row, ...]
    only_after: tuple[Row, ...]

    def of(self, verdict: str) -> list[Change]:
        """The changes with this verdict, the largest first."""
        found = [change for change in self.changes if change.verdict == verdict]
        return sorted(found, key=_size, reverse=True)


def _size(change: Change) -> float:
    return 0.0 if change.speed is None else abs(math.log(change.speed.ratio))


def compare(before: Mapping[Key, Row], after: Mapping[Key, Row]) -> Comparison:
    """Row by row, in the order of the run before."""
    return Comparison(
        tuple(change(row, after[key]) for key, row in before.items() if key in after),
        tuple(row for key, row in before.items() if key not in after),
        tuple(row for key, row in after.items() if key not in before),
    )


def change(before: Row, after: Row) -> Change:
    """Of one row."""
    if not (before.counts and after.counts):
        return Change(before, after, None, None)
    speed = speed_of(before, after)
    share = None
    if before.ceiling_fraction and after.ceiling_fraction:
        share = speed.about(after.ceiling_fraction / before.ceiling_fraction)
    return Change(before, after, speed, share)


def speed_of(before: Row, after: Row) -> Band:
    """Median over median, with the band that both spreads make."""
    ratio = before.median_s / after.median_s
    up = math.hypot(_log(before.p90_s, before.median_s), _log(after.median_s, after.p10_s))
    down = math.hypot(_log(before.median_s, before.p10_s), _log(after.p90_s, after.median_s))
    return Band(ratio, ratio * math.exp(-down), ratio * math.exp(up))


def _log(larger: float, smaller: float) -> float:
    return math.log(larger / smaller)
