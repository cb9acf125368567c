"""The benchmark of clipping apart from a step."""

import numpy as np
import pytest
from steepest.bench import rivals
from steepest.bench.steps import clip_cases
from steepest.bench.steps.suite import Settings, run
from steepest.bench.timing import Effort

CASES = clip_cases.cases(quick=True, elements=10000)
by_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.function)


@by_case
def test_the_check_accepts_ours_every_time(case):
    data = clip_cases.allocate(case)
    call = clip_cases.make_call(data)
    for _ in range(3):
        before = data.grad.copy()
        assert clip_cases.error_of(data, call) <= 1
        assert (data.grad != before).any()


@by_case
def test_the_check_refuses_others(case):
    data = clip_cases.allocate(case)
    assert clip_cases.error_of(data, lambda _: None) > 1

    def too_far(_):
        clip_cases.make_call(data)(None)
        data.grad *= np.float32(1 - 2.0**-20)

    assert clip_cases.error_of(data, too_far) > 1


@by_case
@pytest.mark.parametrize("name", ["numpy", "torch-foreach"])
def test_rivals_clip_alike(case, name):
    if name != "numpy":
        pytest.importorskip("torch")
    data = clip_cases.allocate(case)
    call = rivals.load([name])[0].make_clip(data, 1)
    if call is not None:  # norms of NumPy and torch are in single
        assert clip_cases.error_of(data, call) <= 100


def test_bytes():
    assert [case.bytes / case.elements for case in CASES] == [12, 8, 12]


def test_rows_of_a_run():
    settings = Settings(Effort(rounds=1, least=1, pause_s=0), 1, rivals.load(["numpy"]))
    for rows in run(CASES, settings):
        (row,) = rows
        assert row.counts and row.rival == "numpy" and row.ratio > 0
        assert row.ceiling_fraction > 0
