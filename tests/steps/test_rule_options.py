"""Every option of the steps against the float64 reference, a few steps each, from the kernel's own
arrays and with the bounds of test_rules_float64_reference."""

import numpy as np
import pytest
from reference import steps as reference

from .compare import assert_within, check_one_step
from .support import POINTS, RULES, WRITTEN, Tensors, random_params, tracked

SHAPES = ((130,), (), (5, 7), (3, 1, 4))
STEPS = 5

# Options that every rule has.
SHARED = {
    "per_tensor_lr": {"lr": [1e-3, 0.0, 3e-2, 1e-2]},
    "per_tensor_lr_array": {"lr": np.array([1e-3, 1e-1, 3e-2, 1e-2])},
    "per_tensor_weight_decay": {"weight_decay": (0.0, 0.1, 0.3, 1e-3)},
    "maximize": {"maximize": True},
    "maximize_with_decay": {"maximize": True, "weight_decay": 0.1},
    "grad_scale_power_of_two": {"grad_scale": 1024.0},
    "grad_scale": {"grad_scale": 3.7},
    "clipped": {"max_grad_norm": 0.5},
    "not_clipped": {"max_grad_norm": 1e6},
    "unscaled_then_clipped": {"grad_scale": 0.25, "max_grad_norm": 2.0, "maximize": True},
    "each_clipped": {"max_tensor_norm": 0.5},
    "bounded": {"max_grad_value": 0.5},
    "unscaled_then_bounded": {"grad_scale": 3.0, "max_grad_value": 0.4, "maximize": True},
    "clipped_each_clipped_and_bounded": {
        "grad_scale": 0.25,
        "max_grad_norm": 9.0,
        "max_tensor_norm": 3.0,
        "max_grad_value": 0.6,
    },
    "skip_nonfinite_on_finite": {"skip_nonfinite": True},
    "all_together": {
        "lr": [0.1, 0.2, 0.3, 0.4],
        "weight_decay": [0.4, 0.3, 0.2, 0.1],
        "maximize": True,
        "grad_scale": 7.0,
        "max_grad_norm": 1.0,
        "skip_nonfinite": True,
    },
}
DECAY = {
    "l2": {"decoupled_weight_decay": False, "weight_decay": 0.1},
    "decoupled": {"decoupled_weight_decay": True, "weight_decay": 0.1},
    "cautious": {
        "decoupled_weight_decay": True,
        "cautious_weight_decay": True,
        "weight_decay": 0.5,
        "lr": 0.1,
    },
}
BETAS = {"betas": {"betas": (0.5, 0.75)}, "beta_zero": {"betas": (0.0, 0.9)}, "eps": {"eps": 0.1}}
MASKS = {
    "count": {"mask_norm": "count"},
    "clamped_mean": {"mask_norm": "clamped_mean"},
    "mean_eps": {"mask_norm": "mean_eps"},
    "mask_eps": {"mask_norm": "mean_eps", "mask_eps": 0.5},
}
CAUTIOUS = {
    "decay": {"weight_decay": 0.5, "lr": 0.1},
    "cautious": {"weight_decay": 0.5, "lr": 0.1, "cautious_weight_decay": True},
}
PROJECTED = {
    "delta": {"delta": 1.0},
    "rows": {"delta": 10.0},
    "nothing": {"delta": 0.0, "weight_decay": 0.5, "lr": 0.1},
    "decayed": {"delta": 10.0, "weight_decay": 0.5, "lr": 0.1},
    "decayed_as_well": {"delta": 10.0, "weight_decay": 0.5, "lr": 0.1, "wd_ratio": 1.0},
}
FREE = {
    "decay": {"weight_decay": 0.5, "lr": 0.1},
    "warmup": {"warmup_steps": 4},
    "long_warmup": {"warmup_steps": 1000},
    "share": {"share": 0.25},
    "no_share": {"share": 0.0},
    "whole_share": {"share": 1.0},
    "cautious": {"weight_decay": 0.5, "lr": 0.1, "cautious_weight_decay": True},
    "cautious_without_decay": {"cautious_weight_decay": True},
}
OWN = {
    "sgd": {
        "momentum": {"momentum": 0.9},
        "dampening": {"momentum": 0.9, "dampening": 0.3},
        "nesterov": {"momentum": 0.8, "nesterov": True},
        "no_momentum_with_decay": {"weight_decay": 0.2},
    },
    "adam": BETAS,
    "adamw": BETAS,
    "amsgrad": BETAS,
    "adamax": BETAS,
    "adagrad": {"lr_decay": {"lr_decay": 0.1}, "eps": {"eps": 0.1}},
    "lion": {"betas": {"betas": (0.5, 0.75)}},
    "lamb": {
        **BETAS,
        "no_bias_correction": {"bias_correction": False},
        "public_code": {"bias_correction": False, "max_param_norm": 10.0},
        "small_param_norm": {"max_param_norm": 0.5},
        "no_decay": {"weight_decay": 0.0},
    },
    "c_adamw": {**BETAS, **MASKS},
    "c_lion": {"betas": {"betas": (0.5, 0.75)}, **MASKS},
    "momentum": {
        "momentum": {"momentum": 0.5},
        "no_momentum": {"momentum": 0.0},
        "plain": {"nesterov": False},
        "summed": {"averaged": False},
        "plain_sum": {"nesterov": False, "averaged": False},
    },
    "descend": CAUTIOUS,
    "extrapolate": {**CAUTIOUS, "momentum": {"momentum": 0.5}, "no_momentum": {"momentum": 0.0}},
    "adamuon": {"beta2": {"beta2": 0.5}, "beta_zero": {"beta2": 0.0}, "eps": {"eps": 0.1}},
    "adafactor": {
        "beta2_decay": {"beta2_decay": -0.5},
        "eps1": {"eps": (1e-3, 1e-3)},
        "eps2": {"eps": (None, 0.5)},
        "d": {"d": 0.1},
        "large_lr": {"lr": 10.0},
    },
    "adahessian": {
        **BETAS,
        "root_of_the_root": {"hessian_power": 0.5},
        "no_curvature": {"hessian_power": 0.0},
    },
    "sophia": {
        "betas": {"betas": (0.5, 0.75)},
        "rho": {"rho": 2.0},
        "batch_size": {"batch_size": 480.0},
        "eps": {"eps": 0.1},
        "interval": {"hessian_update_interval": 3},
        "every_step": {"hessian_update_interval": 1},
        "sum": {"denominator": "sum", "eps": 1e-15},
    },
    "adafisher": {
        "beta": {"beta": 0.5},
        "beta_zero": {"beta": 0.0},
        "damping": {"damping": 0.1},
        **DECAY,
    },
    "oasis": {
        "beta2": {"beta2": 0.5},
        "alpha": {"alpha": 0.1},
        "interval": {"hessian_update_interval": 3},
    },
    "nadam": {
        **BETAS,
        "fast": {"momentum_decay": 0.5},
        "at_once": {"momentum_decay": 100.0},
        "never": {"momentum_decay": 0.0},
    },
    "radam": {**BETAS, "long": {"betas": (0.9, 0.99)}, "never_adaptive": {"betas": (0.9, 0.6)}},
    "rmsprop": {
        "alpha": {"alpha": 0.5},
        "eps": {"eps": 0.1},
        "momentum": {"momentum": 0.9},
        "centered": {"centered": True},
        "all": {"momentum": 0.5, "centered": True, "alpha": 0.9},
    },
    "adadelta": {"rho": {"rho": 0.5}, "eps": {"eps": 0.1}, "lr": {"lr": 0.1}},
    "rprop": {
        "lr": {"lr": 0.3},
        "etas": {"etas": (0.25, 2.0)},
        "step_sizes": {"step_sizes": (1e-3, 1.1e-2)},
    },
    "signum": {"momentum": {"momentum": 0.5}, "no_momentum": {"momentum": 0.0}},
    "adan": {
        "betas": {"betas": (0.5, 0.75, 0.9)},
        "beta_zero": {"betas": (0.0, 0.0, 0.9)},
        "eps": {"eps": 0.1},
        "prox": {"weight_decay": 0.5, "lr": 0.1},
        "no_prox": {"weight_decay": 0.5, "lr": 0.1, "no_prox": True},
    },
    "ademamix": {
        "betas": {"betas": (0.5, 0.75, 0.9)},
        "beta_zero": {"betas": (0.0, 0.9, 0.99)},
        "eps": {"eps": 0.1},
        "alpha": {"alpha": 2.0},
        "alpha_warmup": {"alpha_warmup": 4},
        "beta3_warmup": {"beta3_warmup": 4},
        "warmup_from_zero": {"betas": (0.0, 0.9, 0.99), "beta3_warmup": 10},
        "long_warmups": {"alpha_warmup": 1000, "beta3_warmup": 1000},
    },
    "adopt": {**BETAS, "no_clip": {"clip": False}},
    "mars": {
        **BETAS,
        "gamma": {"gamma": 0.5},
        "exact": {"approximate": False},
        "long_gradients": {"grad_scale": 1e-3},
        "short_gradients": {"grad_scale": 1e3},
    },
    "random_sgdm": {
        "beta": {"beta": 0.5},
        "mu": {"mu": 100.0},
        "uniform": {"scaling": "uniform"},
        "none": {"scaling": "none"},
        "seed": {"seed": 2**40 + 7},
    },
    "adamp": {**BETAS, "nesterov": {"nesterov": True, "delta": 1.0}, **PROJECTED},
    "sgdp": {
        "momentum": {"momentum": 0.9, "delta": 1.0},
        "dampening": {"momentum": 0.9, "dampening": 0.3},
        "nesterov": {"momentum": 0.8, "nesterov": True, "delta": 1.0},
        "eps": {"eps": 0.1, "delta": 1.0},
        "decay_with_momentum": {"momentum": 0.9, "weight_decay": 0.5, "lr": 0.1, "delta": 1.0},
        **PROJECTED,
    },
    "adagrad_norm": {
        "eps": {"eps": 0.1},
        "list": {"scope": "list"},
        "clipped_list": {"scope": "list", "grad_scale": 0.25, "max_grad_norm": 2.0},
        "decayed_list": {"scope": "list", "weight_decay": 0.1, "maximize": True},
    },
    "prodigy": {
        **BETAS,
        "beta3": {"beta3": 0.9},
        "no_memory": {"beta3": 0.0},
        "distance": {"distance": (0.5, 0.75), "lr": 0.5},
        "d0": {"distance": (1e-3, 2e-3), "d0": 1e-4, "lr": 1e-3},
        "safeguard": {"safeguard_warmup": True, "distance": (1e-2, 1e-2), "d0": 1e-3},
    },
    "sm3": {"momentum": {"momentum": 0.9}, "eps": {"eps": 0.1}},
    "random_adamw": {
        **BETAS,
        "decay": {"weight_decay": 0.5, "lr": 0.1},
        "uniform": {"scaling": "uniform", "seed": 3},
        "none": {"scaling": "none"},
    },
    "lars": {
        "momentum": {"momentum": 0.5},
        "no_momentum": {"momentum": 0.0},
        "nesterov": {"nesterov": True},
        "nesterov_outside": {"nesterov": True, "lr_in_momentum": False, "lr": 0.3},
        "outside": {"lr_in_momentum": False, "lr": 0.3},
        "trust": {"trust_coefficient": 0.02},
        "eps": {"eps": 10.0},
        "joint": {"ratio": "joint", "weight_decay": 0.3, "eps": 1e-8},
        "clipped": {"ratio": "clipped", "trust_coefficient": 0.02, "lr": 0.1},
        "clip_reached": {"ratio": "clipped", "trust_coefficient": 0.02, "lr": 1e-4},
        "clipped_outside": {"ratio": "clipped", "lr": 0.1, "lr_in_momentum": False},
        "none": {"ratio": "none", "lr": 0.1},
        "no_decay": {"weight_decay": 0.0},
    },
    "exadam": {
        **BETAS,
        "growing": {"step_size": "growing"},
        "slow": {"betas": (0.95, 0.9992)},
    },
    "dot": {
        "momentum": {"momentum": 0.5},
        "delta": {"delta": 0.02},
        "alike": {"delta": 0.0},
        "all_to_one": {"momentum": 0.4, "delta": 0.4},
        "kd_scale": {"kd_scale": 3.7},
        "ascent": {"maximize": True, "kd_scale": -1.0},
        "decay": {"weight_decay": 0.5, "lr": 0.1},
    },
    "interpolate": {
        "outward": {"outward": True},
        "half": {"lr": 0.5},
        "whole": {"lr": 1.0},
        "far": {"lr": 1.5, "outward": True},
    },
    "schedule_free_sgd": {
        "momentum": {"momentum": 0.5},
        "no_momentum": {"momentum": 0.0},
        **FREE,
    },
    "schedule_free_adamw": {**BETAS, **FREE},
    "grokfast_ema": {
        "alpha": {"alpha": 0.5},
        "alpha_zero": {"alpha": 0.0},
        "lamb": {"lamb": 0.5},
        "nothing": {"lamb": 0.0},
        "half": {"lr": 0.5},
    },
    "grokfast_ma": {
        "full": {"window": 3},
        "alone": {"window": 1},
        "not_full": {"warmup": False},
        "sum": {"window": 3, "reduction": "sum", "lamb": 0.5},
        "sum_not_full": {"warmup": False, "reduction": "sum"},
        "half": {"lr": 0.5, "window": 2},
    },
}


def cases(options_of):
    return [
        pytest.param(rule, options, id=f"{rule}-{name}")
        for rule in RULES
        for name, options in options_of(rule).items()
    ]


def run(rule, options, dtype, shapes=SHAPES, first_step=1):
    rng = np.random.default_rng(4)
    tensors = Tensors(rule, random_params(rng, shapes, dtype))
    open_elements = 0
    for t in range(first_step, first_step + STEPS):
        grads = random_params(rng, shapes, dtype)
        open_elements += check_one_step(tensors, grads, {"step": t, **options}, f"step {t}")
    # The bound must be able to tell the option: see check_one_step.
    assert open_elements <= 0.1 * STEPS * sum(p.size for p in tensors.params)


by_dtype = pytest.mark.parametrize("dtype", (np.float32, np.float64), ids=lambda d: d.__name__)


@by_dtype
@pytest.mark.parametrize(("rule", "options"), cases(lambda rule: SHARED))
def test_shared_option(rule, options, dtype):
    run(rule, options, dtype)


@by_dtype
@pytest.mark.parametrize(
    ("rule", "options"),
    cases(lambda rule: {} if reference.RULES[rule].decay == "own" else DECAY),
)
def test_kind_of_decay(rule, options, dtype):
    run(rule, options, dtype)


@by_dtype
@pytest.mark.parametrize(("rule", "options"), cases(OWN.__getitem__))
def test_own_option(rule, options, dtype):
    run(rule, options, dtype)


@pytest.mark.parametrize("step", [2, 1000, 10**6, 2**31 - 2])
@pytest.mark.parametrize("rule", RULES)
def test_late_steps(rule, step):
    """beta^t of large t underflows quietly; the step count is no number of single precision."""
    options = {"momentum": 0.9, "dampening": 0.1} if rule == "sgd" else {}
    run(rule, options, np.float32, first_step=step)


@by_dtype
@pytest.mark.parametrize("rule", RULES)
def test_per_tensor_step(rule, dtype):
    rng = np.random.default_rng(5)
    tensors = Tensors(rule, random_params(rng, SHAPES, dtype))
    options = {"momentum": 0.9, "dampening": 0.1} if rule == "sgd" else {}
    for t in range(STEPS):
        grads = random_params(rng, SHAPES, dtype)
        per_tensor = [1 + t, 3 + t, 1, 100 + t]
        check_one_step(tensors, grads, {"step": per_tensor, **options}, f"steps {per_tensor}")


@by_dtype
@pytest.mark.parametrize("rule", RULES)
def test_none_gradient_leaves_its_tensor_alone(rule, dtype):
    rng = np.random.default_rng(6)
    tensors = Tensors(rule, random_params(rng, SHAPES, dtype))
    options = {"momentum": 0.9} if rule == "sgd" else {}
    check_one_step(tensors, random_params(rng, SHAPES, dtype), {"step": 1, **options}, "first")
    before = tensors.copy()
    grads = random_params(rng, SHAPES, dtype)
    grads[0] = grads[2] = None
    options |= {"step": 2, "weight_decay": 0.1, "max_grad_norm": 1.0}
    check_one_step(tensors, grads, options, "with None")
    for i in (0, 2):
        assert np.array_equal(tensors.params[i], before.params[i])
        for name, arrays in tensors.states.items():
            assert np.array_equal(arrays[i], before.states[name][i]) or arrays[i] is None
    assert not np.array_equal(tensors.params[1], before.params[1])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [0, 129, "0-d", "last"])
@pytest.mark.parametrize("rule", RULES)
def test_skip_nonfinite_writes_nothing(rule, where, bad):
    rng = np.random.default_rng(7)
    tensors = Tensors(rule, random_params(rng, SHAPES, np.float32))
    options = {"momentum": 0.9} if rule == "sgd" else {}
    grads = random_params(rng, SHAPES, np.float32)
    assert tensors.step(grads, step=1, skip_nonfinite=True, **options) is True
    before = [a.tobytes() for a in tensors.arrays()]
    if where == "0-d":
        grads[1][...] = bad
    elif where == "last":
        grads[3][-1, -1, -1] = bad
    else:
        grads[0][where] = bad
    assert tensors.step(grads, step=2, skip_nonfinite=True, **options) is False
    assert [a.tobytes() for a in tensors.arrays()] == before


@pytest.mark.parametrize("rule", RULES)
def test_without_skip_nonfinite_a_nan_is_not_hidden(rule):
    rng = np.random.default_rng(8)
    tensors = Tensors(rule, random_params(rng, SHAPES, np.float32))
    grads = random_params(rng, SHAPES, np.float32)
    grads[0][3] = np.nan
    options = {"momentum": 0.9} if rule == "sgd" else {}
    assert tensors.step(grads, step=1, **options) is True
    moved = [tensors.params[0], *(s[0] for s in tensors.states.values() if s[0] is not None)]
    assert any(np.isnan(a[3]) for a in moved)


@pytest.mark.parametrize("rule", [r for r in RULES if r not in POINTS])
def test_zero_gradient_without_decay_leaves_the_parameters(rule):
    """Zero in, zero out, from zero states; Adagrad, Adafactor and AdaMax divide 0 by their
    epsilon. Directions become zero. Where grads is a point, 0 is one like any other."""
    rng = np.random.default_rng(9)
    tensors = Tensors(rule, random_params(rng, SHAPES, np.float32))
    before = [p.copy() for p in tensors.params]
    for second in tensors.states.get("kd_grad", ()):
        second[...] = 0
    tensors.step([np.zeros_like(p) for p in before], step=1, weight_decay=0.0)
    for p, q in zip(tensors.params, before, strict=True):
        assert np.array_equal(p, np.zeros_like(q) if rule in WRITTEN else q)


@by_dtype
def test_adafactor_mixed_layouts(dtype):
    """Vectors, matrices in both orders, batches, single rows and columns in one call."""
    rng = np.random.default_rng(10)
    shapes = ((9,), (6, 5), (1, 8), (8, 1), (2, 3, 4, 5), (), (1,), (1, 1), (130, 140))
    params = random_params(rng, shapes, dtype)
    params[1] = np.asfortranarray(params[1])
    params[8] = np.asfortranarray(params[8])
    tensors = Tensors("adafactor", params)
    for t in range(1, STEPS + 1):
        grads = random_params(rng, shapes, dtype)
        grads[1] = np.asfortranarray(grads[1])
        grads[8] = np.asfortranarray(grads[8])
        check_one_step(tensors, grads, {"step": t, "weight_decay": 0.1}, f"step {t}")


@pytest.mark.parametrize("agreeing", [0, 1, 1999, 2000])
@pytest.mark.parametrize("mask_norm", MASKS)
@pytest.mark.parametrize("rule", ["c_adamw", "c_lion"])
def test_masks_nearly_empty_and_full(rule, mask_norm, agreeing):
    """The moment points against all gradients but `agreeing`: one of 2000 is below the clamp at
    1e-3."""
    rng = np.random.default_rng(13)
    tensors = Tensors(rule, random_params(rng, [(2000,)], np.float32))
    grad = np.float32(1 + rng.random(2000))
    tensors.states["exp_avg"][0][:] = np.where(np.arange(2000) < agreeing, 100, -100) * grad
    before = tensors.params[0].copy()
    assert check_one_step(tensors, [grad], {"step": 10, **MASKS[mask_norm]}, mask_norm) < 20
    assert np.array_equal(tensors.params[0] != before, np.arange(2000) < agreeing)


def test_single_arrays_are_lists_of_one():
    rng = np.random.default_rng(11)
    for rule in RULES:
        listed = Tensors(rule, random_params(rng, [(6, 5)], np.float32))
        single = listed.copy()
        grad = random_params(rng, [(6, 5)], np.float32)[0]
        options = {"step": 1, "momentum": 0.9} if rule == "sgd" else {"step": 1}
        listed.step([grad], **options)
        states = [arrays[0] for arrays in single.states.values()]
        assert single.call(single.params[0], grad, states, **options) is True
        assert listed.params[0].tobytes() == single.params[0].tobytes()


def test_sgd_state_is_made_by_the_first_gradient():
    """torch: the buffer becomes the first gradient whatever it held, without dampening."""
    rng = np.random.default_rng(12)
    tensors = Tensors("sgd", random_params(rng, [(40,)], np.float32))
    tensors.states["momentum_buffer"][0][:] = 1e3
    grads = random_params(rng, [(40,)], np.float32)
    tensors.step(grads, step=1, momentum=0.9, dampening=0.5)
    assert np.array_equal(tensors.states["momentum_buffer"][0], grads[0])
    _, params, states = reference.step_list(
        "sgd",
        [tracked(p) for p in tensors.params],
        [tracked(grads[0])],
        [{"momentum_buffer": tracked(grads[0])}],
        step=2,
        momentum=0.9,
        dampening=0.5,
    )
    tensors.step(grads, step=2, momentum=0.9, dampening=0.5)
    assert_within(tensors, params, states, "step 2")
