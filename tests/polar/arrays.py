"""Arrays of every dtype, and comparison of results to the last bit."""

import ml_dtypes
import numpy as np
import pytest

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = (np.dtype("float64"), np.dtype("float32"), BFLOAT16, np.dtype("float16"))
by_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
by_method = pytest.mark.parametrize("method", ("standard", "gram"))


def draw(rng, shape, dtype=np.float64):
    return rng.standard_normal(shape).astype(dtype)


def assert_same(ours, wanted):
    assert ours.dtype == wanted.dtype and ours.shape == wanted.shape
    assert ours.tobytes() == wanted.tobytes()
