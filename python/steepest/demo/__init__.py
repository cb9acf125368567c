"""``python -m steepest demo``: a small network trained on real images with the kernels and without.

The network, its gradients and its products with the Hessian are plain NumPy. Each optimizer trains
it twice from the same start: once through `steepest.optim`, once written in NumPy. Along ADAHESSIAN
the trace of the Hessian is recorded, with its standard error.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys

_NEEDS = {"scikit-learn": "sklearn", "rich": "rich", "matplotlib": "matplotlib"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the demonstration."""
    parser.add_argument("--epochs", type=_positive, default=20, help="passes over the images (20)")
    parser.add_argument("--seed", type=int, default=0, help="of weights and batches (0)")
    parser.add_argument(
        "--plot",
        metavar="PATH",
        default="steepest_demo.png",
        help="where to save the curves (./steepest_demo.png)",
    )
    parser.add_argument("--no-plot", action="store_true", help="save no picture")


def main(options: argparse.Namespace) -> int:
    """Trains, prints the table and saves the plot. Returns 1 where a package is missing."""
    missing = _missing(plot=not options.no_plot)
    if missing:
        print(f'The demo needs {", ".join(missing)}: pip install "steepest[demo]"', file=sys.stderr)
        return 1
    from . import digits, report

    runs = report.with_progress(digits.all_runs(options.epochs, options.seed), options.epochs)
    report.show(runs)
    report.show_traces(runs)
    if not options.no_plot:
        report.save_plot(runs, options.plot)
        print(f"Curves of losses and of the trace: {options.plot}")
    return 0


def _missing(plot: bool) -> list[str]:
    """The packages of the demo that are not installed."""
    return [
        package
        for package, module in _NEEDS.items()
        if (plot or package != "matplotlib") and importlib.util.find_spec(module) is None
    ]


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {value}")
    return value
