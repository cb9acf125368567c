"""DeepSpeed's CPU optimizers.

Their kernels are compiled when they are first used, which needs a compiler and ninja.
"""

from __future__ import annotations

import importlib.util
import os
from typing import Any

from ..steps.buffers import Buffers
from ..steps.calls import FIRST_STEP, Call, Grads
from ..steps.cases import Case
from ..steps.rules import GRADS, PARAMS
from .torch_optimizers import as_tensor, installed

NAME = "deepspeed"

_STATES = {
    "adam": ("exp_avg", "exp_avg_sq"),
    "adamw": ("exp_avg", "exp_avg_sq"),
    "lion": ("exp_avg",),
}


def available() -> bool:
    """Whether DeepSpeed is installed and its kernels can be built."""
    if not installed() or importlib.util.find_spec("deepspeed") is None:
        return False
    os.environ.setdefault("DS_ACCELERATOR", "cpu")
    try:
        from deepspeed.ops.op_builder import CPUAdamBuilder, CPULionBuilder

        CPUAdamBuilder().load(verbose=False)
        CPULionBuilder().load(verbose=False)
    except Exception as error:  # a failed build shows as any of several types
        print(f"deepspeed: left out, its kernels could not be built ({type(error).__name__})")
        return False
    return True


def make(case: Case, buffers: Buffers, threads: int) -> Call | None:
    """Only at the default thread count, the one that its kernels take, and in float32."""
    types = {case.dtype_of(stream) for stream in case.streams}
    if case.rule not in _STATES or types != {"float32"} or case.options:
        return None
    if threads != _default_threads():
        return None
    import torch

    params = [torch.nn.Parameter(as_tensor(p)) for p in buffers.tensors[PARAMS]]
    for p, g in zip(params, buffers.tensors[GRADS], strict=True):
        p.grad = as_tensor(g)
    optimizer = _optimizer(case, params)
    for k, p in enumerate(params):
        state = {name: as_tensor(buffers.tensors[name][k]) for name in _STATES[case.rule]}
        optimizer.state[p] = {"step": FIRST_STEP - 1, **state}

    def call(grads: Grads) -> None:
        optimizer.step()

    return call


def _optimizer(case: Case, params: list[Any]) -> Any:
    if case.rule == "lion":
        from deepspeed.ops.lion import DeepSpeedCPULion

        return DeepSpeedCPULion(params, **case.hypers)
    from deepspeed.ops.adam import DeepSpeedCPUAdam

    return DeepSpeedCPUAdam(params, **case.hypers, adamw_mode=case.rule == "adamw")


def _default_threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
