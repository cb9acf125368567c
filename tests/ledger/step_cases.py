"""One step of every rule, in every storage, from the kernel's own arrays."""

import inspect

import numpy as np
from reference import steps as reference
from reference.rounding import Tracked
from steps.support import RULES, TABLE, Tensors

from .measure import DTYPES, F16, F32, UNIT, number, wide, worst

SHAPES = ((517,), (5, 7), (2, 9, 33))
STEPS = (1, 2, 7, 100)


def state_dtype(dtype):
    """Half precision is for parameters and gradients alone."""
    return F32 if dtype == F16 else dtype


def hypers(rule, dtype):
    """The defaults of the reference in longdouble: the table's own, as another test sees to."""
    chosen = {"momentum": np.longdouble(0.9)} if rule == "sgd" else {}
    for name, parameter in inspect.signature(reference.RULES[rule].update).parameters.items():
        if parameter.default is not inspect.Parameter.empty and name not in ("step", "seed"):
            chosen.setdefault(name, number(parameter.default))
    if rule == "adafactor":
        chosen["param_eps"] = 2 * UNIT[dtype]
    return chosen


def expected(tensors, grads, step):
    """(params, states) of the reference, in longdouble."""
    entry, dtype = TABLE[tensors.rule], tensors.params[0].dtype
    _, params, states = reference.step_list(
        tensors.rule,
        [wide(p) for p in tensors.params],
        [wide(g) for g in grads],
        [{name: wide(a) for name, a in s.items()} for s in tensors.tensor_states()],
        step=step,
        lr=np.longdouble(entry["lr"]),
        weight_decay=np.longdouble(entry["weight_decay"]),
        **hypers(tensors.rule, dtype),
    )
    return params, states


def exact(x):
    return x.value if isinstance(x, Tracked) else x


def error(after, before, wanted):
    """Of one array, in units of the larger of its old and its new value."""
    wanted = exact(wanted)
    size = np.maximum(np.abs(wide(before)), np.abs(wanted))
    return worst(after, wanted, size, after.dtype)


def one_step(tensors, grads, step):
    """name of what is written -> worst error of this step."""
    before = tensors.copy()
    params, states = expected(tensors, grads, step)
    options = {"momentum": 0.9} if tensors.rule == "sgd" else {}
    tensors.step(grads, step=step, **options)
    found = {"params": 0.0}
    for i, (p, old) in enumerate(zip(tensors.params, before.params, strict=True)):
        found["params"] = max(found["params"], error(p, old, params[i]))
    olds = before.tensor_states()
    for i, arrays in enumerate(tensors.tensor_states()):
        for name in states[i].keys() & arrays.keys():
            this = error(arrays[name], olds[i][name], states[i][name])
            found[name] = max(found.get(name, 0.0), this)
    return found


def rule_errors(rule, dtype):
    """name of what is written -> worst error of some steps."""
    rng = np.random.default_rng(2026)
    params = [rng.standard_normal(shape).astype(dtype) for shape in SHAPES]
    kinds = {stream["name"]: state_dtype(dtype) for stream in TABLE[rule]["streams"]}
    tensors, found = Tensors(rule, params, kinds), {}
    for step in STEPS:
        grads = [rng.standard_normal(shape).astype(dtype) for shape in SHAPES]
        for name, value in one_step(tensors, grads, step).items():
            found[name] = max(found.get(name, 0.0), value)
    return found


def cases():
    """(name, dtype name, error)."""
    for rule in RULES:
        for dtype_name, dtype in DTYPES.items():
            for stream, value in sorted(rule_errors(rule, dtype).items()):
                yield f"steps.{rule}/{stream}", dtype_name, value
