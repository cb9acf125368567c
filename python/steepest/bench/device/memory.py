"""The memory ceiling of calls that walk over arrays once: reads, updates and writes of so much."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..steps.device.ceiling import scaled
from ..steps.device.streaming import VARIANTS, Stream, Variant, available, launcher
from ..steps.device.timing import enqueued
from ..timing import Participant, fastest
from .run import Settings
from .work import CEILING

_KEPT = 3  # probes that go on to the interleaved measurement
_CONTENT = 1 << 16  # elements, repeated


def probes(
    name: str, walks: Sequence[Sequence[Stream]], elements: int, moved: int, settings: Settings
) -> list[Participant]:
    """The fastest: copies and additions scaled to the bytes that are moved, clearing where all is
    written, and kernels that walk as the case does, one walk after the other."""
    framework = settings.framework
    content = np.random.default_rng(0).standard_normal(_CONTENT).astype(np.float32)
    found = scaled(framework, moved, content)
    streams = [stream for walk in walks for stream in walk]
    if all(stream.kind == "w" for stream in streams):
        found.append(enqueued(f"{CEILING}clear", framework, lambda: _clear(streams, settings)))
    return fastest([*found, *_exact(name, walks, elements, settings)], _KEPT)


def _clear(streams: Sequence[Stream], settings: Settings) -> None:
    for stream in streams:
        settings.framework.clear(stream.array)


def _exact(
    name: str, walks: Sequence[Sequence[Stream]], elements: int, settings: Settings
) -> list[Participant]:
    """Our own kernels, where CuPy is there to compile them."""
    if not available():
        return []
    try:
        return [_walker(walks, elements, settings, v) for v in VARIANTS]
    except Exception as error:  # of the compiler or the driver
        settings.notice(f"{name}: no streaming kernels ({type(error).__name__}: {error})")
        return []


def _walker(
    walks: Sequence[Sequence[Stream]], elements: int, settings: Settings, variant: Variant
) -> Participant:
    launches = [launcher(settings.framework, walk, elements, variant) for walk in walks]

    def work() -> None:
        for launch in launches:
            launch()

    return enqueued(f"{CEILING}{variant.name}", settings.framework, work)
