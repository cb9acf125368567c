"""Digests of probes and statistics, which every machine, compiler and device must reproduce: those
of a device with --arrays torch-cuda or cupy.

python tests/curvature/test_golden_bits.py     writes tests/golden/curvature.json anew
"""

import hashlib
import json
from pathlib import Path

import ml_dtypes
import numpy as np
from kinds import current
from steepest.curvature import accumulate, gaussian, rademacher

FILE = Path(__file__).parent.parent / "golden" / "curvature.json"
MAKERS = {"rademacher": rademacher, "gaussian": gaussian}
DTYPES = {
    "float64": np.float64,
    "float32": np.float32,
    "bfloat16": ml_dtypes.bfloat16,
    "float16": np.float16,
}
SEED, COUNT, SAMPLES = 0xFEDCBA9876543210, 3 * 4096 + 189, 4


def products(dtype):
    """Values that are exact in every dtype, so that they come from no library's random numbers."""
    i = np.arange(COUNT, dtype=np.int64)
    return ((i * 37 + i // 3 * 11) % 241 - 120).astype(np.float64).astype(dtype) / dtype(16)


def statistics(distribution, dtype, weighted):
    state = np.float64 if dtype is np.float64 else np.float32
    arrays = [np.zeros(COUNT, state) for _ in range(2 + weighted)]
    keywords = {"distribution": distribution, "weight": arrays[2] if weighted else None}
    totals = [
        float(
            current().call(
                accumulate,
                products(dtype),
                *arrays[:2],
                SEED,
                sample=k + 1,
                probe=7 * k,
                **keywords,
            )
        )
        for k in range(SAMPLES)
    ]
    return [*arrays, np.array(totals)]


def digest(arrays):
    found = hashlib.sha256()
    for array in arrays:
        found.update(array.tobytes())
    return found.hexdigest()


def digests():
    found = {}
    for distribution, make in MAKERS.items():
        for name, dtype in DTYPES.items():
            probe = np.zeros(COUNT, dtype)
            current().call(make, probe, SEED, 5, 9, out=probe, offset=2**40 + 77)
            found[f"{distribution} {name}"] = digest([probe])
            for weighted in (False, True):
                label = f"{distribution} {name} {'weighted' if weighted else 'plain'} statistics"
                found[label] = digest(statistics(distribution, dtype, weighted))
    return found


def test_the_bits_are_those_that_were_written(arrays):
    assert digests() == json.loads(FILE.read_text("utf-8"))["digests"]


if __name__ == "__main__":
    FILE.write_text(json.dumps({"digests": digests()}, indent=0) + "\n", "utf-8")
