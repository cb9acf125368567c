"""A progress bar on a terminal, through rich where that is installed; otherwise silence."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def tracked(items: Iterable[T], total: int, label: Callable[[T], str]) -> Iterator[T]:
    """Passes the items on and shows how many of them have come, in what time, and the label of the
    last one.

    The bar is drawn only between items: a thread that redraws it would disturb the timing.
    """
    if importlib.util.find_spec("rich") is None or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as bar:
        task = bar.add_task("", total=total)
        bar.refresh()
        for item in items:
            bar.update(task, advance=1, description=label(item))
            bar.refresh()
            yield item
