"""The classes made from the rule table: names, signatures, documentation, refused options."""

import inspect

import numpy as np
import pytest
import steepest
from steepest import _core, optim

from .support import CLASSES, make_grads, make_params, same_bits

EXPECTED = {
    "SGD": ({"lr": 1e-3, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0}, False),
    "Adam": ({"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}, False),
    "AdamW": ({"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 1e-2}, True),
    "AMSGrad": ({"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8}, False),
    "AdaMax": ({"lr": 2e-3, "betas": (0.9, 0.999), "eps": 1e-8}, False),
    "Adagrad": ({"lr": 1e-2, "lr_decay": 0.0, "initial_accumulator_value": 0.0}, False),
    "Lion": ({"lr": 1e-4, "betas": (0.9, 0.99), "weight_decay": 0.0}, True),
    "LAMB": ({"lr": 1e-3, "weight_decay": 1e-2, "max_param_norm": float("inf")}, None),
    "CAdamW": ({"lr": 1e-3, "mask_norm": "count"}, True),
    "CLion": ({"lr": 1e-4, "betas": (0.95, 0.98), "mask_norm": "count"}, True),
    "Adafactor": ({"lr": 1e-2, "eps": (None, 1e-3), "d": 1.0}, True),
    "NAdam": ({"lr": 2e-3, "betas": (0.9, 0.999), "momentum_decay": 4e-3}, False),
    "RAdam": ({"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8}, False),
    "RMSprop": ({"lr": 1e-2, "alpha": 0.99, "momentum": 0.0, "centered": False}, False),
    "Adadelta": ({"lr": 1.0, "rho": 0.9, "eps": 1e-6}, False),
    "Rprop": ({"lr": 1e-2, "etas": (0.5, 1.2), "step_sizes": (1e-6, 50.0)}, False),
    "Signum": ({"lr": 1e-4, "momentum": 0.9}, True),
    "Adan": ({"lr": 1e-3, "betas": (0.98, 0.92, 0.99), "no_prox": False}, None),
    "AdEMAMix": ({"lr": 1e-3, "betas": (0.9, 0.999, 0.9999), "alpha": 5.0}, True),
    "ADOPT": ({"lr": 1e-3, "betas": (0.9, 0.9999), "eps": 1e-6, "clip": True}, False),
    "MARS": ({"lr": 3e-3, "betas": (0.95, 0.99), "gamma": 0.025, "approximate": True}, True),
    "RandomSGDM": ({"lr": 1e-3, "beta": 0.99, "mu": 0.0, "scaling": "exponential"}, False),
    "AdaGradNorm": ({"lr": 1.0, "scope": "tensor", "initial_accumulator_value": 0.0}, False),
    "AdamP": ({"lr": 1e-3, "weight_decay": 0.0, "delta": 0.1, "wd_ratio": 0.1}, None),
    "SGDP": ({"lr": 1e-3, "momentum": 0.0, "delta": 0.1, "nesterov": False}, None),
    "RandomAdamW": ({"lr": 1e-3, "weight_decay": 1e-2, "scaling": "exponential"}, None),
    "SM3": ({"lr": 0.1, "momentum": 0.0, "eps": 1e-10}, False),
    "LARS": ({"lr": 1.0, "momentum": 0.9, "weight_decay": 5e-4, "ratio": "separate"}, None),
    "EXAdam": ({"lr": 1e-3, "betas": (0.9, 0.999), "step_size": "constant"}, True),
}


def test_every_public_rule_has_its_class():
    public = [r["class_name"] for r in _core.rules() if r["public"] and r["class_name"]]
    assert [cls.__name__ for cls in CLASSES] == public
    assert set(EXPECTED) <= set(public)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_signature_tells_the_defaults(name):
    defaults, decoupled = EXPECTED[name]
    parameters = inspect.signature(getattr(optim, name)).parameters
    assert next(iter(parameters)) == "params"
    for option, value in defaults.items():
        assert parameters[option].default == value
    if decoupled is None:
        assert "decoupled_weight_decay" not in parameters
    else:
        assert parameters["decoupled_weight_decay"].default is decoupled


@pytest.mark.parametrize("cls", CLASSES)
def test_the_documentation_tells_every_option_and_state(cls):
    for option in inspect.signature(cls).parameters:
        assert f"{option} : " in cls.__doc__
    for stream in cls.rule.streams:
        assert f"{stream.name} : " in cls.__doc__


@pytest.mark.parametrize("cls", CLASSES)
def test_the_class_steps_as_the_function_does(cls):
    rule = cls.rule
    options = {"weight_decay": 0.1, "maximize": True}
    if rule.name == "sgd":
        options |= {"momentum": 0.9, "dampening": 0.1}
    stepped, called = make_params(), make_params()
    opt = cls(stepped, lr=0.01, **options)
    states = {name: [None] * len(called) for name in rule.active(opt.defaults)}
    for index, state in opt.state_dict()["state"].items():
        for name in states:
            if name in state:
                states[name][index] = state[name].copy()
    function = getattr(steepest.steps, rule.name)
    for t in range(1, 6):
        grads = make_grads(t)
        clip = {"grad_scale": 2.0, "max_grad_norm": 1.5, "max_tensor_norm": 1.0}
        clip["max_grad_value"] = 0.5
        assert opt.step(grads, **clip) is True
        assert function(called, grads, **states, step=t, lr=0.01, **options, **clip) is True
        assert same_bits(stepped, called)
    for index, state in opt.state_dict()["state"].items():
        assert state.pop("step") == 5
        assert all(same_bits(state[name], states[name][index]) for name in state)


def test_adamw_against_its_definition():
    """float64, so that the bound is some roundings of the definition's own arithmetic."""
    params = make_params(np.float64)
    expected, m, v = make_params(np.float64), [0.0] * 4, [0.0] * 4
    opt = optim.AdamW(params, lr=0.01, betas=(0.8, 0.9), eps=1e-6, weight_decay=0.1)
    for t in range(1, 21):
        grads = make_grads(t, np.float64)
        opt.step(grads)
        for i, g in enumerate(grads):
            m[i] = 0.8 * m[i] + 0.2 * g
            v[i] = 0.9 * v[i] + 0.1 * g * g
            mhat, vhat = m[i] / (1 - 0.8**t), v[i] / (1 - 0.9**t)
            expected[i] = expected[i] * (1 - 0.01 * 0.1) - 0.01 * mhat / (np.sqrt(vhat) + 1e-6)
    for p, e in zip(params, expected, strict=True):
        np.testing.assert_allclose(p, e, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("cls", CLASSES)
def test_an_unknown_option_is_named(cls):
    with pytest.raises(TypeError, match="learning_rate"):
        cls(make_params(), learning_rate=1e-3)
    with pytest.raises(TypeError, match="learning_rate"):
        cls([{"params": make_params(), "learning_rate": 1e-3}])


def test_an_option_out_of_range_is_refused_at_once():
    with pytest.raises(ValueError, match="lr"):
        optim.AdamW(make_params(), lr=-1.0)
    with pytest.raises(ValueError, match="betas"):
        optim.AdamW(make_params(), betas=(1.0, 0.999))


def test_the_base_class_is_not_an_optimizer():
    with pytest.raises(TypeError, match="no rule"):
        optim.Optimizer(make_params())


def test_a_name_that_is_none_is_refused():
    with pytest.raises(AttributeError, match="AdamZ"):
        _ = optim.AdamZ


def test_repr_shows_the_options():
    text = repr(optim.Lion(make_params(), lr=0.25))
    assert "Lion" in text and "lr=0.25" in text and "4 parameters" in text
