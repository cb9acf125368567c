"""Participants that are timed on the device."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from ...device import Framework
from ...timing import Effort, Participant
from ..calls import Call
from .buffers import DeviceBuffers
from .cases import EVENTS, GRAPH, LOOP, DeviceCase

FULL = Effort(rounds=21, least=5, budget_s=0.35, pause_s=0.0)
QUICK = Effort(rounds=7, least=3, budget_s=0.08, pause_s=0.0)

_LEAST_S = 3e-3  # GPU time of a batch
_MOST_CALLS = 400
_MOST_IN_GRAPH = 20


def participant(name: str, call: Call, case: DeviceCase, buffers: DeviceBuffers) -> Participant:
    """A function of the gradients, timed as the case says. A graph captures it."""
    make = {EVENTS: _in_events, LOOP: _in_loop, GRAPH: _in_graph}[case.timing]
    return make(name, call, buffers)


def enqueued(name: str, framework: Framework, work: Callable[[], object]) -> Participant:
    """GPU time of work without arguments, several times in a row."""
    return _batched(name, framework, lambda _: work(), lambda: None)


def looped(name: str, framework: Framework, work: Callable[[], object]) -> Participant:
    """Wall time of work without arguments in a loop of the host, as of what waits for results."""
    return _loop(name, framework, lambda _: work(), lambda: None)


def _in_events(name: str, call: Call, buffers: DeviceBuffers) -> Participant:
    return _batched(name, buffers.framework, call, buffers.fresh_grads)


def _batched(
    name: str, framework: Framework, call: Callable[[Any], object], fresh: Callable[[], Any]
) -> Participant:
    _each(call, [fresh() for _ in range(2)])
    framework.wait()
    inner = _batch(framework.elapsed(lambda: call(fresh())))

    def sample() -> float:
        arguments = [fresh() for _ in range(inner + 1)]
        call(arguments.pop())  # wakes the device
        return framework.elapsed(lambda: _each(call, arguments)) / inner

    return Participant(name, sample)


def _in_loop(name: str, call: Call, buffers: DeviceBuffers) -> Participant:
    return _loop(name, buffers.framework, call, buffers.fresh_grads)


def _loop(
    name: str, framework: Framework, call: Callable[[Any], object], fresh: Callable[[], Any]
) -> Participant:
    """Wall time: the host's share of a call counts where the device does not hide it."""

    def seconds_of(arguments: Sequence[Any]) -> float:
        framework.wait()
        start = time.perf_counter()
        _each(call, arguments)
        framework.wait()
        return time.perf_counter() - start

    seconds_of([fresh()])
    inner = _batch(seconds_of([fresh() for _ in range(5)]) / 5)

    def sample() -> float:
        arguments = [fresh() for _ in range(inner)]
        _each(call, arguments[: max(1, inner // 4)])
        return seconds_of(arguments) / inner

    return Participant(name, sample)


def _in_graph(name: str, call: Call, buffers: DeviceBuffers) -> Participant:
    framework, grads = buffers.framework, buffers.fresh_grads()
    one = framework.capture(lambda: call(grads), 1)
    one()
    steps = min(_batch(framework.elapsed(one)), _MOST_IN_GRAPH)
    replay = framework.capture(lambda: call(grads), steps) if steps > 1 else one
    whole = enqueued(name, framework, replay)
    return Participant(name, lambda: whole.sample() / steps)


def _each(call: Callable[[Any], object], arguments: Sequence[Any]) -> None:
    for argument in arguments:
        call(argument)


def _batch(estimate_s: float) -> int:
    return max(1, min(_MOST_CALLS, math.ceil(_LEAST_S / max(estimate_s, 1e-9))))
