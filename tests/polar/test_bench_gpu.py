"""The GPU benchmark of products, orthogonalisation, norms and probes without a GPU: NumPy's arrays
stand in for the device's, and the emulation for its kernels."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace

import numpy as np
import pytest
import steepest
from boundary.device_fakes import emulation
from host_framework import Host
from steepest import _core
from steepest.bench import device, machine, rivals
from steepest.bench.__main__ import main
from steepest.bench.curvature import device as curvature
from steepest.bench.device import memory, work
from steepest.bench.device.run import Settings
from steepest.bench.norms import device as norms
from steepest.bench.norms.cases import ReportCase
from steepest.bench.polar.cases import Case
from steepest.bench.polar.device import cases as polar_cases
from steepest.bench.polar.device import suite as polar
from steepest.bench.polar.device.cases import GENERAL, GRAM, ListCase, ProductCase
from steepest.bench.polar.operations import general, symmetric
from steepest.bench.rows import Row, as_document
from steepest.bench.steps.device import timing
from steepest.bench.timing import Effort

FULL = polar_cases.cases(quick=False)
QUICK = polar_cases.cases(quick=True)
TYPES = ("bfloat16", "float32", "float64")
PRODUCTS = [
    case
    for t in TYPES
    for case in (ProductCase(GRAM, 20, 30, 20, t), ProductCase(GENERAL, 20, 30, 9, t))
]
REPORT = ReportCase("small report", ((20, 30), (7, 5)))
PROBES = curvature.cases(quick=True, elements=4096)


def orthogonalizations():
    for method in ("standard", "gram"):
        for compute in ("float32", "bfloat16"):
            shapes = (((2, 12, 20), 1), ((24, 18), 2))
            parts = tuple((Case("", shape, method, compute), n) for shape, n in shapes)
            yield ListCase(f"list {compute} {method}", parts, compute)


LISTS = list(orthogonalizations())


@pytest.fixture(autouse=True)
def emulated(monkeypatch):
    monkeypatch.setattr(timing, "_LEAST_S", 1e-5)
    monkeypatch.setattr(memory, "available", lambda: False)
    with emulation():
        yield


def settings(**changes):
    effort = Effort(rounds=1, least=1, budget_s=0.01, pause_s=0)
    return replace(Settings(effort, Host(), nominal=4.8e12, notice=pytest.fail), **changes)


def rows_of(results):
    return [row for rows in results for row in rows]


# ---- cases


def test_names_are_unique():
    for every in (FULL, QUICK):
        assert len({case.name for case in every}) == len(every)
    assert len(FULL) == len(QUICK)


def test_the_published_list_is_there():
    (case,) = [c for c in FULL if c.name.startswith("216 x 2048x7168") and "standard" in c.name]
    assert [(part.shape, count) for part, count in case.parts] == [
        ((2048, 7168), 216),
        ((7168, 18432), 1),
    ]
    assert case.dtype == case.compute == "bfloat16"
    assert case.bytes == 4 * (216 * 2048 * 7168 + 7168 * 18432)
    of_one = [5 * (symmetric(n, m) + symmetric(n, n) + general(n, m)) for (n, m) in
              ((2048, 7168), (7168, 18432))]  # fmt: skip
    assert case.flops == 216 * of_one[0] + of_one[1]


def test_operations_of_products():
    gram, multiply = PRODUCTS[:2]
    assert gram.flops == 20 * 20 * 30 and multiply.flops == 2 * 20 * 30 * 9
    assert gram.bytes == 2 * (20 * 30 + 20 * 20)
    assert multiply.bytes == 2 * (20 * 30 + 30 * 9 + 20 * 9)


# ---- check


@pytest.mark.parametrize("case", PRODUCTS, ids=lambda c: c.name)
def test_a_wrong_product_is_seen(case):
    rng = np.random.default_rng(0)
    dtype = device.host_dtype(case.compute)
    a = rng.standard_normal((case.rows, case.inner)).astype(dtype)
    b = a.T if case.kind == GRAM else rng.standard_normal((case.inner, case.cols)).astype(dtype)
    exact = (a.astype(np.longdouble) @ b.astype(np.longdouble)).astype(dtype)
    assert polar.error_of(case, a, b, exact) <= 1
    for wrong in (np.nan, exact[0, 0] * dtype.type(1.1)):
        spoilt = exact.copy()
        spoilt[0, 0] = wrong
        assert polar.error_of(case, a, b, spoilt) > 1
    if case.kind == GRAM:
        spoilt = exact.copy()
        spoilt[0, 1] *= dtype.type(1.01)
        assert polar.error_of(case, a, b, spoilt) == math.inf


def test_a_wrong_matrix_of_a_list_is_seen(monkeypatch):
    original = steepest.polar.orthogonalize

    def spoilt(given, *arguments, out, **options):
        original(given, *arguments, out=out, **options)
        out[-1][...] *= out[-1].dtype.type(1.5)

    monkeypatch.setattr(steepest.polar, "orthogonalize", spoilt)
    (row,) = rows_of(polar.run(LISTS[:1], settings(), 16))
    assert row.error > 1 and row.ceiling_fraction is None


@pytest.mark.parametrize("case", PROBES, ids=lambda c: c.name)
def test_other_bits_than_the_cpus_are_infinitely_wrong(case):
    notices = []
    arrays = curvature.allocate(case)
    result = curvature.make_call(case, arrays)(None)
    assert curvature._error(case, arrays, result, settings()) <= 1
    device.bits(arrays[(*case.update, *case.write)[0]].reshape(-1))[3] ^= 1
    chosen = settings(notice=notices.append)
    assert curvature._error(case, arrays, result, chosen) == math.inf
    assert len(notices) == 1 and "not the CPU's bits" in notices[0]


def test_a_report_of_other_bits_is_infinitely_wrong(monkeypatch):
    flat = np.random.default_rng(0).standard_normal(REPORT.elements, np.float32)
    matrices = norms.split(REPORT, flat)
    assert norms._error(REPORT, flat, matrices, settings()) <= 1
    original, factors = _core.norm_reports, iter((1 + 2.0**-50, 1.0))
    monkeypatch.setattr(_core, "norm_reports", lambda *given: original(*given) * next(factors))
    notices = []
    assert norms._error(REPORT, flat, matrices, settings(notice=notices.append)) == math.inf
    assert notices == ["small report: not the CPU's bits"]


# ---- measurement


def test_rows_of_products_and_lists():
    made = rows_of(polar.run([*PRODUCTS, *LISTS], settings(), 16))
    assert len(made) == len(PRODUCTS) + len(LISTS)
    check(made, "polar")
    assert all(row.ceiling_fraction > 0 and row.nominal_fraction is None for row in made)
    assert made[0].ceiling_by == "bfloat16 numpy"
    assert made[-1].ceiling_by == "float32 numpy; bfloat16 numpy"  # the Gram form has both


def test_rows_of_reports_and_probes():
    made = rows_of(norms.run([REPORT], settings()))
    check(made, "norms")
    probes = rows_of(curvature.run(PROBES, settings()))
    assert [row.case for row in probes] == [case.name for case in PROBES]
    check(probes, "curvature")
    for row in (*made, *probes):
        assert row.ceiling_fraction > 0
        assert row.nominal_fraction == pytest.approx(row.bytes / row.median_s / 4.8e12)


def check(made, family):
    document = as_document(made, machine.facts(), None)
    for row in json.loads(json.dumps(document, allow_nan=False))["rows"]:
        assert set(row) == {field.name for field in fields(Row)}
        assert 0 < row["p10_s"] <= row["median_s"] <= row["p90_s"]
        assert (row["family"], row["threads"]) == (family, 1) and 0 <= row["error"] <= 1


def test_without_a_peak_there_is_no_share():
    class NoProducts(Host):
        def matmul(self, a, b, out):
            raise TypeError("no products in this type")

    notices = []
    chosen = settings(framework=NoProducts(), notice=notices.append)
    made = rows_of(polar.run(PRODUCTS[:2], chosen, 16))
    assert [row.ceiling_fraction for row in made] == [None, None] and made[0].counts
    assert len(notices) == 1 and "peak bfloat16: left out (TypeError" in notices[0]


def test_what_has_no_room_is_left_out():
    class Tiny(Host):
        def facts(self):
            return {"memory_gib": 1e-6}

    notices = []
    chosen = settings(framework=Tiny(), notice=notices.append)
    assert rows_of(polar.run(PRODUCTS[:1], chosen, 16)) == []
    assert "too little memory" in notices[0] and chosen.failures == []


def test_rivals_take_part_or_are_left_out():
    class Other:
        NAME = "other"

        def product(self, a, b):
            return lambda: np.matmul(a, a.T if b is None else b)

    class Refusing:
        NAME = "refusing"

        def product(self, a, b):
            raise RuntimeError("no such kernel\nat all")

    class Elsewhere:
        NAME = "elsewhere"

        def product(self, a, b):
            return None

    notices = []
    chosen = settings(rivals=(Other(), Refusing(), Elsewhere()), notice=notices.append)
    (row,) = rows_of(polar.run(PRODUCTS[2:3], chosen, 16))
    assert row.rival == "other" and row.ratio == row.rival_median_s / row.median_s
    assert notices == [f"{row.case}: refusing left out (RuntimeError: no such kernel)"]
    assert work.rivals_of(settings(), "", lambda rival: None) == {}


# ---- torch, on its tensors in host memory


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def rival():
    (found,) = rivals.load_on_device("polar")
    return found


def test_torch_makes_the_same_products(torch):
    a, b = (torch.randn(6, 6, dtype=torch.float64) for _ in range(2))
    assert torch.equal(rival().product(a, None)(), a @ a.mT)
    assert torch.equal(rival().product(a, b)(), a @ b)
    assert rival().product(np.eye(3), None) is None


def test_torch_orthogonalizes_the_same(torch):
    rng = np.random.default_rng(0)
    given = [rng.standard_normal(s).astype(np.float32) for s in ((2, 12, 20), (24, 18))]
    case = Case("", (12, 20), "standard", "float32")
    ours = steepest.polar.orthogonalize(given, case.coefficients, 5, method="standard")
    theirs = rival().orthogonalize(case, [torch.from_numpy(g) for g in given])()
    for left, right in zip(ours, theirs, strict=True):
        assert np.allclose(left, right.numpy(), atol=1e-4)


def test_torch_reports_the_same(torch):
    given = [np.random.default_rng(k).standard_normal((7, 9)) for k in range(2)]
    theirs = rival().report([torch.from_numpy(g) for g in given])().numpy()
    assert np.allclose(theirs, _core.norm_reports(given, True), rtol=1e-12)


@pytest.mark.parametrize("case", PROBES, ids=lambda c: c.name)
def test_torch_does_the_same_to_the_arrays(torch, case):
    arrays = curvature.allocate(case)
    tensors = {name: torch.from_numpy(a.copy()) for name, a in arrays.items()}
    torch.manual_seed(0)
    result = rival().curvature(case, tensors)()
    if case.call == "mkor_update":
        curvature.make_call(case, arrays)(None)
        assert np.allclose(tensors["inverse"].numpy(), arrays["inverse"], atol=1e-5)
    elif case.call == "accumulate":
        magnitude = np.abs(arrays["products"])
        assert np.allclose(np.abs(tensors["mean"].numpy()), magnitude / 3)
        assert np.allclose(tensors["scatter"].numpy(), 2 / 3 * magnitude**2, rtol=1e-5)
        assert float(result) == pytest.approx(float(tensors["mean"].sum(dtype=torch.float64)) * 3)
    else:
        probe = tensors["probe"].double().numpy()
        assert abs(probe.mean()) < 0.1 and np.mean(probe**2) == pytest.approx(1, abs=0.1)
        assert case.call == "gaussian" or set(probe) == {-1.0, 1.0}


# ---- command line


@pytest.mark.parametrize("family", ["polar", "norms", "curvature"])
def test_cases_are_listed_without_a_device(family, capsys):
    assert main([family, "--device", "cuda", "--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 2


def test_a_run_by_the_command_line(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(device, "find", lambda name=None: Host())
    file = tmp_path / "rows.json"
    options = ["--device", "cuda", "--quick", "--json", str(file)]
    assert main(["polar", *options, "--only", "32x32 bfloat16 standard"]) == 0
    assert "polar.orthogonalize, standard" in capsys.readouterr().out
    (row,) = json.loads(file.read_text())["rows"]
    assert row["case"] == "32x32 bfloat16 standard"
    assert main(["curvature", *options, "--elements", "4096", "--only", "gaussian"]) == 0
    assert json.loads(file.read_text())["rows"][0]["impl"] == "curvature.gaussian"


def test_families_of_the_cpu_alone_are_refused(capsys):
    assert main(["distributed", "--device", "cuda"]) == 2
    assert "distributed runs on the cpu only" in capsys.readouterr().err
    assert main(["norms", "--device", "cuda", "--rival", "scipy"]) == 2
    assert "expected some of torch, got scipy" in capsys.readouterr().err
