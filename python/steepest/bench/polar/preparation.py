"""What the suite needs of a case of either kind: our call, its error, and the rivals' calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ..rivals import PolarRival
from . import bound, cases, matrices, products
from .matrices import Call

AnyCase: TypeAlias = "cases.Case | products.ProductCase"


@dataclass(frozen=True)
class Prepared:
    """A case ready to be timed."""

    call: Call
    error: float  # of one call, in units of its bound
    rivals: dict[str, Call]


def every_case(*, quick: bool) -> tuple[AnyCase, ...]:
    """Products first: everything else is made of them."""
    return (*products.cases(quick=quick), *cases.cases(quick=quick))


def prepare(case: AnyCase, rivals: Sequence[PolarRival], threads: int) -> Prepared:
    """Makes the operands, calls ours once and judges the result."""
    if isinstance(case, products.ProductCase):
        return _product(case, rivals, threads)
    made = matrices.allocate(case)
    call = matrices.make_call(case, made)
    call(None)
    error = bound.error_of(case, made.given, made.result)
    theirs = {rival.NAME: rival.make(case, made, threads) for rival in rivals}
    return Prepared(call, error, {name: c for name, c in theirs.items() if c is not None})


def _product(case: products.ProductCase, rivals: Sequence[PolarRival], threads: int) -> Prepared:
    a = products.operand(case)
    out = np.empty_like(a)
    products.gram(a, out)
    error = products.error_of(case, a, out)
    found: dict[str, Call] = {}
    for rival in rivals:
        make = getattr(rival, "make_product", None)
        call = make(a, case.compute, threads) if make else None
        if call is not None:
            found[rival.NAME] = call
    return Prepared(lambda _: products.gram(a, out), error, found)


def describe(case: AnyCase) -> str:
    """What is counted, in a line."""
    if isinstance(case, cases.Case):
        return cases.describe(case)
    return (
        f"{case.name} ({case.impl}): {case.flops / 1e9:.4g} GFLOP of {case.compute}; "
        f"{case.bytes} bytes"
    )
