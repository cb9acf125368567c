"""state_dict out and in: the same bits after a round trip; a refused one changes nothing."""

import copy
import pickle

import numpy as np
import pytest
from steepest import optim

from .support import CLASSES, copies, make_grads, make_params, same_bits

NAMES = ["weight", "bias", "scale", "filters"]


def options(cls):
    return {"momentum": 0.9} if cls.rule.name == "sgd" else {}


def trained(cls, params, **keywords):
    opt = cls(params, lr=0.1, **options(cls), **keywords)
    for t in (1, 2, 3):
        opt.step([g if (i, t) != (1, 2) else None for i, g in enumerate(make_grads(t))])
    return opt


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("way", ["dict", "copied dict", "pickle", "deepcopy"])
def test_training_goes_on_with_the_same_bits(cls, way):
    params = make_params()
    opt = trained(cls, params)
    restored = copies(params)
    if way == "pickle":
        restored, other = pickle.loads(pickle.dumps((params, opt)))
    elif way == "deepcopy":
        restored, other = copy.deepcopy((params, opt))
    else:
        saved = opt.state_dict()
        other = cls(restored, **options(cls))
        other.load_state_dict(copy.deepcopy(saved) if way == "copied dict" else saved)
    assert type(other) is cls
    for t in (4, 5):
        opt.step(make_grads(t))
        other.step(make_grads(t))
    assert same_bits(params, restored)
    mine, its = opt.state_dict(), other.state_dict()
    assert same_bits(mine["state"], its["state"])
    assert mine["param_groups"] == its["param_groups"]


def test_the_layout_is_torchs():
    groups = [{"params": make_params()[:2]}, {"params": make_params()[2:], "lr": 0.5}]
    opt = optim.AdamW(groups, lr=0.25)
    opt.step(make_grads(1))
    saved = opt.state_dict()
    assert set(saved) == {"state", "param_groups"}
    assert list(saved["state"]) == [0, 1, 2, 3]
    assert list(saved["state"][0]) == ["step", "exp_avg", "exp_avg_sq"]
    assert saved["state"][0]["step"] == 1
    assert [group["params"] for group in saved["param_groups"]] == [[0, 1], [2, 3]]
    assert [group["lr"] for group in saved["param_groups"]] == [0.25, 0.5]


def test_names_are_kept_and_checked():
    named = dict(zip(NAMES, make_params(), strict=True))
    opt = optim.AdamW(named)
    opt.step(dict(zip(NAMES, make_grads(1), strict=True)))
    saved = opt.state_dict()
    assert saved["param_groups"][0]["param_names"] == NAMES
    optim.AdamW(named).load_state_dict(saved)
    optim.AdamW(list(named.values())).load_state_dict(saved)
    other = dict(zip(reversed(NAMES), make_params(), strict=True))
    with pytest.raises(ValueError, match="param_names"):
        optim.AdamW(other).load_state_dict(saved)


def test_pickling_keeps_the_structure():
    opt = optim.AdamW(dict(zip(NAMES, make_params(), strict=True)), lr=[0.1, 0.2, 0.3, 0.4])
    grads = dict(zip(NAMES, make_grads(1), strict=True))
    other = pickle.loads(pickle.dumps(opt))
    assert opt.step(grads) and other.step(grads)
    assert other.lr == [0.1, 0.2, 0.3, 0.4]
    assert same_bits(opt.param_groups[0]["params"], other.param_groups[0]["params"])


def test_loaded_arrays_are_copied():
    params = make_params()
    saved = copy.deepcopy(trained(optim.AdamW, params).state_dict())
    kept = copy.deepcopy(saved)
    opt = optim.AdamW(params)
    opt.load_state_dict(saved)
    opt.step(make_grads(4))
    assert same_bits(saved["state"], kept["state"])


def test_a_parameter_without_saved_state_starts_afresh():
    opt = trained(optim.Adagrad, make_params(), initial_accumulator_value=0.5)
    saved = opt.state_dict()
    state = dict(saved["state"])
    del state[2]
    opt.load_state_dict({**saved, "state": state})
    fresh = opt.state_dict()["state"][2]
    assert fresh["step"] == 0 and same_bits(fresh["sum"], np.asarray(0.5, np.float32))


def test_a_loaded_momentum_gets_its_buffer():
    params = make_params()
    opt = trained(optim.SGD, params)
    restored = copies(params)
    other = optim.SGD(restored)
    other.load_state_dict(opt.state_dict())
    opt.step(make_grads(4))
    other.step(make_grads(4))
    assert same_bits(params, restored)


def test_master_weights_are_saved():
    bfloat16 = np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    params = make_params(bfloat16)
    opt = trained(optim.AdamW, params, master_weights=True)
    restored = copies(params)
    other = optim.AdamW(restored, master_weights=True)
    other.load_state_dict(opt.state_dict())
    opt.step(make_grads(4))
    other.step(make_grads(4))
    assert same_bits(opt.state_dict()["state"], other.state_dict()["state"])
    with pytest.raises(ValueError, match=r"state\[0\].*'master'"):
        plain = trained(optim.AdamW, make_params(bfloat16)).state_dict()
        optim.AdamW(make_params(bfloat16), master_weights=True).load_state_dict(plain)


def drop(saved, key):
    del saved["state"][1][key]


BROKEN = {
    "'state'": (ValueError, lambda s: s.pop("state")),
    "'param_groups'": (ValueError, lambda s: s.pop("param_groups")),
    "2 groups": (ValueError, lambda s: s["param_groups"].append({})),
    "'params'": (ValueError, lambda s: s["param_groups"][0]["params"].pop()),
    "'momentumm'": (ValueError, lambda s: s["param_groups"][0].update(momentumm=1)),
    "missing option 'eps'": (ValueError, lambda s: s["param_groups"][0].pop("eps")),
    "amsgrad": (ValueError, lambda s: s["param_groups"][0].update(amsgrad=True)),
    "unknown parameter 7": (ValueError, lambda s: s["state"].update({7: {"step": 1}})),
    r"state\[1\].*'exp_avg'": (ValueError, lambda s: drop(s, "exp_avg")),
    r"state\[1\].*'step'": (ValueError, lambda s: drop(s, "step")),
    r"state\[3\]\['step'\]": (ValueError, lambda s: s["state"][3].update(step=-1)),
    r"state\[3\].*'extra'": (ValueError, lambda s: s["state"][3].update(extra=1)),
    r"state\[3\]\['exp_avg_sq'\].*\(2,\)": (
        ValueError,
        lambda s: s["state"][3].update(exp_avg_sq=np.zeros(2, np.float32)),
    ),
    r"state\[2\]\['exp_avg'\].*float64": (
        TypeError,
        lambda s: s["state"][2].update(exp_avg=np.zeros((), np.float64)),
    ),
    r"state\[2\]\['exp_avg'\].*list": (TypeError, lambda s: s["state"][2].update(exp_avg=[0.0])),
}


@pytest.mark.parametrize("message", BROKEN)
def test_a_broken_state_dict_is_refused_and_changes_nothing(message):
    error, damage = BROKEN[message]
    saved = copy.deepcopy(trained(optim.AdamW, make_params()).state_dict())
    damage(saved)
    opt = optim.AdamW(make_params(), lr=0.125)
    before = copy.deepcopy(opt.state_dict())
    with pytest.raises(error, match=message):
        opt.load_state_dict(saved)
    after = opt.state_dict()
    assert same_bits(after["state"], before["state"])
    assert after["param_groups"] == before["param_groups"]
