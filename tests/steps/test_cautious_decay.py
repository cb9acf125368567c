"""Decoupled decay of only what the step does not move outwards (arXiv 2510.12402): the mask, its
bits, and what refuses it. The bounds against float64 are in test_rule_options."""

import numpy as np
import pytest
from kinds import plan, steps, thread_counts
from steepest import cpu
from steepest.steps import Plan

from .mixes import MIXES, Case, assert_same_bits, bits, shapes_of
from .support import RULES, TABLE, Tensors, random_params
from .test_same_bits import PATTERN_SHAPES, first_result, named, offset

DECOUPLED = {"decoupled_weight_decay": True}
CAUTIOUS = {**DECOUPLED, "cautious_weight_decay": True}
DECAY = {"lr": 0.05, "weight_decay": 0.5}
MASKED = [rule for rule in RULES if TABLE[rule]["decay"] != "own"]
OWN = [rule for rule in RULES if TABLE[rule]["decay"] == "own"]
SHAPES = ((257,), (), (5, 7), (2, 3, 4))
by_rule = pytest.mark.parametrize("rule", MASKED)


def three_runs(rule, grads_of, dtype, **options):
    """The same steps with no decay, with decay, and with cautious decay, each from where the last
    was before."""
    rng = np.random.default_rng(5)
    tensors = Tensors(rule, random_params(rng, SHAPES, dtype))
    momentum = {"momentum": 0.9} if rule == "sgd" else {}
    for t in range(1, 4):
        grads = grads_of(rng)
        runs = [tensors.copy() for _ in range(3)]
        shared = {**DECAY, **momentum, **options, "step": t}
        runs[0].step(grads, **{**shared, "weight_decay": 0.0})
        runs[1].step(grads, **shared, **DECOUPLED)
        runs[2].step(grads, **shared, **CAUTIOUS)
        yield tensors, runs
        tensors = runs[2]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, {"grad_scale": 3.0, "maximize": True}], ids=["", "staged"])
@by_rule
def test_an_element_decays_whole_or_not_at_all(rule, options, dtype):
    """To the bit, and the states know nothing of it. Only signs decide, as the steps without decay
    show them."""
    both = 0
    for before, (free, decayed, cautious) in three_runs(
        rule, lambda rng: random_params(rng, SHAPES, dtype), dtype, **options
    ):
        for p, a, b, c in zip(
            before.params, free.params, decayed.params, cautious.params, strict=True
        ):
            inwards = np.sign(p - a) * np.sign(p) >= 0
            assert (bits(c) == bits(np.where(inwards, b, a))).all()
            both += (inwards.any() and not inwards.all()) and not np.array_equal(b, a)
        for name, arrays in cautious.states.items():
            for x, y in zip(arrays, free.states[name], strict=True):
                assert x is None or (bits(x) == bits(y)).all()
    assert both > 0, "nothing was masked, or everything"


@pytest.mark.parametrize("rule", [r for r in MASKED if r != "dot"])  # has a second gradient
def test_zeros(rule):
    """Elements that the step leaves where they are decay."""
    for before, (free, decayed, cautious) in three_runs(
        rule, lambda rng: [np.zeros(shape, np.float32) for shape in SHAPES], np.float32
    ):
        assert all(np.array_equal(p, a) for p, a in zip(before.params, free.params, strict=True))
        for b, c in zip(decayed.params, cautious.params, strict=True):
            assert (bits(b) == bits(c)).all()


@by_rule
def test_no_decay(rule):
    """Without decay the mask has no effect."""
    for _, (free, _, cautious) in three_runs(
        rule, lambda rng: random_params(rng, SHAPES, np.float32), np.float32, lr=0.0
    ):
        for a, c in zip(free.params, cautious.params, strict=True):
            assert (bits(a) == bits(c)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_updates_too_small_to_be_seen_decide(dtype):
    """The parameter plus the update is the parameter, and still its sign counts."""
    tiny = np.finfo(dtype).tiny
    p = np.array([1, 1, -1, -1, 0, 0, -0.0, 1, -1], dtype)
    g = np.array([1, -1, 1, -1, 1, -1, 1, 0, -0.0], dtype) * tiny
    steps.sgd(p, g, None, step=1, lr=1.0, weight_decay=0.5, **CAUTIOUS)
    assert np.array_equal(p, np.array([0.5, 1, -1, -0.5, -tiny, tiny, -tiny, 0.5, -0.5], dtype))


def test_special_values_show():
    """NaN stays, whatever it is in; an infinite parameter stays, and an infinite update moves."""
    p = np.array([np.nan, 2, np.inf, -np.inf, 2, 2], np.float32)
    g = np.array([1, np.nan, 1, 1, np.inf, -np.inf], np.float32)
    steps.sgd(p, g, None, step=1, lr=1.0, weight_decay=0.5, **CAUTIOUS)
    wanted = np.array([np.nan, np.nan, np.inf, -np.inf, -np.inf, np.inf], np.float32)
    assert np.array_equal(p, wanted, equal_nan=True)


@pytest.mark.parametrize("rule", ["adamw", "sgd", "lion", "c_adamw", "adafactor"])
@pytest.mark.parametrize("mix", ["f32", "f64", "bf16_stochastic", "f16_params", "master_bf16"])
def test_the_same_bits_everywhere(rule, mix, every_target):
    """On every target, for any number of threads, for parts of the list, at any address."""
    case = Case(rule, MIXES[mix], shapes_of(rule), PATTERN_SHAPES)
    options = {**DECAY, **CAUTIOUS}
    wanted = first_result(case, options, every_target)
    plain = first_result(case, {**DECAY, **DECOUPLED}, every_target)
    with pytest.raises(AssertionError, match="differ"):
        assert_same_bits(wanted, plain, "without the mask")
    for target in every_target:
        cpu.use(target)
        for threads in thread_counts(1, 3):
            cpu.set_threads(threads)
            for run in (case.copy(), case.map(offset)):
                run.run(**options)
                assert_same_bits(run.results(), wanted, f"{named(target)}, {threads} threads")
        run = case.copy()
        for i in range(len(case.grads)):
            run.run(slice(i, i + 1), ids=[i], **options)
        assert_same_bits(run.results(), wanted, f"{named(target)}, one by one")


def test_a_plan_may_change_it_between_calls():
    """Also back, and beside rates and decays per tensor, of which some are zero."""
    rng = np.random.default_rng(8)
    params = random_params(rng, SHAPES, np.float32)
    twin = [p.copy() for p in params]
    repeated = plan("signum", params, momentum_buffer=[np.zeros_like(p) for p in params])
    state = [np.zeros_like(p) for p in params]
    for cautious in (False, True, True, False):
        grads = random_params(rng, SHAPES, np.float32)
        options = {"lr": [0.1, 0.0, 0.2, 0.1], "weight_decay": [0.5, 0.5, 0.0, 1.0]}
        options["cautious_weight_decay"] = cautious
        assert repeated(grads, **options)
        assert steps.signum(twin, grads, state, **options)
        results = repeated.results()
        assert_same_bits(results, {"params": twin, "momentum_buffer": state}, "the function")


@pytest.mark.parametrize("rule", [rule for rule in MASKED if TABLE[rule]["decay"] == "l2"])
def test_decay_in_the_gradient_is_refused(rule):
    tensors = Tensors(rule, [np.ones(3, np.float32)])
    before = [a.tobytes() for a in tensors.arrays()]
    for options in ({}, {"decoupled_weight_decay": False}):
        with pytest.raises(ValueError, match="cautious_weight_decay: True given"):
            tensors.step([np.ones(3, np.float32)], step=1, cautious_weight_decay=True, **options)
    assert [a.tobytes() for a in tensors.arrays()] == before


def test_what_else_is_refused():
    p, g, m = (np.ones(3, np.float32) for _ in range(3))
    with pytest.raises(TypeError, match="cautious_weight_decay: int given, expected a bool"):
        steps.lion(p, g, m, cautious_weight_decay=1)
    made = Plan("lion", p, exp_avg=m, cautious_weight_decay=True)
    with pytest.raises(ValueError, match="cautious_weight_decay"):
        made(g, decoupled_weight_decay=False)
    with pytest.raises(ValueError, match="cautious_weight_decay"):
        Plan("sgd", p, cautious_weight_decay=True)
    assert (p == 1).all() and (m == 1).all()
    for rule in OWN:
        if any(hyper["name"] == "cautious_weight_decay" for hyper in TABLE[rule]["hypers"]):
            continue
        tensors = Tensors(rule, [np.ones((3, 2), np.float32)])
        with pytest.raises(TypeError, match="unexpected keyword argument 'cautious_weight_decay'"):
            tensors.step([np.ones((3, 2), np.float32)], step=1, cautious_weight_decay=False)
