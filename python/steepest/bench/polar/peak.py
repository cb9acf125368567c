"""The peak: the best rate at which anything multiplies and adds in a type, seen in the same run.

A probe is anything that makes a known number of operations at full rate: the loop of the
multiply-add instruction on registers (of the CPU target in use; for bfloat16 the dot product, or
float32's instruction where the target has none), and large products. The fastest is the peak: a
product that beats the loop, through instructions of a wider target, say, raises it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import steepest
from steepest import _core

from ..rivals import polar_torch
from ..timing import Participant, Timing, fastest, repeated, repeated_probe
from . import blas
from .matrices import nothing
from .operations import general, of_method

FULL_SIDE = 2048
QUICK_SIDE = 512


@dataclass(frozen=True)
class Probe:
    """Makes `flops` operations in one sample of `participant`."""

    participant: Participant
    flops: int

    @property
    def name(self) -> str:
        return self.participant.name


Maker = Callable[[str, int, int], "Probe | None"]  # of type, side and threads


def _square(side: int) -> Any:
    return np.random.default_rng(1).standard_normal((side, side), np.float32)


_ROUNDS = 1 << 18  # of the loop, a millisecond or so


def instruction(dtype: str, side: int, threads: int) -> Probe | None:
    """The multiply-add of the type alone, on registers. It has no side."""
    _, operations, name = _core.arithmetic_peak(dtype, 1, threads)

    def seconds() -> float:
        return _core.arithmetic_peak(dtype, _ROUNDS, threads)[0]

    return Probe(repeated_probe(f"peak {dtype} {name}", seconds), int(operations) * _ROUNDS)


def numpy_product(dtype: str, side: int, threads: int) -> Probe | None:
    """BLAS through NumPy, all of 2 n^3. For bfloat16 in float32, which is within its reach too."""
    if not blas.runs_on(threads):
        return None
    # Different operands: NumPy takes the symmetric product where they are one.
    a = _square(side).astype("float32" if dtype == "bfloat16" else dtype)
    b, c = a + 1, np.empty_like(a)
    call = repeated(f"peak {dtype} numpy", lambda _: np.matmul(a, b, out=c), nothing)
    return Probe(call, general(side, side))


def torch_product(dtype: str, side: int, threads: int) -> Probe | None:
    """A product through torch, all of 2 n^3."""
    flops = general(side, side)
    if not polar_torch.installed() or polar_torch.takes_minutes(dtype, flops):
        return None
    import torch

    torch.set_num_threads(threads)
    a = torch.from_numpy(_square(side)).to(getattr(torch, dtype))
    b, c = a + 1, torch.empty_like(a)
    call = repeated(f"peak {dtype} torch", lambda _: torch.mm(a, b, out=c), nothing)
    return Probe(call, flops)


def own_product(dtype: str, side: int, threads: int) -> Probe | None:
    """One cubic step: our symmetric product and our general one, which has two thirds of it."""
    x, triples = _square(side), np.array([[1.5, -0.5, 0.0]])
    if dtype == "float64":
        x = x.astype(dtype)
    out = np.empty_like(x)

    def step(_: Any) -> None:
        steepest.polar.orthogonalize(x, triples, method="standard", compute=dtype, out=out)

    flops = of_method("standard", dtype, triples, (), side, side)[dtype]
    return Probe(repeated(f"peak {dtype} steepest", step, nothing), flops)


PROBES: Mapping[str, Sequence[Maker]] = {
    "float32": (instruction, numpy_product, own_product),
    "float64": (instruction, numpy_product, own_product),
    "bfloat16": (instruction, torch_product, own_product, numpy_product),
}
_KEPT = 2  # probes of a type that go on to the interleaved measurement


class Peaks:
    """The probes of a run, made when a type is first asked for."""

    def __init__(self, side: int, threads: int) -> None:
        self._side, self._threads = side, threads
        self._probes: dict[str, list[Probe]] = {}

    def of(self, dtype: str) -> list[Probe]:
        """The fastest in a short heat."""
        if dtype not in self._probes:
            made = [make(dtype, self._side, self._threads) for make in PROBES[dtype]]
            self._probes[dtype] = _fastest([probe for probe in made if probe is not None])
        return self._probes[dtype]


def _fastest(probes: Sequence[Probe]) -> list[Probe]:
    scaled = {p.name: Participant(p.name, _per_operation(p)) for p in probes}
    names = [p.name for p in fastest(list(scaled.values()), _KEPT)]
    return [p for p in probes if p.name in names]


def _per_operation(probe: Probe) -> Callable[[], float]:
    return lambda: probe.participant.sample() / probe.flops


@dataclass(frozen=True)
class Ceiling:
    """Seconds that the operations of a case take at the peak, and which probes won."""

    timing: Timing
    winners: str


def ceiling(
    operations: Mapping[str, int],
    probes: Mapping[str, Iterable[Probe]],
    timings: Mapping[str, Timing],
) -> Ceiling:
    """In each round, at the best probe's rate of each type."""
    total: Any = 0.0
    winners = []
    for dtype, count in operations.items():
        best = min(probes[dtype], key=lambda p: timings[p.name].median_s / p.flops)
        total = total + np.array(timings[best.name].seconds) * (count / best.flops)
        winners.append(best.name.removeprefix("peak "))
    return Ceiling(Timing(tuple(total.tolist())), "; ".join(winners))
