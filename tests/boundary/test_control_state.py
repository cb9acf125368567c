"""The caller's floating-point control state: never changed, never allowed to change a result.

Some libraries set flush-to-zero for the whole process as they are loaded. Steps must neither do so
nor be caught by it: denormals are kept whatever mode the calling thread is in.
"""

import ctypes
import ctypes.util
import sys

import numpy as np
import pytest

from .support import run_ok

FLUSHES = """
import numpy as np
def flushes():
    tiny = np.array([1e-40], np.float32)
    return int((tiny * np.float32(0.5)).view(np.int32)[0]) == 0
"""


def test_import_and_calls_leave_denormals_alone():
    run_ok(
        FLUSHES
        + """
assert not flushes()
import steepest
from steepest import steps
assert not flushes()
for size in (1, 10, 1_000_000):
    p = np.ones(size, np.float32)
    steps.adamw(p, p.copy(), p.copy(), p.copy(), step=1, max_grad_norm=1.0)
    assert not flushes()
for target in steepest.cpu.targets():
    with steepest.cpu.use(target):
        steps.sgd(np.ones(100, np.float32), np.ones(100, np.float32), step=1)
        assert not flushes()
try:
    steps.sgd(np.ones(4), np.ones(5), step=1)
except ValueError:
    assert not flushes()
"""
    )


# Flushing any part of a step shows in a result: the arrays, the constants made of the options, the
# norm. The denormals are made before the mode is set, which flushes NumPy's arithmetic too.
FLUSHED_CALLER = """
import steepest, torch
from steepest import steps

def full(value):
    return np.full(size, value, np.float32)

def check(array, wanted, what):
    wrong = array.view(np.int32) != np.float32(wanted).view(np.int32)
    if wrong.any():
        failures.append(f"{what} of {size}: {array[wrong][:3]}, expected {wanted}")

def everything():
    p, v, q = full(three), full(two), full(0)
    steps.sgd(p, full(two), step=1, lr=0.5)
    steps.adamw(full(0), full(0), full(0), v, step=1, betas=(0.5, 0.5), eps=1.0)
    steps.sgd(q, full(1), step=1, lr=2.0**-140)
    norm = steps.grad_norm(full(one)[:1])
    mode = flushes()
    torch.set_flush_denormal(False)
    check(p, two, "parameter")
    check(v, one, "state")
    check(q, -one, "parameter stepped by a denormal lr")
    if norm.total != 2.0**-140:
        failures.append(f"norm {norm.total}")
    if not mode:
        failures.append("the caller's mode was switched off")

one, two, three = np.float32(2.0**-140) * np.array([1, 2, 3], np.float32)
failures = []
BEFORE
for size in (5, 1_000_000):
    if not torch.set_flush_denormal(True):
        print("unsupported")
        raise SystemExit
    assert flushes()
    everything()
print(*failures, sep="; ")
"""

WORKERS = "steps.sgd(np.ones(2**21, np.float32), np.ones(2**21, np.float32), step=1)"


@pytest.mark.parametrize("before", [WORKERS, ""], ids=["workers exist", "workers are born"])
def test_a_caller_that_flushes_denormals(before):
    """Also where the worker threads are born under that mode, which they inherit."""
    pytest.importorskip("torch")
    said = run_ok(FLUSHES + FLUSHED_CALLER.replace("BEFORE", before), OMP_NUM_THREADS="2").strip()
    if said == "unsupported":
        pytest.skip("this processor cannot flush denormals")
    assert said == ""


@pytest.mark.skipif(
    sys.platform != "linux", reason="the values of fesetround are the platform's own"
)
@pytest.mark.parametrize("mode", [0x400, 0x800, 0xC00], ids=["down", "up", "to zero"])
@pytest.mark.parametrize("size", [5, 200_000])
def test_a_caller_that_rounds_another_way(mode, size):
    """Results round to nearest, and the caller's rounding mode is as it was."""
    from steepest import steps

    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    if libm.fegetround() != 0 or not hasattr(libm, "fesetround"):
        pytest.skip("no rounding modes")
    rng = np.random.default_rng(5)
    p, g = (rng.standard_normal(size).astype(np.float32) for _ in range(2))
    nearest, other = p.copy(), p.copy()
    steps.sgd(nearest, g, step=1, lr=0.1, max_grad_norm=1.0)
    norm = steps.grad_norm(g).total
    libm.fesetround(mode)
    try:
        steps.sgd(other, g, step=1, lr=0.1, max_grad_norm=1.0)
        other_norm = steps.grad_norm(g).total
        kept = libm.fegetround()
    finally:
        libm.fesetround(0)
    assert kept == mode
    assert other_norm == norm
    np.testing.assert_array_equal(nearest, other)
