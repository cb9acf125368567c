"""Our implementation of a case, as a function of the gradients."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import steepest

from .buffers import Array, Buffers
from .cases import Case
from .rules import COPY, NORM, PARAMS

Grads = Array | list[Array]
Call = Callable[[Grads], object]

FIRST_STEP = 10  # of the functional calls and plans, whose states start in the middle of training


def make_call(case: Case, buffers: Buffers) -> Call:
    """One step with the next step count at each call; for ``grad_norm`` the norm."""
    if case.rule == NORM:
        return steepest.steps.grad_norm
    return {"steps": _functional, "Plan": _plan, "optim": _optim}[case.impl](case, buffers)


def impl_name(case: Case) -> str:
    """What is called, in the words of the Python interface."""
    if case.impl == "optim":
        return f"optim.{_optimizer_class(case).__name__}"
    return f"steps.{case.rule}" if case.impl == "steps" else f"steps.{case.impl}"


def first_step(case: Case) -> int:
    """The step count of the first call."""
    return 1 if case.impl == "optim" else FIRST_STEP


def _functional(case: Case, buffers: Buffers) -> Call:
    rule = getattr(steepest.steps, case.rule)
    params = buffers.argument(PARAMS)
    states = {name: buffers.argument(name) for name in buffers.states(case)}
    options = {**case.hypers, **case.options, **_copy(case, buffers)}
    steps = count(FIRST_STEP)

    def call(grads: Grads) -> object:
        return rule(params, grads, **states, step=next(steps), **options)

    return call


def make_plan(case: Case, buffers: Buffers) -> steepest.steps.Plan:
    """A plan over the arrays of a case with its options as defaults."""
    states = {name: buffers.argument(name) for name in buffers.states(case)}
    return steepest.steps.Plan(
        case.rule,
        buffers.argument(PARAMS),
        **states,
        **case.hypers,
        **case.options,
        **_copy(case, buffers),
    )


def _plan(case: Case, buffers: Buffers) -> Call:
    plan = make_plan(case, buffers)
    steps = count(FIRST_STEP)

    def call(grads: Grads) -> object:
        return plan(grads, step=next(steps))

    return call


def _optim(case: Case, buffers: Buffers) -> Call:
    optimizer = _optimizer_class(case)(buffers.tensors[PARAMS], **case.hypers, **case.options)

    def call(grads: Grads) -> object:
        return optimizer.step(grads if isinstance(grads, list) else [grads])

    return call


def _optimizer_class(case: Case) -> type:
    classes = {"adamw": "AdamW", "lion": "Lion"}
    found: type = getattr(steepest.optim, classes[case.rule])
    return found


def _copy(case: Case, buffers: Buffers) -> dict[str, Grads]:
    return {COPY: buffers.argument(COPY)} if COPY in case.other_dtypes else {}
