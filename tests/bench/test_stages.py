"""The table of what ran on a GPU, from the outcomes of the script that runs everything there."""

import json
import re
import subprocess
import sys

from steepest.bench.device import stages

ALL = ("golden", "probes", "products", "lines", "matrices", "tests")


def run_of(card, **outcomes):
    kinds = {name: {f"{name}-cupy": outcome} for name, outcome in outcomes.items()}
    return {
        "card": card,
        "commit": "abc",
        "stages": {k: v for d in kinds.values() for k, v in d.items()},
    }


def cells(table):
    return [line.split(" | ")[1].removesuffix(" |") for line in table.splitlines()[2:]]


def test_nothing_ran():
    assert set(cells(stages.table([]))) == {stages.NEVER}


def test_all_passed():
    run = run_of("H200-2026-12-01", **dict.fromkeys(ALL, "passed"))
    assert set(cells(stages.table([run]))) == {"H200-2026-12-01, at abc"}


def test_a_stage_that_failed_or_was_skipped():
    run = run_of("A100-2026-12-01", golden="passed", tests="FAILED: took too long", lines="passed")
    run["stages"]["matrices-cupy"] = "skipped"
    first, second, *rest = cells(stages.table([run]))
    assert first == "failed on A100-2026-12-01, at abc" and second == "A100-2026-12-01, at abc"
    assert rest[0] == first and set(rest[1:]) == {stages.NEVER}


def test_one_kind_of_arrays_that_failed_is_enough():
    run = run_of("A100-2026-12-01", probes="passed")
    run["stages"]["probes-torch-cuda"] = "FAILED: status 1"
    assert stages.ran_on(("probes",), run).startswith("failed")


def test_the_latest_word_counts(tmp_path):
    for card, outcome in ("H200-2026-12-02", "passed"), ("A100-2026-12-10", "FAILED: status 1"):
        words = [sys.executable, "-m", "steepest.bench.device.stages"]
        words += [tmp_path / f"{card}-stages.json", card, "abc", f"probes-cupy={outcome}"]
        subprocess.run(words, check=True)
    runs = stages.recorded(tmp_path)
    assert [run["card"] for run in runs] == ["H200-2026-12-02", "A100-2026-12-10"]
    assert json.loads((tmp_path / "H200-2026-12-02-stages.json").read_text()) == runs[0]
    assert "failed on A100-2026-12-10, at abc" in cells(stages.table(runs))
    assert "H200-2026-12-02, at abc" in cells(stages.table(runs[:1]))


def test_the_stages_are_those_of_the_script(pytestconfig):
    script = pytestconfig.rootpath / "bench" / "gpu_all.sh"
    named = set(re.findall(r'\bstage "?([a-z]+)', script.read_text("utf-8")))
    assert {stage for needed in stages.KERNELS.values() for stage in needed} <= named
