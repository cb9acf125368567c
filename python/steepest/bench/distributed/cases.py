"""The cases of the benchmark of distributed optimizers."""

from __future__ import annotations

from dataclasses import dataclass

FULL_ELEMENTS = 1 << 24
QUICK_ELEMENTS = 1 << 20
WORKERS = 8


@dataclass(frozen=True)
class Case:
    """One thing to measure, and what it moves: arrays that are read, updated and written once.

    The ceiling walks the large arrays; planes of bits beside floats, 1 % of them, are counted in
    the bytes only. Of EF21's estimates, which are its own, arrays stand for each time they are
    read.
    """

    name: str
    call: str  # of steepest.distributed
    dtype: str
    elements: int  # of the parameters
    read: tuple[str, ...] = ()
    update: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    bits: int = 0  # moved per element, in all
    flops_per_element: int = 0
    compressor: str = ""  # of EF21

    @property
    def impl(self) -> str:
        return f"distributed.{self.call}"

    @property
    def bytes(self) -> int:
        return self.bits * self.elements // 8

    @property
    def flops(self) -> int:
        return self.flops_per_element * self.elements


def rows(name: str) -> tuple[str, ...]:
    """The names of one array per worker."""
    return tuple(f"{name} {worker}" for worker in range(WORKERS))


def cases(*, quick: bool, elements: int | None = None) -> tuple[Case, ...]:
    """All cases, on parameters of 16M elements, 1M if ``quick``; 8 workers."""
    n = elements or (QUICK_ELEMENTS if quick else FULL_ELEMENTS)
    n = -(-n // 512) * 512  # planes of whole float64, which the ceiling walks
    f32 = "float32"
    return (
        Case("pack float32", "pack_signs", f32, n, ("grads",), ("exp_avg",), bits=97,
             flops_per_element=6),
        Case("majority of 8 workers", "majority", "bits", n, rows("messages"),
             write=("positive", "negative"), bits=WORKERS + 2),
        Case("mean of 8 workers", "mean", "bits", n, rows("messages"),
             write=("ones", "twos", "fours", "eights"), bits=WORKERS + 4),
        Case("apply float32", "apply_votes", f32, n, update=("params",), bits=66,
             flops_per_element=3),
        Case("EF21 top 1 % float32", "EF21Worker", f32, n, ("grads", "estimate"), bits=64,
             flops_per_element=2, compressor="TopK"),
        Case("EF21 scaled signs float32", "EF21Worker", f32, n, ("grads", "again"), ("estimate",),
             bits=129, flops_per_element=5, compressor="ScaledSign"),
        Case("moments of 8 workers float32", "gradient_moments", f32, n // WORKERS, rows("grads"),
             bits=32 * WORKERS, flops_per_element=6 * WORKERS),
    )  # fmt: skip


def describe(case: Case) -> str:
    """What is counted, in a line."""
    streams = ", ".join(
        f"{verb} {' '.join(names)}"
        for verb, names in (("read", case.read), ("update", case.update), ("write", case.write))
        if names
    )
    return (
        f"{case.name} ({case.impl}): {case.bits / 8:g} bytes, {case.flops_per_element} FLOPs per "
        f"element; {streams}"
    )
