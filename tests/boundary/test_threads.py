"""Many Python threads, the interpreter lock, forked children, thread counts."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import steepest
from steepest import steps

from .support import CHILDREN, AdamWCall, random, run_ok, same_bits


def test_sixteen_threads_make_the_bits_of_one():
    start = threading.Barrier(16)

    def work(seed):
        if threading.current_thread() is not threading.main_thread():
            start.wait()
        call = AdamWCall(shapes=[(257,), (64, 33), (20_000,)], seed=seed)
        for t in range(1, 11):
            call.step(step=t, max_grad_norm=1.0)
        return call

    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(work, range(0, 16_000, 1000)))
    for k, call in enumerate(together):
        assert same_bits(call.streams(), work(1000 * k).streams())


def test_threads_may_share_gradients():
    """A gradient is only read, so two steps may read the same one at the same time."""
    g = random(100_000)
    params = [np.zeros(100_000, np.float32) for _ in range(8)]

    def work(p):
        for t in range(1, 6):
            steps.sgd(p, g, step=t, lr=1.0)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, params))
    assert all(same_bits(p, params[0]) for p in params)
    np.testing.assert_allclose(params[0], -5 * g, rtol=1e-6)


def test_the_interpreter_runs_on_during_a_step():
    """Ticks of this thread fall in the middle of a step of another: the lock was released."""
    call = AdamWCall(shapes=[(2**22,)])
    while len(call.params) < 8:
        for stream in call.streams():
            stream.append(stream[0].copy())

    def one_step(span):
        span.append(time.perf_counter())
        call.step()
        span.append(time.perf_counter())

    for _ in range(5):
        span, ticks = [], []
        worker = threading.Thread(target=one_step, args=(span,))
        worker.start()
        while worker.is_alive():
            ticks.append(time.perf_counter())
        worker.join()
        begin, length = span[0], span[1] - span[0]
        inside = sum(0.25 < (t - begin) / length < 0.75 for t in ticks)
        if inside >= 10:
            return
    pytest.fail(f"{inside} ticks in the middle half of a step of {length * 1e3:.1f} ms")


FORK = """
import numpy as np
from steepest import steps

def work():
    p = [np.ones(300_000, np.float32) for _ in range(4)]
    g = [np.full(300_000, 0.25, np.float32) for _ in range(4)]
    m = [np.zeros(300_000, np.float32) for _ in range(4)]
    for _ in range(3):
        steps.lion(p, g, m, lr=0.5)
    return b"".join(a.tobytes() for a in p + m)

expected = work()
for generation in range(3):
    child = os.fork()
    if child == 0:
        grandchild = os.fork()
        if grandchild == 0:
            os._exit(0 if work() == expected else 3)
        ok = work() == expected and os.waitpid(grandchild, 0)[1] == 0
        os._exit(0 if ok else 4)
    require_well(child, 30)
    assert work() == expected
print("fine")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("threads", ["1", "2", None])
def test_forked_children_work(threads):
    assert run_ok(CHILDREN + FORK, timeout=90, OMP_NUM_THREADS=threads).strip() == "fine"


COUNT = "import steepest; print(steepest.cpu.threads())"


@pytest.mark.parametrize("count", [1, 2, 3])
def test_omp_num_threads_is_honoured(count):
    assert int(run_ok(COUNT, OMP_NUM_THREADS=str(count))) == count


TASKS = """
import os, numpy as np
from steepest import steps
p, g = np.zeros(2**22, np.float32), np.ones(2**22, np.float32)
before = len(os.listdir("/proc/self/task"))
steps.sgd(p, g, step=1)
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.skipif(
    not os.path.isdir("/proc/self/task"), reason="threads are counted through /proc"
)
def test_no_thread_is_started_where_one_was_asked_for():
    assert int(run_ok(TASKS, OMP_NUM_THREADS="1")) == 0
    if len(os.sched_getaffinity(0)) > 1:
        assert int(run_ok(TASKS, OMP_NUM_THREADS="2")) == 1


def test_threadpoolctl_is_honoured():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    before = steepest.cpu.threads()
    with threadpoolctl.threadpool_limits(1):
        assert steepest.cpu.threads() == 1
        random_step_bits()
    assert steepest.cpu.threads() == before


def random_step_bits():
    call = AdamWCall(shapes=[(3,), (300_001,), (17, 19), (5000,)])
    call.step(step=3, max_grad_norm=0.5)
    return [a.tobytes() for stream in call.streams() for a in stream]


def test_any_thread_count_makes_the_same_bits():
    before = steepest.cpu.threads()
    results = []
    try:
        for count in (1, 2, 3, 7):
            steepest.cpu.set_threads(count)
            assert steepest.cpu.threads() == count
            results.append(random_step_bits())
    finally:
        steepest.cpu.set_threads(before)
    assert all(r == results[0] for r in results)


@pytest.mark.parametrize(
    "bad, error", [(0, ValueError), (-1, ValueError), (1.5, TypeError), ("2", TypeError)]
)
def test_set_threads_refuses(bad, error):
    before = steepest.cpu.threads()
    with pytest.raises(error):
        steepest.cpu.set_threads(bad)
    assert steepest.cpu.threads() == before
