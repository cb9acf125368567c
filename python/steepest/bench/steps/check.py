"""The error of one step, taken on the very arrays and with the very call that are timed."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..bounded import UNIT, Bounded, excess
from . import adafactor
from .buffers import Array, Buffers
from .calls import Call, first_step
from .cases import Case
from .clipping import Clip
from .formulas import FORMULAS, TERMS, Streams
from .formulas_field import FIELD_FORMULAS, FIELD_TERMS
from .pieces import Piece, chunks, looked_at, rows, samples, squares, streams_of
from .rules import COPY, GRADS, NORM, PARAMS

# A kernel may group the operations of a formula differently, and the formula in float64 rounds too.
SLACK = 2.0

_FORMULAS = {**FORMULAS, **FIELD_FORMULAS}
_TERMS = {**TERMS, **FIELD_TERMS}

Expectation = tuple[Array, Bounded]  # the array that will hold a result, and what it should be


def error_of(case: Case, buffers: Buffers, call: Call) -> float:
    """Makes one step and returns its largest error in units of the bound: up to 1 is right."""
    if case.rule == NORM:
        return _error_of_norm(case, buffers, call)
    pairs = expectations(case, buffers)
    call(buffers.fresh_grads())
    return max(excess(actual, expected) for actual, expected in pairs)


def expectations(case: Case, buffers: Buffers) -> list[Expectation]:
    """What the sampled parts of all outputs should hold after the next step."""
    step = first_step(case)
    if case.rule == "adafactor":
        found = [pair for k in looked_at(case) for pair in adafactor.expected(buffers, step, k)]
        return [(a, b.widened(SLACK)) for a, b in found]
    clip = Clip(case, buffers)
    totals: dict[int, list[Bounded]] = {}
    pairs: list[Expectation] = []
    for piece in rows(case) if case.facts.by_rows else samples(case):
        x = _inputs(case, buffers, piece, clip)
        if case.facts.by_rows:
            totals[piece.tensor] = _TERMS[case.rule](x, case.hypers, step)
        elif piece.tensor not in totals:
            totals[piece.tensor] = _totals(case, buffers, piece.tensor, clip)
        hypers = {**case.hypers, **case.options}
        new = _FORMULAS[case.rule](x, hypers, step, totals[piece.tensor])
        pairs += _outputs(case, buffers, piece, new)
    return pairs


def _inputs(case: Case, buffers: Buffers, piece: Piece, clip: Clip) -> Streams:
    x = streams_of(case, buffers, piece)
    x[GRADS] = clip.of(x[GRADS], piece.tensor)
    if case.impl == "optim":  # keeps states of its own, which start at 0
        for name in case.facts.states:
            x[name] = x[name] * 0.0
    return x


def _outputs(
    case: Case, buffers: Buffers, piece: Piece, new: dict[str, Bounded]
) -> list[Expectation]:
    if COPY in case.other_dtypes:
        new[COPY] = new[PARAMS]
    if case.impl == "optim":
        new = {PARAMS: new[PARAMS]}
    rounding = str(case.options.get("rounding", "nearest"))
    return [
        (
            piece.of(buffers.tensors[name]),
            value.widened(SLACK).stored_as(case.dtype_of(name), rounding),
        )
        for name, value in new.items()
    ]


def _totals(case: Case, buffers: Buffers, tensor: int, clip: Clip) -> list[Bounded]:
    """Sums over one whole tensor, for the rules that need them."""
    terms = _TERMS.get(case.rule)
    if terms is None:
        return []

    def part(piece: Piece) -> list[Bounded]:
        return terms(_inputs(case, buffers, piece, clip), case.hypers, first_step(case))

    totals: list[Bounded] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for new in pool.map(part, chunks(case, tensor)):
            totals = [a.joined(b) for a, b in zip(totals, new, strict=True)] if totals else new
    return totals


def _error_of_norm(case: Case, buffers: Buffers, call: Call) -> float:
    """The norm is summed in double: squares of floats are exact, each sum rounds once per level."""
    expected = math.sqrt(squares(case, buffers))
    result = call(buffers.fresh_grads())
    total = np.array([getattr(result, "total", math.nan)])
    return excess(total, Bounded(np.array([expected]), 128 * UNIT["float64"] * expected))
