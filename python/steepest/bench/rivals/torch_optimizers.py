"""torch's optimizers on our buffers, as both of their forms need them."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from ..steps.buffers import Array, Buffers
from ..steps.calls import FIRST_STEP, Call, Grads
from ..steps.cases import Case
from ..steps.rules import COPY, GRADS, PARAMS

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
    if case.rule not in CLASSES or len({case.dtype_of(s) for s in (*case.streams, COPY)}) > 1:
        return None
    import torch

    torch.set_num_threads(threads)
    params = [torch.nn.Parameter(as_tensor(p)) for p in buffers.tensors[PARAMS]]
    for p, g in zip(params, buffers.tensors[GRADS], strict=True):
        p.grad = as_tensor(g)
    hypers = dict(case.hypers) | ({"amsgrad": True} if case.rule == "amsgrad" else {})
    optimizer = getattr(torch.optim, CLASSES[case.rule])(params, **hypers, **form)
    _share_states(optimizer, params, case, buffers)
    limit = float(case.options.get("max_grad_norm", 0))

    def step(grads: Grads) -> None:
        optimizer.step()

    def clip_and_step(grads: Grads) -> None:
        torch.nn.utils.clip_grad_norm_(params, limit)
        optimizer.step()

    return clip_and_step if limit else step


def as_tensor(array: Array) -> Any:
    """A torch tensor on the memory of an array."""
    import torch

    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def _share_states(optimizer: Any, params: list[Any], case: Case, buffers: Buffers) -> None:
    import torch

    names = buffers.states(case)
    for k, p in enumerate(params):
        state = {name: as_tensor(buffers.tensors[name][k]) for name in names}
        if case.rule != "sgd":
            state["step"] = torch.tensor(float(FIRST_STEP - 1))
        optimizer.state[p] = state
