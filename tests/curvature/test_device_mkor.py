"""mkor_update by device code: the bits of the CPU. Emulated on any machine; on CuPy arrays and
torch tensors where there is a device."""

import numpy as np
import pytest
import steepest
from boundary.device_fakes import KINDS as FAKES
from boundary.device_fakes import emulation
from reference.curvature import mkor as reference
from steepest.curvature import mkor_update

from .support import same_bits

DTYPES = [np.float32, np.float64]
by_dtype = pytest.mark.parametrize("dtype", DTYPES)


def factor(n, dtype, seed=0):
    """Symmetric and well within the positive definite, with some zeros of both signs; a vector."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((n, n))
    a = (a + a.T) / (8 * n) + np.eye(n)
    if n > 2:
        a[0, 2] = a[2, 0] = -0.0
    return a.astype(dtype), rng.standard_normal(n).astype(dtype)


def update(kind, inverse, v, **options):
    """mkor_update on a kind; what it returns besides writing to `inverse`."""
    found = []

    def call(inverse, v):
        found.append(mkor_update(inverse, v, **options))
        return True

    assert kind.call(call, inverse, v)
    return found[0]


def compared(kind, there, v, **options):
    here = there.copy()
    found = update(kind, there, v, **options)
    assert str(found) == str(mkor_update(here, v, **options))  # NaN is the same as NaN here
    assert same_bits(there, here)
    return found


@by_dtype
@pytest.mark.parametrize("variant", reference.VARIANTS)
@pytest.mark.parametrize("n", [0, 1, 2, 31, 129, 300])
def test_the_bits_of_updates(kind, n, variant, dtype):
    inverse, v = factor(n, dtype)
    largest = None
    for decay in (0.9, 0.5):
        found = compared(kind, inverse, v, decay=decay, variant=variant, largest=largest)
        largest = found.largest
        assert largest == np.abs(inverse).max(initial=0)


def test_rows_of_more_than_one_block_of_the_tree(kind):
    n = 4099
    inverse, v = np.eye(n, dtype=np.float32), np.random.default_rng(1).standard_normal(n)
    compared(kind, inverse, v.astype(np.float32))


@by_dtype
@pytest.mark.parametrize("stabilizer", [None, "blend", "skip", "reset"])
@pytest.mark.parametrize("known", [True, False])
def test_the_bits_of_stabilizers(kind, stabilizer, dtype, known):
    inverse, v = factor(70, dtype)
    inverse[3, 3] = 2.5
    found = compared(
        kind, inverse, v, stabilizer=stabilizer, zeta=0.25, largest=2.5 if known else None
    )
    assert found.stabilized == (stabilizer is not None)
    compared(kind, inverse, v, stabilizer=stabilizer, threshold=50.0)


@by_dtype
@pytest.mark.parametrize("bad", ["negative", "nan in F", "inf in v"])
def test_what_has_no_update_stays(kind, bad, dtype):
    inverse, v = factor(40, dtype)
    if bad == "negative":
        inverse *= -1
    elif bad == "nan in F":
        inverse[3, 4] = inverse[4, 3] = np.nan
    else:
        v[7] = np.inf
    before = inverse.copy()
    with pytest.raises(ValueError, match="inverse: a denominator of"):
        update(kind, inverse, v, variant="paper" if bad != "negative" else "code", stabilizer=None)
    assert same_bits(inverse, before)


def test_a_nan_that_is_skipped_is_told(kind):
    inverse, v = factor(40, np.float32)
    inverse[3, 4] = np.nan
    found = update(kind, inverse, v, stabilizer="skip")
    assert np.isnan(found.largest) and found.stabilized and np.isnan(inverse).sum() == 1
    assert update(kind, inverse, v, stabilizer="reset").largest == 1
    assert same_bits(inverse, np.eye(40, dtype=np.float32))


# ---- Arrays of other frameworks, under emulation


@pytest.mark.parametrize("name", FAKES)
def test_exporters(name):
    inverse, v = factor(20, np.float64)
    here = inverse.copy()
    wanted = mkor_update(here, v)
    with emulation():
        there = FAKES[name](inverse)
        with pytest.raises(ValueError, match="v: array in host memory given, expected one on CUDA"):
            mkor_update(there, v)
        assert mkor_update(there, FAKES[name](v)) == wanted
    assert same_bits(inverse, here)


@pytest.mark.skipif(steepest._core.has_cuda(), reason="built with CUDA")
def test_a_build_without_cuda_refuses_device_arrays():
    there = FAKES["dlpack"](np.eye(3))
    with pytest.raises(steepest.DeviceError, match="inverse"):
        mkor_update(there, FAKES["dlpack"](np.ones(3)))
