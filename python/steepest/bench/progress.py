"""A progress bar on a terminal, through rich where that is installed; otherwise silence."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def tracked(items: Iterable[T], total: int, label: str) -> Iterator[T]:
    """Passes the items on and shows how many of them have come.

    The bar is drawn only between items: a thread that redraws it would disturb the timing.
    """
    if importlib.util.find_spec("rich") is None or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, auto_refresh=False, transient=True) as bar:
        task = bar.add_task(label, total=total)
        bar.refresh()
        for item in items:
            bar.advance(task)
            bar.refresh()
            yield item
