"""The memory ceiling of a case: loops that move the same bytes through the same arrays."""

from __future__ import annotations

import math

from steepest import _core

from ..timing import Participant, Timing, fastest, repeated_probe
from .buffers import Buffers
from .cases import Case
from .rules import Pass

_KEPT = 3  # probes that go on to the interleaved measurement


def probes(case: Case, buffers: Buffers, threads: int) -> list[Participant]:
    """The fastest streaming loops for the reads and writes of a case; none for cases of latency.

    The loops leave parameters, gradients and states as they are. A case of several passes is
    walked in as many; every loop walks all of them.
    """
    if not case.in_memory:
        return []
    names = _core.stream_ceiling_variants()
    all_of_them = [_probe(name, k, case, buffers, threads) for k, name in enumerate(names)]
    return fastest(all_of_them, _KEPT)


def _probe(name: str, variant: int, case: Case, buffers: Buffers, threads: int) -> Participant:
    flat = buffers.flat
    walks = [
        ([flat[s] for s in p.read], [flat[s] for s in p.update], [flat[s] for s in p.write])
        for p in case.passes
    ]

    def probe() -> float:
        return math.fsum(
            _core.stream_ceiling(read, update, write, variant, threads)
            for read, update, write in walks
        )

    return repeated_probe(f"ceiling {name}", probe)


def fraction(ours: Timing, ceilings: list[Timing]) -> float | None:
    """Share of the ceiling: the best loop's time over ours, compared round by round."""
    return min((ceiling.over(ours) for ceiling in ceilings), default=None)


def describe(passes: tuple[Pass, ...]) -> str:
    """The passes in words, as ``read grads; read grads, update params exp_avg``."""
    return "; ".join(
        ", ".join(
            f"{verb} {' '.join(streams)}"
            for verb, streams in (("read", p.read), ("update", p.update), ("write", p.write))
            if streams
        )
        for p in passes
    )
