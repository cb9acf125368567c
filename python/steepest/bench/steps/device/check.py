"""The error of one step on the device: against the float64 formula, and against the CPU's bits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from .. import check
from ..buffers import Arena, Buffers, allocate
from ..calls import Call, Grads, make_call
from ..rules import COPY, NORM, PARAMS
from .buffers import PERIOD, DeviceBuffers, downloaded, one_period, seen_from_host
from .cases import DeviceCase

Notice = Callable[[str], None]


def error_of(case: DeviceCase, buffers: DeviceBuffers, call: Call, notice: Notice) -> float:
    """Makes one step and returns its largest error in units of the bound.

    The formula is checked on samples. The bits are compared over the whole arrays, with a step of
    the CPU from the same content: its kernels give the same bits by contract, so a difference makes
    the error infinite.
    """
    finish = _cpu_step(case, buffers)
    results: list[Any] = []

    def step(grads: Grads) -> object:
        results.append(call(grads))
        buffers.framework.wait()
        return SimpleNamespace(total=float(results[0].total)) if case.rule == NORM else None

    error = check.error_of(case, seen_from_host(buffers), step)
    wrong = finish(results[0])
    if wrong:
        notice(f"{case.name} ({case.impl}): not the CPU's bits: {', '.join(wrong)}")
        return math.inf
    return error


def _cpu_step(case: DeviceCase, buffers: DeviceBuffers) -> Callable[[Any], list[str]]:
    """Makes the step on the CPU; the result compares the device's arrays with it.

    The content of the arrays is periodic, so for an elementwise rule the results are too, and one
    period is enough. Stochastic rounding depends on the position as well: there only the first
    period is compared.
    """
    whole = not case.is_elementwise
    host = downloaded(case, buffers) if whole else allocate(one_period(case), Arena())
    result = make_call(case if whole else one_period(case), host)(host.fresh_grads())
    if case.rule == NORM:
        return lambda ours: _compare_norms(ours, result)
    return lambda _: list(_differences(case, buffers, host))


def _compare_norms(ours: Any, cpu: Any) -> list[str]:
    given, expected = float(ours.total), float(cpu.total)
    return [] if given == expected else [f"{given!r} given, {expected!r} expected"]


def _differences(case: DeviceCase, buffers: DeviceBuffers, host: Buffers) -> Iterator[str]:
    copy = (COPY,) if COPY in case.other_dtypes else ()
    states = () if case.impl == "optim" else case.facts.states
    for name in (PARAMS, *states, *copy):
        device = buffers.flat[name]
        if case.is_stochastic:
            device = device[:PERIOD]
        count = buffers.framework.differences(device, host.flat[name])
        if count:
            yield f"{count} of {name}"
    for name in buffers.vectors:
        pairs = zip(buffers.tensors[name], host.tensors[name], strict=True)
        count = sum(buffers.framework.differences(t.reshape(-1), h) for t, h in pairs)
        if count:
            yield f"{count} of {name}"
