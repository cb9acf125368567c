"""torch's optimizers on our buffers, as both of their forms need them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..steps.buffers import Array, Buffers
from ..steps.calls import FIRST_STEP, Call, Grads
from ..steps.cases import Case
from ..steps.rules import COPY, GRADS, PARAMS
from . import torch_device

CLASSES = {
    "sgd": "SGD",
    "adam": "Adam",
    "adamw": "AdamW",
    "amsgrad": "Adam",
    "adamax": "Adamax",
    "adagrad": "Adagrad",
    "adafactor": "Adafactor",
}


def installed() -> bool:
    return importlib.util.find_spec("torch") is not None


def make_optimizer(case: Case, buffers: Buffers, threads: int, **form: bool) -> Call | None:
    """One step in the given form; None where torch lacks the rule or the mix of types."""
    if case.rule not in CLASSES or "cautious_weight_decay" in case.options:
        return None
    if torch_device.on_device(buffers):
        return torch_device.with_master(case, buffers, torch_device.optimizer_step(form))
    if len({case.dtype_of(s) for s in (*case.streams, COPY)}) > 1:
        return None
    import torch

    torch.set_num_threads(threads)
    grads = [as_tensor(g) for g in buffers.tensors[GRADS]]
    step = make_on_tensors(case, buffers, grads, form)

    def call(_: Grads) -> None:
        step()

    return call


def make_on_tensors(
    case: Case, buffers: Buffers, grads: list[Any], form: Mapping[str, bool]
) -> Callable[[], object]:
    """A step of torch's class on the buffers' parameters and states and on these gradients."""
    import torch

    params = [torch.nn.Parameter(as_tensor(p)) for p in buffers.tensors[PARAMS]]
    for p, g in zip(params, grads, strict=True):
        p.grad = g
    hypers = dict(case.hypers) | ({"amsgrad": True} if case.rule == "amsgrad" else {})
    optimizer = getattr(torch.optim, CLASSES[case.rule])(params, **hypers, **form)
    count_on_device = bool(form.get("fused") or form.get("capturable"))
    _share_states(optimizer, params, case, buffers, count_on_device)
    clips = _clips(params, case.options)

    def clip_and_step() -> None:
        for clip in clips:
            clip()
        optimizer.step()

    step: Callable[[], object] = clip_and_step if clips else optimizer.step
    return step


def _clips(params: list[Any], options: Mapping[str, Any]) -> list[Callable[[], object]]:
    """torch's functions for the bounds of a case."""
    from torch.nn import utils

    def each() -> None:
        for p in params:
            utils.clip_grad_norm_([p], options["max_tensor_norm"])

    known: dict[str, Callable[[], object]] = {
        "max_grad_norm": lambda: utils.clip_grad_norm_(params, options["max_grad_norm"]),
        "max_tensor_norm": each,
        "max_grad_value": lambda: utils.clip_grad_value_(params, options["max_grad_value"]),
    }
    return [clip for name, clip in known.items() if options.get(name) is not None]


def as_tensor(array: Array) -> Any:
    """A torch tensor on the memory of an array."""
    import torch

    if isinstance(array, torch.Tensor):
        return array
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def _share_states(
    optimizer: Any, params: list[Any], case: Case, buffers: Buffers, count_on_device: bool
) -> None:
    import torch

    names = buffers.states(case)
    for k, p in enumerate(params):
        state = {name: as_tensor(buffers.tensors[name][k]) for name in names}
        if case.rule != "sgd":
            device = p.device if count_on_device else None
            state["step"] = torch.tensor(float(FIRST_STEP - 1), device=device)
        optimizer.state[p] = state
