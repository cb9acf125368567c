"""The memory ceiling of a case on the device.

Three kinds of probes: a plain copy of memory and an addition of two arrays, both scaled to the
bytes of the case, and kernels of our own with the same reads and writes as the case, on its arrays.
"""

from __future__ import annotations

from collections.abc import Callable

from ...device import Framework
from ...timing import Participant, fastest
from ..buffers import Array
from ..rules import GRADS
from .buffers import DeviceBuffers
from .cases import DeviceCase
from .streaming import VARIANTS, available, walker
from .timing import enqueued

_KEPT = 3  # probes that go on to the interleaved measurement
_MOST_BYTES = 2**30  # of one array of the scaled probes: far beyond any cache


def probes(
    case: DeviceCase, buffers: DeviceBuffers, notice: Callable[[str], None]
) -> list[Participant]:
    """The fastest probes; none for cases of latency."""
    if not case.in_memory:
        return []
    found = [*_scaled(case, buffers), *_exact(case, buffers, notice)]
    return fastest(found, _KEPT)


def _scaled(case: DeviceCase, buffers: DeviceBuffers) -> list[Participant]:
    content = buffers.pattern.flat[GRADS].astype("float32")
    return scaled(buffers.framework, case.bytes, content)


def scaled(framework: Framework, moved: int, content: Array) -> list[Participant]:
    """Copies and additions of arrays with this content, in time for so many bytes."""
    words = max(1, min(moved // 3, _MOST_BYTES) // 4)
    a, b, c = (framework.empty(words, "float32") for _ in range(3))
    for array in (a, b):  # random bits cost a memory more energy than zeros, and so may be slower
        framework.tile(content, array)
    works = {
        "copy": (8, lambda: framework.copy(a, c)),
        "add": (12, lambda: framework.add(a, b, c)),
    }
    return [
        _times(enqueued(f"ceiling {name}", framework, work), moved / (per_word * words))
        for name, (per_word, work) in works.items()
    ]


def _times(probe: Participant, factor: float) -> Participant:
    return Participant(probe.name, lambda: factor * probe.sample())


def _exact(
    case: DeviceCase, buffers: DeviceBuffers, notice: Callable[[str], None]
) -> list[Participant]:
    """Our own kernels, where CuPy is there to compile them."""
    if not available():
        return []
    try:
        return [
            enqueued(f"ceiling {v.name}", buffers.framework, walker(case, buffers, v))
            for v in VARIANTS
        ]
    except Exception as error:  # of the compiler or the driver
        notice(f"{case.name}: no streaming kernels ({type(error).__name__}: {error})")
        return []
