"""The arrays of a case on the device, and how the host looks at them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np

from ...device import Framework
from ..buffers import Arena, Array, Buffers, allocate, split
from ..calls import FIRST_STEP
from ..rules import GRADS, NORM
from .cases import DeviceCase

# Content repeats after so many elements. A prime: no chunk or tile of a kernel divides it, so an
# element that ends up in another's place shows.
PERIOD = 1_000_003
_ROOM = 16  # elements, for the phases


@dataclass
class DeviceBuffers(Buffers):
    """Each stream on the device, flat and as the list of the case's tensors."""

    framework: Framework
    bases: dict[str, Any]  # the streams from a boundary on
    counter: Any  # steps applied so far, for graphs
    pattern: Buffers  # one period of the content, on the host
    vectors: tuple[str, ...] = field(default=())

    def fresh_grads(self) -> Array | list[Array]:
        tensors = [self.framework.fresh(tensor) for tensor in self.tensors[GRADS]]
        return tensors[0] if len(tensors) == 1 else tensors

    def fill(self) -> None:
        """Puts content and counter back to the beginning."""
        for stream, flat in self.flat.items():
            self.framework.tile(self.pattern.flat[stream], flat)
        for name in self.vectors:
            for tensor, values in zip(self.tensors[name], self.pattern.tensors[name], strict=True):
                self.framework.tile(values, tensor.reshape(-1))
        self.framework.tile(np.array([FIRST_STEP - 1], np.int64), self.counter)


def one_period(case: DeviceCase) -> DeviceCase:
    """The case over no more than one period, in one tensor; with states or sums of rows and
    columns the shape stays."""
    if case.rule != NORM and (case.facts.vectors or case.facts.by_rows):
        return case
    return replace(case, shapes=((min(PERIOD, case.elements),),), phases=(0,))


def allocate_on(framework: Framework, case: DeviceCase) -> DeviceBuffers:
    """Memory of a case on the device, filled."""
    pattern = allocate(one_period(case), Arena())
    bases, flat, tensors = {}, {}, {}
    for number, stream in enumerate(case.streams):
        bases[stream] = framework.empty(case.elements + _ROOM, case.dtype_of(stream))
        first = case.phase_of(number)
        flat[stream] = bases[stream][first : first + case.elements]
        tensors[stream] = split(flat[stream], case.shapes)
    vectors = () if case.rule == NORM else case.facts.vectors
    for name in vectors:
        tensors[name] = [cast(Array, framework.upload(v)) for v in pattern.tensors[name]]
    counter = framework.upload(np.array([FIRST_STEP - 1], np.int64))
    made = DeviceBuffers(flat, tensors, framework, bases, counter, pattern, vectors)
    made.fill()
    return made


class Remote:
    """An array on the device of which the host reads only the parts that it converts.

    It stands for a NumPy array where the check takes samples: slices and shapes cost nothing, and
    ``astype`` downloads what the array holds at that moment.
    """

    def __init__(self, framework: Framework, array: Any) -> None:
        self._framework = framework
        self._array = array

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self._array.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    def reshape(self, *shape: int) -> Remote:
        return Remote(self._framework, self._array.reshape(*shape))

    def __getitem__(self, part: slice) -> Remote:
        return Remote(self._framework, self._array[part])

    def astype(self, dtype: Any) -> Array:
        return self._framework.download(self._array).astype(dtype)


@dataclass
class RemoteBuffers(Buffers):
    """The device's buffers as the check on the host looks at them."""

    device: DeviceBuffers

    def fresh_grads(self) -> Array | list[Array]:
        return self.device.fresh_grads()


def seen_from_host(buffers: DeviceBuffers) -> RemoteBuffers:
    """Buffers whose arrays are ``Remote``."""
    tensors = {
        name: [cast(Array, Remote(buffers.framework, t)) for t in arrays]
        for name, arrays in buffers.tensors.items()
    }
    return RemoteBuffers({}, tensors, buffers)


def downloaded(case: DeviceCase, buffers: DeviceBuffers) -> Buffers:
    """A copy of everything on the host."""
    download = buffers.framework.download
    flat = {stream: download(array) for stream, array in buffers.flat.items()}
    tensors = {stream: split(array, case.shapes) for stream, array in flat.items()}
    for name in buffers.vectors:
        tensors[name] = [download(array) for array in buffers.tensors[name]]
    return Buffers(flat, tensors)
