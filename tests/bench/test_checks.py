"""That no family has a row without a check: what is timed has been compared with the reference."""

import numpy as np
import pytest
import steepest
from steepest.bench.curvature import cases as curvature_cases
from steepest.bench.curvature import suite as curvature_suite
from steepest.bench.distributed import arrays as distributed_arrays
from steepest.bench.distributed import cases as distributed_cases
from steepest.bench.distributed import check as distributed_check
from steepest.bench.distributed import suite as distributed_suite
from steepest.bench.norms import cases as norms_cases
from steepest.bench.norms import reports, samples
from steepest.bench.norms import suite as norms_suite
from steepest.bench.norms.settings import Settings as NormsSettings
from steepest.bench.polar import bound, peak, preparation, products
from steepest.bench.polar import suite as polar_suite
from steepest.bench.steps import cases as steps_cases
from steepest.bench.steps import clip_cases, low_rank
from steepest.bench.steps import suite as steps_suite
from steepest.bench.timing import QUICK, Participant, Timing
from steepest.distributed import EF21Worker

SIZE = {"quick": True, "elements": 4096}


def of_steps():
    chosen = [*steps_cases.cases(**SIZE), *clip_cases.cases(**SIZE), *low_rank.cases(**SIZE)]
    return steps_suite, chosen, steps_suite.Settings(QUICK, 1)


def of_polar():
    return polar_suite, preparation.every_case(quick=True), polar_suite.Settings(QUICK, 1)


def of_curvature():
    return curvature_suite, curvature_cases.cases(**SIZE), curvature_suite.Settings(QUICK, 1)


def of_distributed():
    return distributed_suite, distributed_cases.cases(**SIZE), distributed_suite.Settings(QUICK, 1)


def of_norms():
    return norms_suite, norms_cases.cases(quick=True), NormsSettings(QUICK, 1)


FAMILIES = {
    "steps": of_steps,
    "polar": of_polar,
    "curvature": of_curvature,
    "distributed": of_distributed,
    "norms": of_norms,
}
CHECKED = {  # where a row's error comes from
    "steps": (steps_suite, clip_cases, low_rank),
    "polar": (bound, products),
    "curvature": (curvature_suite,),
    "distributed": (distributed_suite,),
    "norms": (norms_suite, reports, samples),
}
TIMED = (steps_suite, clip_cases, low_rank, polar_suite, curvature_suite, distributed_suite,
         norms_suite, reports, samples)  # fmt: skip


@pytest.fixture
def events(monkeypatch):
    """What happens in turn; nothing is timed, and no streaming loop runs."""
    seen = []

    def interleave(participants, effort):
        seen.append("timed")
        return {p.name: Timing((1e-3,)) for p in participants}

    stand_ins = {
        "interleave": interleave,
        "repeated": lambda name, call, fresh: Participant(name, float),
        "probes": lambda *_: [],
        "_probes": lambda *_: [],
    }
    for module in TIMED:
        for name, stand_in in stand_ins.items():
            if hasattr(module, name):
                monkeypatch.setattr(module, name, stand_in)
    of = lambda self, dtype: [peak.Probe(Participant("peak", float), 1)]  # noqa: E731
    monkeypatch.setattr(peak.Peaks, "of", of)
    return seen


@pytest.mark.parametrize("family", FAMILIES)
def test_every_row_is_checked_before_it_is_timed(family, events, monkeypatch):
    def error_of(*_):
        events.append("checked")
        return 7.0

    for module in CHECKED[family]:
        monkeypatch.setattr(module, "error_of", error_of)
    suite, chosen, settings = FAMILIES[family]()
    for case, rows in zip(chosen, suite.run(chosen, settings), strict=True):
        assert events == ["checked", "timed"], case
        assert [(r.error, r.counts, r.ratio, r.ceiling_fraction) for r in rows] == [
            (7.0, False, None, None)
        ], case
        events.clear()


@pytest.mark.parametrize("case", of_distributed()[1], ids=lambda case: case.name)
def test_messages_that_are_wrong_are_seen(case, monkeypatch):
    """The other families' checks are tested beside their rivals."""
    arrays = distributed_arrays.allocate(case)
    assert distributed_check.error_of(case, arrays) <= 1
    right = getattr(steepest.distributed, case.call)

    def wrong(*args, **keywords):
        found = right(*args, **keywords)
        _spoil(found if found is not None else args[0])
        return found

    monkeypatch.setattr(distributed_check.distributed, case.call, wrong)
    assert distributed_check.error_of(case, arrays) > 1


def _spoil(result):
    """One bit, or one digit."""
    if isinstance(result, np.ndarray):  # the parameters
        result[5] += np.float32(1e-9) if result[5] <= 0 else -np.float32(1e-9)
        return
    if isinstance(result, EF21Worker):
        right = result.pack
        result.pack = lambda *given: right(*given) ^ np.uint8(1)
        return
    for name in ("message", "data"):
        if hasattr(result, name):
            getattr(result, name).reshape(-1).view(np.uint8)[3] ^= 1
            return
    result.products[...] *= 1 + 1e-9
