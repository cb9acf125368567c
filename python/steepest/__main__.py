"""``python -m steepest``: the configuration, and the demonstrations."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from . import demo, show_config


def parser() -> argparse.ArgumentParser:
    """The command line. A subcommand is one entry here, with the function that runs it."""
    p = argparse.ArgumentParser(
        prog="python -m steepest",
        description="Kernels for training and for studying optimizers. "
        "Benchmarks: python -m steepest.bench --help",
    )
    commands = p.add_subparsers(title="commands", metavar="COMMAND")
    train = commands.add_parser("demo", help="train a small network with the kernels and without")
    demo.add_arguments(train)
    train.set_defaults(run=demo.main)
    config = commands.add_parser("config", help="version, CPU targets, threads, paths")
    config.set_defaults(run=_config)
    return p


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a subcommand; without one prints configuration and usage. Returns the exit status."""
    p = parser()
    options = p.parse_args(arguments)
    if not hasattr(options, "run"):
        _config(options)
        print()
        p.print_help()
        return 0
    status: int = options.run(options)
    return status


def _config(_: argparse.Namespace) -> int:
    show_config()
    return 0


if __name__ == "__main__":
    sys.exit(main())
