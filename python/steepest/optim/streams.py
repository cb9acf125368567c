"""Steps whose work, all of it, is on a stream of the caller's choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

from .. import _elements
from ..polar.stacks import Place
from .group import Group

Step = TypeVar("Step", bound=Callable[..., Any])


@contextmanager
def working_on(groups: Sequence[Group], stream: Any) -> Iterator[None]:
    """Meanwhile the stream, put behind the work of the parameters' framework, is the one that the
    framework works on; None: nothing changes.

    Raises ValueError for a stream where the parameters are in host memory.
    """
    views = [view for group in groups for view in group.views]
    if stream is None or not views:
        yield
        return
    view = next(filter(_elements.is_elsewhere, views), views[0])
    with Place(view if len(view.shape) > 1 else view.reshape((1, -1)), "params", stream):
        yield


def on_its_stream(step: Step) -> Step:
    """The step of an optimizer, inside `working_on` its argument `stream`."""

    @wraps(step)
    def placed(self: Any, *args: Any, **keywords: Any) -> Any:
        with working_on(self._groups, keywords.get("stream")):
            return step(self, *args, **keywords)

    return cast(Step, placed)
