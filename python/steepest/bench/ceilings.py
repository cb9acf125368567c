"""The machine's ceilings of a run: what memory streams, and what arithmetic makes of each type.

They are measured once, before the cases, for the roofline and for the record. The fraction of the
ceiling of a row comes from probes that ran in turns with the row, over its own arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from steepest import _core

STREAM = "stream_bytes_per_s"
TYPES = ("float32", "float64", "bfloat16")
_FULL_BYTES, _QUICK_BYTES = 1 << 28, 1 << 25  # of each of the two arrays
_ROUNDS = 1 << 18  # of the loop of multiply-adds: a millisecond or so
_FULL_REPEATS, _QUICK_REPEATS = 9, 3  # of each streaming loop
_BURSTS = 21  # of the loop of multiply-adds


def measure(threads: int, *, quick: bool) -> dict[str, float]:
    """Bytes per second of the fastest streaming loop, and operations per second of each type's
    multiply-add instruction by the name of the type."""
    repeats = _QUICK_REPEATS if quick else _FULL_REPEATS
    found = {STREAM: stream(_QUICK_BYTES if quick else _FULL_BYTES, threads, repeats)}
    return found | {dtype: arithmetic(dtype, threads, _BURSTS) for dtype in TYPES}


def stream(size: int, threads: int, repeats: int) -> float:
    """Bytes per second of reading one array and updating another, as a step does: the best of all
    loops."""
    read, update = np.ones(size // 4, np.float32), np.ones(size // 4, np.float32)
    loops = [
        partial(_core.stream_ceiling, [read], [update], [], variant, threads)
        for variant in range(len(_core.stream_ceiling_variants()))
    ]
    return (read.nbytes + 2 * update.nbytes) / min(_least(loop, repeats) for loop in loops)


def arithmetic(dtype: str, threads: int, repeats: int) -> float:
    """Operations per second of a loop of multiply-adds on registers."""
    operations = _core.arithmetic_peak(dtype, 1, threads)[1] * _ROUNDS
    return operations / _least(lambda: _core.arithmetic_peak(dtype, _ROUNDS, threads)[0], repeats)


def _least(seconds: Callable[[], float], repeats: int) -> float:
    seconds()  # wakes the threads
    return min(seconds() for _ in range(repeats))


def peaks(ceilings: Mapping[str, float]) -> dict[str, float]:
    """Those of arithmetic, the lowest first."""
    found = {dtype: ceilings[dtype] for dtype in TYPES if dtype in ceilings}
    return dict(sorted(found.items(), key=lambda item: item[1]))
