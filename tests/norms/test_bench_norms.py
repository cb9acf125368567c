"""The benchmark of norms: its cases, its rivals, and its notion of right."""

import math

import numpy as np
import pytest
from steepest.bench import rivals
from steepest.bench.norms import cases, reports, suite
from steepest.bench.norms.settings import Settings
from steepest.bench.rivals import norms_loop
from steepest.bench.timing import QUICK

CASE = cases.Case("small", (2, 12, 20), True)
REPORT = cases.ReportCase("small report", ((12, 20), (70, 300)))


def test_cases():
    full, quick = cases.cases(quick=False), cases.cases(quick=True)
    assert len({c.name for c in full}) == len(full) == len(quick)
    spectral = [c for c in full if isinstance(c, cases.Case)]
    assert {(1024, 4096), (64, 256, 256)} <= {c.shape for c in spectral}
    assert next(c for c in full if c.name == "GPT-2 report").elements == 124_318_464
    assert CASE.flops(0) == 2 * 12 * 12 * 20 and CASE.flops(3) == CASE.flops(0) + 3 * 12**3
    assert CASE.flops(0, 2) == CASE.flops(0) + 2 * 12**3 // 3


def test_rivals_agree():
    matrix = CASE.matrix()
    sigma = np.linalg.svd(matrix, compute_uv=False)[:, 0]
    for lower, upper in (norms_loop.interval(w.astype(np.float64), CASE.tol) for w in matrix):
        assert upper - lower <= CASE.tol * upper
        assert np.any((lower * (1 - 1e-6) <= sigma) & (sigma <= upper * (1 + 1e-6)))
    assert [r.NAME for r in rivals.load_norms(["numpy"])] == ["numpy"]


def test_rows():
    pytest.importorskip("threadpoolctl")  # without it NumPy's threads stay as they are
    rows = suite.measure(CASE, Settings(QUICK, 1, rivals.load_norms(["numpy-loop"])))
    assert [(r.family, r.rival) for r in rows] == [("norms", "numpy-loop")]
    assert 0 <= rows[0].error <= 1 and rows[0].ratio == pytest.approx(
        rows[0].rival_median_s / rows[0].median_s
    )


def test_an_interval_that_misses_is_wrong(monkeypatch):
    wrong = lambda *_, **__: suite.steepest.norms.SpectralBound(np.zeros(2), np.zeros(2))  # noqa: E731
    monkeypatch.setattr(suite, "spectral_norm", wrong)
    assert suite.error_of(CASE, CASE.matrix()) == float("inf")


def test_rows_of_the_report():
    settings = Settings(QUICK, 1, rivals.load_norms(["numpy", "numpy-loop"]))
    (row,) = reports.measure(REPORT, settings)
    assert (row.impl, row.rival, row.bytes) == ("norms.report", "numpy", 4 * (240 + 21000))
    assert row.error <= 1 and not row.is_compute_bound
    assert row.ceiling_fraction > 0 and row.ratio > 0


def test_a_report_that_is_off_is_wrong(monkeypatch):
    matrices = reports.split(REPORT, np.arange(REPORT.elements, dtype=np.float32))
    assert [m.shape for m in matrices] == list(REPORT.shapes) and matrices[1][0, 0] == 240
    right = reports._core.norm_reports(matrices, True)
    for k in range(right.shape[1]):
        for wrong in (right[1, k] * (1 + 1e-10), math.nan):
            found = right.copy()
            found[1, k] = wrong
            monkeypatch.setattr(reports._core, "norm_reports", lambda *_, f=found: f)
            assert not reports.error_of(matrices) <= 1
