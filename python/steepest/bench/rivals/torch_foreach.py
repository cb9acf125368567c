"""torch.optim with ``foreach=True``: one call per operation over the whole list."""

from __future__ import annotations

from ..steps.buffers import Buffers
from ..steps.calls import Call
from ..steps.cases import Case
from ..steps.rules import GRADS, NORM
from . import torch_device
from .clipping import in_torch as make_clip  # noqa: F401 (asked for by name)
from .low_rank import in_torch as make_low_rank  # noqa: F401 (asked for by name)
from .torch_optimizers import as_tensor, installed, make_optimizer

NAME = "torch-foreach"


def available() -> bool:
    return installed()


def make(case: Case, buffers: Buffers, threads: int) -> Call | None:
    if case.rule == NORM:
        return _norm(buffers, threads)
    if case.rule == "lion" and torch_device.on_device(buffers):
        return torch_device.with_master(case, buffers, torch_device.foreach_lion)
    return make_optimizer(case, buffers, threads, foreach=True)


def _norm(buffers: Buffers, threads: int) -> Call:
    import torch

    torch.set_num_threads(threads)
    grads = [as_tensor(g) for g in buffers.tensors[GRADS]]
    return lambda _: torch.nn.utils.get_total_norm(grads)
