"""The kind of arrays that the tests of devices run on."""

import pytest
from kinds import KINDS

from .devices import OnDevice


@pytest.fixture
def kind(arrays):
    """By default NumPy; see --arrays."""
    return OnDevice(arrays)


@pytest.fixture
def device(kind):
    """A kind that lies on a device: by default the emulated one."""
    if kind.on_device:
        return kind
    reason = KINDS["emulated"].missing()
    if reason:
        pytest.skip(reason)
    return OnDevice(KINDS["emulated"])
