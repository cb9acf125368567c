"""The option that chooses the kind of arrays; see kinds.py."""

import pytest
from kinds import KINDS, choose, current


def pytest_addoption(parser):
    parser.addoption(
        "--arrays",
        choices=tuple(KINDS),
        default="numpy",
        help="kind of arrays that tests/steps and tests/optim run on",
    )


def pytest_configure(config):
    choose(config.getoption("--arrays"))


def pytest_report_header():
    return f"arrays: {current().name}"


@pytest.fixture(scope="session")
def arrays():
    """The kind of arrays; skips where it cannot be used."""
    reason = current().missing()
    if reason:
        pytest.skip(f"--arrays {current().name}: {reason}")
    return current()


@pytest.fixture(params=["emulated", "cupy", "torch-cuda"])
def kind(request):
    """A kind of arrays on a device, of tests that compare with the CPU; skips where this machine
    or this build does not have it."""
    chosen = KINDS[request.param]
    if reason := chosen.missing():
        pytest.skip(f"{request.param}: {reason}")
    return chosen
