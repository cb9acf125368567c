"""The ceiling of calls that read their memory once: the fastest streaming loops over it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from steepest import _core

from ..timing import Participant, fastest, repeated_probe

CEILING = "ceiling "  # the probes' names begin so
_KEPT = 3  # streaming loops that go on to the interleaved measurement


def probes(memory: NDArray[np.float32], threads: int) -> list[Participant]:
    """The fastest loops that read the memory."""

    def probe(variant: int) -> Participant:
        return repeated_probe(
            CEILING + _core.stream_ceiling_variants()[variant],
            lambda: _core.stream_ceiling([memory], [], [], variant, threads),
        )

    return fastest([probe(k) for k in range(len(_core.stream_ceiling_variants()))], _KEPT)
