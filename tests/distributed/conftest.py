"""Settings of the tests of distributed optimizers."""

import pytest
from steepest import cpu


@pytest.fixture
def every_target():
    """Names of the CPU targets; target and thread count are put back afterwards."""
    target, threads = cpu.active(), cpu.threads()
    yield cpu.targets()
    cpu.use(target)
    cpu.set_threads(threads)
