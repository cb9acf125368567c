"""The benchmark of probes: its cases, what it counts, and its notion of right."""

import json
import math
from dataclasses import fields, replace

import numpy as np
import pytest
from steepest.bench import rivals
from steepest.bench.__main__ import main
from steepest.bench.curvature.arrays import allocate, make_call
from steepest.bench.curvature.cases import cases
from steepest.bench.curvature.check import error_of, signs
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
        arrays["value"][77] += 1
        assert error_of(case, arrays) > 1
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
    assert [rival.NAME for rival in found] == ["numpy", "numpy-bits"]
    for rival in found:
        arrays = allocate(case)
        call = rival.make(case, arrays)
        assert (call is None) == (rival.NAME == "numpy-bits" and case.call != "rademacher")
        if call is None:
            continue
        for _ in range(2):
            call(None)
        if case.probes:
            arrays["value"][:] = call(None)[0]
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


def test_the_check_s_philox_is_philox():
    from reference.curvature import philox

    assert np.array_equal(signs(1000, 3), philox.signs(0, 1000, 7, 3))
