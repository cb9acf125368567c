"""What Fira, GaLore and GradNormLoRP refuse, and that nothing has changed then."""

import pickle

import numpy as np
import pytest
from steepest import optim

from .low_rank import CLASSES, RANK, arrays

OPTIONS = [
    ({"rank": 0}, ValueError, "rank: 0 given"),
    ({"rank": 2.5}, TypeError, "rank: float given"),
    ({"update_gap": 0}, ValueError, "update_gap: 0 given"),
    ({"projection": "qr"}, ValueError, "projection: 'qr' given, expected one of"),
    ({"oversampling": -1}, ValueError, "oversampling: -1 given"),
    ({"power_iterations": 1.5}, TypeError, "power_iterations: float given"),
    ({"alpha": np.inf}, ValueError, "alpha: inf given"),
    ({"alpha": "1"}, TypeError, "alpha: str given"),
    ({"betas": (0.9, 1.0)}, ValueError, "betas: 1.0 given"),
    ({"betas": 0.9}, TypeError, "betas: float given, expected two numbers"),
    ({"eps": -1.0}, ValueError, "eps: -1.0 given"),
    ({"rounding": {"projector": "nearest"}}, ValueError, "rounding: unknown stream 'projector'"),
]
OF_STEPS = [
    ({"lr": -1.0}, ValueError, "lr"),
    ({"lr": [1e-3]}, ValueError, "lr"),
    ({"weight_decay": np.nan}, ValueError, "weight_decay"),
    ({"rank": 4}, ValueError, "rank: changed from 3, expected it to stay"),
    ({"update_gap": -1}, ValueError, "update_gap: -1 given"),
    ({"maximize": "yes"}, TypeError, "maximize"),
]
GRADIENTS = [
    (lambda g: g[:-1], {}, ValueError, "grads"),
    (lambda g: [g[0].T.copy(), *g[1:]], {}, ValueError, r"grads\[0\]"),
    (lambda g: [g[0].astype(np.int64), *g[1:]], {}, TypeError, r"grads\[0\]"),
    (lambda g: [g[0].astype(np.float32), *g[1:]], {}, TypeError, r"grads\[0\]"),
    (lambda g: [*g[:3], g[3][..., ::-1]], {}, ValueError, r"grads\[3\]"),
    (lambda g: [*g[:3], g[3].reshape(4, 12)], {}, ValueError, r"grads\[3\]: shape \(4, 12\)"),
    (lambda g: [3.0, *g[1:]], {}, TypeError, r"grads\[0\]"),
    (lambda g: g, {"grad_scale": -1.0}, ValueError, "grad_scale"),
    (lambda g: g, {"max_grad_norm": "1"}, TypeError, "max_grad_norm"),
    (lambda g: g, {"stream": 1}, ValueError, "stream"),
]


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(("options", "error", "text"), OPTIONS)
def test_options_of_the_constructor(cls, options, error, text):
    with pytest.raises(error, match=text):
        cls(arrays(1), **{"rank": RANK, **options})


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(("options", "error", "text"), [*OPTIONS[2:-1], *OF_STEPS])
def test_options_changed_between_steps(cls, options, error, text):
    params = arrays(1)
    opt = cls(params, rank=RANK)
    opt.step(arrays(2))
    before = pickle.dumps((params, opt.state_dict()["state"]))
    opt.param_groups[0].update(options)
    with pytest.raises(error, match=text):
        opt.step(arrays(3))
    assert pickle.dumps((params, opt.state_dict()["state"])) == before


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(("change", "options", "error", "text"), GRADIENTS)
def test_gradients_and_arguments_of_a_step(cls, change, options, error, text):
    params = arrays(1)
    opt = cls(params, rank=RANK)
    opt.step(arrays(2))
    before = pickle.dumps((params, opt.state_dict()))
    with pytest.raises(error, match=text):
        opt.step(change(arrays(3)), **options)
    assert pickle.dumps((params, opt.state_dict())) == before


@pytest.mark.parametrize("cls", CLASSES)
def test_memory_that_is_shared_or_read_only(cls):
    params = arrays(1)
    opt = cls(params, rank=RANK)
    with pytest.raises(ValueError, match=r"grads\[0\]: memory shared with params\[0\]"):
        opt.step([params[0], *arrays(2)[1:]])
    locked = arrays(1)
    locked[1].flags.writeable = False
    with pytest.raises(BufferError, match=r"params\[1\]"):
        cls(locked, rank=RANK)
    with pytest.raises(ValueError, match="expected C order"):
        cls(np.asfortranarray(np.ones((3, 4, 5))))


def test_limiter_and_form():
    with pytest.raises(ValueError, match=r"limiter: 0.9 given, expected at least 1.0"):
        optim.Fira(arrays(1), limiter=0.9)
    with pytest.raises(ValueError, match="form: 'v' given, expected one of 'paper', 'code'"):
        optim.GradNormLoRP(arrays(1), form="v")
    with pytest.raises(ValueError, match=r"params\[0\]: row 1 of zeros given"):
        optim.GradNormLoRP(np.diag([1.0, 0.0, 2.0]))
    with pytest.raises(ValueError, match=r"state\[0\]\['projector'\]: given shape"):
        optim.Fira(arrays(1), rank=2).load_state_dict(
            {**(d := stepped(optim.Fira).state_dict()), "state": d["state"]}
        )


def stepped(cls):
    opt = cls(arrays(1), rank=RANK)
    opt.step(arrays(2))
    return opt
