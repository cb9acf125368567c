"""Settings shared by the boundary tests."""

import hypothesis
import pytest

# Derandomised, so that a run tells about the code and not about the luck of the draw.
hypothesis.settings.register_profile(
    "boundary", max_examples=200, deadline=None, derandomize=True, print_blob=False
)


@pytest.fixture(autouse=True)
def same_threads_and_target_afterwards():
    """A test that forces a target or a thread count must not reach into the next one."""
    import steepest

    target, threads = steepest.cpu.active(), steepest.cpu.threads()
    yield
    assert steepest.cpu.active() == target, "the test left another CPU target active"
    assert steepest.cpu.threads() == threads, "the test left another thread count"
