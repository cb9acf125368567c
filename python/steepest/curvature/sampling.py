"""Products of an operator with one probe after the other, and how many of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _arrays, _core
from .._arrays import Array
from ..polar import arguments
from .moments import Statistics
from .probes import coordinates, draw, fill
from .structure import Structure
from .student import two_sided

MOST_PROBES = 2**20
RESULT = "hvp's result"  # its name in messages
_CONFIDENCE = 0.95  # of the interval that `until` speaks of

Hvp = Callable[[Any], Any]


@dataclass(frozen=True)
class Request:
    """How many products are asked for: `least`, then more up to `most` until the interval is
    narrow enough."""

    least: int
    most: int
    until: float | None

    def goes_on(self, sample: int) -> bool:
        return sample < (self.least if self.until is None else self.most)

    def asks(self, sample: int) -> bool:
        """Whether the width of the interval decides after this sample."""
        return self.until is not None and sample >= max(self.least, 2)

    def is_met(self, stderr: float, value: float, sample: int) -> bool:
        width = 2 * two_sided(_CONFIDENCE, sample - 1) * stderr
        return self.until is not None and width <= self.until * abs(value)


@dataclass(frozen=True)
class Products:
    """Products of an operator with the probes of a seed, taken into statistics."""

    hvp: Hvp
    of: Structure
    distribution: str
    seed: int
    statistics: Sequence[Statistics]
    groups: Sequence[int]

    def samples(self) -> Iterator[float]:
        """z^T H z of one probe after the other, once its product is taken in."""
        arrays, where = self.of.zeros(), coordinates(self.of)
        sample = 0
        while True:
            what = draw(self.distribution, self.seed, sample)
            fill(arrays, self.of, where, what)
            products = self.of.unpack(self.hvp(self.of.pack(arrays)), RESULT)
            sample += 1
            yield self._take(products, where, what, sample)

    def _take(self, products: list[Array], where: Any, what: Any, sample: int) -> float:
        total, sums = _core.probe_accumulate(
            products, self.statistics, self.of.is_list, self.groups, where, what, sample
        )
        if _arrays.is_array(total):  # on a device: reading waits for it
            total = float(_arrays.to_host(total))
        if not math.isfinite(total):
            i = int(np.argmin(np.isfinite(_arrays.to_host(sums))))
            raise ValueError(
                f"{self.of.label(i, RESULT)}: a NaN or an infinity given, expected finite products"
            )
        return float(total)


def read_request(probes: int, until: float | None, max_probes: int | None) -> Request:
    """The arguments of an estimator, checked."""
    least = arguments.count("probes", probes, 1, MOST_PROBES)
    if until is None:
        if max_probes is not None:
            raise ValueError("max_probes: a number given, expected None without until")
        return Request(least, least, None)
    until = arguments.between("until", until, 0.0, math.inf)
    if max_probes is None:
        return Request(least, min(1000 * least, MOST_PROBES), until)
    return Request(least, arguments.count("max_probes", max_probes, least, MOST_PROBES), until)


def checked_callable(name: str, given: Any) -> Any:
    """The callback; TypeError for what cannot be called."""
    if not callable(given):
        raise TypeError(f"{name}: {_arrays.describe(given)} given, expected a function")
    return given
