"""Two thousand calls later nothing has grown: references, Python memory, the process."""

import gc
import sys
import tracemalloc

import numpy as np
import pytest
from steepest import steps

from .support import SANITIZED, AdamWCall, random, run_ok

CALLS = 2000


def good(call):
    call.step(step=1, lr=[1e-3] * 4, max_grad_norm=1.0)


def skipped_gradient(call):
    steps.adamw(call.params, [None, *call.grads[1:]], call.exp_avg, call.exp_avg_sq, step=2)


def bad_shape(call):
    second = [*call.exp_avg_sq[:3], call.small]
    with pytest.raises(ValueError):
        steps.adamw(call.params, call.grads, call.exp_avg, second, step=1)


def bad_option(call):
    with pytest.raises(ValueError):
        call.step(step=0)


def bad_kind(call):
    with pytest.raises(TypeError):
        steps.adamw(call.params, [*call.grads[:3], "x"], call.exp_avg, call.exp_avg_sq, step=1)


def through_a_plan(call):
    plan = steps.Plan("adamw", call.params, exp_avg=call.exp_avg, exp_avg_sq=call.exp_avg_sq)
    plan(call.grads, step=1)


def a_plan_refused(call):
    with pytest.raises(ValueError):
        steps.Plan("adamw", call.params, exp_avg=call.params, exp_avg_sq=call.exp_avg_sq)


def norms(call):
    steps.grad_norm(call.grads)


ACTIONS = [
    good, skipped_gradient, bad_shape, bad_option, bad_kind, through_a_plan, a_plan_refused, norms,
]  # fmt: skip


def counts(call):
    arrays = [a for stream in call.streams() for a in stream]
    objects = [*arrays, *call.streams(), call.small, np.float32]
    return [sys.getrefcount(o) for o in objects]


@pytest.mark.parametrize("action", ACTIONS, ids=lambda f: f.__name__)
def test_reference_counts_and_python_memory(action):
    call = AdamWCall()
    call.small = random(3)
    for _ in range(50):
        action(call)
    gc.collect()
    before, nothing = counts(call), sys.getrefcount(None)
    tracemalloc.start()
    try:
        for _ in range(CALLS // 10):
            action(call)
        gc.collect()
        middle = tracemalloc.get_traced_memory()[0]
        for _ in range(CALLS):
            action(call)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - middle
    finally:
        tracemalloc.stop()
    assert counts(call) == before
    assert abs(sys.getrefcount(None) - nothing) < CALLS // 10
    assert grown < 8 * CALLS, f"{grown} bytes in {CALLS} calls"


PROCESS = """
import numpy as np
from steepest import steps
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
streams = [[np.ones(8, np.float32) for _ in range(200)] for _ in range(4)]
def once():
    steps.adamw(*streams, step=1, max_grad_norm=1.0)
    steps.Plan("adamw", streams[0], exp_avg=streams[2], exp_avg_sq=streams[3])
    try:
        steps.adamw(*streams[:3], streams[0], step=1)
    except ValueError:
        pass
for _ in range(200):
    once()
before = resident()
for _ in range(1500):
    once()
print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux" or SANITIZED, reason="reads /proc")
def test_the_process_does_not_grow():
    """Native memory, which tracemalloc cannot see: a leak of one byte per tensor would show."""
    assert int(run_ok(PROCESS)) < 1_000_000


COPIES = """
import resource
import numpy as np
from steepest import steps
streams = [[np.ones(2**22, np.float32) for _ in range(2)] for _ in range(4)]
steps.adamw(*[s[0][:100_000] for s in streams], step=1, max_grad_norm=1.0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
steps.adamw(*streams, step=1, max_grad_norm=1.0, grad_scale=2.0, skip_nonfinite=True)
steps.lamb(*streams, step=1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux" or SANITIZED, reason="ru_maxrss is in KiB there")
def test_nothing_is_copied():
    """128 MB of arrays; a temporary of even one of the eight would be 16 MB."""
    assert int(run_ok(COPIES)) < 4 * 1024
