"""Prodigy against a float64 reference of its paper, its estimate, and what it refuses."""

import copy
import math
import pickle

import numpy as np
import pytest
from reference.curvature import models
from reference.steps.prodigy import Run
from steepest import _core, cpu, optim

from .devices import both, plain
from .digits import accuracy, made, train
from .support import SHAPES, copies, make_grads, make_params, random, same_bits

OPTIONS = {
    "plain": {},
    "betas": {"betas": (0.5, 0.75), "beta3": 0.8},
    "decay": {"weight_decay": 0.3},
    "l2": {"weight_decay": 0.3, "decoupled_weight_decay": False},
    "bias_correction": {"use_bias_correction": True},
    "safeguard": {"safeguard_warmup": True, "lr": 0.5},
    "d_coef": {"d_coef": 2.0, "d0": 1e-4},
    "growth": {"growth_rate": 1.25},
    "sliced": {"slice_p": 3},
    "sliced_l2": {"slice_p": 11, "weight_decay": 0.1, "decoupled_weight_decay": False},
    "ascent": {"maximize": True},
    "eps": {"eps": 0.5},
}
ESTIMATE = ("d", "d_max", "d_numerator", "k")


class Bowl:
    """The gradient of sum(a (p - q)^2) / 2 and a noise of every step."""

    def __init__(self, sign=1.0):
        self.q = [2 + random(s, 20 + i, np.float64) for i, s in enumerate(SHAPES)]
        self.a = [0.5 + random(s, 30 + i, np.float64) ** 2 for i, s in enumerate(SHAPES)]
        self.sign = sign

    def gradient(self, params, t):
        noise = [0.1 * random(s, 100 * t + i, np.float64) for i, s in enumerate(SHAPES)]
        return [
            np.asarray(self.sign * (a * (np.asarray(p, np.float64) - q) + n), p.dtype)
            for a, p, q, n in zip(self.a, params, self.q, noise, strict=True)
        ]


def run(opt, params, steps, first=1, **keywords):
    bowl = Bowl()
    for t in range(first, first + steps):
        assert opt.step(bowl.gradient(params, t), **keywords) is True


def estimate(opt):
    return {name: opt.param_groups[0][name] for name in ESTIMATE}


@pytest.mark.parametrize("name", OPTIONS)
def test_against_the_reference(name):
    """In double. At first p0 - p is no larger than d0 and has the rounding of p, which is relative
    to p: so much is unknown of the first sums, and hence of d and all that follows."""
    options = OPTIONS[name]
    bound = 10 * 2.0**-53 / options.get("d0", 1e-6)
    bowl = Bowl(-1.0 if options.get("maximize") else 1.0)
    params = make_params(np.float64)
    opt, wanted = optim.Prodigy(params, **options), Run(params, **options)
    for t in range(1, 61):
        grads = bowl.gradient(wanted.params, t)
        if t % 7 == 3:
            grads[1] = None
        stages = {"grad_scale": 2.0, "max_grad_norm": 3.0} if t % 2 else {}
        assert opt.step(grads, **stages) is True
        wanted.step(grads, **stages)
        assert math.isclose(opt.param_groups[0]["d"], wanted.d, rel_tol=bound)
        for p, q in zip(params, wanted.params, strict=True):
            np.testing.assert_allclose(p, q, rtol=bound, atol=bound)
    assert wanted.d > 10 * wanted.d0, "the estimate has not been put to the test"
    assert opt.param_groups[0]["k"] == wanted.k == 60


def test_several_groups_make_one_estimate():
    params = make_params(np.float64)
    apart = copies(params)
    whole = optim.Prodigy(params)
    groups = [{"params": apart[:1]}, {"params": apart[1:3], "eps": 1e-8}, {"params": apart[3:]}]
    split = optim.Prodigy(groups)
    run(whole, params, 30)
    run(split, apart, 30)
    assert same_bits(apart, params)
    assert [{name: g[name] for name in ESTIMATE} for g in split.param_groups] == 3 * [
        estimate(whole)
    ]
    assert estimate(whole)["d"] > 1e-3


def test_threads_and_targets_change_no_bit():
    results = []
    target, threads = cpu.active(), cpu.threads()
    for name in cpu.targets():
        for count in (1, 3):
            cpu.use(name)
            cpu.set_threads(count)
            params = [random((300, 257), 1), random((7,), 2)]
            opt = optim.Prodigy(params)
            for _ in range(12):
                opt.step([np.asarray(p - 3, np.float32) for p in params])
            results.append((params, estimate(opt)["d"].hex()))
    cpu.use(target)
    cpu.set_threads(threads)
    assert all(same_bits(r[0], results[0][0]) and r[1] == results[0][1] for r in results)


@pytest.mark.parametrize("way", ["dict", "pickle", "deepcopy", "file"])
@pytest.mark.parametrize("options", [{}, {"slice_p": 3, "growth_rate": 1.5, "d_coef": 0.7}])
def test_training_goes_on_with_the_same_bits(way, options, tmp_path):
    params = make_params()
    opt = optim.Prodigy(params, **options)
    run(opt, params, 20)
    restored = copies(params)
    if way == "pickle":
        restored, other = pickle.loads(pickle.dumps((params, opt)))
    elif way == "deepcopy":
        restored, other = copy.deepcopy((params, opt))
    else:
        other = optim.Prodigy(restored, slice_p=options.get("slice_p", 1))
        if way == "file":
            pytest.importorskip("safetensors")
            opt.save_safetensors(tmp_path / "state")
            other.load_safetensors(tmp_path / "state")
        else:
            other.load_state_dict(opt.state_dict())
    assert estimate(other) == estimate(opt)
    run(opt, params, 10, first=21)
    run(other, restored, 10, first=21)
    assert estimate(other) == estimate(opt)
    assert same_bits(restored, params)
    assert same_bits(
        list(other.state_dict()["state"].values()), list(opt.state_dict()["state"].values())
    )


def test_states_and_where_parameters_started():
    params = [np.ones((3, 5), np.float32), np.ones((), np.float64), np.ones(0, np.float32)]
    opt = optim.Prodigy(params, slice_p=4, state_dtype="bfloat16")
    params[0][...] = np.arange(15).reshape(3, 5)  # before the first step
    opt.step([np.ones_like(p) for p in params])
    state = opt.state_dict()["state"]
    assert np.array_equal(state[0]["p0"], np.float32([0, 4, 8, 12]))
    assert [state[i]["s"].shape for i in range(3)] == [(4,), (1,), (0,)]
    assert state[0]["s"].dtype.name == state[0]["exp_avg"].dtype.name == "bfloat16"
    assert state[0]["p0"].dtype == np.float32 and state[1]["p0"].dtype == np.float64
    before = state[0]["p0"].copy()
    opt.step([np.ones_like(p) for p in params])
    assert np.array_equal(state[0]["p0"], before)


def test_zero_gradients_and_zero_rates():
    params = make_params()
    before = copies(params)
    opt = optim.Prodigy(params)
    zeros = [np.zeros_like(p) for p in params]
    assert opt.step(zeros) is True
    assert same_bits(params, before) and estimate(opt)["d"] == 1e-6
    opt.lr = 0.0
    run(opt, params, 3)
    assert same_bits(params, before) and estimate(opt)["d"] == 1e-6
    assert opt.step([None] * len(params)) is True


def test_nonfinite_gradients():
    params = make_params()
    opt = optim.Prodigy(params)
    run(opt, params, 10)
    before, kept = copy.deepcopy((params, opt.state_dict())), estimate(opt)
    grads = [np.ones_like(p) for p in params]
    grads[3][0, 0, 0] = np.nan
    assert opt.step(grads, skip_nonfinite=True) is False
    assert same_bits(params, before[0]) and estimate(opt) == kept
    assert same_bits(list(opt.state_dict()["state"].values()), list(before[1]["state"].values()))
    assert opt.step(grads) is True  # not hidden; the estimate stays
    assert np.isnan(params[3][0, 0, 0]) and estimate(opt) == {**kept, "k": kept["k"] + 1}


def test_a_sliced_step_that_is_skipped_changes_nothing():
    params = make_params()
    opt = optim.Prodigy(params, slice_p=5)
    run(opt, params, 10)
    before, kept = copy.deepcopy((params, opt.state_dict())), estimate(opt)
    grads = [np.ones_like(p) for p in params]
    grads[0][0, 1] = np.inf  # not in the part
    assert opt.step(grads, skip_nonfinite=True, max_grad_norm=1.0) is False
    assert same_bits(params, before[0]) and estimate(opt) == kept
    assert same_bits(list(opt.state_dict()["state"].values()), list(before[1]["state"].values()))


@pytest.mark.parametrize("slice_p", [1, 2])
def test_one_pass_for_the_norm(monkeypatch, slice_p):
    """Neither the sums nor the step measure the gradients once more."""
    seen, native = [], {name: getattr(_core, name) for name in ("list_sums", "run")}
    for name, call in native.items():

        def spy(*args, call=call, **options):
            if not options.get("check_only"):
                seen.append(options)
            return call(*args, **options)

        monkeypatch.setattr(_core, name, spy)
    params = make_params()
    opt = optim.Prodigy(params, slice_p=slice_p)
    assert opt.step(make_grads(1), max_grad_norm=0.5, grad_scale=2.0, skip_nonfinite=True) is True
    assert len(seen) >= 2
    for options in seen:
        assert options.get("max_grad_norm") is None and not options.get("skip_nonfinite")
        assert options["grad_scale"] > 2


def test_norms_that_are_not_finite_have_their_say():
    """As with any other rule: a NaN in one gradient makes all parameters NaN where they are
    clipped."""
    params = make_params()
    grads = make_grads(1)
    grads[0][0, 1] = np.nan
    optim.Prodigy(params).step(grads, max_grad_norm=0.5)
    assert all(np.isnan(p).all() for p in params)


def test_a_later_group_joins_the_estimate():
    params = make_params()
    opt = optim.Prodigy(params[:2])
    bowl = Bowl()
    for t in range(1, 20):
        opt.step(bowl.gradient(params, t)[:2])
    opt.add_param_group({"params": params[2:]})
    run(opt, params, 5, first=20)
    groups = [{name: g[name] for name in ESTIMATE} for g in opt.param_groups]
    assert groups[0] == groups[1] and groups[0]["k"] == 24


def test_what_is_refused():
    params = make_params()
    for options, what in (
        ({"d0": 0.0}, "d0"),
        ({"d_coef": -1.0}, "d_coef"),
        ({"growth_rate": 0.5}, "growth_rate"),
        ({"slice_p": 0}, "slice_p"),
        ({"betas": (0.9, 1.0)}, "betas"),
        ({"beta3": 1.0}, "beta3"),
        ({"k": -1}, "k"),
        ({"state_dtype": {"p0": "bfloat16"}}, "p0"),
    ):
        with pytest.raises(ValueError, match=what):
            optim.Prodigy(params, **options)
    with pytest.raises(TypeError, match="lr"):
        optim.Prodigy(params, lr=[1.0] * len(params))
    opt = optim.Prodigy([{"params": params[:2]}, {"params": params[2:]}])
    opt.param_groups[1]["lr"] = 0.5
    before = copies(params)
    with pytest.raises(ValueError, match="lr"):
        run(opt, params, 1)
    opt.lr = 1.0
    opt.param_groups[0]["slice_p"] = opt.param_groups[1]["slice_p"] = 2
    with pytest.raises(ValueError, match="slice_p"):
        run(opt, params, 1)
    assert same_bits(params, before)
    sliced = optim.Prodigy(params, slice_p=3)
    with pytest.raises(ValueError, match="grads"):
        sliced.step([np.ones(p.size, np.float32) for p in params])
    assert same_bits(params, before)


@pytest.mark.parametrize("options", [{}, {"slice_p": 3}, {"master_weights": True}])
def test_other_kinds_of_arrays(options, kind):
    """The bits of NumPy, the estimate too."""
    dtype = np.float16 if options.get("master_weights") else np.float32

    def scenario(kind):
        params = kind.arrays(make_params(dtype))
        opt = optim.Prodigy(params, weight_decay=0.1, d0=1e-3, **options)
        for t in range(1, 8):
            grads = Bowl().gradient(kind.arrays_of(params), t)
            assert opt.step(kind.arrays(grads), max_grad_norm=5.0, skip_nonfinite=True)
        return kind.arrays_of(params), plain(kind, opt), estimate(opt)["d"].hex()

    both(kind, scenario)


@pytest.mark.parametrize("options", [{}, {"slice_p": 11}, {"use_bias_correction": True}])
@pytest.mark.parametrize("network", [models.WideLogistic, models.WideNetwork])
def test_digits_are_learned_at_the_default_rate(network, options):
    model, x, y = made(network)
    params = [p.astype(np.float32) for p in models.initial(model.shapes)]
    assert accuracy(model, params, x, y) < 0.3
    opt = optim.Prodigy(params, **options)
    train(model, params, opt, 15, opt.step)
    assert accuracy(model, params, x, y) >= 0.85
    assert accuracy(model, params, model.x, model.y) >= 0.96
