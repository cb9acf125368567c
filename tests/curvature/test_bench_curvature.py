"""The benchmark of probes: its cases, what it counts, and its notion of right."""

import json
import math
from dataclasses import fields, replace

import numpy as np
import pytest
import steepest
from steepest.bench import rivals
from steepest.bench.__main__ import main
from steepest.bench.curvature.arrays import allocate, make_call
from steepest.bench.curvature.cases import TARGET, cases
from steepest.bench.curvature.check import error_of, signs
from steepest.bench.curvature.operator import product, standard_error
from steepest.bench.rows import Row

SMALL = cases(quick=True, elements=1 << 15)
by_case = pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)


def test_rows_of_a_run(tmp_path, capsys):
    path = tmp_path / "rows.json"
    command = ["curvature", "--quick", "--rivals", "--elements", "32768", "--json", str(path)]
    assert main([*command, "--only", "signs float32", "--threads", "1"]) == 0
    rows = json.loads(path.read_text())["rows"]
    assert [row["rival"] for row in rows] == ["numpy", "numpy-bits"]
    for row in rows:
        assert set(row) == {field.name for field in fields(Row)}
        assert (row["family"], row["dtype"], row["bytes"]) == ("curvature", "float32", 4 * 32768)
        assert row["error"] == 0 and row["ceiling_fraction"] > 0 and row["ratio"] > 0
    assert "signs float32" in capsys.readouterr().out


def test_cases():
    names = [case.name for case in cases(quick=False)]
    assert len(set(names)) == len(names) and {"signs float32", "accumulate float32"} <= set(names)
    assert all(case.elements == 1 << 24 for case in cases(quick=False) if not case.probes)
    by_name = {case.name: case for case in SMALL}
    # Three reads and two writes.
    assert by_name["accumulate float32"].bytes == 5 * 4 * (1 << 15)
    assert by_name["signs float64"].bytes == 8 * (1 << 15)
    # Two reads and one write of 181 x 181 elements.
    assert by_name["mkor update float32"].bytes == 3 * 4 * 181**2
    assert main(["curvature", "--list", "--only", "gaussian"]) == 0


@by_case
def test_ours_is_right_and_wrong_results_are_seen(case):
    arrays = allocate(case)
    make_call(case, arrays)(None)
    assert error_of(case, arrays) <= 1
    if case.probes:
        value, deviation = standard_error(case, arrays)
        for name, wrong in (("value", value + 8 * deviation), ("stderr", 4 * deviation)):
            right = arrays[name].copy()
            arrays[name][:] = wrong
            assert error_of(case, arrays) > 1
            arrays[name][:] = np.nan
            assert not error_of(case, arrays) <= 1
            arrays[name][:] = right
    elif case.call == "mkor_update":
        inverse = arrays["inverse"]
        inverse[4, 5] = inverse[5, 4] = np.nextafter(inverse[4, 5], 2, dtype=np.float32) + 1e-5
        assert error_of(case, arrays) > 1
        inverse[5, 4] = 0
        assert error_of(case, arrays) == math.inf
    elif case.call != "accumulate":
        arrays["probe"][77] = -arrays["probe"][77]
        assert error_of(case, arrays) > 1
        arrays["probe"][77] = np.nan
        assert not error_of(case, arrays) <= 1
    else:
        arrays["products"][5] = math.inf
        with np.errstate(invalid="ignore"):
            assert not error_of(replace(case), arrays) <= 1


@by_case
def test_rivals_do_the_same_work(case):
    found = rivals.load_curvature()
    assert [rival.NAME for rival in found][:2] == ["numpy", "numpy-bits"]
    for rival in found:
        arrays = allocate(case)
        call = rival.make(case, arrays)
        if rival.NAME in ("numpy", "numpy-bits"):
            assert (call is None) == (rival.NAME == "numpy-bits" and case.call != "rademacher")
        if call is None:
            continue
        for _ in range(2):
            call(None)
        if case.probes:
            assert error_of(case, arrays) <= 1
        elif case.call == "mkor_update":
            ours = allocate(case)
            for _ in range(2):
                make_call(case, ours)(None)
            # Sums of 181 products in single, of a matrix below 1 and a vector below 4.
            assert np.allclose(arrays["inverse"], ours["inverse"], rtol=0, atol=1e-5)
        elif case.call == "accumulate":
            assert arrays["scatter"].min() >= 0 and arrays["scatter"].max() > 0
            assert np.abs(arrays["mean"]).max() <= np.abs(arrays["products"]).max()
        else:
            z = arrays["probe"]
            assert abs(z.mean()) <= 5 / np.sqrt(z.size)
            assert abs(np.mean(z * z) - 1) <= 5 * np.sqrt(2 / z.size)


@pytest.mark.parametrize("module", ["jax", "matfree"])
@pytest.mark.parametrize("case", [c for c in SMALL if c.probes], ids=lambda case: case.name)
def test_jax_and_matfree_estimate_with_errors(module, case, monkeypatch):
    pytest.importorskip(module)
    rival = rivals.find(f"curvature_{module}")
    assert rival.available()
    monkeypatch.setattr(rivals.find("curvature_jax"), "_cores", steepest.cpu.threads)
    arrays = allocate(case)
    rival.make(case, arrays)(None)
    assert error_of(case, arrays) <= 1
    assert rival.make(next(c for c in SMALL if not c.probes), arrays) is None


def test_the_operator_gives_the_target_as_standard_error():
    for case in (case for case in SMALL if case.probes):
        arrays = allocate(case)
        value, deviation = standard_error(case, arrays)
        ratio = np.linalg.norm(deviation) / np.linalg.norm(value)
        # The vector's own part of the diagonal, s / n against 1, is not counted in its length.
        assert abs(ratio / TARGET - 1) < 1e-3
        z = signs(case.elements, 0).astype(case.dtype)
        d, u = arrays["diagonal"].astype(float), arrays["vector"].astype(float)
        exact = d * z + u * (u @ z)
        # Terms of the sum round once each, in any order, and the result three times.
        bound = 2.0**-24 * (len(u) * np.abs(u) * np.abs(u).sum() + 4 * np.abs(exact))
        assert (np.abs(product(arrays, z) - exact) <= bound).all()


def test_equal_probes_have_the_standard_error_that_is_said():
    """Over seeds, to four standard deviations: an estimate is the mean of 32 chi-squares, whose
    kurtosis of 3 + 12 / 32 gives a variance of m estimates a relative variance of 2.4 / m, and
    their root half of that deviation."""
    case = next(case for case in cases(quick=True, elements=1 << 12) if case.estimates_trace)
    arrays = allocate(case)
    wanted, deviation = standard_error(case, arrays)
    found = [
        steepest.curvature.hutchinson_trace(
            lambda z: product(arrays, z), arrays["diagonal"], case.probes, seed
        ).value
        for seed in range(400)
    ]
    assert abs(np.mean(found) - wanted[0]) <= 4 * deviation[0] / np.sqrt(400)
    assert abs(np.std(found) / deviation[0] - 1) <= 4 * 0.5 * np.sqrt(2.5 / 400)


def test_the_check_s_philox_is_philox():
    from reference.curvature import philox

    assert np.array_equal(signs(1000, 3), philox.signs(0, 1000, 7, 3))
