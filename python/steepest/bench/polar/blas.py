"""The thread count of NumPy's matrix products."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager


def can_set() -> bool:
    """Whether threadpoolctl is installed, without which the count stays as it is."""
    return importlib.util.find_spec("threadpoolctl") is not None


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """That many threads inside the block, as far as that can be set."""
    if not can_set():
        yield
        return
    from threadpoolctl import threadpool_limits

    with threadpool_limits(threads, user_api="blas"):
        yield


def runs_on(threads: int) -> bool:
    """Whether products inside ``limited(threads)`` run on so many threads."""
    return can_set() or threads == _default()


def _default() -> int:
    names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
    given = next((os.environ[name] for name in names if os.environ.get(name)), "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return int(given) if given.isdigit() else cores or 1
