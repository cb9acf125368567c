"""No kernel's error is above its record, on any CPU target."""

import numpy as np
import pytest
from steepest import cpu

from . import measure, record


@pytest.mark.skipif(not measure.WIDE_ENOUGH, reason="longdouble is no longer than double")
@pytest.mark.parametrize("target", cpu.targets())
def test_no_error_has_grown(target):
    lines = record.differences(target, record.measured(target), record.read())
    assert not lines, "\n".join(lines)


def test_what_counts_as_grown():
    recorded = {"a": {"float32": 2.0}, "b": {"float32": 1.0}}
    found = {"a": {"float32": 2.5}, "c": {"float32": 0.0}}
    assert record.grown(recorded, recorded, 1.0) == []
    assert record.grown(found, recorded, 1.0) == [
        "a float32: 2.5, recorded 2.0",
        "b float32: not measured",
        "c float32: not in the record",
    ]
    assert len(record.grown(found, recorded, 1.5)) == 2
    assert len(record.grown({"a": {"float32": np.nan}}, {"a": {"float32": 2.0}}, 1.5)) == 1


def test_units():
    one = np.ones(3, np.longdouble)
    assert measure.relative(np.float32([1, 1, 1 + 2**-23]), one, np.float32) == 2.0
    assert measure.worst([np.nan], one[:1], one[:1], np.float32) == np.inf
    assert measure.worst([np.inf], [np.inf], one[:1], np.float32) == 0.0
