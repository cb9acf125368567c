"""Our implementation of a case on the device."""

from __future__ import annotations

from ..calls import Call, Grads, make_call, make_plan
from .buffers import DeviceBuffers
from .cases import GRAPH, DeviceCase


def make_device_call(case: DeviceCase, buffers: DeviceBuffers) -> Call:
    """One step with the next step count; in a case of graphs one replay of a captured step.

    The buffers hold what they held before.
    """
    if case.timing != GRAPH:
        return make_call(case, buffers)
    step, grads = graph_step(case, buffers), buffers.fresh_grads()
    replay = buffers.framework.capture(lambda: step(grads), 1)
    buffers.fill()
    return lambda _: replay()


def graph_step(case: DeviceCase, buffers: DeviceBuffers) -> Call:
    """A step that takes its count from the device, as a graph needs it."""
    plan, counter = make_plan(case, buffers), buffers.counter

    def step(grads: Grads) -> object:
        return plan(grads, step=counter)

    return step
