"""Rows of a report, and the judgement on whether a row's speed counts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, Protocol

from .timing import Timing

_COMPUTE_BOUND = ("polar", "norms")
# Calls of those families that are compared with one read of their memory.
_READ_ONCE = ("norms.report", "norms.streaming_top_eigenvector", "norms.matrix_nuclear_norm")


class Counted(Protocol):
    """What a row takes from any family's case."""

    @property
    def name(self) -> str: ...

    @property
    def bytes(self) -> int: ...


@dataclass(frozen=True)
class Row:
    """One line of a report; the names are those of the JSON file."""

    family: str
    case: str
    impl: str
    dtype: str
    threads: int
    median_s: float
    p10_s: float
    p90_s: float
    bytes: int
    flops: int
    ceiling_fraction: (
        float | None
    )  # ceiling's time / ours; None: not measured, or the row does not count
    error: float  # in units of the bound
    rival: str | None
    rival_median_s: float | None
    ratio: float | None  # rival's time / ours: above 1, we are faster
    nominal_fraction: float | None = None  # on a GPU: of the bandwidth by the data sheet
    ceiling_by: str | None = None  # the probe of arithmetic that was fastest, for each type
    axis: str | None = None  # of a scaling row: what varies,
    at: int | None = None  # and its value

    @classmethod
    def unjudged(
        cls, family: str, case: Counted, ours: Timing, *, impl: str, dtype: str, threads: int,
        error: float, flops: int,
    ) -> Row:  # fmt: skip
        """A row without a rival and a ceiling."""
        return cls(
            family=family, case=case.name, impl=impl, dtype=dtype, threads=threads,
            median_s=ours.median_s, p10_s=ours.p10_s, p90_s=ours.p90_s,
            bytes=case.bytes, flops=flops, ceiling_fraction=None, error=error,
            rival=None, rival_median_s=None, ratio=None,
        )  # fmt: skip

    @property
    def is_compute_bound(self) -> bool:
        """Whether the ceiling is a peak of arithmetic, not one of memory."""
        return self.family in _COMPUTE_BOUND and self.impl not in _READ_ONCE

    @property
    def counts(self) -> bool:
        """Whether the result was right, so that its speed means something."""
        return is_within_bound(self.error)

    @property
    def loses(self) -> bool:
        """Whether the rival was faster."""
        return self.ratio is not None and self.ratio < 1


class Key(NamedTuple):
    """What identifies a case in its run, and in another one."""

    family: str
    case: str
    impl: str
    dtype: str
    threads: int


def key_of(row: Row) -> Key:
    """The key of the row's case."""
    return Key(row.family, row.case, row.impl, row.dtype, row.threads)


def by_case(rows: Iterable[Row]) -> dict[Key, Row]:
    """One row per case, however many rivals there were: the first."""
    first: dict[Key, Row] = {}
    for row in rows:
        first.setdefault(key_of(row), row)
    return first


def is_within_bound(error: float) -> bool:
    """Whether an error in units of its bound is acceptable. NaN is not."""
    return math.isfinite(error) and 0 <= error <= 1


def judge(row: Row, ceiling_fraction: float | None, nominal_fraction: float | None = None) -> Row:
    """Fills in ``ratio`` and the fractions, or None for all of them when the result was wrong."""
    if not row.counts:
        return replace(row, ratio=None, ceiling_fraction=None, nominal_fraction=None)
    ratio = row.rival_median_s / row.median_s if row.rival_median_s is not None else None
    return replace(
        row, ratio=ratio, ceiling_fraction=ceiling_fraction, nominal_fraction=nominal_fraction
    )


def as_document(rows: Sequence[Row], machine: dict[str, Any], commit: str | None) -> dict[str, Any]:
    """The content of the JSON file. A number that JSON cannot hold becomes null."""
    return {"machine": machine, "commit": commit, "rows": [_plain(asdict(row)) for row in rows]}


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in fields.items()
    }
