"""The command line of the error ledger."""

import argparse
import sys

from steepest import cpu

from . import measure, record


def main(arguments=None):
    """Returns 1 where an error has grown, 2 where nothing can be judged."""
    parser = argparse.ArgumentParser(prog="python -m tests.ledger", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="write errors.json")
    what.add_argument("--check", action="store_true", help="compare with errors.json")
    options = parser.parse_args(arguments)
    if not measure.WIDE_ENOUGH:
        print("longdouble has no more digits than double here", file=sys.stderr)
        return 2
    found = {target: record.measured(target) for target in cpu.targets()}
    if options.write:
        record.write(found)
    recorded = record.read()
    lines = [line for t, f in found.items() for line in record.differences(t, f, recorded)]
    for line in lines:
        print(line)
    counts = sum(len(entry) for entry in recorded["same_bits"].values())
    print(f"{counts} errors on {len(found)} CPU targets: {len(lines)} above the record")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
