"""CPU targets and threads.

The kernels are compiled several times, for "baseline" (any processor of the architecture), "avx2"
(with FMA and F16C), "avx512" (F, BW, DQ, VL) and "avx512bf16" (matrix products by the dot product
of bfloat16, all else as "avx512"). The best one that the processor can run is used unless the
environment variable STEEPEST_CPU_TARGET or `use` says otherwise. All give the same bits wherever
the numerics contract promises it.
"""

from __future__ import annotations

from types import TracebackType

from . import _core

__all__ = ["active", "set_threads", "targets", "threads", "use"]


def targets() -> tuple[str, ...]:
    """Names of the targets that are compiled in and that this processor can run, worst first."""
    return _core.cpu_targets()


def active() -> str:
    """Name of the target in use.

    Raises ValueError when STEEPEST_CPU_TARGET names none that can be used.
    """
    return _core.cpu_active()


class use:  # noqa: N801 - reads as a verb: `with cpu.use("avx2"):`
    """Use a target from now on, in all threads; as a context manager, until the end of the block.

    Raises ValueError for a name that is not in `targets()`, TypeError for anything but a str.
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"name: {type(name).__name__} given, expected a str")
        self._before = active()
        _core.cpu_use(name)

    def __enter__(self) -> use:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _core.cpu_use(self._before)


def threads() -> int:
    """Number of threads of a large call from this thread (OMP_NUM_THREADS, threadpoolctl)."""
    return _core.get_num_threads()


def set_threads(n: int) -> None:
    """Set the number of threads for calls from this thread. Raises ValueError when n < 1."""
    _core.set_num_threads(n)
