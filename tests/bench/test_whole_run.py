"""One run of all families: one table, one file, one picture of each kind, one bar of progress."""

import io
import json

import pytest
from steepest.bench import __main__ as command
from steepest.bench import plot, progress
from steepest.bench.__main__ import main

from .support import hasten

SMALL = {
    "steps": "sgd 4K",
    "polar": "64x64 float32 standard",
    "curvature": "signs float32",
    "norms": "64x64 interval 0.001",
    "distributed": "majority of 8 workers",
}


@pytest.fixture
def a_case_of_each(monkeypatch):
    hasten(monkeypatch)
    every = command._cases

    def some(family, options):
        chosen = [case for case in every(family, options) if case.name == SMALL[family]]
        assert len(chosen) == 1
        return chosen

    monkeypatch.setattr(command, "_cases", some)


def test_the_command_for_everything(a_case_of_each, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    json_file, bars, roofline = (tmp_path / name for name in ("r.json", "r.png", "roof.png"))
    files = ["--json", str(json_file), "--plot", str(bars), "--roofline", str(roofline)]
    assert main(["--quick", "--rivals", "--threads", "1", "--elements", "4096", *files]) == 0
    document = json.loads(json_file.read_text())
    rows = document["rows"]
    assert list(dict.fromkeys(row["family"] for row in rows)) == list(command.FAMILIES)
    compared = {row["family"] for row in rows if row["ratio"]}
    assert compared >= {"steps", "curvature", "distributed"}  # others need threadpoolctl
    assert all(row["error"] <= 1 for row in rows)
    assert document["machine"]["ceilings"]["float32"] > 1e8
    for picture in (bars, roofline):
        assert picture.read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert all(name in printed for name in SMALL.values()) and "comparisons lost" in printed
    assert sorted(tmp_path.iterdir()) == sorted([json_file, bars, roofline])
    assert main(["compare", str(json_file), str(json_file), "--fail-slower", "0"]) == 0
    assert "0 faster, 0 slower, 5 not resolved" in capsys.readouterr().out


@pytest.mark.parametrize("quick", [True, False])
def test_no_two_cases_share_a_label_or_a_key(quick):
    options = command.parser().parse_args(["--quick"] if quick else [])
    names, keys = [], []
    for family in command.FAMILIES:
        for case in command._cases(family, options):
            impl = getattr(case, "impl", "")
            names.append((case.name, impl))
            keys.append((family, case.name, impl))
    assert len(set(keys)) == len(keys)
    assert len(set(names)) == len(names)


def test_cases_of_all_families_are_listed(capsys):
    assert main(["--list", "--quick"]) == 0
    listed = capsys.readouterr().out.splitlines()
    for name in ("adamw 1M", "256x1024 float32 gram", "gaussian float32", "GPT-2/4 report",
                 "mean of 8 workers"):  # fmt: skip
        assert sum(line.startswith(f"{name} (") for line in listed) == 1, name


def test_pictures_need_matplotlib(monkeypatch, capsys):
    monkeypatch.setattr(plot, "available", lambda: False)
    for option in ("--plot", "--roofline"):
        assert main(["--quick", option, "x.png"]) == 2
        assert "pip install matplotlib" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_shows_what_was_done(monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress.sys, "stderr", Terminal())
    seen = []
    for item in progress.tracked(iter("abc"), 3, lambda item: f"case {item}"):
        seen.append(item)
        drawn = progress.sys.stderr.getvalue()
        assert f"{len(seen)}/3" in drawn and f"case {item}" in drawn
    assert seen == list("abc")


def test_there_is_no_bar_in_a_file(monkeypatch):
    monkeypatch.setattr(progress.sys, "stderr", io.StringIO())
    assert list(progress.tracked("abc", 3, str)) == list("abc")
    assert progress.sys.stderr.getvalue() == ""
