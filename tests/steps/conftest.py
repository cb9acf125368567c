"""Settings shared by the numerics tests of the steps."""

import pytest
from steepest import cpu


@pytest.fixture
def every_target():
    """Names of the targets to go through; target and thread count are put back afterwards."""
    target, threads = cpu.active(), cpu.threads()
    yield tuple(cpu.targets())
    cpu.use(target)
    cpu.set_threads(threads)
