"""The benchmark of orthogonalisation: its cases, what it counts, and its notion of right."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
import steepest
from reference.polar.spectra import SPECTRA
from steepest import _core
from steepest.bench import plot, report, rivals
from steepest.bench.__main__ import main
from steepest.bench.polar import bound, cases, peak, products
from steepest.bench.polar.cases import Case
from steepest.bench.polar.matrices import Matrices, allocate, make_call
from steepest.bench.rows import Row, judge
from steepest.bench.timing import Participant, Timing
from steepest.polar import coefficients

FULL = cases.cases(quick=False)
QUICK = cases.cases(quick=True)


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    """The JSON file of a run of the smallest case, under an override that must not reach NumPy."""
    path = tmp_path_factory.mktemp("bench") / "rows.json"
    command = [sys.executable, "-m", "steepest.bench", "polar", "--quick", "--rival", "numpy"]
    command += ["--only", QUICK[0].name, "--threads", "1", "--json", str(path)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OPENBLAS_CORETYPE": "Prescott", "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "GFLOP/s" in done.stdout and "GB/s" not in done.stdout
    return json.loads(path.read_text())


def test_rows_of_a_run(document):
    assert set(document) == {"machine", "commit", "rows"}
    (row,) = document["rows"]
    assert set(row) == {field.name for field in fields(Row)}
    assert (row["family"], row["case"], row["dtype"]) == ("polar", QUICK[0].name, "float32")
    assert 0 < row["p10_s"] <= row["median_s"] <= row["p90_s"]
    assert (row["flops"], row["bytes"]) == (QUICK[0].flops, QUICK[0].bytes)
    assert 0 <= row["error"] <= 1 and row["ceiling_fraction"] > 0
    assert row["ceiling_by"].startswith("float32 ")
    assert (row["rival"], row["threads"]) == ("numpy", 1)
    assert row["ratio"] == pytest.approx(row["rival_median_s"] / row["median_s"])


def test_case_list():
    names = [case.name for case in FULL]
    assert len(set(names)) == len(names) == len(QUICK)
    express = {c.shape for c in FULL if c.coefficients == "polar_express"}
    squares = {(n, n) for n in (256, 512, 1024)}
    assert express == squares | {(1024, 4096), (512, 1024), (126, 128, 128)}
    for shape in express:
        kinds = {(c.method, c.compute) for c in FULL if c.shape == shape}
        assert kinds == {(m, t) for m in ("standard", "gram") for t in ("float32", "bfloat16")}
    assert all(len(c.triples) == 5 for c in FULL if c.coefficients == "polar_express")
    assert {c.coefficients for c in FULL} == set(coefficients.SETS)
    assert {c.shape for c in FULL if c.beside_optax} == {(512, 1024)}


class Counter:
    """The iterations of csrc/polar/iteration.cpp on counters: every product is walked through."""

    def __init__(self, n, m):
        self.n, self.m, self.counts = n, m, {}

    def product(self, dtype, rows, inner, columns, symmetric=False):
        operations = sum(2 for _ in range(rows) for _ in range(columns) for _ in range(inner))
        self.counts[dtype] = self.counts.get(dtype, 0) + operations // (2 if symmetric else 1)

    def standard(self, triples, dtype):
        n, m = self.n, self.m
        for _, _, c in triples:
            self.product(dtype, n, m, n, symmetric=True)
            if c != 0:
                self.product(dtype, n, n, n, symmetric=True)
            self.product(dtype, n, n, m)

    def gram(self, triples, dtype, restarts):
        n, m, square = self.n, self.m, "float32" if dtype == "bfloat16" else dtype
        fresh = True
        for t in range(len(triples)):
            if fresh:
                self.product(dtype, n, m, n, symmetric=True)
            self.product(square, n, n, n, symmetric=True)
            if not fresh:
                self.product(square, n, n, n, symmetric=True)
            fresh = t + 1 == len(triples) or t + 1 in restarts
            if fresh:
                for _ in range(2 if dtype == "bfloat16" else 1):
                    self.product(dtype, n, n, m)
            else:
                self.product(square, n, n, n, symmetric=True)
                self.product(square, n, n, n, symmetric=True)


@pytest.mark.parametrize("compute", ["float32", "bfloat16"])
@pytest.mark.parametrize("method", ["standard", "gram"])
@pytest.mark.parametrize(("name", "steps"), [("polar_express", 5), ("you", 4), ("cubic5", 5)])
def test_operations_are_those_of_the_products(name, steps, method, compute):
    for shape in ((6, 10), (10, 6), (4, 4), (3, 4, 6)):
        case = Case("", shape, method, compute, name, steps)
        counter = Counter(*sorted(shape[-2:]))
        if method == "gram":
            counter.gram(case.triples, compute, case.restarts)
        else:
            counter.standard(case.triples, compute)
        batch = math.prod(shape[:-2])
        assert case.operations == {t: batch * count for t, count in counter.counts.items()}
        assert case.flops == sum(case.operations.values())


def test_operations_of_the_square_case_by_hand():
    case = next(c for c in FULL if c.name == "1024x1024 float32 standard")
    assert case.flops == 5 * 4 * 1024**3


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.name)
def test_ours_is_within_its_bound_and_one_step_less_is_not(case):
    matrices = allocate(case)
    make_call(case, matrices)(None)
    assert bound.error_of(case, matrices.given, matrices.result) <= 1
    short = replace(case, steps=len(case.triples) - 1)
    make_call(short, matrices)(None)
    wrong = bound.error_of(case, matrices.given, matrices.result)
    assert wrong > 1 or case.coefficients in ("jordan", "deepseek_v4")  # alike before the last step


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.name)
@pytest.mark.parametrize("spectrum", list(SPECTRA))
def test_the_bound_holds_on_other_spectra(case, spectrum):
    if case.elements > 128 * 256 or len(case.shape) > 2:
        case = replace(case, shape=(48, 80))
    given = SPECTRA[spectrum](np.random.default_rng(1), case.shape).astype(np.float32)
    matrices = Matrices(given, np.empty_like(given))
    make_call(case, matrices)(None)
    assert bound.error_of(case, given, matrices.result) <= 1


def test_the_bound_of_float32_refuses_bfloat16_and_nan():
    for case in QUICK[:2]:
        matrices = allocate(case)
        make_call(replace(case, compute="bfloat16"), matrices)(None)
        assert bound.error_of(case, matrices.given, matrices.result) > 1
        matrices.result[0, 0] = np.nan
        assert bound.error_of(case, matrices.given, matrices.result) == math.inf


def test_factor_is_the_polynomial_over_its_argument():
    s = np.linspace(1e-3, 1, 50)
    triples = coefficients.resolve("polar_express", 5)
    expected = coefficients.evaluate(triples, s)
    assert s * bound.factor(triples, s * s) == pytest.approx(expected, rel=1e-9)


def _probe(name, flops):
    return peak.Probe(Participant(name, lambda: 1.0), flops)


def test_ceiling_takes_the_best_rate_of_each_type():
    probes = {"float32": [_probe("slow", 10), _probe("fast", 30)], "bfloat16": [_probe("dot", 60)]}
    timings = {
        "slow": Timing((1.0, 1.0, 1.0)),
        "fast": Timing((1.0, 2.0, 1.0)),
        "dot": Timing((1.0, 1.0, math.nan)),
    }
    made = peak.ceiling({"float32": 60, "bfloat16": 60}, probes, timings)
    assert made.timing.seconds[:2] == (3.0, 5.0) and math.isnan(made.timing.seconds[2])
    assert made.timing.over(Timing((6.0, 10.0, 6.0))) == 0.5
    assert made.winners == "fast; dot"


@pytest.mark.parametrize("dtype", list(peak.PROBES))
def test_probes_count_what_they_do(dtype):
    for make in peak.PROBES[dtype][1:]:
        if probe := make(dtype, 64, 1):
            assert probe.flops in (2 * 64**3, 3 * 64**3) and probe.participant.sample() > 0
    assert len(peak.Peaks(64, 1).of(dtype)) == 2


def _lanes(instruction):
    return int(instruction.rpartition(", ")[2].removesuffix(" bits")) // 32


@pytest.mark.parametrize("target", steepest.cpu.targets())
def test_the_loop_is_the_instruction_of_the_target(target):
    before = steepest.cpu.active()
    steepest.cpu.use(target)
    try:
        one, three = (_core.arithmetic_peak("float32", n, 1)[1:] for n in (1, 3))
        assert three == (3 * one[0], one[1]) and one[0] % (2 * _lanes(one[1])) == 0
        assert _core.arithmetic_peak("float32", 1, 2)[1] == 2 * one[0]
        assert _core.arithmetic_peak("float64", 1, 1)[1:] == (one[0] / 2, one[1])
        half = _core.arithmetic_peak("bfloat16", 1, 1)[1:]
        assert half == one if target != "avx512bf16" else half[0] == 2 * one[0]
    finally:
        steepest.cpu.use(before)


def test_the_loop_takes_time_in_proportion_to_its_rounds():
    # Were it optimised away, both would take nothing. The best of some: others use the machine.
    few, many = (
        min(_core.arithmetic_peak("float32", n, 1)[0] for _ in range(9)) for n in (20_000, 320_000)
    )
    assert 4 < many / few < 64


@pytest.mark.parametrize(
    ("wrong", "named"),
    [(("int8", 1, 1), "dtype"), (("float32", 0, 1), "rounds"), (("float32", 1, 0), "threads")],
)
def test_the_loop_names_the_argument_that_is_wrong(wrong, named):
    with pytest.raises(ValueError, match=f"^{named}: .*expected"):
        _core.arithmetic_peak(*wrong)


@pytest.mark.parametrize("case", products.cases(quick=True)[:6], ids=lambda case: case.name)
def test_products_are_within_their_bound_and_rivals_agree(case):
    a = products.operand(case)
    out = np.empty_like(a)
    products.gram(a, out)
    assert products.error_of(case, a, out) <= 1
    assert case.flops == case.side**3 and case.bytes == 2 * a.nbytes
    exact = a.astype(np.float64) @ a.astype(np.float64).T
    for rival in rivals.load_polar():
        make = getattr(rival, "make_product", None)
        call = make(a, case.compute, 1) if make else None
        if call is not None:
            found = np.tril(_as_array(call(None)).astype(np.float64))
            tolerance = 2.0**-7 if case.compute == "bfloat16" else 1e-5
            assert np.abs(found - np.tril(exact)).max() <= tolerance * np.abs(exact).max()
    out[1, 0] = out[0, 1] + a.dtype.type(8)
    assert products.error_of(case, a, out) == math.inf  # not symmetric
    out[0, 1] = out[1, 0]
    assert products.error_of(case, a, out) > 1


def _as_array(result):
    if isinstance(result, list):
        return np.stack([_as_array(each) for each in result])
    return np.asarray(result.float() if hasattr(result, "float") else result)


@pytest.mark.parametrize("module", rivals.POLAR)
def test_rivals_compute_the_same(module):
    name = rivals.find(module).NAME
    found = rivals.load_polar([name])
    if not found:
        pytest.skip(f"{name} is not installed")
    met = 0
    for case in (c for c in QUICK if c.method == "standard" and c.elements <= 126 * 32 * 32):
        matrices = allocate(case)
        before = matrices.given.copy()
        call = found[0].make(case, matrices, os.cpu_count())
        if call is None:
            continue
        met += 1
        result = _as_array(call(None))
        assert np.array_equal(matrices.given, before)
        tolerance = 2e-3 if case.compute == "float32" else 0.5  # theirs rounds everything to 8 bits
        make_call(case, matrices)(None)
        worst = np.linalg.norm(result - matrices.result, axis=(-2, -1))
        assert np.all(worst <= tolerance * np.linalg.norm(matrices.result, axis=(-2, -1))), case
    assert met or name in ("optax", "scipy")  # all cores only; products only


def test_rivals_take_the_types_that_are_theirs():
    by_name = {r.NAME: r for r in (rivals.find(m) for m in rivals.POLAR)}
    assert list(by_name) == ["numpy", "scipy", "torch-bf16", "torch-f32", "torch-bmm", "optax"]
    half = next(c for c in QUICK if c.compute == "bfloat16" and len(c.shape) == 2)
    for name in ("numpy", "torch-f32", "torch-bmm", "optax"):
        assert by_name[name].make(half, allocate(half), 1) is None
    assert by_name["torch-bf16"].make(replace(half, compute="float32"), allocate(half), 1) is None


def test_report_and_plot_of_both_families(tmp_path):
    ours = Row("polar", "64x64", "polar.orthogonalize, gram", "float32", 2, 1e-3, 9e-4, 2e-3,
               32768, 4_000_000, None, 0.2, "numpy", 2e-3, None)  # fmt: skip
    steps = replace(ours, family="steps", case="adamw")
    made = [judge(ours, 0.8), judge(steps, 0.9)]
    heading, first, second = report.table_lines(made)
    assert heading.index("GB/s") < heading.index("GFLOP/s")
    assert "4.0" in first and "GFLOP/s" not in report.table_lines(made[1:])[0]
    assert "multiply-add" in report.notes(made) and "streaming" in report.notes(made)
    assert "streaming" not in report.notes(made[:1]) and "0.0" in second
    if plot.available():
        plot.save(made, {"steepest": {"version": "0", "target": "x"}, "cpu": "c"},
                  str(tmp_path / "p.png"))  # fmt: skip
        assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_command_line(capsys):
    assert main(["polar", "--list", "--only", "1024x4096 float32"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert len(listed) == 2 and "GFLOP of float32" in listed[0]
    assert main(["polar", "--only", "adamw"]) == 2
    assert main(["polar", "--quick", "--rival", "deepspeed", "--only", "64x64"]) == 2
    assert "torch-bmm" in capsys.readouterr().err
    assert main(["distributed", "--device", "cuda"]) == 2
    assert "cpu only" in capsys.readouterr().err
