"""The command line of the golden digests."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..bench.progress import tracked
from .cases import cases
from .kinds import KINDS, Numpy
from .results import digest


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m steepest.golden",
        allow_abbrev=False,
        description="Writes digests of results on the CPU, or checks that results here have them.",
    )
    what = p.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", type=Path, metavar="F", help="write the digests of a CPU run")
    what.add_argument("--check", type=Path, metavar="F", help="compare with those in this file")
    p.add_argument("--arrays", choices=KINDS, default="numpy", help="kind of arrays (numpy)")
    p.add_argument("--quick", action="store_true", help="a few cases of each rule")
    return p


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 where a digest differs, 2 where nothing could be compared."""
    p = parser()
    options = p.parse_args(arguments)
    kind = KINDS[options.arrays]
    if options.write and options.arrays != "numpy":
        p.error("--write: the digests are those of a CPU run, without --arrays")
    reason = kind.missing() or _without_bfloat16()
    if reason:
        print(f"--arrays {options.arrays}: {reason}", file=sys.stderr)
        return 2
    if options.write:
        write(options.write, run(kind, options.quick))
        return 0
    return check(options.check, run(kind, options.quick), options.quick)


def _without_bfloat16() -> str | None:
    try:
        import ml_dtypes  # noqa: F401
    except ImportError:
        return "bfloat16 NumPy arrays need ml_dtypes: pip install ml_dtypes"
    return None


def run(kind: Numpy, quick: bool = False) -> dict[str, str]:
    """The digest of every case, by name."""
    chosen = cases(quick)
    found = ((case.name, digest(case, kind)) for case in chosen)
    return dict(tracked(found, len(chosen), lambda pair: pair[0]))


def write(file: Path, found: Mapping[str, str]) -> None:
    """Writes the digests to a file."""
    file.write_text(json.dumps({"digests": found}, indent=0) + "\n", "utf-8")
    print(f"{len(found)} digests written to {file}")


def check(file: Path, found: Mapping[str, str], quick: bool = False) -> int:
    """Prints the names of those that differ from the file's. Returns 1 where there are any."""
    try:
        wanted = json.loads(file.read_text("utf-8"))["digests"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"{file}: no file of digests: {error}", file=sys.stderr)
        return 2
    messages = differences(found, wanted, quick)
    for message in messages:
        print(message)
    print(f"{len(found)} digests compared with {file}: {len(messages)} differ")
    return 1 if messages else 0


def differences(
    found: Mapping[str, str], wanted: Mapping[str, str], quick: bool = False
) -> list[str]:
    """One line for each name that differs, and for each that only one of the two has."""
    messages = []
    for name, value in found.items():
        if name not in wanted:
            messages.append(f"{name}: not in the file")
        elif wanted[name] != value:
            messages.append(f"{name}: {value}, expected {wanted[name]}")
    if not quick:
        messages += [f"{name}: not computed" for name in wanted if name not in found]
    return messages


if __name__ == "__main__":
    sys.exit(main())
