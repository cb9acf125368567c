"""Orthogonalisation in torch as all its rivals here need it.

The lines are Muon's: cast, normalise, and three products per step. They are made in two forms, with
the sums fused into the products, as torch.optim.Muon has them, and separate; a rival is the form
that is faster here.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import steepest

from ..polar.cases import Case
from ..polar.matrices import Call, Matrices, nothing
from ..timing import fastest, repeated

Lines = Callable[[Any], Any]  # of a normalised matrix or stack


def installed() -> bool:
    return importlib.util.find_spec("torch") is not None


def takes_minutes(compute: str, flops: int) -> bool:
    """Whether torch would make these bfloat16 products in a scalar loop, as it does on processors
    without AVX-512."""
    return compute == "bfloat16" and flops > 1e9 and "avx512" not in steepest.cpu.targets()


def make_call(case: Case, matrices: Matrices, threads: int, *, loop: bool) -> Call:
    """The faster form. ``loop``: over the matrices of a stack, one by one."""
    import torch

    torch.set_num_threads(threads)
    given = torch.from_numpy(matrices.given)
    dtype = torch.bfloat16 if case.compute == "bfloat16" else torch.float32
    triples = [tuple(map(float, triple)) for triple in case.triples]
    stacked = given.ndim > 2 and not loop
    forms = {
        "fused": _over(given, dtype, fused(triples, stacked=stacked), loop=loop),
        "separate": _over(given, dtype, separate(triples, stacked=stacked), loop=loop),
    }
    (best,) = fastest([repeated(name, call, nothing) for name, call in forms.items()], 1)
    return forms[best.name]


def product_call(a: Any, compute: str, threads: int) -> Call:
    """All of A A^T."""
    import torch

    torch.set_num_threads(threads)
    if compute == "bfloat16":
        given = torch.from_numpy(a.view("int16")).view(torch.bfloat16)
    else:
        given = torch.from_numpy(a)
    out = torch.empty_like(given)
    return lambda _: torch.mm(given, given.mT, out=out)


def fused(triples: list[Any], *, stacked: bool) -> Lines:
    """Sums as part of the products."""
    import torch

    product = torch.bmm if stacked else torch.mm
    add_product = torch.baddbmm if stacked else torch.addmm

    def lines(x: Any) -> Any:
        for a, b, c in triples:
            r = product(x, x.mT)
            z = add_product(r, r, r, beta=b, alpha=c)
            x = add_product(x, z, x, beta=a)
        return x

    return lines


def separate(triples: list[Any], *, stacked: bool) -> Lines:
    """Products, and then sums."""
    import torch

    product = torch.bmm if stacked else torch.mm

    def lines(x: Any) -> Any:
        for a, b, c in triples:
            r = product(x, x.mT)
            x = a * x + product(b * r + c * product(r, r), x)
        return x

    return lines


def _over(given: Any, dtype: Any, lines: Lines, *, loop: bool) -> Call:
    """Casts, normalises and runs the lines."""
    import torch

    def one(g: Any) -> Any:
        x = g.to(dtype)
        return lines(x / torch.linalg.matrix_norm(x, keepdim=True))

    def call(_: Any) -> object:
        with torch.no_grad():
            return [one(g) for g in given] if loop and given.ndim > 2 else one(given)

    return call
