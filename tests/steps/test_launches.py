"""How many kernels a step launches on a device, whatever the number of tensors: counted by the
emulation, and as docs/steps.md says."""

import re
import threading
from pathlib import Path

import numpy as np
import pytest
from boundary.device_fakes import Interface, emulation
from steepest import _core, steps

from .mixes import MIXES, Case
from .support import RULES, TABLE

ROOT = Path(__file__).parents[2]
SHAPES = ((3, 5), (17, 129), (40, 30), (2, 33, 65))
VECTORS = ((7,), (1025,))
COUNTS = (1, 6, 420)  # more than travel as arguments of a kernel


def table():
    """Rule -> the names of its kernels in order; the row of all others as None."""
    page = (ROOT / "docs/steps.md").read_text("utf-8")
    section = page.split("<!-- launches -->")[1].split("<!-- end of launches -->")[0]
    found = {}
    for rules, kernels, count in re.findall(r"^\| (.+?) \| (.+?) \| (\d+) \|$", section, re.M):
        names = re.findall(r"`([^`]+)`", kernels)
        assert len(names) == int(count), rules
        for rule in re.findall(r"`(\w+)`", rules) or [None]:
            assert rule not in found, rule
            found[rule] = names
    return found


LAUNCHES = table()


def arguments(name):
    """What a rule cannot do without."""
    return {"momentum": 0.9} if name == "sgd" else {}


class Planned:
    """A plan over arrays on the emulated device."""

    def __init__(self, rule, count, shapes=SHAPES, mix="f32", **options):
        case = Case(rule, MIXES[mix], [shapes[i % len(shapes)] for i in range(count)])
        states = {
            name: [None if a is None else Interface(a) for a in arrays]
            for name, arrays in case.tensors.states.items()
        }
        self.case = case  # keeps the memory
        self.grads = [Interface(g) for g in case.grads]
        params = [Interface(p) for p in case.tensors.params]
        self.plan = steps.Plan(rule, params, **states, **options)
        self.options = arguments(rule)

    def launches(self, step, **options):
        _core.emulated_launches()
        self.plan(self.grads, step=step, **{**self.options, **options})
        return _core.emulated_launches()


@pytest.fixture(autouse=True)
def emulated():
    with emulation():
        yield


def wanted(rule):
    return LAUNCHES.get(rule, LAUNCHES[None])


def has_sums(rule):
    return bool({"reduce", "row sums"} & set(wanted(rule)))


def test_the_table_names_rules_and_kernels():
    assert set(LAUNCHES) - {None} <= {rule["name"] for rule in _core.rules()}
    source = (ROOT / "csrc/cuda/kernels.cuh").read_text("utf-8")
    kernels = set(re.findall(r'launch<R>\(\w+<[^;]*"([\w ]+)"\);', source))
    assert {name for names in LAUNCHES.values() for name in names} | {"prepare"} == kernels


@pytest.mark.parametrize("rule", RULES)
def test_launches_of_a_step(rule):
    """One for any number of tensors, two where sums come first. Nothing is copied to the device
    again though step and learning rate change, but the constants of more than four tensors where
    each has its own because of its sums."""
    for count in COUNTS:
        copies = count > 4 and has_sums(rule)
        planned = Planned(rule, count)
        first = planned.launches(1, lr=0.1)
        assert [name for name in first if name != "upload"] == wanted(rule)
        assert first[: first.count("upload")] == ["upload"] * first.count("upload")
        for step in (2, 3):
            again = planned.launches(step, lr=0.1 / step)
            assert again[again.count("upload") :] == wanted(rule), count
            assert bool(again.count("upload")) == copies, count


@pytest.mark.parametrize("rule", RULES)
def test_kernels_are_those_that_the_rule_declares(rule):
    """One launch more than one pass has is for sums, or for rows and columns."""
    info = TABLE[rule]
    sums = {"reduce", "row sums", "axis sums"} & set(wanted(rule))
    assert bool(sums) == (len(wanted(rule)) > 1)
    kinds = {stream["kind"] for stream in info["streams"]}
    assert "axis sums" not in sums or {"row", "column"} <= kinds


@pytest.mark.parametrize("rule", ["adamw", "lion", "lamb", "adafactor"])
def test_groups_with_rates_of_their_own(rule):
    """Up to four settings travel as arguments, of rules without sums."""
    planned = Planned(rule, 8)
    rates = [0.1] * 2 + [0.2] * 3 + [0.3] * 3  # a group behind the other
    planned.launches(1, lr=rates)
    repeated = planned.launches(2, lr=[rate / 2 for rate in rates])
    extra = ["upload"] if has_sums(rule) else []
    assert repeated == extra + wanted(rule)


@pytest.mark.parametrize("rule", ["adamw", "lamb", "sm3"])
def test_clipping_takes_one_launch_more(rule):
    planned = Planned(rule, 4)
    planned.launches(1, max_grad_norm=1.0)
    assert planned.launches(2, max_grad_norm=1.0) == ["grad_norm", *wanted(rule)]


def test_step_and_rate_on_the_device():
    """Nothing is copied at all, as a captured graph must have it."""
    planned = Planned("adamw", 5)
    counter, rate = np.zeros((), np.int64), np.full((), 0.1, np.float32)
    for _ in range(2):
        launches = planned.launches(Interface(counter), lr=Interface(rate))
    assert launches == ["prepare", *wanted("adamw"), "advance"]
    assert counter == 2


def test_each_kind_of_storage_and_each_rule_of_a_list_has_launches_of_its_own():
    mixed = Planned("adafactor", 6, SHAPES + VECTORS)
    mixed.launches(1)
    kernels = [name for name in mixed.launches(2) if name != "upload"]
    assert sorted(kernels) == sorted(wanted("adafactor") + wanted("adafactor_vector"))


def test_nothing_is_recorded_for_who_does_not_ask():
    planned, seen = Planned("adamw", 2), []

    def other():
        planned.plan(planned.grads, step=1)
        seen.append(_core.emulated_launches())

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert seen == [[]]
    assert np.isfinite(planned.case.tensors.params[0]).all()
