"""A step of the library against the float64 reference, with bounds computed for every element."""

import inspect

import numpy as np
from reference import steps as reference
from reference.rounding import DOUBLE, Tracked, outside

from .support import tracked

# By what a rule multiplies a difference of rounded numbers: 1 + momentum / (1 - momentum).
AMPLIFIED = {"extrapolate": 10}


def reference_options(rule, options, dtype):
    """Options as the reference wants them: powers of beta carry the rounding error of 1 -
    beta^t."""
    options = dict(options)
    if "decoupled_weight_decay" in options:
        options["decoupled"] = options.pop("decoupled_weight_decay")
    update = reference.RULES[rule].update
    if "betas" in inspect.signature(update).parameters:
        betas = options.get("betas", inspect.signature(update).parameters["betas"].default)
        options["betas"] = tuple(Tracked(beta, 0.0, DOUBLE) for beta in betas)
    if "beta" in inspect.signature(update).parameters:
        beta = options.get("beta", inspect.signature(update).parameters["beta"].default)
        options["beta"] = Tracked(beta, 0.0, DOUBLE)
    if rule == "adafactor":
        options["param_eps"] = float(np.finfo(dtype).eps)
    return options


def expected_step(tensors, grads, options):
    """(applied, params, states) of the reference, from the arrays as they are now."""
    dtype = tensors.params[0].dtype
    return reference.step_list(
        tensors.rule,
        [tracked(p) for p in tensors.params],
        [None if g is None else tracked(g) for g in grads],
        [{name: tracked(a) for name, a in s.items()} for s in tensors.tensor_states()],
        **reference_options(tensors.rule, options, dtype),
    )


def assert_within(tensors, params, states, context):
    """Every parameter and state lies within the bound of its element."""
    pairs = [("params", i, p, params[i]) for i, p in enumerate(tensors.params)]
    for i, arrays in enumerate(tensors.tensor_states()):
        pairs += [(name, i, a, states[i][name]) for name, a in arrays.items() if name in states[i]]
    for name, i, actual, wanted in pairs:
        bad = outside(actual, wanted)
        if bad.any():
            k = np.argmax(bad.reshape(-1))
            got, want, bound = (
                np.reshape(x, -1)[k]
                for x in (actual.astype(np.float64), wanted.value, wanted.error)
            )
            raise AssertionError(
                f"{tensors.rule} {context}: {name}[{i}] flat {k} is {got!r}, not {want!r} "
                f"+- {bound:.3g}; {bad.sum()} of {bad.size} elements outside"
            )


def uninformative(wanted, start, path, units):
    """Elements whose bound is above what `units` roundings explain: what the test cannot judge.

    A parameter is rounded at its own size, |start| or |wanted|, and its steps at theirs, of which
    `path` is the sum. In double, 1 - beta2^t loses up to 1.5 / (1 - beta2) = 1500 roundoffs = 375
    units to cancellation (3 roundings at t = 2), half of them enter the step by the root of v, and
    in LAMB again by ||r||: 400 with all else. In single it is computed in double, and nothing of
    this is seen.
    """
    size = np.abs(start) + np.abs(wanted.value)
    allowed = units * size + (400 + units if wanted.precision is DOUBLE else units) * path
    # Denormals are rounded by an absolute amount.
    explained = wanted.precision.unit * allowed + units * wanted.precision.tiny
    return int((wanted.error > explained).sum())


def check_one_step(tensors, grads, options, context):
    """One step from the kernel's own arrays. Returns how many parameters the bound leaves open.

    The parameter goes through at most 3 roundings at its own size (decay factor, decay,
    subtraction) and the subtrahend through at most 16 at its own: 16 units are plenty where nothing
    cancels and no decision is open.
    """
    units = 16 * AMPLIFIED.get(tensors.rule, 1)
    before = [p.astype(np.float64) for p in tensors.params]
    applied, params, states = expected_step(tensors, grads, options)
    assert tensors.step(grads, **options) is applied
    assert_within(tensors, params, states, context)
    return sum(
        uninformative(p, b, np.abs(p.value - b), units) for p, b in zip(params, before, strict=True)
    )
