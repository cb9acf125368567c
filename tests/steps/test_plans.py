"""Plans whose calls differ: what a device remembers of one call must not be taken for the next.

Every call is compared with fresh calls on the CPU."""

import numpy as np
import pytest
from kinds import on_cpu, plan
from steepest import steps

from .mixes import BF16, MIXES, Case, assert_same_bits, ordinary, shapes_of
from .support import RULES

SHAPES = [(5,), (1025,), (), (17, 9), (4097,)]
# Options of call after call; "absent" are the tensors without a gradient.
CALLS = (
    {},
    {"lr": 0.5},
    {"lr": [0.1, 0.2, 0.3, 0.4, 0.5]},
    {"lr": [0.1, 0.2, 0.3, 0.4, 0.5], "absent": (1, 3)},
    {"weight_decay": 0.1, "absent": (0,)},
    {"max_grad_norm": 0.5, "skip_nonfinite": True},
    {"max_grad_norm": 0.5, "skip_nonfinite": True, "nan": True},
    {"grad_scale": 3.0},
    {"maximize": True, "grads": BF16},
    {"absent": (0, 1, 2, 3, 4)},
    {"step": [3, 4, 5, 6, 7]},
    {"max_grad_norm": 1e9},
    {"max_tensor_norm": 0.5},
    {"max_tensor_norm": 0.7, "max_grad_norm": 1.0, "max_grad_value": 0.1, "absent": (1,)},
    {"max_grad_value": 0.3, "maximize": True},
    {},
)


def gradients(shapes, dtype, t, absent, nan):
    rng = np.random.default_rng(t)
    grads = [ordinary(rng, shape, dtype) for shape in shapes]
    if nan:
        grads[1][7] = np.nan
    return [None if i in absent else g for i, g in enumerate(grads)]


@pytest.mark.parametrize("mix", ["f32", "bf16_stochastic", "master_f16"])
@pytest.mark.parametrize("rule", RULES)
def test_calls_that_differ(rule, mix):
    case = Case(rule, MIXES[mix], SHAPES)
    keywords = {"rounding": case.mix.rounding, "seed": 7, **case.tensors.states}
    if rule == "sgd":
        keywords["momentum"] = 0.9
    if case.copies is not None:
        keywords["working_copy"] = case.copies
    repeated = plan(rule, case.tensors.params, **keywords)
    function = getattr(steps, rule)
    for t, call in enumerate(CALLS, 1):
        options = {"step": t, **call}
        absent, nan = options.pop("absent", ()), options.pop("nan", False)
        dtype = options.pop("grads", case.mix.grads)
        grads = gradients(SHAPES, dtype, t, absent, nan)
        with on_cpu():
            wanted = function(case.tensors.params, grads, **{**keywords, **options})
        assert repeated(grads, **options) is wanted is not nan
        assert_same_bits(repeated.results(), case.results(), f"call {t}: {call}")


def test_the_gradients_of_a_plan_may_stay_where_they_are():
    """The same arrays with new values: nothing but the values is new."""
    case = Case("adamw", MIXES["f32"], shapes_of("adamw"))
    fresh = case.copy()
    repeated = plan("adamw", case.tensors.params, **case.tensors.states)
    for t in range(1, 6):
        with on_cpu():
            fresh.run(step=t)
        assert repeated(case.grads, step=t)
        assert_same_bits(repeated.results(), fresh.results(), f"step {t}")
