"""The parts of the GPU benchmark that need no GPU. Arrays of NumPy stand in for the device's."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from dataclasses import fields, replace

import ml_dtypes
import numpy as np
import pytest
import steepest
from bench.support import shorter
from host_framework import Host
from steepest import _core
from steepest.bench import device, machine, report, rivals
from steepest.bench.__main__ import main
from steepest.bench.device.facts import version_text
from steepest.bench.device.nominal import bandwidth
from steepest.bench.rows import Row, as_document
from steepest.bench.steps.device import buffers as device_buffers
from steepest.bench.steps.device import calls, cases, check, streaming, suite, timing
from steepest.bench.timing import Effort

QUICK = cases.device_cases(quick=True)
FULL = {(case.name, case.impl): case for case in cases.device_cases(quick=False)}
SMALL = {(c.name, c.impl): shorter(c) for c in cases.device_cases(quick=True, elements=24000)}


@pytest.fixture(autouse=True)
def counts_on_the_host(monkeypatch):
    """NumPy has no counter on a device: the array is read and advanced here."""

    def graph_step(case, buffers):
        plan = calls.make_plan(case, buffers)

        def step(grads):
            buffers.counter += 1
            return plan(grads, step=int(buffers.counter[0]))

        return step

    monkeypatch.setattr(calls, "graph_step", graph_step)
    monkeypatch.setattr(suite, "graph_step", graph_step)
    monkeypatch.setattr(streaming, "available", lambda: False)
    monkeypatch.setattr("steepest.bench.steps.device.ceiling.available", lambda: False)


# ---- cases


def test_every_rule_scheme_and_list_has_a_case():
    rules = {case.rule for case in FULL.values()}
    assert rules == {rule["name"] for rule in _core.rules() if rule["public"]} | {"grad_norm"}
    for rule in ("adamw", "lion"):
        for scheme in ("", " bf16", " bf16 copy", " bf16 moments"):
            assert FULL[f"{rule} 128M{scheme}", "Plan"].elements == 2**27
    assert FULL["adamw 16M", "Plan"].elements == 2**24
    for name in ("", " graph", " misaligned graph", " mixed phases graph"):
        assert len(FULL[f"adamw GPT-2 124M{name}", "Plan"].shapes) == 148
    assert ("adamw GPT-2 124M", "optim") in FULL
    assert FULL["adamw 64x1024", "Plan"].shapes == ((64, 1024),)
    assert len(FULL["adamw 1000 x 1024", "Plan"].shapes) == 1000


@pytest.mark.parametrize("every", [QUICK, tuple(FULL.values())])
def test_names_are_unique_and_big_cases_exceed_the_cache(every):
    assert len({(case.name, case.impl) for case in every}) == len(every)
    for case in every:
        held = case.elements * sum(cases_itemsize(case, s) for s in case.streams)
        if case.in_memory and "narrow" not in case.name and every is not QUICK:
            assert held > 240e6, case.name


def cases_itemsize(case, stream):
    return {"float64": 8, "float32": 4, "bfloat16": 2}[case.dtype_of(stream)]


def test_bytes_are_those_of_the_algorithm():
    per_element = {name: case.bytes / case.elements for (name, _), case in FULL.items()}
    assert per_element["adamw 128M"] == 28 and per_element["lion 128M"] == 20
    assert per_element["adamw 128M bf16"] == 14 and per_element["lion 128M bf16"] == 10
    assert per_element["adamw 128M bf16 copy"] == 2 + 24 + 2
    assert per_element["lion 128M bf16 copy"] == 2 + 16 + 2
    assert per_element["adamw 128M bf16 moments"] == 4 + 8 + 8
    assert per_element["lion 128M bf16 moments"] == 4 + 8 + 4
    assert per_element["lamb 64M"] == 44 and per_element["c_adamw 64M"] == 36
    assert per_element["adamw 64M max_grad_norm"] == 32 and per_element["grad_norm 64M"] == 4
    assert per_element["adamw 64M max_tensor_norm"] == 32
    assert per_element["adamw 64M max_grad_value"] == 28
    assert per_element["adamw GPT-2 124M"] == 28


def test_llama_shard_is_a_part_of_eight_billion():
    shapes = cases.llama_shard(parts=32)
    assert len(shapes) == 291
    assert 32 * sum(math.prod(s) for s in shapes) == 8_030_261_248


def test_phases_shift_every_stream():
    case = SMALL["adamw GPT-2 narrow mixed phases graph", "Plan"]
    made = device_buffers.allocate_on(Host(), case)
    for number, stream in enumerate(case.streams):
        base, flat = made.bases[stream], made.flat[stream]
        assert flat.ctypes.data - base.ctypes.data == (1, 2, 3, 0)[number] * 4


# ---- check


@pytest.mark.parametrize("key", SMALL, ids=" ".join)
def test_the_check_accepts_ours(key):
    case, notices = SMALL[key], []
    made = device_buffers.allocate_on(Host(), case)
    call = calls.make_device_call(case, made)
    assert check.error_of(case, made, call, notices.append) <= 1
    assert notices == []


def test_content_goes_on_after_its_period(monkeypatch):
    monkeypatch.setattr(device_buffers, "PERIOD", 1009)
    monkeypatch.setattr(check, "PERIOD", 1009)
    for name in ("adamw 24000", "adamw 24000 bf16 copy", "adamw 12000 bf16 stochastic"):
        case = SMALL[name, "Plan"]
        made = device_buffers.allocate_on(Host(), case)
        assert (made.flat["params"][1009:2018] == made.flat["params"][:1009]).all()
        call = calls.make_device_call(case, made)
        assert check.error_of(case, made, call, pytest.fail) <= 1


@pytest.mark.parametrize("name", ["adamw 24000", "lamb 12000", "adamw 12000 bf16 stochastic"])
def test_one_wrong_bit_makes_the_error_infinite(name):
    case, notices = SMALL[name, "Plan"], []
    made = device_buffers.allocate_on(Host(), case)
    right = calls.make_device_call(case, made)

    def call(grads):
        right(grads)
        device.bits(made.flat["exp_avg"])[5000] ^= 1

    assert check.error_of(case, made, call, notices.append) == math.inf
    assert "1 of exp_avg" in notices[0]


def test_a_wrong_norm_makes_the_error_infinite():
    case = SMALL["grad_norm 12000", "steps"]
    made = device_buffers.allocate_on(Host(), case)

    def call(grads):
        norm = steepest.steps.grad_norm(grads)
        return norm._replace(total=np.nextafter(norm.total, 2 * norm.total))

    assert check.error_of(case, made, call, lambda text: None) == math.inf


def test_sampled_arrays_are_read_when_they_are_converted():
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    part = device_buffers.Remote(Host(), array).reshape(-1)[2:5]
    array += 1
    assert part.size == 3 and part.shape == (3,)
    assert part.astype(np.float64).tolist() == [3, 4, 5]


# ---- measurement


def settings(**changes):
    effort = Effort(rounds=1, least=1, budget_s=0.01, pause_s=0)
    return replace(suite.Settings(effort, Host(), nominal=4.8e12, notice=pytest.fail), **changes)


@pytest.fixture
def hasty(monkeypatch):
    """Short turns without rests between them, on one thread: others would go on spinning."""
    monkeypatch.setattr(timing, "_LEAST_S", 1e-5)
    monkeypatch.setattr("steepest.bench.timing.settle", lambda pause_s: None)
    before = steepest.cpu.threads()
    steepest.cpu.set_threads(1)
    yield
    steepest.cpu.set_threads(before)


def test_rows_of_a_run_are_valid(hasty):
    made = [row for rows in suite.run(list(SMALL.values()), settings()) for row in rows]
    assert len(made) == len(SMALL)
    document = as_document(made, machine.facts(), None)
    for row in json.loads(json.dumps(document, allow_nan=False))["rows"]:
        assert set(row) == {field.name for field in fields(Row)}
        assert 0 < row["p10_s"] <= row["median_s"] <= row["p90_s"]
        assert row["threads"] == 1 and row["error"] <= 1
        latency = "1000 x 1024" in row["case"] or "64x1024" in row["case"]
        assert (row["ceiling_fraction"] is None) == latency
        assert (row["nominal_fraction"] is None) == latency
        if not latency:
            share = row["bytes"] / row["median_s"] / 4.8e12
            assert row["nominal_fraction"] == pytest.approx(share)
    text = "\n".join(report.table_lines(made))
    assert "nominal" in text and "steps.Plan" in text


def test_a_failing_case_does_not_stop_the_others(hasty, monkeypatch):
    original = suite.make_device_call

    def make(case, buffers):
        if case.rule == "lion":
            raise steepest.DeviceError("illegal address")
        return original(case, buffers)

    monkeypatch.setattr(suite, "make_device_call", make)
    notices = []
    chosen = settings(notice=notices.append)
    two = [SMALL["lion 24000", "Plan"], SMALL["sgd 12000", "Plan"]]
    first, second = suite.run(two, chosen)
    assert first == [] and len(second) == 1
    assert chosen.failures == ["lion 24000 (Plan)"]
    assert "DeviceError: illegal address" in notices[0]


def test_a_rival_that_refuses_is_left_out(hasty):
    class Refusing:
        NAME = "refusing"

        def make(self, case, buffers, threads):
            raise RuntimeError("no such kernel")

    class Idle:
        NAME = "idle"

        def make(self, case, buffers, threads):
            return lambda grads: None

    notices = []
    chosen = settings(notice=notices.append, rivals=(Refusing(), Idle()))
    (rows,) = suite.run([SMALL["adamw 64x1024 graph", "Plan"]], chosen)
    assert [row.rival for row in rows] == ["idle"]
    assert rows[0].ratio == rows[0].rival_median_s / rows[0].median_s
    assert "refusing left out (RuntimeError: no such kernel)" in notices[0]


# ---- device, command line


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("NVIDIA H200", 4.8e12),
        ("NVIDIA H100 80GB HBM3", 3.35e12),
        ("NVIDIA L40S", 0.864e12),
        ("NVIDIA L4", 0.3e12),
        ("NVIDIA A100-SXM4-80GB", 2.039e12),
        ("Some other GPU", None),
    ],
)
def test_nominal_bandwidth(name, expected):
    assert bandwidth(name) == expected


def test_without_a_device_the_error_is_clear(monkeypatch, capsys):
    def refuse(name=None):
        raise steepest.DeviceError("--device cuda: torch finds no CUDA device")

    monkeypatch.setattr(device, "find", refuse)
    assert main(["steps", "--device", "cuda", "--quick", "--only", "64x1024"]) == 2
    assert "no CUDA device" in capsys.readouterr().err


def test_finding_a_device_tells_what_is_missing(monkeypatch):
    monkeypatch.setattr(_core, "has_cuda", lambda: False)
    with pytest.raises(steepest.DeviceError, match="no CUDA kernels"):
        device.find()
    monkeypatch.setattr(_core, "has_cuda", lambda: True)
    monkeypatch.setattr(device.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(steepest.DeviceError, match="torch is not installed, cupy is not"):
        device.find()


def test_cases_are_listed_without_a_device(capsys):
    assert main(["steps", "--device", "cuda", "--list"]) == 0
    listed = capsys.readouterr().out
    assert "adamw 128M bf16 copy (Plan): 28 bytes" in listed
    assert len(listed.splitlines()) == len(FULL)


def test_only_rivals_that_know_cuda_are_asked():
    assert {rival.NAME for rival in rivals.load((), rivals.ON_DEVICE)} <= {
        "torch-fused",
        "torch-foreach",
    }
    with pytest.raises(ValueError, match="numpy"):
        rivals.load(["numpy"], rivals.ON_DEVICE)


def test_headline_names_the_gpu():
    facts = {**machine.facts(), "device": {**Host().facts(), "nominal_bytes_per_s": 4.8e12}}
    assert report.headline(facts).startswith("NVIDIA H200, 1.0 GiB, 4.8 TB/s nominal")
    assert version_text(13000) == "13.0" and version_text(12080) == "12.8"


@pytest.mark.parametrize("variant", streaming.VARIANTS, ids=lambda v: v.name)
def test_streaming_kernels_compile(variant, tmp_path):
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("needs nvcc")
    code = streaming.source("ruuw", (1, 2, 4, 1), variant)
    (tmp_path / "probe.cu").write_text(code)
    command = [nvcc, "-arch=sm_90", "-ptx", "probe.cu", "-o", "probe.ptx"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    wide = [line for line in (tmp_path / "probe.ptx").read_text().splitlines() if ".v4." in line]
    assert sum(" ld" in f" {line.strip()}" for line in wide) == 7 * variant.unroll
    assert sum("st." in line for line in wide) >= 7 * variant.unroll


def test_bfloat16_keeps_its_bits_as_integers():
    array = np.array([1.5, -2.0], ml_dtypes.bfloat16)
    assert device.bits(array).dtype == np.int16
    assert device.bits(array).view(ml_dtypes.bfloat16).tolist() == [1.5, -2.0]


def test_command_without_a_device(tmp_path):
    try:
        device.find()
    except steepest.DeviceError:
        pass
    else:
        pytest.skip("there is a device")
    command = [sys.executable, "-m", "steepest.bench", "--device", "cuda", "--quick"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and "--device cuda: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_cut_run_leaves_its_rows(hasty, monkeypatch, tmp_path):
    """The file is written after every case."""
    file = tmp_path / "rows.json"
    original = suite.measure

    def measure(case, chosen):
        if case.rule == "lion":
            raise KeyboardInterrupt
        return original(case, replace(chosen, effort=settings().effort))

    monkeypatch.setattr(device, "find", lambda name=None: Host())
    monkeypatch.setattr(suite, "measure", measure)
    arguments = ["--device", "cuda", "--elements", "24000", "--json", str(file)]
    with pytest.raises(KeyboardInterrupt):
        main(arguments)
    document = json.loads(file.read_text())
    assert document["machine"]["device"]["name"] == "NVIDIA H200"
    assert [row["case"] for row in document["rows"]][:2] == ["adamw 24000", "adamw 24000 bf16"]
    assert list(tmp_path.iterdir()) == [file]
