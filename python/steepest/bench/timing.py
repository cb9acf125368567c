"""Interleaved timing: everything that is compared takes turns, in alternating order."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    rounds: int = 21  # turns of each participant
    least: int = 5  # turns even of a slow one,
    least_if: float = 10.0  # unless its call takes longer than this, in seconds:
    least_beyond: int = 3  # then so many
    budget_s: float = 2.5  # a participant that would take longer sits out some rounds
    pause_s: float = 0.01  # before each turn, at least; then until no thread spins any more
    waking_s: float = 0.015  # then for so long calls that are not timed, one of a longer call


FULL = Effort()
QUICK = Effort(rounds=7, least=3, budget_s=0.1, pause_s=0.003, waking_s=0.002)


@dataclass(frozen=True)
class Participant:
    """Something to be timed. ``sample`` does it once and returns the seconds that it took.

    ``wake`` does it for about so many seconds, to wake threads and caches: where all slept, the
    system may put the threads of a pool on one core at first, and takes some 10 ms to part them.
    """

    name: str
    sample: Callable[[], float]
    wake: Callable[[float], object] = float  # nothing


@dataclass(frozen=True)
class Timing:
    """Seconds per call in the order of the rounds; NaN in those that were sat out."""

    seconds: tuple[float, ...]

    @property
    def median_s(self) -> float:
        return self._percentile(50)

    @property
    def p10_s(self) -> float:
        return self._percentile(10)

    @property
    def p90_s(self) -> float:
        return self._percentile(90)

    def _percentile(self, q: float) -> float:
        return float(np.nanpercentile(self.seconds, q))

    def over(self, other: Timing) -> float:
        """Median over the rounds of this time divided by the other's.

        Both saw the same state of the machine in a round, so that a drift of the machine's speed
        in the course of the run cancels.
        """
        return float(np.nanmedian(np.array(self.seconds) / np.array(other.seconds)))


_LEAST_S = 2e-3  # shorter calls are timed several at a time
_AWAKE_S = 0.15  # a call that takes longer is not preceded by an untimed one
_LONG_S = 1.0  # longer calls are surely not, and need no more calls to find out
_MOST_CALLS = 1000


def repeated(name: str, call: Callable[[Any], object], fresh: Callable[[], Any]) -> Participant:
    """A participant that calls ``call(fresh())``; the arguments are made outside the timed part.

    Calls of less than 2 ms are timed in batches.
    """
    first = _seconds_of(call, [fresh()])
    warm = first if first > _LONG_S else _seconds_of(call, [fresh() for _ in range(3)]) / 3
    inner = _batch(warm)

    def sample() -> float:
        return _seconds_of(call, [fresh() for _ in range(inner)]) / inner

    def wake(seconds: float) -> None:
        _seconds_of(call, [fresh() for _ in range(_calls(warm, seconds))])

    return Participant(name, sample, wake)


def repeated_probe(name: str, probe: Callable[[], float]) -> Participant:
    """The same for something that times itself."""
    probe()
    estimate = probe()
    inner = _batch(estimate)

    def sample() -> float:
        return sum(probe() for _ in range(inner)) / inner

    def wake(seconds: float) -> None:
        for _ in range(_calls(estimate, seconds)):
            probe()

    return Participant(name, sample, wake)


def _batch(estimate_s: float) -> int:
    return max(1, min(_MOST_CALLS, math.ceil(_LEAST_S / max(estimate_s, 1e-9))))


def _calls(estimate_s: float, seconds: float) -> int:
    """How many calls wake everything."""
    if estimate_s > _AWAKE_S:
        return 0
    return max(1, min(_MOST_CALLS, math.ceil(seconds / max(estimate_s, 1e-9))))


def _seconds_of(call: Callable[[Any], object], arguments: Sequence[Any]) -> float:
    start = time.perf_counter()
    for argument in arguments:
        call(argument)
    return time.perf_counter() - start


def interleave(participants: Sequence[Participant], effort: Effort) -> dict[str, Timing]:
    """Times all participants in turns; every second round runs in reverse order."""
    with quiet_collector():
        strides = [_stride(p.sample(), effort) for p in participants]
        seconds = [[math.nan] * effort.rounds for _ in participants]
        for turn in range(effort.rounds):
            order = range(len(participants))
            for k in order if turn % 2 == 0 else reversed(order):
                if turn % strides[k] == 0:
                    settle(effort.pause_s)
                    participants[k].wake(effort.waking_s)
                    seconds[k][turn] = participants[k].sample()
    return {p.name: Timing(tuple(s)) for p, s in zip(participants, seconds, strict=True)}


def settle(pause_s: float, longest_s: float = 0.5) -> None:
    """Waits until the threads of the participant before are asleep.

    A pool goes on spinning for a while after a call (OpenBLAS for 2^26 cycles), on a core that the
    next participant needs. What spins uses processor time.
    """
    look_s = 0.004
    end = time.perf_counter() + longest_s
    time.sleep(pause_s)
    while time.perf_counter() < end:
        used = time.process_time()
        time.sleep(look_s)
        if time.process_time() - used < 0.1 * look_s:
            return


def fastest(participants: Sequence[Participant], keep: int) -> list[Participant]:
    """The ``keep`` participants that were fastest in a short heat."""
    with quiet_collector():
        best = {p.name: min(p.sample() for _ in range(3)) for p in participants}
    return sorted(participants, key=lambda p: best[p.name])[:keep]


def _stride(estimate_s: float, effort: Effort) -> int:
    """A participant takes part in every stride-th round. Odd, so that it meets both orders."""
    least = effort.least if estimate_s < effort.least_if else effort.least_beyond
    affordable = max(least, int(effort.budget_s / max(estimate_s, 1e-9)))
    stride = max(1, effort.rounds // affordable)
    return stride if stride % 2 == 1 else stride - 1


@contextmanager
def quiet_collector() -> Iterator[None]:
    """No garbage collection inside the block."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
