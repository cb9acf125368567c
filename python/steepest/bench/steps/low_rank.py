"""One step of Fira on one matrix, in single precision: its case, its check, and its rows.

Counted are the bytes that no implementation can do without: the gradient is read to be projected
and read again to be followed, and the parameter is read and written between; what is of the size
of the projection is left out. The products with the projector, twice 2 rank operations per element,
outweigh that on processors whose products are slow beside their memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import steepest
from steepest import _core

from ..rows import Row, judge
from ..timing import Effort, Participant, fastest, interleave, repeated, repeated_probe
from .ceiling import fraction

Matrix = NDArray[np.float32]
HYPERS: Mapping[str, Any] = {
    "lr": 1e-3,
    "betas": (0.9, 0.999),
    "eps": 1e-6,
    "alpha": 1.0,
    "limiter": 1.01,
}
_KEPT = 3
_UNIT = 2.0**-24
_SECOND_MOMENT = 1e-4  # of gradients of 1e-2, in the middle of training


@dataclass(frozen=True)
class LowRankCase:
    """A matrix of this shape, and the rank that its moments are kept in."""

    name: str
    shape: tuple[int, int]
    rank: int
    impl: str = "optim"

    @property
    def elements(self) -> int:
        return self.shape[0] * self.shape[1]

    @property
    def bytes(self) -> int:
        return 4 * 4 * self.elements

    @property
    def flops(self) -> int:
        """Of the products R = P^T G and P (psi - phi R), the squares of G and the update."""
        return (4 * self.rank + 2 + 6) * self.elements


@dataclass
class Data:
    """The arrays of a case in the middle of training, at a step that renews no projector."""

    param: Matrix
    grad: Matrix
    projector: Matrix
    exp_avg: Matrix
    exp_avg_sq: Matrix
    residual_norm: float

    def copy(self) -> Data:
        arrays = {n: a.copy() for n, a in vars(self).items() if isinstance(a, np.ndarray)}
        return replace(self, **arrays)


Call = Callable[[Any], object]


def cases(*, quick: bool, elements: int | None = None) -> tuple[LowRankCase, ...]:
    """4096 x 4096 at rank 128, or 512 x 512 at rank 16."""
    if quick or (elements or 2**26) < 2**24:
        return (LowRankCase("fira 512x512 rank 16", (512, 512), 16),)
    return (LowRankCase("fira 4096x4096 rank 128", (4096, 4096), 128),)


def describe(case: LowRankCase) -> str:
    """One line of the list of cases."""
    return (
        f"{case.name} ({case.impl}): {case.bytes / case.elements:g} bytes, "
        f"{case.flops / case.elements:g} FLOPs per element; read grads; read grads, update params"
    )


def allocate(case: LowRankCase) -> Data:
    """Gradients of 1e-2 and moments to match; a square is projected from the right."""
    rng = np.random.default_rng(0)
    grad = 1e-2 * rng.standard_normal(case.shape, np.float32)
    small = (case.shape[0], case.rank)
    return Data(
        param=0.1 * rng.standard_normal(case.shape, np.float32),
        grad=grad,
        projector=steepest.polar.leading_subspace(grad, case.rank, power_iterations=0),
        exp_avg=1e-3 * rng.standard_normal(small, np.float32),
        exp_avg_sq=np.full(small, _SECOND_MOMENT, np.float32),
        residual_norm=float(np.sqrt(case.elements)),
    )


def optimizer(case: LowRankCase, data: Data) -> steepest.optim.Optimizer:
    """Fira with these arrays as its parameter and states."""
    # A gap longer than any run: the first step is the second of the optimizer.
    opt: steepest.optim.Optimizer = steepest.optim.Fira(
        data.param, rank=case.rank, update_gap=2**30, **HYPERS
    )
    saved = opt.state_dict()
    state = saved["state"][0]
    state["step"] = 1
    for name in ("projector", "exp_avg", "exp_avg_sq"):
        state[name][...] = getattr(data, name)
    state["residual_norm"][...] = data.residual_norm
    opt.load_state_dict(saved)
    return opt


def reference(case: LowRankCase, d: Data) -> NDArray[np.float64]:
    """The parameter after a step, in double."""
    g, p = d.grad.astype(np.float64), d.projector.astype(np.float64)
    (b1, b2), t = HYPERS["betas"], 2
    r = g @ p
    m = b1 * d.exp_avg + (1 - b1) * r
    psi = m / (np.sqrt(b2 * d.exp_avg_sq + (1 - b2) * r * r) + HYPERS["eps"])
    phi = np.linalg.norm(psi, axis=1) / (np.linalg.norm(r, axis=1) + 1e-8)
    s = phi[:, None] * (g - r @ p.T)
    s /= max(np.linalg.norm(s) / (d.residual_norm + 1e-8), 1.01) / 1.01
    rate = HYPERS["lr"] * np.sqrt(1 - b2**t) / (1 - b1**t)
    after: NDArray[np.float64] = d.param - rate * (psi @ p.T + s)
    return after


def error_of(case: LowRankCase, data: Data) -> float:
    """Largest error of a step over its bound.

    A sum of k terms in R is off by (k + 6) units of |G| |P|, at most of the length of a row of G;
    that over the root of the second moment is what psi is off by, and phi by no more beside it. P
    times that, over the rank's terms, and the roundings of the sum and of the parameter itself.
    """
    ours, before = data.copy(), data.copy()
    optimizer(case, ours).step(ours.grad)
    longest = np.linalg.norm(before.grad, axis=1).max()
    off = (max(case.shape) + 6) * _UNIT * longest / np.sqrt(_SECOND_MOMENT)
    rate = HYPERS["lr"] * 0.0447 / 0.19
    terms = np.sqrt(case.rank) * (off + (case.rank + 6) * _UNIT * 10)
    bound = 2 * rate * terms + 4 * _UNIT * float(np.abs(before.param).max())
    difference = np.abs(ours.param - reference(case, before)).max()
    return float(difference / bound)


def measure(case: LowRankCase, effort: Effort, threads: int, rivals: Sequence[Any]) -> list[Row]:
    """The rows of the case: one per rival, or a single one without rivals."""
    steepest.cpu.set_threads(threads)
    data = allocate(case)
    error = error_of(case, data)
    opt = optimizer(case, data)
    participants = [repeated("steepest", lambda _: opt.step(data.grad), lambda: None)]
    names = []
    for rival in rivals:
        if hasattr(rival, "make_low_rank"):
            names.append(rival.NAME)
            theirs = rival.make_low_rank(data.copy(), HYPERS, threads)
            participants.append(repeated(rival.NAME, theirs, lambda: None))
    participants += _probes(data, threads)
    timings = interleave(participants, effort)
    ceilings = [t for name, t in timings.items() if name.startswith("ceiling ")]
    ours = timings["steepest"]
    row = Row.unjudged(
        "steps",
        case,
        ours,
        impl="steepest.optim.Fira",
        dtype="float32",
        threads=threads,
        error=error,
        flops=case.flops,
    )
    rows = [replace(row, rival=name, rival_median_s=timings[name].median_s) for name in names]
    return [judge(each, fraction(ours, ceilings)) for each in rows or [row]]


def _probes(data: Data, threads: int) -> list[Participant]:
    """The fastest streaming loops over the counted bytes."""
    p, g = data.param.reshape(-1), data.grad.reshape(-1)

    def seconds(variant: int) -> float:
        first = _core.stream_ceiling([g], [], [], variant, threads)
        return first + _core.stream_ceiling([g], [p], [], variant, threads)

    def probe(variant: int, name: str) -> Participant:
        return repeated_probe(f"ceiling {name}", lambda: seconds(variant))

    names = _core.stream_ceiling_variants()
    return fastest([probe(k, name) for k, name in enumerate(names)], _KEPT)
