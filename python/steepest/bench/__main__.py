"""``python -m steepest.bench [steps] [--rivals] [--quick] [--json F] [--plot F.png]``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import steepest

from . import machine, plot, report, rivals
from .environment import restart_without_overrides
from .progress import tracked
from .rows import Row, as_document
from .steps import suite
from .steps.cases import Case, cases
from .steps.ceiling import describe
from .timing import FULL, QUICK

FAMILIES = ("steps",)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m steepest.bench",
        allow_abbrev=False,
        description="Times Steepest's kernels against the memory ceiling and against rivals.",
    )
    p.add_argument("family", nargs="?", choices=FAMILIES, help="by default all")
    p.add_argument("--rivals", action="store_true", help="compare with all that are installed")
    p.add_argument(
        "--rival", action="append", metavar="NAME", help="compare with this one; repeatable"
    )
    p.add_argument("--quick", action="store_true", help="small arrays and few repeats")
    p.add_argument("--json", type=Path, metavar="F", help="write the rows to this file")
    p.add_argument("--plot", metavar="F.png", help="draw the rows (needs matplotlib)")
    p.add_argument("--only", metavar="TEXT", help="only cases with this text in their name")
    p.add_argument("--elements", type=_positive, metavar="N", help="size of the large arrays")
    p.add_argument("--threads", type=_positive, metavar="N", help="by default as the library would")
    p.add_argument(
        "--list", action="store_true", help="show cases and what is counted, run nothing"
    )
    return p


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {value}")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark. Returns 1 when an error exceeds its bound, 2 for a bad command line."""
    options = parser().parse_args(arguments)
    chosen = _chosen(options)
    if not chosen:
        print(f"--only: no case has {options.only!r} in its name", file=sys.stderr)
        return 2
    if options.list:
        _list(chosen)
        return 0
    if options.plot and not plot.available():
        print("--plot needs matplotlib: pip install matplotlib", file=sys.stderr)
        return 2
    try:
        rows = _run(chosen, options)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    _publish(rows, options)
    return 0 if all(row.counts for row in rows) else 1


def _chosen(options: argparse.Namespace) -> list[Case]:
    every = cases(quick=options.quick, elements=options.elements)
    return [case for case in every if (options.only or "") in case.name]


def _run(chosen: Sequence[Case], options: argparse.Namespace) -> list[Row]:
    settings = suite.Settings(
        effort=QUICK if options.quick else FULL,
        threads=options.threads or steepest.cpu.threads(),
        rivals=rivals.load(options.rival or ()) if options.rivals or options.rival else (),
    )
    results = tracked(suite.run(chosen, settings), len(chosen), "steps")
    return [row for rows in results for row in rows]


def _publish(rows: Sequence[Row], options: argparse.Namespace) -> None:
    facts = machine.facts()
    report.show(rows, facts)
    if options.json:
        document = as_document(rows, facts, machine.commit())
        options.json.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")
    if options.plot:
        plot.save(rows, facts, options.plot)


def _list(chosen: Sequence[Case]) -> None:
    for case in chosen:
        per_element = case.bytes / case.elements
        print(
            f"{case.name} ({case.impl}): {per_element:g} bytes, "
            f"{case.flops / case.elements:g} FLOPs per element; {describe(case.passes)}"
        )


if __name__ == "__main__":
    restart_without_overrides()
    sys.exit(main())
