"""Rows that nobody measured, and cases that take no time."""

from dataclasses import replace

from steepest.bench import __main__ as command
from steepest.bench import rivals, timing
from steepest.bench.rows import Row
from steepest.bench.timing import Effort

ROW = Row(
    family="steps",
    case="adamw 64M",
    impl="steps.adamw",
    dtype="float32",
    threads=2,
    median_s=0.030,
    p10_s=0.029,
    p90_s=0.033,
    bytes=28 << 26,
    flops=14 << 26,
    ceiling_fraction=0.9,
    error=0.4,
    rival=None,
    rival_median_s=None,
    ratio=None,
)


def row(case="adamw 64M", median=0.030, below=0.001, above=0.003, **changes):
    """ROW with these seconds, and so far from the median to the percentiles."""
    times = {"median_s": median, "p10_s": median - below, "p90_s": median + above}
    return replace(ROW, case=case, **{**times, **changes})


def shorter(case):
    """A case of the steps with as many tensors, no side of which is longer than 24 where there are
    several: lists are long for the sake of timing only."""
    if len(case.shapes) == 1:
        return case
    return replace(case, shapes=tuple(tuple(min(s, 24) for s in shape) for shape in case.shapes))


def hasten(monkeypatch):
    """Runs of the command with one turn of each participant, no rests and no rival but NumPy."""
    hasty = Effort(rounds=1, least=1, budget_s=0.01, pause_s=0, waking_s=0)
    monkeypatch.setattr(command, "QUICK", hasty)
    monkeypatch.setattr(timing, "_LEAST_S", 1e-5)
    monkeypatch.setattr(timing, "settle", lambda pause_s: None)
    load = rivals._load
    names = ("numpy", "numpy-bits", "numpy-loop")
    monkeypatch.setattr(
        rivals,
        "_load",
        lambda wanted, modules: [r for r in load(wanted, modules) if r.NAME in names],
    )
