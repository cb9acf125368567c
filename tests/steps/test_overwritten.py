"""Rules that overwrite their parameters: large ones go past the caches, in whole lines of memory
and with ends that are none, and have the bits of another way: with a working copy, by tiles, or in
parts."""

import ml_dtypes
import numpy as np
import pytest
from kinds import on_host, thread_counts
from steepest import cpu, steps

RULES = {
    "momentum": {},
    "adamuon": {},
    "grokfast_ema": {"step": 2},
    "grokfast_ma": {"step": 2, "window": 3},
}
STATES = {
    "momentum": ("momentum_buffer",),
    "adamuon": ("second_moment",),
    "grokfast_ema": ("exp_avg",),
    "grokfast_ma": ("prefix", "suffix", "newest"),
}
LARGE = 2**22 + 4096 + 37  # single numbers, more than 16 MiB
STAGES = {"max_grad_norm": 1.0, "maximize": True}
# With a working copy all of float32. In parts, doubles whose step has no sums over the whole.
CASES = [
    (rule, np.float32, offset, options)
    for rule in RULES
    for offset in (0, 5)
    for options in ({}, STAGES)
] + [(rule, np.float64, 3, {}) for rule in RULES if rule != "adamuon"]


def arrays(rule, dtype, n, offset):
    """A parameter, a gradient and states that begin so many elements behind a line of memory."""
    rng = np.random.default_rng(n + offset)
    made = []
    for _ in range(2 + len(STATES[rule])):
        memory = np.zeros(n + offset + 64 // np.dtype(dtype).itemsize, dtype)
        first = offset + (-memory.ctypes.data % 64) // memory.itemsize
        made.append(memory[first : first + n])
        made[-1][:] = np.abs(rng.standard_normal(n, dtype))
    return made


@pytest.mark.skipif("not on_host()", reason="of the CPU's pass")
@pytest.mark.parametrize("rule, dtype, offset, options", CASES)
def test_the_same_bits_past_the_caches(rule, dtype, offset, options):
    assert on_host()
    n = LARGE * 4 // np.dtype(dtype).itemsize
    call = getattr(steps, rule)
    param, grad, *states = arrays(rule, dtype, n, offset)
    wanted, copies = param.copy(), [state.copy() for state in states]
    if dtype == np.float32:
        options = {**options, **RULES[rule]}
        call(wanted, grad, *copies, **options, working_copy=np.zeros(n, ml_dtypes.bfloat16))
    else:
        options = RULES[rule]
        for part in (slice(first, first + n // 8) for first in range(0, n, n // 8)):
            call(*(a[part] for a in (wanted, grad, *copies)), **options)
    for threads in thread_counts(2):
        cpu.set_threads(threads)
        param[:] = np.nan
        again = [state.copy() for state in states]
        call(param, grad, *again, **options)
        assert np.array_equal(param, wanted)
        assert all(np.array_equal(a, c) for a, c in zip(again, copies, strict=True))
