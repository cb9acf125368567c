"""Settings shared by the numerics tests of the steps."""

import kinds
import pytest
from steepest import cpu


@pytest.fixture(autouse=True)
def usable_arrays(arrays):
    """Every test of this folder runs on the chosen kind of arrays."""


def pytest_collection_modifyitems(config, items):
    """The tests of the benchmark have nothing to do with the kind of arrays."""
    if kinds.on_host():
        return
    bench = [item for item in items if item.path.name.startswith("test_bench")]
    items[:] = [item for item in items if item not in bench]
    config.hook.pytest_deselected(items=bench)


@pytest.fixture
def every_target():
    """Names of the CPU targets to go through, one where the CPU kernels do not run; target and
    thread count are put back afterwards."""
    target, threads = cpu.active(), cpu.threads()
    yield tuple(cpu.targets()) if kinds.on_host() else (target,)
    cpu.use(target)
    cpu.set_threads(threads)
