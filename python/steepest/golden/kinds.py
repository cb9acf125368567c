"""Calls of functions of NumPy arrays in which other kinds of arrays take their place.

The tests run on these too: the same cases, whatever the arrays are.
"""

from __future__ import annotations

import contextlib
import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from .. import _arrays, _core, steps
from .packed import Array, Packed

# Keywords whose arrays are numbers for the host, one per tensor.
_NUMBERS = ("step", "lr", "weight_decay", "tensor_ids")


class Numpy:
    """The arrays as they are."""

    name: ClassVar[str] = "numpy"

    def missing(self) -> str | None:
        """Why this kind cannot be used here, or None."""
        return None

    def call(self, function: Callable[..., Any], /, *args: Any, **keywords: Any) -> Any:
        """function(*args, **keywords) on arrays of this kind. What it writes goes to the NumPy
        arrays that are given; what it returns is in host memory."""
        return function(*args, **keywords)

    def running(self) -> contextlib.AbstractContextManager[None]:
        """To be entered around calls that take arrays of this kind."""
        return contextlib.nullcontext()

    def array(self, array: Array) -> Any:
        """A copy of this kind, with the same memory layout."""
        return array.copy(order="K")

    def numpy(self, array: Any) -> Array:
        """The elements of an array of this kind in a NumPy array of their own."""
        host: Array = _arrays.to_host(array).copy(order="K")
        return host.view(_arrays.numpy_dtype(_arrays.dtype_name(array)))


class _Elsewhere(Numpy, ABC):
    """Kinds to which arrays are copied for a call, all in one buffer."""

    def call(self, function: Callable[..., Any], /, *args: Any, **keywords: Any) -> Any:
        data = {k: v for k, v in keywords.items() if k not in _NUMBERS}
        packed = Packed(_arrays_in([args, data]))
        buffer = self._send(packed.bytes)
        views = {
            id(array): self._view(buffer, packed.offsets[id(array)], array)
            for array in packed.arrays
        }
        with self.running():
            result = _in_host_memory(
                function(*_replaced(args, views), **{**keywords, **_replaced(data, views)})
            )
        packed.unpack(self._read(buffer))
        return result

    def array(self, array: Array) -> Any:
        packed = Packed([array])
        return self._view(self._send(packed.bytes), packed.offsets[id(array)], array)

    @abstractmethod
    def _send(self, data: Array) -> Any:
        """A copy of the bytes where arrays of this kind lie, 16-byte aligned."""

    @abstractmethod
    def _view(self, buffer: Any, offset: int, like: Array) -> Any:
        """The array at an offset of the buffer with the shape, dtype and strides of `like`."""

    @abstractmethod
    def _read(self, buffer: Any) -> Array:
        """The bytes of a buffer, once all work on them is done."""


class Emulated(_Elsewhere):
    """Arrays in host memory, stepped by the device code as the host emulates it."""

    name = "emulated"

    def missing(self) -> str | None:
        return None if hasattr(_core, "emulate_device") else "this build has no emulation"

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        before = _core.emulate_device(True)
        try:
            yield
        finally:
            _core.emulate_device(before)

    def _send(self, data: Array) -> Array:
        room = np.empty(data.size + 64, np.uint8)
        start = -room.ctypes.data % 64
        buffer = room[start : start + data.size]
        buffer[...] = data
        return buffer

    def _view(self, buffer: Array, offset: int, like: Array) -> Array:
        view: Array = np.ndarray(like.shape, like.dtype, buffer, offset, like.strides)
        return view

    def _read(self, buffer: Array) -> Array:
        return buffer


class Cupy(_Elsewhere):
    """CuPy arrays."""

    name = "cupy"

    def missing(self) -> str | None:
        if not _core.has_cuda():
            return "this build has no CUDA kernels"
        try:
            count = self._module.cuda.runtime.getDeviceCount()
        except ImportError:
            return "CuPy is not installed"
        except RuntimeError as error:  # without a driver
            return f"no CUDA device: {error}"
        return None if count else "no CUDA device"

    @property
    def _module(self) -> Any:
        return importlib.import_module("cupy")

    def _send(self, data: Array) -> Any:
        return self._module.asarray(data)

    def _view(self, buffer: Any, offset: int, like: Array) -> Any:
        memory = buffer.data + offset
        return self._module.ndarray(like.shape, like.dtype, memory, strides=like.strides)

    def _read(self, buffer: Any) -> Array:
        data: Array = buffer.get()
        return data


class TorchCuda(_Elsewhere):
    """torch tensors on the current CUDA device."""

    name = "torch-cuda"
    device: ClassVar[str] = "cuda"

    def missing(self) -> str | None:
        if not _core.has_cuda():
            return "this build has no CUDA kernels"
        try:
            available = self._module.cuda.is_available()
        except ImportError:
            return "torch is not installed"
        return None if available else "torch finds no CUDA device"

    @property
    def _module(self) -> Any:
        return importlib.import_module("torch")

    def _send(self, data: Array) -> Any:
        return self._module.tensor(data, device=self.device)

    def _view(self, buffer: Any, offset: int, like: Array) -> Any:
        dtype = getattr(self._module, like.dtype.name)
        flat = buffer[offset : offset + like.nbytes].view(dtype)
        return flat.as_strided(like.shape, [stride // like.itemsize for stride in like.strides])

    def _read(self, buffer: Any) -> Array:
        data: Array = buffer.cpu().numpy()
        return data


KINDS: dict[str, Numpy] = {kind.name: kind for kind in (Numpy(), Emulated(), Cupy(), TorchCuda())}


def _arrays_in(value: Any) -> Iterator[Array]:
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict):
        yield from _arrays_in(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for entry in value:
            yield from _arrays_in(entry)


def _replaced(value: Any, views: dict[int, Any]) -> Any:
    if isinstance(value, np.ndarray):
        return views[id(value)]
    if isinstance(value, dict):
        return {key: _replaced(entry, views) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_replaced(entry, views) for entry in value)
    return value


def _in_host_memory(result: Any) -> Any:
    """A GradNorm as on the CPU, None, numbers and arrays as they are, and whether a step was
    applied as a bool."""
    if _arrays.is_array(result):
        return _arrays.to_host(result)
    if not isinstance(result, steps.GradNorm):
        return result if result is None or isinstance(result, float) else bool(result)
    total, per_tensor, finite = (
        _arrays.to_host(value) if _arrays.is_array(value) else value for value in result
    )
    return steps.GradNorm(float(total), np.asarray(per_tensor), bool(finite))
