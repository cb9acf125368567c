"""torch on its own CUDA tensors, at its best: what its optimizers call, without their detours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..steps.buffers import Buffers
from ..steps.calls import FIRST_STEP, Call, Grads
from ..steps.cases import BOUNDS, Case
from ..steps.rules import COPY, GRADS, PARAMS

Step = Callable[[], object]
Maker = Callable[[Case, Buffers, "list[Any]"], "Step | None"]


def _tensors(buffers: Buffers) -> dict[str, Any]:
    """The buffers' arrays, which are torch tensors here."""
    return buffers.tensors


def on_device(buffers: Buffers) -> bool:
    """Whether the arrays are CUDA tensors."""
    return any(getattr(t, "is_cuda", False) for t in _tensors(buffers)[GRADS][:1])


def is_captured(case: Case) -> bool:
    """Whether a CUDA graph will record the step, so that its count must be on the device."""
    return getattr(case, "timing", None) == "graph"


def with_master(case: Case, buffers: Buffers, make: Maker) -> Call | None:
    """A step made by ``make`` on gradients of the parameters' type.

    torch's optimizers keep no low-precision copy of float32 parameters and take gradients of their
    type only, so both are cast around the step, each in one call over the whole list.
    """
    import torch

    params, given = _tensors(buffers)[PARAMS], _tensors(buffers)[GRADS]
    mixed = case.dtype_of(GRADS) != case.dtype_of(PARAMS)
    grads: list[Any] = [torch.empty_like(p) for p in params] if mixed else list(given)
    step = make(case, buffers, grads)
    if step is None:
        return None
    copies = _tensors(buffers)[COPY] if COPY in case.other_dtypes else None

    def call(_: Grads) -> None:
        if mixed:
            torch._foreach_copy_(grads, given)
        step()
        if copies is not None:
            torch._foreach_copy_(copies, params)

    return call


def fused_adam(case: Case, buffers: Buffers, grads: list[Any]) -> Step | None:
    """The kernel behind Adam and AdamW with ``fused=True``, and its step counts."""
    import torch

    if case.options or not _fused_takes(case):
        return None
    params = _tensors(buffers)[PARAMS]
    states = [_tensors(buffers)[name] for name in case.facts.states]
    largest: list[Any] = states[2] if case.rule == "amsgrad" else []
    counts = [_count(p) for p in params]
    beta1, beta2 = case.hypers["betas"]
    kernel = torch._fused_adamw_ if case.rule == "adamw" else torch._fused_adam_
    numbers = {
        "lr": case.hypers["lr"],
        "beta1": beta1,
        "beta2": beta2,
        "weight_decay": case.hypers.get("weight_decay", 0.0),
        "eps": case.hypers["eps"],
        "amsgrad": case.rule == "amsgrad",
        "maximize": False,
    }

    def step() -> None:
        torch._foreach_add_(counts, 1)
        kernel(params, grads, states[0], states[1], largest, counts, **numbers)

    return step


def _fused_takes(case: Case) -> bool:
    """One type for all, or both moments in another one."""
    moments = {case.dtype_of(name) for name in case.facts.states}
    return len(moments) == 1 and not any(
        case.dtype_of(PARAMS) == "bfloat16" and m != "bfloat16" for m in moments
    )


def _count(like: Any) -> Any:
    import torch

    return torch.tensor(float(FIRST_STEP - 1), device=like.device)


def foreach_lion(case: Case, buffers: Buffers, grads: list[Any]) -> Step | None:
    """Lion, which torch lacks, as multi-tensor operations over the whole list."""
    import torch

    params, moments = _tensors(buffers)[PARAMS], _tensors(buffers)["exp_avg"]
    types = {case.dtype_of(PARAMS), case.dtype_of("exp_avg")}
    if case.options or len(types) > 1:
        return None
    rate, (beta1, beta2) = case.hypers["lr"], case.hypers["betas"]
    decay = 1 - rate * case.hypers["weight_decay"]

    def step() -> None:
        torch._foreach_mul_(params, decay)
        updates = torch._foreach_lerp(moments, grads, 1 - beta1)
        torch._foreach_sign_(updates)
        torch._foreach_add_(params, updates, alpha=-rate)
        torch._foreach_lerp_(moments, grads, 1 - beta2)

    return step


def optimizer_step(form: dict[str, bool]) -> Maker:
    """torch.optim's class for the rule, in that form."""

    def make(case: Case, buffers: Buffers, grads: list[Any]) -> Step | None:
        from .torch_optimizers import make_on_tensors

        capturable = {"capturable": True} if is_captured(case) else {}
        types = {case.dtype_of(s) for s in (PARAMS, *case.facts.states)}
        if len(types) > 1 or not set(case.options) <= set(BOUNDS):
            return None
        return make_on_tensors(case, buffers, grads, {**form, **capturable})

    return make
