"""What the demonstration shows: a progress bar, the table, the picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .curved import IMAGES, PROBES
from .digits import KERNELS, OPTIMIZERS, Run, counterpart, epochs_of, loss_difference

_COLUMNS = (
    "optimizer",
    "in",
    "accuracy",
    "Lipschitz",
    "ns/param",
    "vs NumPy",
    "diff.",
)
_TRACE_COLUMNS = ("epoch", "loss", "trace", "std. error", "95 % interval")


def with_progress(epochs_of_runs: Iterable[tuple[Run, float]], epochs: int) -> list[Run]:
    """The finished runs; shows how far they are."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    total = sum(epochs_of(name, epochs) * len(made) for name, made in OPTIMIZERS.items())
    columns = (TextColumn("{task.description:>20}"), BarColumn(), TimeElapsedColumn())
    runs: list[Run] = []
    with Progress(*columns, TextColumn("loss {task.fields[loss]:.4f}"), transient=True) as progress:
        task = progress.add_task("loading", total=total, loss=float("nan"))
        for run, loss in epochs_of_runs:
            if not runs or runs[-1] is not run:
                runs.append(run)
            label = f"{run.optimizer}, {run.implementation}"
            progress.update(task, advance=1, description=label, loss=loss)
    return runs


def rows(runs: Sequence[Run]) -> list[tuple[str, ...]]:
    """The cells of the table, one row per run."""
    table: list[tuple[str, ...]] = []
    for run in runs:
        ours = run.implementation == KERNELS
        ratio = counterpart(runs, run).ns_per_parameter / run.ns_per_parameter
        table.append(
            (
                run.optimizer,
                run.implementation,
                f"{run.accuracy:.1%}",
                f"{run.lipschitz:.1f}",
                f"{run.ns_per_parameter:.2f}",
                f"{ratio:.1f}x" if ours else "",
                f"{loss_difference(runs, run):.1g}" if ours else "",
            )
        )
    return table


def show(runs: Sequence[Run]) -> None:
    """Prints the table."""
    from rich.console import Console
    from rich.table import Table

    parameters = runs[0].parameters
    table = Table(title=f"Digits, {parameters:,} parameters")
    for i, name in enumerate(_COLUMNS):
        table.add_column(name, justify="left" if i < 2 else "right")
    for i, cells in enumerate(rows(runs)):
        ours = runs[i].implementation == KERNELS
        last = i + 1 == len(runs) or runs[i + 1].optimizer != runs[i].optimizer
        table.add_row(*cells, style="bold" if ours else "", end_section=last)
    table.caption = (
        "accuracy on the test images; Lipschitz: certified bound of the network's; "
        "ns/param: the optimizer alone, per step, without products with the Hessian; "
        "diff.: the largest of the losses of any step, to plain NumPy"
    )
    Console().print(table)


def traced(runs: Sequence[Run]) -> Run | None:
    """The run that recorded the trace of the Hessian."""
    return next((run for run in runs if run.traces), None)


def trace_rows(run: Run) -> list[tuple[str, ...]]:
    """The cells of the table of traces, one row per epoch, the first before the training."""
    losses = [float("nan"), *run.epoch_losses()]
    return [
        (
            str(at.epoch),
            f"{losses[at.epoch]:.3f}" if at.epoch else "",
            f"{at.value:.1f}",
            f"{at.stderr:.1f}",
            "{:.0f} to {:.0f}".format(*at.interval),
        )
        for at in run.traces
    ]


def show_traces(runs: Sequence[Run]) -> None:
    """Prints the traces of the Hessian, if a run has them."""
    from rich.console import Console
    from rich.table import Table

    run = traced(runs)
    if run is None:
        return
    table = Table(title=f"Trace of the Hessian, trained by {run.optimizer}")
    for name in _TRACE_COLUMNS:
        table.add_column(name, justify="right")
    for cells in trace_rows(run):
        table.add_row(*cells)
    table.caption = f"of the loss over {IMAGES} images, from {PROBES} products with random signs"
    Console().print(table)


def save_plot(runs: Sequence[Run], path: str) -> None:
    """Writes the curves of the training loss, and of the Hessian's trace, by epoch as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(
        1, 2, figsize=(11, 4.5), width_ratios=(3, 2), layout="constrained"
    )
    _draw_losses(left, runs)
    _draw_traces(right, traced(runs))
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _draw_losses(axes: Any, runs: Sequence[Run]) -> None:
    names = list(OPTIMIZERS)
    for run in runs:
        losses = run.epoch_losses()
        ours = run.implementation == KERNELS
        axes.semilogy(
            range(1, len(losses) + 1),
            losses,
            color=f"C{names.index(run.optimizer)}",
            linewidth=2 if ours else 0,
            marker="" if ours else "o",
            markerfacecolor="none",
            label=f"{run.optimizer}, {run.implementation}",
        )
    axes.set(ylabel="mean training loss", title="Digits: kernels and plain NumPy")
    _finish(axes)
    axes.legend()


def _draw_traces(axes: Any, run: Run | None) -> None:
    """Estimates with their standard errors."""
    if run is None:
        return
    axes.errorbar(
        [at.epoch for at in run.traces],
        [at.value for at in run.traces],
        [at.stderr for at in run.traces],
        color=f"C{list(OPTIMIZERS).index(run.optimizer)}",
        marker="o",
        capsize=3,
    )
    axes.set(ylabel="trace, and standard error", title=f"Hessian along {run.optimizer}")
    axes.set_ylim(bottom=0)
    _finish(axes)


def _finish(axes: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3, which="both")
