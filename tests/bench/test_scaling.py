"""The scaling rows: their points, their rows, their picture."""

import json
from dataclasses import replace

import pytest
import steepest
from steepest.bench import plot as common
from steepest.bench.__main__ import main
from steepest.bench.rows import Row
from steepest.bench.scaling import plot, points

from .support import hasten, row

FULL = points.points(quick=False, threads=6, memory=10 * 2**30)


def along(axis, call, found=FULL):
    return [p.at for p in found if p.axis == axis and p.name.startswith(f"{call} ")]


def test_elements_go_up_to_what_fits():
    powers = [8**k for k in range(10)]
    # 10 GiB hold 2.5 Gi floats: in one array, in three, in four.
    assert along("elements", "rademacher") == [*powers, 8**10]
    assert along("elements", "lion") == along("elements", "lamb") == powers
    for call in ("orthogonalize", "spectral_norm"):
        sides = (1, 2, 8, 22, 64, 181, 512, 1448, 4096)
        assert along("elements", call) == [side * side for side in sides]
    small = points.points(quick=False, threads=1, memory=1 << 20)
    assert along("elements", "lamb", small) == [8**k for k in range(6)]  # 2^16 of each stream
    assert 0 < points.free_bytes() < 1 << 50


def test_the_other_axes():
    assert along("tensors", "lion") == along("tensors", "lamb") == [1, 10, 100, 1000, 10_000]
    for call in ("orthogonalize", "spectral_norm"):
        assert along("batch", call) == [1, 4, 16, 64, 256, 1024]
    for call in ("lion", "lamb", "orthogonalize", "spectral_norm", "rademacher"):
        assert along("threads", call) == [1, 2, 4, 6]
    assert all(p.threads == (p.at if p.axis == "threads" else 6) for p in FULL)
    assert len({p.name for p in FULL}) == len(FULL)
    by_name = {p.name: p.case for p in FULL}
    assert by_name["orthogonalize batch 64"].shape == (64, 64, 64)
    assert by_name["lamb tensors 100"].shapes == ((1024,),) * 100
    assert by_name["lion threads 4"].in_memory and not by_name["lion elements 512"].in_memory


def test_rows_of_a_run(tmp_path, capsys, monkeypatch):
    hasten(monkeypatch)
    file, picture = tmp_path / "rows.json", tmp_path / "rows.png"
    matplotlib = ["--plot", str(picture)] if common.available() else []
    before = steepest.cpu.threads()
    run = ["--scaling", "--quick", "--threads", "2", "--rival", "numpy", "--json", str(file)]
    assert main([*run, *matplotlib, "--only", "s 1"]) == 0  # elements, tensors, threads
    assert steepest.cpu.threads() == before
    rows = [Row(**each) for each in json.loads(file.read_text())["rows"]]
    first = {(r.family, r.axis, r.at) for r in rows if r.at == 1}
    families = ("steps", "polar", "norms", "curvature")
    assert first == {
        *((family, axis, 1) for family in families for axis in ("elements", "threads")),
        ("steps", "tensors", 1),
    }
    assert all(r.threads == (r.at if r.axis == "threads" else 2) for r in rows)
    assert all(r.counts for r in rows) and any(r.ratio for r in rows)
    assert bool(matplotlib) == picture.exists()
    assert "lamb elements 1" in capsys.readouterr().out


def test_lines_follow_the_axis():
    rows = [
        row("lion elements 64", median=0.2, flops=64, axis="elements", at=64),
        row("lion elements 8", median=0.1, flops=8, axis="elements", at=8, rival="numpy"),
        row("lion elements 8", median=0.1, flops=8, axis="elements", at=8, rival="torch-fused"),
        row("lion elements 512", error=2.0, axis="elements", at=512),
        row("lion threads 2", median=0.1, axis="threads", at=2, threads=2),
        row("lion threads 1", median=0.18, axis="threads", at=1, threads=1),
        row(),
    ]
    found = plot.lines(rows)
    assert {key: [r.at for r in line] for key, line in found.items()} == {
        ("elements", "lion"): [8, 64],
        ("threads", "lion"): [1, 2],
    }
    assert plot.achieved(found["elements", "lion"]) == [0.25, 1]
    assert plot.achieved(found["threads", "lion"]) == pytest.approx([1, 1.8])
    by_bytes = [replace(r, flops=0, bytes=r.flops) for r in found["elements", "lion"]]
    assert plot.achieved(by_bytes) == [0.25, 1]


def test_command_line(capsys):
    assert main(["norms", "--scaling", "--quick", "--list", "--threads", "1"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed and all(line.startswith("spectral_norm ") for line in listed)
    assert main(["distributed", "--scaling"]) == 2
    assert "distributed has no cases" in capsys.readouterr().err
    assert main(["--scaling", "--device", "cuda"]) == 2
    assert "on the cpu only" in capsys.readouterr().err
