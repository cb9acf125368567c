"""The benchmark of the steps: its report, its notion of right, and its measurement."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest
import steepest
from bench.support import shorter
from steepest import _core
from steepest.bench import environment, machine, plot, report, rivals, rows, timing
from steepest.bench.__main__ import main
from steepest.bench.bounded import Bounded, exact, excess
from steepest.bench.rows import Row, judge
from steepest.bench.steps import cases, check
from steepest.bench.steps.buffers import Arena, allocate
from steepest.bench.steps.calls import make_call
from steepest.bench.timing import Effort, Participant, Timing, interleave

ROW = Row("steps", "adamw 64M", "steps.adamw", "float32", 2, 0.03, 0.029, 0.033, 28 << 26, 14 << 26,
          None, 0.4, "numpy", 0.3, None)  # fmt: skip


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    """The JSON file of a short run of AdamW and its relatives, made under an override that must not
    reach NumPy."""
    path = tmp_path_factory.mktemp("bench") / "rows.json"
    command = [sys.executable, "-m", "steepest.bench", "steps", "--quick", "--elements", "20000"]
    command += ["--only", "adamw", "--threads", "1", "--rival", "numpy", "--json", str(path)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "OPENBLAS_CORETYPE": "Prescott"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "adamw 1000 x 1024" in done.stdout
    return json.loads(path.read_text())


def test_document_has_the_documented_schema(document):
    assert set(document) == {"machine", "commit", "rows"}
    names = {field.name for field in fields(Row)}
    for row in document["rows"]:
        assert set(row) == names
        assert row["family"] == "steps"
        assert 0 < row["p10_s"] <= row["median_s"] <= row["p90_s"]
        assert row["bytes"] > 0 and row["flops"] > 0 and row["threads"] >= 1
    assert document["machine"]["cpu"] and document["machine"]["steepest"]["targets"]
    assert sys.prefix not in json.dumps(document)


@pytest.mark.parametrize("quick", [True, False])
def test_every_rule_is_large_and_in_a_list(quick):
    """tests/bench/test_checks.py sees that every case becomes a row."""
    found = {(case.rule, case.in_memory) for case in cases.cases(quick=quick)}
    rules = {rule["name"] for rule in _core.rules() if rule["public"]}
    assert {(rule, in_memory) for rule in rules for in_memory in (True, False)} <= found
    assert ("grad_norm", True) in found


def test_ratios_and_errors_of_a_run(document):
    compared = [row for row in document["rows"] if row["rival"]]
    assert compared
    for row in compared:
        assert row["ratio"] == pytest.approx(row["rival_median_s"] / row["median_s"])
    for row in document["rows"]:
        assert 0 <= row["error"] <= 1, row
        latency = row["case"] == "adamw 64" or " 1000 x " in row["case"]
        assert (row["ceiling_fraction"] is None) == latency, row


@pytest.mark.parametrize("error", [1.0001, math.inf, math.nan, -1.0])
def test_a_wrong_result_gets_no_speed(error):
    wrong = judge(rows.replace(ROW, error=error), 0.97)
    assert not wrong.counts
    assert wrong.ratio is None and wrong.ceiling_fraction is None
    assert "WRONG" in "".join(report.table_lines([wrong]))
    assert "adamw 64M" in report.summary([wrong])


def test_a_right_result_keeps_its_speed_even_when_it_loses():
    right = judge(ROW, 0.97)
    assert right.counts and right.ceiling_fraction == 0.97
    assert right.ratio == 0.3 / 0.03 and not right.loses
    lost = judge(rows.replace(ROW, rival_median_s=0.02), None)
    assert lost.loses and "LOST" in "".join(report.table_lines([lost]))


SMALL = {case.name: shorter(case) for case in cases.cases(quick=True, elements=20000)}


def _step_one_percent_too_long(case, buffers):
    """A kernel that uses a learning rate 1 % too large."""
    right = make_call(case, buffers)

    def call(grads):
        before = buffers.flat["params"].astype(np.float64)
        right(grads)
        after = buffers.flat["params"]
        after[...] = (before + 1.01 * (after.astype(np.float64) - before)).astype(after.dtype)

    return call


@pytest.mark.parametrize("name", [n for n in SMALL if "grad_norm" not in n])
def test_the_check_accepts_ours_and_refuses_a_wrong_step(name):
    case = SMALL[name]
    buffers = allocate(case, Arena())
    assert check.error_of(case, buffers, make_call(case, buffers)) <= 1
    if case.dtype == "bfloat16":  # 1 % of a step is below its resolution
        return
    buffers = allocate(case, Arena())
    assert check.error_of(case, buffers, _step_one_percent_too_long(case, buffers)) > 1


def test_the_check_refuses_a_step_that_does_nothing():
    for name, case in SMALL.items():
        buffers = allocate(case, Arena())
        assert check.error_of(case, buffers, lambda grads: None) > 1, name


@pytest.mark.parametrize("name", [n for n in SMALL if "1000" not in n])
def test_numpy_rival_computes_the_same_step(name):
    case = SMALL[name]
    numpy_rival = rivals.load(["numpy"])[0]
    buffers = allocate(case, Arena())
    call = numpy_rival.make(case, buffers, 1)
    if call is None or case.impl == "optim" or case.rule in ("grad_norm", "adafactor"):
        pytest.skip("no such rival, or one with float32 sums")
    assert check.error_of(case, buffers, call) <= 1


@pytest.mark.parametrize("rival", ["torch-fused", "torch-foreach"])
def test_torch_rivals_compute_the_same_step(rival):
    pytest.importorskip("torch")
    torch_rival = rivals.load([rival])[0]
    for name, case in SMALL.items():
        buffers = allocate(case, Arena())
        call = torch_rival.make(case, buffers, 1)
        # torch rounds bfloat16 after every operation when it works tensor by tensor.
        if call is None or case.impl == "optim" or case.rule in ("grad_norm", "adafactor"):
            continue
        if case.dtype != "bfloat16":
            assert check.error_of(case, buffers, call) <= 2, name


def test_rivals_of_unknown_name_are_refused():
    with pytest.raises(ValueError, match="cupy"):
        rivals.load(["cupy"])


def test_bounds_cover_float32_arithmetic_and_not_much_more():
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(4096).astype(np.float32) for _ in range(2))
    expected = exact(a) * exact(b) / (exact(a) * exact(a) + 1.0).sqrt() - 0.1
    actual = a * b / np.sqrt(a * a + np.float32(1)) - np.float32(0.1)
    assert excess(actual, expected) <= 1
    assert excess(actual * np.float32(1 + 2.0**-18), expected) > 1
    assert excess(np.full(3, np.nan), Bounded(np.ones(3), np.ones(3))) == math.inf


def test_bytes_are_those_of_the_design():
    per_element = {case.name: case.bytes / case.elements for case in SMALL.values()}
    label = cases.count(20000)
    assert per_element[f"adamw {label}"] == 28
    assert per_element[f"lion {label}"] == 20
    assert per_element[f"c_adamw {label}"] == 36
    assert per_element[f"lamb {label}"] == 44
    assert per_element[f"lars {label}"] == 28 and per_element[f"exadam {label}"] == 28
    assert per_element[f"dot {label}"] == 32
    assert per_element[f"adahessian {label}"] == 32
    assert per_element[f"adamw {label} bf16 moments"] == 20
    assert per_element[f"adamw {label} bf16 copy"] == 30


def test_gpt2_list():
    shapes = cases.gpt2_shapes(vocabulary=50257, context=1024, width=768, blocks=12)
    assert len(shapes) == 148
    assert sum(math.prod(shape) for shape in shapes) == 124_439_808


def test_turns_alternate_and_the_slow_sit_out():
    order = []

    def sample(name, seconds):
        order.append(name)
        return seconds

    effort = Effort(rounds=6, least=2, budget_s=1.0, pause_s=0)
    participants = [
        Participant("quick", lambda: sample("quick", 1e-3)),
        Participant("slow", lambda: sample("slow", 1.0)),
    ]
    timings = interleave(participants, effort)
    turns = order[2:]  # after one warm-up each
    assert turns.count("quick") == 6 and turns.count("slow") == 2
    assert turns[:2] == ["quick", "slow"] and turns[-2:] == ["quick", "quick"]
    assert timings["slow"].median_s == 1.0
    assert timings["slow"].over(timings["quick"]) == pytest.approx(1000)


class Clock:
    """Time with another thread that spins until ``end``."""

    def __init__(self, end: float) -> None:
        self.now, self.end = 0.0, end

    def perf_counter(self):
        return self.now

    def process_time(self):
        return min(self.now, self.end)

    def sleep(self, seconds):
        self.now += seconds


@pytest.mark.parametrize("end", [0.0, 0.005, 0.03, 0.2])
def test_a_turn_begins_when_no_thread_spins_any_more(monkeypatch, end):
    clock = Clock(end)
    monkeypatch.setattr(timing, "time", clock)
    timing.settle(0.01)
    assert max(end, 0.01) <= clock.now <= max(end, 0.01) + 0.01


def test_a_turn_begins_although_a_thread_never_sleeps(monkeypatch):
    clock = Clock(math.inf)
    monkeypatch.setattr(timing, "time", clock)
    timing.settle(0.01, longest_s=0.3)
    assert 0.3 <= clock.now <= 0.31


def test_paired_ratio_survives_a_drift():
    ours = Timing((1.0, 1.0, 4.0, 4.0, 4.0))
    assert ours.over(Timing((2.0, 2.0, 8.0, 8.0, math.nan))) == 0.5


def test_overrides_leave_the_environment():
    given = {"OPENBLAS_CORETYPE": "Haswell", "MKL_DEBUG_CPU_TYPE": "5", "OMP_NUM_THREADS": "2"}
    assert environment.without_overrides(given) == {"OMP_NUM_THREADS": "2"}


@pytest.mark.parametrize("variant", range(len(_core.stream_ceiling_variants())))
def test_probes_read_and_update_without_changing_anything(variant):
    rng = np.random.default_rng(variant)
    for n in (1, 63, 1000, 70001):
        wide, narrow = (rng.integers(0, 255, n + 1).astype(t)[1:] for t in (np.uint32, np.uint16))
        before = wide.copy(), narrow.copy()
        for streams in (([], [wide], []), ([wide], [narrow], []), ([narrow], [wide], [narrow * 1])):
            assert _core.stream_ceiling(*streams, variant, 2) > 0
        assert (wide == before[0]).all() and (narrow == before[1]).all()


@pytest.mark.parametrize("variant", range(len(_core.stream_ceiling_variants())))
def test_probes_write_more_than_zeros(variant):
    # Which some processors have a faster way for than for any data.
    written = np.zeros(70001, np.float32)
    assert _core.stream_ceiling([], [], [written], variant, 2) > 0
    assert (written[:70000].view(np.uint32) != 0).all()


def test_probe_refuses_what_it_cannot_walk():
    array = np.zeros(8, np.float32)
    with pytest.raises(TypeError, match="read"):
        _core.stream_ceiling([[1.0]], [], [], 0, 1)
    with pytest.raises(ValueError, match="update"):
        _core.stream_ceiling([array], [array[:4]], [], 0, 1)
    with pytest.raises(ValueError, match="contiguous"):
        _core.stream_ceiling([array[::2]], [], [], 0, 1)
    with pytest.raises(ValueError, match="variant"):
        _core.stream_ceiling([array], [], [], 99, 1)
    with pytest.raises(ValueError, match="threads"):
        _core.stream_ceiling([array], [], [], 0, 0)


def test_plot_is_a_picture(tmp_path):
    pytest.importorskip("matplotlib")
    made = [judge(rows.replace(ROW, rival=name), 0.9) for name in ("numpy", "torch-fused")]
    made += [judge(rows.replace(ROW, case="wrong", error=2.0), 0.9)]
    plot.save(made, machine.facts(), str(tmp_path / "rows.png"))
    assert (tmp_path / "rows.png").read_bytes().startswith(b"\x89PNG")


def test_a_plot_of_several_families_shows_the_closest_rivals(tmp_path):
    """At most thirty cases of each family, those with rivals before those without."""
    alone = [rows.replace(ROW, case=f"alone {k}") for k in range(20)]
    pairs = [
        rows.replace(ROW, case=f"case {k}", rival=rival, rival_median_s=1.0, ratio=ratio)
        for k in range(25)
        for rival, ratio in (("numpy", 9.0), ("torch-fused", 0.8))
    ]
    shown = plot.overview([*alone, *pairs])
    assert [row.case for row in shown] == [
        *(f"alone {k}" for k in range(5)),
        *(f"case {k}" for k in range(25)),
    ]
    assert {row.rival for row in shown[5:]} == {"torch-fused"}
    pytest.importorskip("matplotlib")
    both = [*pairs, *(rows.replace(row, family="norms") for row in alone)]
    plot.save(both, machine.facts(), str(tmp_path / "rows.png"))
    assert (tmp_path / "rows.png").read_bytes().startswith(b"\x89PNG")


def test_command_line(capsys):
    assert main(["steps", "--list", "--only", "lamb"]) == 0
    assert "44 bytes" in capsys.readouterr().out
    assert main(["--only", "no such case"]) == 2
    assert main(["--quick", "--rival", "nobody", "--only", "adamw 64"]) == 2
    assert "numpy" in capsys.readouterr().err


def test_thread_count_is_restored():
    before = steepest.cpu.threads()
    from steepest.bench.steps import suite

    settings = suite.Settings(Effort(rounds=1, least=1, pause_s=0), threads=1)
    (made,) = suite.run([SMALL["adamw 64"]], settings)
    assert made[0].threads == 1 and made[0].rival is None and made[0].ratio is None
    assert steepest.cpu.threads() == before
