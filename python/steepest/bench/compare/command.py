"""``python -m steepest.bench compare BEFORE.json AFTER.json [--fail-slower PERCENT]``."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from .changes import Comparison, compare
from .recorded import load
from .text import label, lines


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m steepest.bench compare",
        allow_abbrev=False,
        description="What got faster or slower between two recorded runs.",
    )
    p.add_argument("before", type=Path, metavar="BEFORE.json")
    p.add_argument("after", type=Path, metavar="AFTER.json")
    p.add_argument(
        "--fail-slower",
        type=_percent,
        metavar="PERCENT",
        help="exit with 1 where a row got slower by more than this, beyond its band",
    )
    return p


def _percent(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"expected a number of at least 0, got {text}")
    return value


def main(arguments: Sequence[str]) -> int:
    """Prints the comparison. Returns 1 where ``--fail-slower`` says so, 2 for files that hold no
    run."""
    options = parser().parse_args(arguments)
    try:
        before, after = load(options.before), load(options.after)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    comparison = compare(before.rows, after.rows)
    print("\n".join(lines(before, after, comparison)))
    return 0 if options.fail_slower is None else _judged(comparison, options.fail_slower)


def _judged(comparison: Comparison, percent: float) -> int:
    slower = [c for c in comparison.changes if c.is_slower_by(percent)]
    if not slower:
        return 0
    print(f"slower by more than {percent:g} %: {'; '.join(label(c.after) for c in slower)}")
    return 1
