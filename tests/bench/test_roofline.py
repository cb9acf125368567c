"""The ceilings of the machine and the roofline under them."""

import pytest
import steepest
from steepest.bench import ceilings, plot, roofline

from .support import row


def test_ceilings_are_measured():
    found = ceilings.measure(1, quick=True)
    assert set(found) == {ceilings.STREAM, *ceilings.TYPES}
    assert 1e7 < found[ceilings.STREAM] < 1e13  # others may use the machine
    assert all(1e7 < found[dtype] < 1e13 for dtype in ceilings.TYPES)
    assert list(ceilings.peaks(found)) == sorted(ceilings.TYPES, key=found.get)


def test_bytes_of_the_stream_are_those_of_reading_one_array_and_updating_another(monkeypatch):
    walked = []

    def loop(read, update, write, variant, threads):
        walked.append(sum(a.nbytes for a in read) + 2 * sum(a.nbytes for a in update))
        return 0.5 if variant == 3 else 1.0

    monkeypatch.setattr(ceilings._core, "stream_ceiling", loop)
    assert ceilings.stream(1 << 20, 2, 3) == 2 * walked[0] == 2 * 3 * (1 << 20)


def test_operations_are_those_of_the_rounds(monkeypatch):
    loop = lambda dtype, rounds, threads: (rounds * 1e-9, 48 * rounds * threads, "fma")  # noqa: E731
    monkeypatch.setattr(ceilings._core, "arithmetic_peak", loop)
    assert ceilings.arithmetic("float32", 2, 2) == pytest.approx(96e9)


def test_the_roof_bends_where_memory_feeds_the_peak():
    assert [roofline.roof(x, 10.0, 100.0) for x in (1, 10, 20)] == [10, 100, 100]


def test_points_are_rows_that_count_once_each():
    rows = [
        row(rival="numpy", bytes=100, flops=50),
        row(rival="torch-fused", bytes=100, flops=50),
        row("wrong", error=2.0),
        row("report", flops=0),
        row("other", median=0.5, bytes=10, flops=40, family="polar"),
    ]
    assert roofline.points(rows) == [
        roofline.Point("steps", 0.5, 50 / 0.030),
        roofline.Point("polar", 4.0, 80.0),
    ]


def test_the_picture(tmp_path):
    pytest.importorskip("matplotlib")
    machine = {
        "cpu": "a processor",
        "steepest": {"version": steepest.__version__, "target": "avx2"},
        "ceilings": {ceilings.STREAM: 2e10, "float32": 1e11, "float64": 5e10, "bfloat16": 2e11},
    }
    roofline.save([row(), row("other", family="norms")], machine, str(tmp_path / "r.png"))
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
    roofline.save([], machine, str(tmp_path / "none.png"))
    assert plot.available()
