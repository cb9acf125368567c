"""Options out of range, of the wrong kind, unknown or missing."""

import inspect

import numpy as np
import pytest
from steepest import steps

from .support import STATES, AdamWCall, call_rule, random, refused

nan = float("nan")

OUT_OF_RANGE = [
    ("adamw", "lr", -1e-3), ("adamw", "lr", nan), ("sgd", "lr", -1.0), ("lion", "lr", nan),
    ("adamw", "betas", (1.0, 0.99)), ("adamw", "betas", (0.9, 1.0)), ("lion", "betas", (-0.1, 0.9)),
    ("adamw", "betas", (nan, 0.999)), ("adamw", "betas", (0.9, nan)), ("lion", "betas", (0.9, 1.5)),
    ("adam", "eps", -1e-8), ("adamw", "eps", nan), ("adagrad", "eps", -1.0), ("lamb", "eps", nan),
    ("adamw", "weight_decay", -0.1), ("adamw", "weight_decay", nan), ("lamb", "weight_decay", -1.0),
    ("adamw", "grad_scale", 0.0), ("adamw", "grad_scale", nan),
    ("adamw", "max_grad_norm", -1.0), ("adamw", "max_grad_norm", nan),
    ("adamw", "max_tensor_norm", 0.0), ("adamw", "max_tensor_norm", -1.0),
    ("adamw", "max_tensor_norm", nan), ("sgd", "max_grad_value", 0.0),
    ("adamw", "max_grad_value", -1.0), ("adamw", "max_grad_value", nan),
    ("sgd", "momentum", -0.1), ("sgd", "momentum", nan), ("sgd", "dampening", nan),
    ("adagrad", "lr_decay", -1.0), ("adagrad", "lr_decay", nan),
    ("lamb", "max_param_norm", -1.0), ("lamb", "max_param_norm", nan),
    ("c_adamw", "mask_eps", -1e-8), ("c_lion", "mask_eps", nan),
    ("adamw", "step", 0), ("adamw", "step", -1), ("sgd", "step", 0), ("lamb", "step", -(2**40)),
    ("adamw", "step", 2**200), ("adamw", "seed", 2**200),
    ("adamw", "rounding", "up"), ("adamw", "rounding", ""), ("adamw", "rounding", {"params": "up"}),
    ("adamw", "rounding", {"exp_average": "nearest"}),
    ("c_adamw", "mask_norm", "mean"), ("c_lion", "mask_norm", ""),
]  # fmt: skip

WRONG_KIND = [
    ("adamw", "lr", "0.001"), ("adamw", "lr", None), ("adamw", "lr", 1j), ("adamw", "lr", {}),
    ("adamw", "betas", 0.9), ("adamw", "betas", None), ("adamw", "betas", ("0.9", "0.999")),
    ("adamw", "eps", None), ("adamw", "eps", "1e-8"), ("adamw", "weight_decay", "0"),
    ("adamw", "weight_decay", None), ("adamw", "grad_scale", "2"), ("adamw", "max_grad_norm", []),
    ("adamw", "max_tensor_norm", "1"), ("adamw", "max_grad_value", [1.0]),
    ("adamw", "step", 1.5), ("adamw", "step", 1.0), ("adamw", "step", "1"), ("adamw", "step", None),
    ("adamw", "seed", "a"), ("adamw", "seed", 0.5), ("adamw", "rounding", 3),
    ("adamw", "rounding", None), ("c_adamw", "mask_norm", 1), ("sgd", "momentum", "0.9"),
]  # fmt: skip


@pytest.mark.parametrize("rule, option, value", OUT_OF_RANGE)
def test_out_of_range(rule, option, value):
    arrays = [random((4, 6), seed=k) for k in range(2 + len(STATES[rule]))]
    options = {"step": 1, option: value}
    with refused(ValueError, option, untouched=arrays):
        getattr(steps, rule)(*arrays, **options)


@pytest.mark.parametrize("rule, option, value", WRONG_KIND)
def test_wrong_kind(rule, option, value):
    arrays = [random((4, 6), seed=k) for k in range(2 + len(STATES[rule]))]
    options = {"step": 1, option: value}
    with refused(TypeError, option, untouched=arrays):
        getattr(steps, rule)(*arrays, **options)


@pytest.mark.parametrize("betas", [(), (0.9,), (0.9, 0.99, 0.999)])
def test_number_of_betas(betas):
    with refused((TypeError, ValueError), "betas", "2"):
        call_rule("adamw", betas=betas)


@pytest.mark.parametrize(
    "option, value, given",
    [
        ("lr", -0.125, "-0.125"),
        ("betas", (0.9, 1.5), "1.5"),
        ("step", -7, "-7"),
        ("rounding", "upward", "upward"),
    ],
)
def test_the_message_repeats_the_value(option, value, given):
    with refused(ValueError, option, given):
        call_rule("adamw", **{"step": 1, option: value})


@pytest.mark.parametrize(
    "option, value",
    [
        ("lr", [1e-3, 1e-3, 1e-3]), ("lr", []), ("lr", [1e-3, 1e-3, 1e-3, -1e-3]),
        ("lr", np.array([1e-3, nan, 1e-3, 1e-3])), ("lr", np.ones(3)),
        ("weight_decay", [0.0] * 5), ("weight_decay", (0.0, 0.0, 0.0, -1.0)),
        ("step", [1, 2]), ("step", [1, 2, 3, 0]), ("tensor_ids", [0, 1, 2]),
    ],
)  # fmt: skip
def test_per_tensor_values(option, value):
    call = AdamWCall()
    options = {"step": 1, option: value}
    with refused(ValueError, option, untouched=call.streams()):
        call.step(**options)


@pytest.mark.parametrize(
    "option, value",
    [("lr", [1e-3, "x", 1, 1]), ("lr", np.ones((2, 2))), ("step", [1, 2.5, 3, 4])],
)
def test_per_tensor_values_of_the_wrong_kind(option, value):
    call = AdamWCall()
    with refused(TypeError, option, untouched=call.streams()):
        call.step(**{"step": 1, option: value})


def test_mask_norm_and_rounding_list_the_choices():
    with refused(ValueError, "mask_norm", "count", "clamped_mean", "mean_eps"):
        call_rule("c_adamw", mask_norm="median")
    with refused(ValueError, "rounding", "nearest", "stochastic"):
        call_rule("adamw", rounding="up")


@pytest.mark.parametrize("option", ["learning_rate", "momentum", "beta1", "foreach", "Lr"])
def test_unknown_keyword(option):
    arrays = [random(5, seed=k) for k in range(4)]
    with refused(TypeError, option, untouched=arrays):
        steps.adamw(*arrays, step=1, **{option: 0.5})


@pytest.mark.parametrize("rule", [r for r in STATES if r not in ("lion", "c_lion")])
def test_step_is_required(rule):
    arrays = [random(5, seed=k) for k in range(2 + len(STATES[rule]))]
    with refused(TypeError, "step", untouched=arrays):
        getattr(steps, rule)(*arrays)


@pytest.mark.parametrize("rule", ["lion", "c_lion"])
def test_step_is_needed_only_to_round_at_random(rule):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    arrays = [random(5, ml_dtypes.bfloat16, seed=k) for k in range(3)]
    with refused((TypeError, ValueError), "step", untouched=arrays):
        getattr(steps, rule)(*arrays, rounding="stochastic")
    assert getattr(steps, rule)(*arrays) is True
    assert getattr(steps, rule)(*arrays, rounding="stochastic", step=1) is True


def test_an_error_in_an_option_precedes_every_write():
    """Even where the bad value belongs to the last tensor only."""
    call = AdamWCall()
    with refused(ValueError, "lr", untouched=call.streams()):
        call.step(lr=[1e-3, 1e-3, 1e-3, float("nan")])


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.int32])
def test_integers_of_any_kind_count_steps(kind):
    (_, expected), (_, given) = call_rule("adamw", step=2), call_rule("adamw", step=kind(2))
    np.testing.assert_array_equal(expected[0], given[0])


@pytest.mark.parametrize("kind", [np.float64, np.array], ids=["scalar", "0-d"])
def test_numpy_numbers_are_numbers(kind):
    (_, expected) = call_rule("adamw", lr=0.5, weight_decay=0.25, eps=1e-3)
    (_, given) = call_rule("adamw", lr=kind(0.5), weight_decay=kind(0.25), eps=kind(1e-3))
    np.testing.assert_array_equal(expected[0], given[0])
    _, given = call_rule("adamw", lr=np.float32(0.5), weight_decay=np.float16(0.25), eps=1e-3)
    np.testing.assert_array_equal(expected[0], given[0])


@pytest.mark.parametrize("kind", [list, tuple])
def test_betas_as_any_pair(kind):
    _, expected = call_rule("adamw", betas=(0.5, 0.75))
    _, given = call_rule("adamw", betas=kind((0.5, 0.75)))
    np.testing.assert_array_equal(expected[0], given[0])


def test_arrays_by_keyword():
    (_, expected) = call_rule("adamw")
    names = ("params", "grads", "exp_avg", "exp_avg_sq")
    arrays = {n: random((4, 6), seed=k, positive=True) for k, n in enumerate(names)}
    assert steps.adamw(step=1, **arrays) is True
    np.testing.assert_array_equal(arrays["params"], expected[0])
    for name in names[:2]:
        with refused(TypeError, name):
            steps.adamw(step=1, **{n: a for n, a in arrays.items() if n != name})
    with refused(TypeError, "params", untouched=list(arrays.values())):
        steps.adamw(arrays["params"], step=1, **arrays)


@pytest.mark.parametrize("rule", [r for r in STATES if r != "sgd"])
def test_signatures(rule):
    """What help() and editors show is what the functions take."""
    parameters = inspect.signature(getattr(steps, rule)).parameters
    assert [*parameters][: 2 + len(STATES[rule])] == ["params", "grads", *STATES[rule]]
    required = rule not in ("lion", "c_lion")
    assert (parameters["step"].default is inspect.Parameter.empty) == required
    assert getattr(steps, rule).__name__ == rule and getattr(steps, rule).__doc__


def test_bounds_that_are_allowed():
    """Zero is a value for everything but step and grad_scale; beta 0 switches a moment off."""
    assert call_rule("adamw", lr=0.0, betas=(0.0, 0.0), eps=0.0, weight_decay=0.0)[0] is True
    assert call_rule("sgd", lr=0, momentum=0, dampening=0)[0] is True
    assert call_rule("adamw", step=2**31)[0] is True
