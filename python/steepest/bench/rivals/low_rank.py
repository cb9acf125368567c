"""Fira's step as a person writes it, from the paper's equations, in NumPy and in torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..steps.low_rank import Data


def make(
    data: Data, h: Mapping[str, Any], of: Callable[[Any], Any], norm: Callable[..., Any], root: Any
) -> Callable[[Any], None]:
    """A step on the arrays that `of` makes of NumPy's; norm(x, axis) and root are the package's."""
    p, g, projector, m, v = map(
        of, (data.param, data.grad, data.projector, data.exp_avg, data.exp_avg_sq)
    )
    before, steps, (b1, b2) = [data.residual_norm], count(2), h["betas"]

    def call(_: Any) -> None:
        t = next(steps)
        r = g @ projector
        m[...] = b1 * m + (1 - b1) * r
        v[...] = b2 * v + (1 - b2) * r * r
        psi = m / (root(v) + h["eps"])
        phi = norm(psi, 1) / (norm(r, 1) + 1e-8)
        s = phi[:, None] * (g - h["alpha"] * (r @ projector.T))
        size = float(norm(s, None))
        limit = max(size / (before[0] + 1e-8), h["limiter"]) / h["limiter"]
        s = s / limit
        before[0] = size / limit
        rate = h["lr"] * math.sqrt(1 - b2**t) / (1 - b1**t)
        p[...] = p - rate * (h["alpha"] * (psi @ projector.T) + s)

    return call


def in_numpy(data: Data, h: Mapping[str, Any], threads: int) -> Callable[[Any], None]:
    """With NumPy's BLAS, on as many threads as it takes."""
    return make(data, h, lambda x: x, lambda x, axis: np.linalg.norm(x, axis=axis), np.sqrt)


def in_torch(data: Data, h: Mapping[str, Any], threads: int) -> Callable[[Any], None]:
    """With torch's operations."""
    import torch

    torch.set_num_threads(threads)

    def norm(x: Any, axis: int | None) -> Any:
        return torch.linalg.vector_norm(x, dim=axis)

    return make(data, h, torch.from_numpy, norm, torch.sqrt)
