"""The package pytorch-optimizer, in torch, for rules of the field that torch itself has not.

Not all of its rules make our step, as of its version 4.1: Schedule-Free AdamW decays by the
uncorrected rate, and Adan keeps the gradient with its sign turned. These two are compared in time
alone, the others in result as well (`SAME_STEP`). Left out are those that do something else: Lars,
which does not scale vectors, and Prodigy, which measures its distance within the step.
"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..steps.buffers import Buffers
from ..steps.calls import FIRST_STEP, Call, Grads
from ..steps.cases import Case
from ..steps.rules import COPY, GRADS, HESSIAN, PARAMS
from .torch_optimizers import as_tensor, installed

NAME = "pytorch-optimizer"

Hypers = Mapping[str, Any]


def _as_they_are(hypers: Hypers) -> dict[str, Any]:
    return dict(hypers)


@dataclass(frozen=True)
class Rule:
    """A class, our names of its states, and its options made of ours."""

    cls: str
    states: Mapping[str, str]
    options: Callable[[Hypers], dict[str, Any]] = _as_they_are
    group: Callable[[Hypers], dict[str, Any]] = field(default=lambda hypers: {})
    writes_grads: bool = False


_MOMENTS = {"exp_avg": "exp_avg", "exp_avg_sq": "exp_avg_sq"}


def _adopt(h: Hypers) -> dict[str, Any]:
    return {**h, "clip_lambda": lambda step: (step - 1) ** 0.25}


def _sophia(h: Hypers) -> dict[str, Any]:
    """It bounds m / h by rho where we bound m / (rho h) by 1."""
    return {
        "lr": h["lr"] / h["rho"],
        "betas": h["betas"],
        "weight_decay": h["weight_decay"] * h["rho"],
        "p": h["rho"],
        "eps": h["eps"] / h["rho"],
        "update_period": 2**31,  # estimates are given
    }


def _averaging(h: Hypers) -> dict[str, Any]:
    """As if it had made the steps before at the same rate."""
    return {"lr_max": h["lr"], "weight_sum": (FIRST_STEP - 1) * h["lr"] ** 2}


RULES: Mapping[str, Rule] = {
    "lion": Rule("Lion", {"exp_avg": "exp_avg"}),
    "adan": Rule(
        "Adan",
        {**_MOMENTS, "exp_avg_diff": "exp_avg_diff", "last_grad": "previous_grad"},
        writes_grads=True,
    ),
    "ademamix": Rule(
        "AdEMAMix",
        {**_MOMENTS, "exp_avg_slow": "exp_avg_slow"},
        lambda h: {**h, "weight_decouple": True},
    ),
    "adopt": Rule("ADOPT", _MOMENTS, _adopt),
    "mars": Rule(
        "MARS", {**_MOMENTS, "last_grad": "last_grad"}, lambda h: {**h, "optimize_1d": True}
    ),
    "adamp": Rule("AdamP", _MOMENTS),
    "sgdp": Rule("SGDP", {"momentum_buffer": "momentum"}),
    "exadam": Rule("EXAdam", _MOMENTS),
    "sm3": Rule(
        "SM3",
        {
            "row_max": "accumulator_0",
            "col_max": "accumulator_1",
            "momentum_buffer": "momentum_buffer",
        },
        lambda h: {**h, "eps": 0.0},  # which it has under the root
    ),
    "schedule_free_sgd": Rule("ScheduleFreeSGD", {"z": "z"}, group=_averaging, writes_grads=True),
    "schedule_free_adamw": Rule(
        "ScheduleFreeAdamW",
        {"z": "z", "exp_avg_sq": "exp_avg_sq"},
        group=_averaging,
        writes_grads=True,
    ),
    "signum": Rule(
        "SignSGD",
        {"momentum_buffer": "momentum_buffer"},
        lambda h: {**h, "dampening": h["momentum"]},
    ),
    "sophia": Rule(
        "SophiaH", {"exp_avg": "momentum", "exp_hessian_diag": "hessian_moment"}, _sophia
    ),
}
SAME_STEP = tuple(rule for rule in RULES if rule not in ("adan", "schedule_free_adamw"))


def available() -> bool:
    return installed() and importlib.util.find_spec("pytorch_optimizer") is not None


def make(case: Case, buffers: Buffers, threads: int) -> Call | None:
    """One step on the same parameters and states; on gradients of its own where it writes to
    them."""
    types = {case.dtype_of(stream) for stream in (*case.streams, COPY)}
    if case.rule not in RULES or case.options or types != {"float32"}:
        return None
    import torch

    torch.set_num_threads(threads)
    rule = RULES[case.rule]
    params = [torch.nn.Parameter(as_tensor(p)) for p in buffers.tensors[PARAMS]]
    for p, g in zip(params, buffers.tensors[GRADS], strict=True):
        p.grad = as_tensor(g).clone() if rule.writes_grads else as_tensor(g)
    optimizer = _optimizer(rule, case, buffers, params)
    if case.rule == "sophia":
        return _with_estimates(optimizer, case, buffers)

    def call(_: Grads) -> None:
        optimizer.step()

    return call


def _optimizer(rule: Rule, case: Case, buffers: Buffers, params: list[Any]) -> Any:
    import pytorch_optimizer

    cls = getattr(pytorch_optimizer, rule.cls)
    has_lists = "foreach" in inspect.signature(cls).parameters
    made = cls(params, **rule.options(case.hypers), **({"foreach": True} if has_lists else {}))
    made.param_groups[0].update({"step": FIRST_STEP - 1, **rule.group(case.hypers)})
    for k, p in enumerate(params):
        made.state[p] = {
            theirs: as_tensor(buffers.tensors[ours][k]) for ours, theirs in rule.states.items()
        }
    return made


def _with_estimates(optimizer: Any, case: Case, buffers: Buffers) -> Call:
    """Sophia takes the estimate in at the steps that ours does."""
    hessian = [as_tensor(d) for d in buffers.tensors[HESSIAN]]
    interval = case.hypers["hessian_update_interval"]
    step = FIRST_STEP

    def call(_: Grads) -> None:
        nonlocal step
        optimizer.step(hessian=hessian if (step - 1) % interval == 0 else None)
        step += 1

    return call
