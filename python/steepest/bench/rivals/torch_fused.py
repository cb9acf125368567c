"""torch.optim with ``fused=True``: one native kernel per tensor or, on a GPU, per list of them.

Where our side is a plan, the kernel is called without the optimizer class around it.
"""

from __future__ import annotations

from ..steps.buffers import Buffers
from ..steps.calls import Call
from ..steps.cases import Case
from . import torch_device
from .torch_optimizers import installed, make_optimizer

NAME = "torch-fused"

_RULES = ("sgd", "adam", "adamw", "amsgrad", "adagrad")
_BARE = ("adam", "adamw", "amsgrad")


def available() -> bool:
    return installed()


def make(case: Case, buffers: Buffers, threads: int) -> Call | None:
    if case.rule not in _RULES:
        return None
    if torch_device.on_device(buffers) and case.rule in _BARE and case.impl != "optim":
        bare = torch_device.with_master(case, buffers, torch_device.fused_adam)
        if bare is not None:
            return bare
    return make_optimizer(case, buffers, threads, fused=True)
