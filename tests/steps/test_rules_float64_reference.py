"""Every public rule against plain NumPy float64, element by element.

The bound of each element is not chosen but computed: the reference runs on numbers that carry the
rounding error of the same operations in the kernel's precision (see reference/rounding.py), so it
is the number of roundings times the unit roundoff times the size of what was rounded, passed on
through the rest of the step, and over steps where a test follows a trajectory. A sign or mask whose
decision variable lies within its own rounding error of 0 has the bound of the whole step; the tests
require such elements to be rare.
"""

import inspect

import numpy as np
import pytest
from reference import steps as reference

from .compare import AMPLIFIED, assert_within, check_one_step, reference_options, uninformative
from .support import (
    DECIDING,
    ELEMENTWISE,
    FAMILIES,
    RULES,
    TABLE,
    Tensors,
    decades,
    denormal,
    pairs,
    random_params,
    tracked,
)

SHAPES = ((257,), (), (5, 7), (2, 3, 4))
DTYPES = (np.float32, np.float64)


def by_pair(rules, families):
    cases = [pytest.param(r, f, id=f"{f.__name__}-{r}") for r, f in pairs(rules, families)]
    return pytest.mark.parametrize(("rule", "family"), cases)


by_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
by_rule = pytest.mark.parametrize("rule", RULES)


def draw(family, rng, rule, dtype, t, shapes):
    limits = decades(rule, dtype)
    return [np.asarray(family(rng, shape, t, limits), dtype) for shape in shapes]


@by_rule
def test_the_reference_knows_the_rule(rule):
    """A rule of the table without a reference fails here, and so does a default that is not
    published."""
    known, entry = reference.RULES[rule], TABLE[rule]
    assert (entry["lr"], entry["weight_decay"]) == (known.lr, known.weight_decay)
    assert entry["decay"] == known.decay
    parameters = inspect.signature(known.update).parameters
    defaults = {
        name: p.default
        for name, p in parameters.items()
        if p.default is not inspect.Parameter.empty
    }
    for every_call in ("step", "seed"):
        defaults.pop(every_call, None)
    assert {h["name"]: h["default"] for h in entry["hypers"]} == defaults


@by_dtype
@by_pair(RULES, FAMILIES)
def test_each_of_fifty_steps(rule, family, dtype):
    """Each step from the kernel's own arrays: the bound is that of one step, a few units."""
    rng = np.random.default_rng(1)
    tensors = Tensors(rule, random_params(rng, SHAPES, dtype))
    options = {"momentum": 0.9, "weight_decay": 0.01} if rule == "sgd" else {}
    open_elements = 0
    for t in range(1, 51):
        grads = draw(family, rng, rule, dtype, t, SHAPES)
        context = f"{family.__name__} step {t}"
        open_elements += check_one_step(tensors, grads, {"step": t, **options}, context)
    elements = 50 * sum(p.size for p in tensors.params)
    # What is summed over a tensor (norms, the count of a mask) brings its error to every element.
    rare = 0.01 if rule in ELEMENTWISE else 0.05
    if (rule, family, dtype) != ("c_adamw", denormal, np.float32):
        assert open_elements <= rare * elements, f"{open_elements} of {elements} not judged"


def test_c_adamw_on_denormals():
    """In single, m g underflows for denormal g and every mask element is open. But the step is at
    most lr / bc1 d |m| / eps <= 1e-3 * 10 * 257 * 2^-127 * 1e6 < 2e-32: far below half a unit of
    parameters near 1, which must not move."""
    rng = np.random.default_rng(3)
    tensors = Tensors("c_adamw", [np.asarray(1 + rng.random(257), np.float32)])
    before = tensors.copy()
    for t in range(1, 11):
        tensors.step(draw(denormal, rng, "c_adamw", np.float32, t, [(257,)]), step=t)
    assert np.array_equal(tensors.params[0], before.params[0])
    assert tensors.states["exp_avg"][0].any()


@by_dtype
@by_pair([r for r in RULES if r not in DECIDING], FAMILIES[:2])
def test_trajectory_of_fifty_steps(rule, family, dtype):
    """The reference goes its own way from the start; its bound grows by that of one step at every
    step."""
    rng = np.random.default_rng(2)
    tensors = Tensors(rule, random_params(rng, SHAPES, dtype))
    params = [tracked(p) for p in tensors.params]
    states = [{name: tracked(a) for name, a in s.items()} for s in tensors.tensor_states()]
    options = {"momentum": 0.9} if rule == "sgd" else {}
    translated = reference_options(rule, options, dtype)
    start = [p.value for p in params]
    path = [0.0] * len(params)
    for t in range(1, 51):
        grads = draw(family, rng, rule, dtype, t, SHAPES)
        previous = params
        _, params, states = reference.step_list(
            rule, params, [tracked(g) for g in grads], states, step=t, **translated
        )
        tensors.step(grads, step=t, **options)
        assert_within(tensors, params, states, f"{family.__name__} step {t}")
        path = [
            w + np.abs(p.value - q.value) for w, p, q in zip(path, params, previous, strict=True)
        ]
    # 50 times the units of one step.
    open_elements = sum(
        uninformative(p, s, w, 800 * AMPLIFIED.get(rule, 1))
        for p, s, w in zip(params, start, path, strict=True)
    )
    assert open_elements <= 0.02 * sum(p.size for p in params)
