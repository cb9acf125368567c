"""The golden digests: reproduced on the chosen kind of arrays, and the comparison can fail."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import kinds
import numpy as np
import pytest
from steepest.golden import cases, inputs, results
from steepest.golden.__main__ import differences, main, run
from steepest.golden.kinds import Emulated
from steepest.golden.packed import GUARD, GUARD_BYTES, Packed
from steepest.golden.variants import variants
from steepest.optim.table import rules

from .mixes import bits
from .support import RULES

FILE = Path(__file__).parent.parent / "golden" / "steps.json"


def committed():
    return json.loads(FILE.read_text("utf-8"))["digests"]


def test_the_committed_digests_are_reproduced():
    assert differences(run(kinds.current()), committed()) == []


def test_every_rule_storage_stage_and_list_is_digested():
    parts = [name.split("/") for name in committed()]
    gradients = {"grad_norm", *cases.CLIPS}
    assert {part[0] for part in parts} == {*RULES, *gradients}
    steps = [part for part in parts if part[0] in RULES]
    branches = {name for rule in rules() for name in variants(rule)}
    assert {part[1] for part in steps} == set(cases.STORAGES)
    assert {part[2] for part in steps} == {*cases.STAGES, *branches}
    assert {part[3] for part in steps} == set(cases.LISTS)


def test_a_branch_changes_the_digest():
    """Of one list at least; beside the same call without the one option."""
    host, by_name = kinds.KINDS["numpy"], {case.name: case for case in cases.cases()}
    same = []
    for rule, shapes in product(rules(), cases.LISTS):
        for name in variants(rule):
            case = by_name[f"{rule.name}/f32/{name}/{shapes}"]
            without = {k: v for k, v in case.options.items() if k != name.split("=")[0]}
            if results.digest(case, host) == results.digest(replace(case, options=without), host):
                same.append((rule.name, name))
    assert [found for found in same if same.count(found) == len(cases.LISTS)] == []


def test_every_choice_and_switch_of_a_rule_is_a_branch():
    lars = next(rule for rule in rules() if rule.name == "lars")
    assert set(variants(lars)) == {
        "nesterov=True",
        "ratio=joint",
        "ratio=clipped",
        "ratio=none",
        "lr_in_momentum=False",
    }
    sgd = next(rule for rule in rules() if rule.name == "sgd")
    assert variants(sgd)["nesterov=True"] == {"nesterov": True, "momentum": 0.9}


def test_digests_that_differ_are_named(tmp_path, capsys):
    digests = committed()
    digests["adamw/f32/plain/odd"] = "0" * results.DIGITS
    del digests["lion/bf16/clipped/odd"]
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps({"digests": digests}))
    arguments = ["--quick", "--arrays", kinds.current().name, "--check"]
    assert main([*arguments, str(changed)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("adamw/f32/plain/odd: ")
    assert lines[1] == "lion/bf16/clipped/odd: not in the file"
    assert len(lines) == 3 and "2 differ" in lines[2]
    assert main([*arguments, str(FILE)]) == 0
    assert "0 differ" in capsys.readouterr().out


def test_a_digest_that_is_no_longer_computed_is_named():
    assert differences({}, {"old": "0"}) == ["old: not computed"]
    assert differences({}, {"old": "0"}, quick=True) == []


def test_what_is_written_can_be_checked(tmp_path, capsys):
    file = tmp_path / "digests.json"
    assert main(["--quick", "--write", str(file)]) == 0
    assert main(["--quick", "--check", str(file)]) == 0
    assert json.loads(file.read_text())["digests"].items() <= committed().items()
    with pytest.raises(SystemExit):
        main(["--write", str(file), "--arrays", "emulated"])
    assert "CPU" in capsys.readouterr().err


def test_files_from_elsewhere_are_refused(tmp_path, capsys):
    file = tmp_path / "digests.json"
    for text in ("", "[]", "{}"):
        file.write_text(text)
        assert main(["--quick", "--check", str(file)]) == 2
    assert main(["--quick", "--check", str(tmp_path / "missing.json")]) == 2
    assert "no file of digests" in capsys.readouterr().err


def test_an_element_changes_the_digest(monkeypatch):
    """One bit of one gradient."""
    case = next(c for c in cases.cases() if c.name == "sgd/f32/plain/odd")
    host = kinds.KINDS["numpy"]
    before = results.digest(case, host)
    original = inputs.ordinary

    def changed(key, shape, dtype, positive=False):
        array = original(key, shape, dtype, positive)
        if key == "grads 1 9":
            array.view(np.uint32)[1000] ^= 1 << 20
        return array

    monkeypatch.setattr(inputs, "ordinary", changed)
    assert results.digest(case, host) != before


def test_the_inputs_are_what_they_were():
    """Known answers: SplitMix64 from the seed 0, and numbers made of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inputs.hashlib, "sha256", lambda key: _Zeros())
        words = inputs._words("", 3)
    assert [hex(word) for word in words] == [
        "0xe220a8397b1dcdaf",
        "0x6e789e6aa1b965f4",
        "0x6c45d188009454f",
    ]
    for dtype in inputs.FORMATS:
        values = inputs.ordinary("x", (5000,), dtype).astype(np.float64)
        assert 2.0**-10 <= np.abs(values).min() < 2.0**-9
        assert 2.0**6 <= np.abs(values).max() < 2.0**7
        assert (values > 0).any() and (values < 0).any()
        assert (inputs.ordinary("x", (5000,), dtype, True).astype(np.float64) > 0).all()
        wild = inputs.patterns("x", (9,), dtype)
        assert np.array_equal(
            wild[:7].astype(np.float64), [np.nan, np.inf, -np.inf, 0, 0, 1, -1], equal_nan=True
        )


class _Zeros:
    def digest(self):
        return bytes(32)


def test_nans_are_equal_and_zeros_are_not():
    for dtype in inputs.FORMATS:
        wild = inputs.patterns("x", (4097,), dtype)
        assert inputs.canonical(wild) == bits(wild).tobytes()
    assert inputs.canonical(np.float32([0.0])) != inputs.canonical(np.float32([-0.0]))


class Copied(Emulated):
    """Arrays copied within host memory, for the CPU kernels."""

    running = kinds.KINDS["numpy"].running


def packed_arrays():
    buffer = np.arange(40, dtype=np.float32)
    fortran = np.asfortranarray(np.arange(15.0).reshape(3, 5))
    return [buffer[1:8], buffer[11:12].reshape(()), fortran, np.zeros((0, 5), np.float16)]


def test_copied_arrays_keep_layout_and_address_modulo_16():
    seen = []
    host = Copied()
    arrays = packed_arrays()

    def call(given, lr, copy):
        assert lr is lr_array and copy[1] is None
        assert copy[0] is given[0], "one array stays one array"
        seen.extend(given)
        for array in given:
            array[...] += 1
        return True

    lr_array, before = np.ones(4), [a.copy() for a in arrays]
    assert host.call(call, arrays, lr=lr_array, copy=[arrays[0], None]) is True
    for mine, its, old in zip(arrays, seen, before, strict=True):
        assert mine.strides == its.strides and not np.shares_memory(mine, its)
        assert mine.ctypes.data % 16 == its.ctypes.data % 16
        assert np.array_equal(mine, old + 1)


@pytest.mark.parametrize("where", [-1, 0])
def test_writing_outside_of_an_array_is_noticed(where):
    packed = Packed([np.zeros(5, np.float32)])
    buffer = packed.bytes.copy()
    packed.unpack(buffer)
    buffer[where] = GUARD ^ 1
    with pytest.raises(AssertionError, match="outside"):
        packed.unpack(buffer)
    buffer = packed.bytes.copy()
    buffer[GUARD_BYTES + 20 + packed.arrays[0].ctypes.data % 16] = 0
    with pytest.raises(AssertionError, match="0 bytes after array 0"):
        packed.unpack(buffer)


def test_arrays_with_gaps_are_not_copied():
    with pytest.raises(ValueError, match="dense"):
        Packed([np.zeros(6)[::2]])
