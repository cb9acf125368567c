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
