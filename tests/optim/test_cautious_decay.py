"""Cautious weight decay of the classes: of one rule, and of those made of several."""

import inspect
import pickle

import numpy as np
import pytest
from steepest import optim

from .support import CLASSES, copies, make_grads, make_params, same_bits

MASKED = [cls for cls in CLASSES if "cautious_weight_decay" in inspect.signature(cls).parameters]
CAUTIOUS = {"decoupled_weight_decay": True, "cautious_weight_decay": True}
#: What the step of each composite class takes beside gradients, and options that keep it simple.
COMPOSITE = {
    "AdaFisher": ({}, {"factor_update_interval": 10**6}),
    "AdaFisherW": ({}, {"factor_update_interval": 10**6}),
    "AdaHessian": ({"hessian": "ones"}, {}),
    "MKOR": ({}, {"layers": []}),
    "NaturalGradient": ({"fisher": "identity"}, {"solver": "cg"}),
    "OASIS": ({"hessian": "ones"}, {"adaptive": False}),
    "SophiaG": ({"hessian": "ones"}, {}),
    "SophiaH": ({"hessian": "ones"}, {}),
}
DECOUPLED_ONLY = ("LANTON", "Muon", "TrustRegion")
WITHOUT = ("DistributedLion", "Fira", "GaLore", "GradNormLoRP", "LevenbergMarquardt", "Scion")


def given(cls, params):
    """The second argument of step."""
    made = {
        "ones": [np.ones_like(p) for p in params],
        "identity": lambda v: [part.copy() for part in v],
    }
    if cls in (optim.AdaFisher, optim.AdaFisherW):
        return {"statistics": [_statistics(p) for p in params]}
    return {name: made[what] for name, what in COMPOSITE[cls.__name__][0].items()}


def _statistics(p):
    outputs = p.shape[0] if p.ndim else 1
    inputs = max(1, p.size // outputs) if p.ndim > 1 else 1
    return np.ones(outputs, np.float32), np.ones(inputs, np.float32)


def assert_masked(before, free, decayed, cautious):
    """Each element is that of one of the other two, as its sign and that of its step say."""
    masked = kept = 0
    for p, a, b, c in zip(before, free, decayed, cautious, strict=True):
        inwards = np.sign(p - a) * np.sign(p) >= 0
        assert same_bits(c, np.where(inwards, b, a))
        masked, kept = masked + (~inwards & (a != b)).sum(), kept + (inwards & (a != b)).sum()
    assert masked and kept


def first_steps(cls, decays, **options):
    """The parameters after one step of the class, for each of the decays."""
    for decay in decays:
        params = make_params()
        opt = cls(params, lr=0.05, **options, **decay)
        extra = given(cls, params) if cls.__name__ in COMPOSITE else {}
        assert opt.step(make_grads(1), **extra) is True
        yield params


@pytest.mark.parametrize("cls", MASKED)
def test_the_class_masks_the_decay_of_its_rule(cls):
    """At the second step, as ADOPT's first leaves the parameters where they are."""
    decays = [{"weight_decay": 0.0}, {"weight_decay": 0.5, "decoupled_weight_decay": True}]
    decays.append({"weight_decay": 0.5, **CAUTIOUS})
    ends = []
    for decay in decays:
        params = make_params()
        opt = cls(
            params, lr=0.05, weight_decay=0.0, **({"momentum": 0.9} if cls is optim.SGD else {})
        )
        opt.step(make_grads(1))
        before = copies(params)
        opt.param_groups[0].update(decay)
        opt.step(make_grads(2))
        ends.append(params)
    assert_masked(before, *ends)


@pytest.mark.parametrize("name", COMPOSITE)
def test_composite_classes_pass_it_on(name):
    decays = [{"weight_decay": 0.0}, {"weight_decay": 0.5, "decoupled_weight_decay": True}]
    decays.append({"weight_decay": 0.5, **CAUTIOUS})
    options = COMPOSITE[name][1]
    assert_masked(make_params(), *first_steps(getattr(optim, name), decays, **options))


@pytest.mark.parametrize("name", DECOUPLED_ONLY)
def test_directed_classes_mask_all_parameters(name):
    """Muon's vectors are AdamW's."""
    decays = [{"weight_decay": 0.0}, {"weight_decay": 0.5}]
    decays.append({"weight_decay": 0.5, "cautious_weight_decay": True})
    free, decayed, cautious = first_steps(getattr(optim, name), decays)
    for i in range(len(free)):
        if free[i].size > 1:
            one = (arrays[i : i + 1] for arrays in (make_params(), free, decayed, cautious))
            assert_masked(*one)


@pytest.mark.parametrize("name", WITHOUT)
def test_classes_whose_decay_is_part_of_the_step_have_no_such_option(name):
    cls = getattr(optim, name)
    assert "cautious_weight_decay" not in inspect.signature(cls).parameters
    with pytest.raises(TypeError, match="cautious_weight_decay"):
        cls([{"params": make_params(), "cautious_weight_decay": True}])


def test_a_choice_of_the_decay_comes_with_this_one():
    for name in optim.__all__:
        options = inspect.signature(getattr(optim, name)).parameters
        assert ("decoupled_weight_decay" in options) <= ("cautious_weight_decay" in options), name


@pytest.mark.parametrize("name", ["Adam", *COMPOSITE])
def test_decay_in_the_gradient_is_refused(name):
    cls = getattr(optim, name)
    options = {"decoupled_weight_decay": False, **COMPOSITE.get(name, ({}, {}))[1]}
    with pytest.raises(ValueError, match="cautious_weight_decay: True given"):
        cls(make_params(), cautious_weight_decay=True, **options)
    params = make_params()
    opt = cls(params, weight_decay=0.5, **{**options, **CAUTIOUS})
    opt.param_groups[0]["decoupled_weight_decay"] = False
    with pytest.raises(ValueError, match="cautious_weight_decay: True given"):
        opt.step(make_grads(1), **(given(cls, params) if name in COMPOSITE else {}))
    assert same_bits(params, make_params())


def test_groups_differ_and_may_change():
    params, apart = make_params(), make_params()
    groups = [{"params": params[:2]}, {"params": params[2:], "cautious_weight_decay": True}]
    opt = optim.AdamW(groups, lr=0.05, weight_decay=0.5)
    alone = [
        optim.AdamW(apart[:2], lr=0.05, weight_decay=0.5),
        optim.AdamW(apart[2:], lr=0.05, weight_decay=0.5, cautious_weight_decay=True),
    ]
    for t in range(1, 4):
        grads = make_grads(t)
        for group in (opt.param_groups[1], alone[1].param_groups[0]):
            group["cautious_weight_decay"] = t != 2
        opt.step(grads)
        alone[0].step(grads[:2])
        alone[1].step(grads[2:])
        assert same_bits(params, apart)


def test_it_is_saved_and_old_states_lack_it():
    opt = optim.Lion(make_params(), weight_decay=0.5, cautious_weight_decay=True)
    opt.step(make_grads(1))
    saved = opt.state_dict()
    assert saved["param_groups"][0]["cautious_weight_decay"] is True
    assert pickle.loads(pickle.dumps(opt)).param_groups[0]["cautious_weight_decay"] is True
    other = optim.Lion(make_params())
    other.load_state_dict(saved)
    assert other.param_groups[0]["cautious_weight_decay"] is True
    del saved["param_groups"][0]["cautious_weight_decay"]
    plain = optim.Lion(copies(make_params()))
    plain.load_state_dict(saved)
    assert plain.param_groups[0]["cautious_weight_decay"] is False
