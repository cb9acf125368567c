"""The benchmark of norms: its cases, its rivals, and its notion of right."""

import math

import numpy as np
import pytest
from steepest.bench import rivals
from steepest.bench.norms import cases, conv_cases, reports, samples, suite
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
    matrix = CASE.data()
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


LAYER = conv_cases.Layer(3, 2, 3, 8, 2)
CONV = conv_cases.ConvCase("small", (conv_cases.Layer(4, 3, 3, 6), LAYER), 1e-3)


def test_the_twenty_convolutions():
    assert len(conv_cases.RESNET18) == 20
    parameters = sum(k.c_out * k.c_in * k.taps**2 for k in conv_cases.RESNET18)
    assert parameters == 11_166_912  # without batch norms and the last layer


def test_blocks_of_a_strided_convolution():
    """Against the matrix of the operator, column by column."""
    kernel = np.random.default_rng(1).standard_normal((3, 2, 3, 3))
    columns = []
    for i, p, q in np.ndindex(2, 8, 8):
        y = np.zeros((3, 4, 4))
        for a, b in np.ndindex(3, 3):  # the input place (p, q) is read by output (p - a, q - b) / 2
            if (p - a) % 2 == 0 and (q - b) % 2 == 0:
                y[:, (p - a) % 8 // 2, (q - b) % 8 // 2] += kernel[:, i, a, b]
        columns.append(y.ravel())
    wanted = np.linalg.svd(np.array(columns).T, compute_uv=False)[0]
    found = np.linalg.svd(conv_cases.blocks(kernel, LAYER), compute_uv=False).max()
    assert found == pytest.approx(wanted, rel=1e-13)


def test_rows_of_convolutions():
    pytest.importorskip("threadpoolctl")
    names = ["numpy-fft-svd", "numpy-power"]
    rows = suite.measure(CONV, Settings(QUICK, 1, rivals.load_norms(names)))
    assert [r.rival for r in rows] == names and 0 <= rows[0].error <= 1
    assert rows[0].flops == sum(k.frequencies * k.gram_flops for k in CONV.layers)
    assert conv_cases.ConvCase.flops(CONV) == (24 * 4 * 9 * 4 + 12 * 4 * 9 * 8)


def test_an_interval_that_misses_is_wrong(monkeypatch):
    wrong = lambda *_, **__: cases.SpectralBound(np.zeros(2), np.zeros(2))  # noqa: E731
    monkeypatch.setattr(cases, "spectral_norm", wrong)
    assert suite.error_of(CASE, CASE.data()) == float("inf")


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


SAMPLES = [
    samples.SampleCase("stream", (20, 30), "streaming_top_eigenvector"),
    samples.SampleCase("nuclear", (20, 30), "matrix_nuclear_norm"),
]


@pytest.mark.parametrize("case", SAMPLES, ids=lambda case: case.name)
def test_rows_of_samples(case):
    pytest.importorskip("threadpoolctl")
    (row,) = samples.measure(case, Settings(QUICK, 1, rivals.load_norms(["numpy", "scipy"])))
    assert (row.impl, row.rival, row.bytes) == (f"norms.{case.call}", "numpy", 4 * 600)
    assert 0 < row.error <= 1 and not row.is_compute_bound
    assert row.ceiling_fraction > 0 and row.ratio > 0


def test_norms_of_samples_that_are_off_are_wrong(monkeypatch):
    stream, nuclear = SAMPLES
    right = samples.matrix_nuclear_norm(nuclear.data())
    for wrong in (right * (1 + 1e-10), math.nan):
        monkeypatch.setattr(samples, "matrix_nuclear_norm", lambda _, w=wrong: w)
        assert not samples.error_of(nuclear, nuclear.data()) <= 1
    make = samples.streaming_top_eigenvector
    monkeypatch.setattr(
        samples, "streaming_top_eigenvector", lambda n, amnesia: make(n, amnesia=amnesia + 1e-8)
    )
    assert not samples.error_of(stream, stream.data()) <= 1
