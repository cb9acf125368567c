"""torch on its own tensors on a device: products, Muon's lines, a norm report, and probes.

For each it has a function that returns a call without arguments, or None where the arrays are not
torch's, or the case is none for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..curvature.arrays import DECAY, SAMPLE
from ..curvature.cases import Case as CurvatureCase
from ..polar.cases import Case as PolarCase
from .polar_torch import fused, installed

NAME = "torch"

Call = Callable[[], object]


def available() -> bool:
    return installed()


def _are_tensors(*arrays: Any) -> bool:
    return all(type(a).__module__.partition(".")[0] == "torch" for a in arrays)


def product(a: Any, b: Any) -> Call | None:
    """All of A B, or of A A^T where b is None."""
    if not _are_tensors(a):
        return None
    import torch

    right = a.mT if b is None else b
    out = torch.empty(a.shape[-2], right.shape[-1], dtype=a.dtype, device=a.device)
    return lambda: torch.matmul(a, right, out=out)


def orthogonalize(case: PolarCase, arrays: Sequence[Any]) -> Call | None:
    """What torch.optim.Muon runs, matrix by matrix, or over a stack at once."""
    if not _are_tensors(*arrays):
        return None
    import torch

    dtype = getattr(torch, case.compute)
    triples = [tuple(map(float, triple)) for triple in case.triples]
    lines = {stacked: fused(triples, stacked=stacked) for stacked in (False, True)}

    def one(g: Any) -> Any:
        is_tall = g.shape[-2] > g.shape[-1]
        x = (g.mT if is_tall else g).to(dtype)
        x = lines[g.ndim > 2](x / torch.linalg.matrix_norm(x, keepdim=True))
        return x.mT if is_tall else x

    def call() -> object:
        with torch.no_grad():
            return [one(g) for g in arrays]

    return call


def report(matrices: Sequence[Any]) -> Call | None:
    """The numbers of ours, in the type of the matrices, moved to the host in one piece."""
    if not _are_tensors(*matrices):
        return None
    import torch

    def call() -> object:
        return torch.stack([_numbers(matrix) for matrix in matrices]).cpu()

    return call


def _numbers(matrix: Any) -> Any:
    import torch

    rows = torch.linalg.vector_norm(matrix, dim=1)
    columns = torch.linalg.vector_norm(matrix, dim=0)
    largest = torch.linalg.vector_norm(matrix, float("inf"))
    total = torch.linalg.vector_norm(matrix, 1)
    norm = torch.linalg.vector_norm(rows)
    return torch.stack([norm, largest, rows.max(), columns.max(), rows.sum(), columns.sum(), total])


def curvature(case: CurvatureCase, arrays: Mapping[str, Any]) -> Call | None:
    """The same work into the same arrays, with torch's own generator."""
    if not _are_tensors(*arrays.values()):
        return None
    if case.call == "rademacher":
        return lambda: _signs(arrays["probe"])
    if case.call == "gaussian":
        return lambda: arrays["probe"].normal_()
    if case.call == "accumulate":
        return _accumulate(arrays)
    if case.call == "mkor_update":
        return lambda: _update(arrays["inverse"], arrays["vector"])
    return None


def _signs(out: Any) -> Any:
    return out.bernoulli_(0.5).mul_(2).sub_(1)


def _accumulate(arrays: Mapping[str, Any]) -> Call:
    """Welford's update; the sum in double."""
    import torch

    h, mean, scatter = arrays["products"], arrays["mean"], arrays["scatter"]
    z, x = torch.empty_like(h), torch.empty_like(h)

    def call() -> object:
        torch.mul(_signs(z), h, out=x)
        total = x.sum(dtype=torch.float64)
        torch.sub(x, mean, out=z)
        mean.add_(z, alpha=1 / SAMPLE)
        scatter.addcmul_(z, z, value=(SAMPLE - 1) / SAMPLE)
        return total

    return call


def _update(inverse: Any, v: Any) -> float:
    """In place; it waits for the largest magnitude, as ours does."""
    inverse.mul_(DECAY)
    inverse.diagonal().add_(1 - DECAY)
    u = inverse @ v
    inverse.addr_(u, u / (1 + v @ u), alpha=-1)
    return float(inverse.abs().max())
