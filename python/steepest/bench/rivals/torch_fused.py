"""torch.optim with ``fused=True``: one native kernel per tensor."""

from __future__ import annotations

from ..steps.buffers import Buffers
from ..steps.calls import Call
from ..steps.cases import Case
from .torch_optimizers import installed, make_optimizer

NAME = "torch-fused"

_RULES = ("sgd", "adam", "adamw", "amsgrad", "adagrad")


def available() -> bool:
    return installed()


def make(case: Case, buffers: Buffers, threads: int) -> Call | None:
    if case.rule not in _RULES:
        return None
    return make_optimizer(case, buffers, threads, fused=True)
