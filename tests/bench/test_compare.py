"""The comparison of two recorded runs."""

import json
import math

import numpy as np
import pytest
from steepest.bench.__main__ import main
from steepest.bench.compare.changes import (
    FASTER,
    SAME,
    SLOWER,
    WRONG,
    Band,
    change,
    compare,
    speed_of,
)
from steepest.bench.compare.machines import differences
from steepest.bench.compare.recorded import load
from steepest.bench.rows import as_document, by_case, key_of

from .support import row

MACHINE = {
    "cpu": "one",
    "cores": 2,
    "caches": {"L2": "1M"},
    "memory_gib": 8.0,
    "system": "Linux",
    "steepest": {"target": "avx2", "threads": 2, "compiler": "cc 1"},
}


def written(path, rows, machine=MACHINE):
    path.write_text(json.dumps(as_document(rows, machine, "c0ffee")))
    return str(path)


def test_the_band_covers_the_ratio_of_two_independent_medians():
    """Times that are log-normal: the band is between the 10th and the 90th percentile of the ratio
    of one time to another, which has the sum of the variances."""
    rng = np.random.default_rng(0)
    spreads, samples = (0.02, 0.06), []
    for median, sigma in zip((3.0, 2.0), spreads, strict=True):
        samples.append(median * np.exp(sigma * rng.standard_normal(200_000)))
    before, after = (
        row(median=float(m), below=float(m - low), above=float(high - m))
        for low, m, high in (np.percentile(s, [10, 50, 90]) for s in samples)
    )
    band = speed_of(before, after)
    low, middle, high = np.percentile(samples[0] / samples[1], [10, 50, 90])
    assert band.ratio == pytest.approx(middle, rel=2e-3)
    assert (band.low, band.high) == (pytest.approx(low, rel=2e-3), pytest.approx(high, rel=2e-3))


def test_sides_of_the_band_are_those_of_their_percentiles():
    slow_tail = row(median=1.0, below=0.0, above=1.0)
    sharp = row(median=1.0, below=0.0, above=0.0)
    assert speed_of(slow_tail, sharp) == Band(1.0, 1.0, pytest.approx(2.0))
    assert speed_of(sharp, slow_tail) == Band(1.0, pytest.approx(0.5), 1.0)


@pytest.mark.parametrize(
    ("band", "verdict"),
    [
        (Band(1.2, 1.01, 1.4), FASTER),
        (Band(0.8, 0.7, 0.99), SLOWER),
        (Band(1.2, 1.0, 1.4), SAME),
        (Band(0.8, 0.7, 1.0), SAME),
        (Band(1.0, 0.9, 1.1), SAME),
    ],
)
def test_a_band_around_one_is_not_resolved(band, verdict):
    assert band.verdict == verdict


def test_slower_by_more_than_some_percent():
    assert Band(1 / 1.06, 0.9, 0.99).is_slower_by(5)
    assert not Band(1 / 1.04, 0.9, 0.99).is_slower_by(5)
    assert not Band(1 / 1.5, 0.4, 1.1).is_slower_by(5)  # not resolved


def test_a_busy_machine_is_no_slower_kernel():
    """Everything takes twice as long, the ceiling too."""
    before = row(median=0.030)
    busy = change(before, row(median=0.060))
    assert busy.verdict == SLOWER and busy.share.verdict == SAME and not busy.is_slower_by(5)
    kernel = change(before, row(median=0.060, ceiling_fraction=0.45))
    assert kernel.share.verdict == SLOWER and kernel.is_slower_by(5)
    alone = change(row(ceiling_fraction=None), row(median=0.060, ceiling_fraction=None))
    assert alone.share is None and alone.is_slower_by(5)


@pytest.mark.parametrize("error", [2.0, math.inf, math.nan])
def test_a_result_that_is_wrong_now_is_worse_than_any_time(error):
    broken = change(row(), row(median=0.001, error=error, ceiling_fraction=None))
    assert broken.verdict == WRONG and broken.is_slower_by(1000)
    mended = change(row(error=error), row())
    assert mended.verdict == WRONG and not mended.is_slower_by(0)


def test_rows_are_matched_by_all_that_identifies_them():
    one = row()
    others = [
        row("lion 64M"),
        row(family="polar"),
        row(impl="steps.Plan"),
        row(dtype="bfloat16"),
        row(threads=1),
    ]
    found = compare(by_case([one]), by_case([*others, one]))
    assert [c.after for c in found.changes] == [one]
    assert found.only_before == () and list(found.only_after) == others
    assert compare(by_case(others), by_case([one])).only_before == tuple(others)


def test_a_file_gives_back_what_was_measured(tmp_path):
    rivals = [row(rival=name, rival_median_s=0.1, ratio=3.3) for name in ("numpy", "torch-fused")]
    wrong = row("wrong", error=math.inf, ceiling_fraction=None)
    run = load(tmp_path / written(tmp_path / "a.json", [*rivals, wrong]))
    assert next(iter(run.rows.values())) == rivals[0] and len(run.rows) == 2
    assert math.isnan(run.rows[key_of(wrong)].error)
    assert (run.machine, run.commit) == (MACHINE, "c0ffee")


def test_files_of_other_versions_are_read(tmp_path):
    document = as_document([row()], MACHINE, None)
    (recorded,) = document["rows"]
    recorded["to come"] = 1
    del recorded["nominal_fraction"], recorded["ceiling_by"]
    (tmp_path / "a.json").write_text(json.dumps(document))
    assert list(load(tmp_path / "a.json").rows.values()) == [row()]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"machine": {}, "commit": null, "rows": [{}]}'])
def test_other_files_are_refused(tmp_path, capsys, text):
    (tmp_path / "a.json").write_text(text)
    good = written(tmp_path / "b.json", [row()])
    assert main(["compare", good, str(tmp_path / "a.json")]) == 2
    assert "a.json: expected a run" in capsys.readouterr().err
    assert main(["compare", good, str(tmp_path / "none.json")]) == 2
    assert "none.json" in capsys.readouterr().err


def test_machines_that_differ_are_named():
    other = {**MACHINE, "cpu": "two", "steepest": {**MACHINE["steepest"], "target": "avx512"}}
    assert differences(MACHINE, {**MACHINE, "date": "another"}) == []
    assert differences(MACHINE, other) == [
        "cpu: one before, two after",
        "steepest target: avx2 before, avx512 after",
    ]
    gpu = {**MACHINE, "device": {"name": "H200"}}
    assert differences(MACHINE, gpu) == ["device name: none before, H200 after"]


def test_the_command(tmp_path, capsys):
    before = [row("slower"), row("faster"), row("same"), row("gone", ceiling_fraction=None)]
    after = [
        row("slower", median=0.06, ceiling_fraction=0.45),
        row("faster", median=0.015, ceiling_fraction=0.95),
        row("same", median=0.031),
        row("new"),
    ]
    a = written(tmp_path / "a.json", before)
    b = written(tmp_path / "b.json", after, {**MACHINE, "cores": 64})
    assert main(["compare", a, b]) == 0
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert lines[0] == "warning: the machines differ, cores: 2 before, 64 after"
    assert [line.split()[0] for line in lines[2:5]] == ["slower", "faster", "same"]
    assert "0.50" in lines[2] and "farther from the ceiling" in lines[2]
    assert "2.00" in lines[3] and lines[3].endswith("  faster")  # 0.95 over 0.9 is within its band
    assert lines[4].endswith("not resolved")
    assert "gone" in lines[6] and "new" in lines[8]
    assert lines[-1] == "1 faster, 1 slower, 1 not resolved, 2 in one run only"


@pytest.mark.parametrize(("percent", "code"), [("50", 1), ("99", 1), ("101", 0)])
def test_the_exit_code(tmp_path, capsys, percent, code):
    a = written(tmp_path / "a.json", [row(), row("other")])
    b = written(tmp_path / "b.json", [row(median=0.06, ceiling_fraction=0.45), row("other")])
    assert main(["compare", a, b, "--fail-slower", percent]) == code
    assert ("slower by more than" in capsys.readouterr().out) == bool(code)
    assert main(["compare", b, a, "--fail-slower", percent]) == 0


@pytest.mark.parametrize("percent", ["-1", "nan", "much"])
def test_percent_is_a_number(percent):
    with pytest.raises(SystemExit):
        main(["compare", "a", "b", "--fail-slower", percent])
