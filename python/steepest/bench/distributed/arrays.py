"""The arrays of a case, and our call on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest import distributed

from .cases import WORKERS, Case

Arrays = Mapping[str, NDArray[Any]]
Call = Callable[[Any], object]  # of None

BETAS = (0.9, 0.99)
LR = 1e-9  # parameters stay what they are, as often as they are stepped
COMPRESSORS: Mapping[str, distributed.Compressor] = {
    "TopK": distributed.TopK(0.01),
    "ScaledSign": distributed.ScaledSign(),
}
_BLOCK = 1 << 16


def allocate(case: Case) -> dict[str, NDArray[Any]]:
    """Normal floats, repeated; random bits. Whatever is written has been touched before."""
    rng = np.random.default_rng(0)
    if case.dtype == "bits":
        messages = rng.integers(0, 256, (WORKERS, case.elements // 8), np.uint8)
        result = np.zeros((len(case.write), case.elements // 8), np.uint8)
        made = {"messages": messages, "result": result}
        made |= dict(zip(case.read, messages.view(np.float64), strict=True))
        return made | dict(zip(case.write, result.view(np.float64), strict=True))
    made = {}
    for name in (*case.read, *case.update):
        block = rng.standard_normal(min(_BLOCK, case.elements)).astype(case.dtype)
        made[name] = np.resize(block, case.elements)
    planes = {"pack_signs": 1, "apply_votes": 2}.get(case.call, 0)
    made["message"] = rng.integers(0, 256, planes * (case.elements // 8), np.uint8)
    if planes == 2:
        half = case.elements // 8
        made["message"][half:] &= ~made["message"][:half]
    return made


def make_call(case: Case, arrays: Arrays) -> Call:
    """Ours, as a user calls it."""
    if case.call == "pack_signs":
        grads, exp_avg, message = (arrays[name] for name in ("grads", "exp_avg", "message"))
        return lambda _: distributed.pack_signs(grads, exp_avg, betas=BETAS, out=message)
    if case.call == "apply_votes":
        params, votes = arrays["params"], distributed.Votes(arrays["message"], "ternary", 1)
        return lambda _: distributed.apply_votes(params, votes, lr=LR)
    if case.call == "EF21Worker":
        worker = distributed.EF21Worker(arrays["grads"], COMPRESSORS[case.compressor])
        sent = np.zeros(worker.message_size, np.uint8)
        return lambda _: worker.pack(arrays["grads"], sent)
    if case.call == "gradient_moments":
        grads_of = [arrays[name] for name in case.read]
        return lambda _: distributed.gradient_moments(grads_of)
    reduce = distributed.mean if case.call == "mean" else distributed.majority
    messages, out = arrays["messages"], arrays["result"].reshape(-1)
    return lambda _: reduce(messages, out=out)


def nothing() -> None:
    """The argument of every call."""
