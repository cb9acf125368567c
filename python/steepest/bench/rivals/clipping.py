"""Clipping apart from a step, as NumPy and torch do it."""

from __future__ import annotations

import numpy as np

from ..steps.clip_cases import Call, Data


def in_numpy(data: Data, threads: int) -> Call:
    """One call of NumPy's, on one thread."""
    g, p = data.grad, data.param

    def norm(_: object) -> None:
        bound = next(data.bounds)
        total = float(np.linalg.norm(g))
        np.multiply(g, np.float32(min(1.0, bound / (total + 1e-6))), out=g)

    def value(_: object) -> None:
        bound = np.float32(next(data.bounds))
        np.clip(g, -bound, bound, out=g)

    def adaptive(_: object) -> None:
        bound = next(data.bounds)
        size = np.maximum(np.linalg.norm(p, axis=1, keepdims=True), np.float32(1e-3))
        of_grad = np.linalg.norm(g, axis=1, keepdims=True)
        np.multiply(g, np.minimum(np.float32(1), np.float32(bound) * size / of_grad), out=g)

    calls = {"clip_norm_": norm, "clip_value_": value, "clip_adaptive_": adaptive}
    return calls[data.case.function]


def in_torch(data: Data, threads: int) -> Call | None:
    """One call of torch.nn.utils; None where it has no such function."""
    import torch
    from torch.nn import utils

    if data.case.function == "clip_adaptive_":
        return None
    torch.set_num_threads(threads)
    param = torch.nn.Parameter(torch.from_numpy(data.param))
    param.grad = torch.from_numpy(data.grad)
    if data.case.function == "clip_value_":
        return lambda _: utils.clip_grad_value_([param], next(data.bounds), foreach=True)
    return lambda _: utils.clip_grad_norm_([param], next(data.bounds), foreach=True)
