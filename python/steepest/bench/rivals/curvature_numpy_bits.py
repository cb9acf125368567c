"""Signs in NumPy at its best: every random bit is used, by unpacking the generator's bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..curvature.arrays import SEED, Arrays, Call
from ..curvature.cases import Case

NAME = "numpy-bits"


def available() -> bool:
    return True


def make(case: Case, arrays: Arrays) -> Call | None:
    """Signs only, in whole bytes."""
    if case.call != "rademacher" or case.elements % 8:
        return None
    generator = np.random.Generator(np.random.Philox(SEED))
    out = arrays["probe"]
    values = np.array([1, -1], out.dtype)

    def call(_: Any) -> object:
        drawn = np.frombuffer(generator.bytes(out.size // 8), np.uint8)
        return np.take(values, np.unpackbits(drawn), out=out, mode="clip")

    return call
