"""What holds for the calls of every family: threads, forked children, memory that runs out or
grows, and callbacks that raise."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from steepest import cpu, curvature, norms, optim

from .families import CROWDED, FAMILIES
from .support import CHILDREN, SANITIZED, bits, random, run_ok

TESTS = str(Path(__file__).resolve().parent.parent)
PREAMBLE = f"""
import sys
sys.path.insert(0, {TESTS!r})
from boundary.families import CROWDED, FAMILIES
"""
by_family = pytest.mark.parametrize("family", FAMILIES)
on_linux = pytest.mark.skipif(sys.platform != "linux" or SANITIZED, reason="reads /proc")


@by_family
def test_sixteen_threads_make_the_bits_of_one(family):
    work, start = FAMILIES[family], threading.Barrier(16)

    def together(seed):
        start.wait()
        return [work(seed) for _ in range(3)]

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(together, range(0, 1600, 100)))
    for k, results in enumerate(found):
        assert results == [work(100 * k)] * 3


@by_family
def test_any_thread_count_makes_the_same_bits(family):
    before, results = cpu.threads(), []
    try:
        for count in (1, 2, 5):
            cpu.set_threads(count)
            results.append(FAMILIES[family](7))
    finally:
        cpu.set_threads(before)
    assert results == results[:1] * 3


FORK = """
def all_of_them():
    return [work(3) for work in FAMILIES.values()]
expected = all_of_them()
child = os.fork()
if child == 0:
    os._exit(0 if all_of_them() == expected else 3)
require_well(child, 60)
assert all_of_them() == expected
print("fine")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_makes_the_same_bits():
    assert run_ok(PREAMBLE + CHILDREN + FORK, OMP_NUM_THREADS="2").strip() == "fine"


# Arrays are drawn and results compared beforehand: what grows is what the library keeps.
GROWTH = """
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
work = FAMILIES[{family!r}]
for k in range({calls} // 10):
    work(k % 5)
before = resident()
for k in range({calls}):
    work(k % 5)
print(resident() - before)
"""


@on_linux
@by_family
def test_nothing_grows_over_ten_thousand_calls(family):
    """Each round is several calls: 2000 rounds are 10,000 of them and more. A leak of one byte per
    element of any array, or of one object per call, would show."""
    code = PREAMBLE + GROWTH.format(family=family, calls=2000)
    assert int(run_ok(code, timeout=300, OMP_NUM_THREADS="1")) < 1_500_000


OUT_OF_MEMORY = """
import resource
call, written = CROWDED[{family!r}](200_000, 1500)
small, _ = CROWDED[{family!r}](3, 40)
small()
before = [a.tobytes() for a in written]
pages = int(open("/proc/self/statm").read().split()[0])
_, most = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (pages * 4096 + 2**20, most))
try:
    call()
    found = "no error"
except MemoryError:
    found = "MemoryError"
resource.setrlimit(resource.RLIMIT_AS, (most, most))
assert [a.tobytes() for a in written] == before, "a refused call wrote to an array"
call()
print(found)
"""


@on_linux
@pytest.mark.parametrize("family", CROWDED)
def test_memory_that_runs_out_is_a_memory_error(family):
    """And nothing has been written; with memory the same call works."""
    code = PREAMBLE + OUT_OF_MEMORY.format(family=family)
    assert run_ok(code, OMP_NUM_THREADS="1").strip() == "MemoryError"


class OfTheCallbackError(Exception):
    pass


class Late:
    """A callback that is the identity, and raises at its second call."""

    def __init__(self):
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        if self.calls > 1:
            raise OfTheCallbackError
        return x


CALLBACKS = {
    "hutchinson_diag": lambda f, a: curvature.hutchinson_diag(f, a["params"], 4),
    "hutchinson_trace": lambda f, a: curvature.hutchinson_trace(f, a["params"], 4),
    "lanczos": lambda f, a: curvature.lanczos(f, a["params"], 3),
    "conjugate_gradient": lambda f, a: curvature.conjugate_gradient(
        lambda x: 2 * f(x) + np.arange(5) * x, a["grads"]
    ),
    "jacobian_nuclear_surrogate": lambda f, a: norms.jacobian_nuclear_surrogate(
        f, a["params"], 0.1, 4
    ),
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_a_callback_that_raises_leaves_the_arrays(name):
    arrays = {"params": random(5, np.float64), "grads": random(5, np.float64, seed=1)}
    before = bits(*arrays.values())
    with pytest.raises(OfTheCallbackError):
        CALLBACKS[name](Late(), arrays)
    assert bits(*arrays.values()) == before


OPTIMIZERS = {
    "AdaHessian": (optim.AdaHessian, {}),
    "SophiaH": (lambda p: optim.SophiaH(p, hessian_update_interval=1), {}),
    "OASIS": (optim.OASIS, {"previous_grads": lambda at: [3 * at[0]]}),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_product_that_raises_leaves_an_optimizer(name):
    """Its parameters, its state and its counters: the next step is what it would have been."""
    make, keywords = OPTIMIZERS[name]
    one, two = ([random(5, np.float64)] for _ in range(2))
    first, second = make(one), make(two)

    def broken(z):
        raise OfTheCallbackError

    for _ in range(2):
        grads = [3 * one[0]]
        with pytest.raises(OfTheCallbackError):
            first.step(grads, broken, **keywords)
        assert bits(one) == bits(two)
        for opt in (first, second):
            opt.step(grads, lambda z: [2 * z[0]], **keywords)
        assert bits(one) == bits(two)
