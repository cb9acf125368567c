"""Cases as plain text, for programs that are not written in Python: ``python -m
steepest.bench.case_list [--quick] [-o FILE]``.

A line per case: ``family|name|key=value key=value ...``, values without spaces, lists with commas.
The C++ microbenchmarks read ``bench/cases/full.txt`` and ``quick.txt``, which are made by this and
kept by a test at what the cases are. Cases that only Python has are left out: optimizers, options
of the driver, mixed storage types, lists of many shapes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .curvature import cases as curvature_cases
from .norms import cases as norms_cases
from .polar import cases as polar_cases
from .polar import products
from .steps import cases as steps_cases
from .steps.rules import NORM

Fields = Mapping[str, Any]
_PROBES = ("rademacher", "gaussian", "accumulate")  # calls of one entry of the C interface


def text(*, quick: bool) -> str:
    """The whole list."""
    found = [*_steps(quick), *_polar(quick), *_curvature(quick), *_norms(quick)]
    return "".join(f"{line}\n" for line in found)


def _line(family: str, name: str, fields: Fields) -> str:
    pairs = " ".join(f"{key}={_value(value)}" for key, value in fields.items())
    return f"{family}|{name}|{pairs}"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, Sequence):
        return ",".join(map(_value, value))
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def _shape(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def _steps(quick: bool) -> Iterator[str]:
    """Functional calls and plans are one thing in C. Keywords are those of the rule."""
    seen = set()
    for case in steps_cases.cases(quick=quick):
        plain = not (case.options or case.other_dtypes or case.single_thread)
        if case.rule == NORM or not plain or case.dtype != "float32" or case.impl == "optim":
            continue
        if len(set(case.shapes)) > 1 or case.name in seen:
            continue
        seen.add(case.name)
        states = (*case.facts.states, *case.facts.vectors)
        counted = {"bytes": case.bytes, "flops": case.flops}
        made = {"rule": case.rule, "count": len(case.shapes), "shape": _shape(case.shapes[0])}
        yield _line("steps", case.name, {**made, "states": states, **counted, **case.hypers})


def _polar(quick: bool) -> Iterator[str]:
    for product in products.cases(quick=quick):
        fields = {"dtype": product.compute, "side": product.side}
        yield _line("products", product.name, fields)
    for case in polar_cases.cases(quick=quick):
        *batch, rows, cols = case.shape
        fields = {
            "count": batch[0] if batch else 1,
            "shape": _shape((rows, cols)),
            "method": case.method,
            "compute": case.compute,
            "restarts": case.restarts,
            "coefficients": case.triples.reshape(-1).tolist(),
            "bytes": case.bytes,
            "flops": case.flops,
        }
        yield _line("orthogonalize", case.name, fields)


def _curvature(quick: bool) -> Iterator[str]:
    for case in curvature_cases.cases(quick=quick):
        if case.call in _PROBES:
            made = {"call": case.call, "distribution": case.distribution, "dtype": case.dtype}
            counted = {"elements": case.elements, "bytes": case.bytes, "flops": case.flops}
            yield _line("probes", case.name, {**made, **counted})


def _norms(quick: bool) -> Iterator[str]:
    for case in norms_cases.cases(quick=quick):
        if isinstance(case, norms_cases.ReportCase):
            shapes = [_shape(shape) for shape in case.shapes]
            yield _line("report", case.name, {"shapes": shapes, "bytes": case.bytes})


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the list, or writes it to a file."""
    p = argparse.ArgumentParser(prog="python -m steepest.bench.case_list", allow_abbrev=False)
    p.add_argument("--quick", action="store_true", help="the small cases")
    p.add_argument("-o", type=Path, metavar="FILE", help="by default to the terminal")
    options = p.parse_args(arguments)
    made = text(quick=options.quick)
    if options.o:
        options.o.write_text(made, "utf-8")
    else:
        print(made, end="")


if __name__ == "__main__":
    main()
