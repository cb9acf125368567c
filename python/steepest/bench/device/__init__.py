"""What the benchmark needs from an array framework to work on a GPU: memory, events, graphs.

torch is preferred where it is installed, because the rivals run on its tensors; CuPy serves
otherwise. Both modules implement ``Framework``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

import steepest
from steepest import _core

MODULES = {"torch": "torch_", "cupy": "cupy_"}


class Framework(Protocol):
    """Arrays on the current CUDA device. Sizes are elements, dtypes go by their names."""

    @property
    def name(self) -> str:
        """Of the package."""

    def usable(self) -> bool:
        """Whether the package finds a CUDA device."""

    def facts(self) -> dict[str, Any]:
        """Name, memory and versions of the device."""

    def empty(self, elements: int, dtype: str) -> Any:
        """A flat array of undefined content."""

    def upload(self, array: NDArray[Any]) -> Any:
        """A copy on the device."""

    def download(self, array: Any) -> NDArray[Any]:
        """A copy on the host, once the current stream has come so far."""

    def tile(self, block: NDArray[Any], flat: Any) -> None:
        """Fills a flat array with repetitions of a block."""

    def differences(self, flat: Any, block: NDArray[Any]) -> int:
        """How many elements differ in a bit from the repetitions of a block."""

    def pointer(self, array: Any) -> int:
        """Address of the first element."""

    def fresh(self, array: Any) -> Any:
        """A new array object on the same memory."""

    def add(self, a: Any, b: Any, out: Any) -> None:
        """out = a + b."""

    def copy(self, source: Any, out: Any) -> None:
        """A plain copy of memory."""

    def clear(self, out: Any) -> None:
        """Zeros, as the framework writes them fastest."""

    def matmul(self, a: Any, b: Any, out: Any) -> None:
        """out = a b of matrices or stacks of one dtype."""

    def stream(self) -> int:
        """The current stream as a number."""

    def wait(self) -> None:
        """Waits for everything on the device."""

    def elapsed(self, work: Callable[[], object]) -> float:
        """Seconds of GPU time between the beginning and the end of what ``work`` enqueues."""

    def capture(self, call: Callable[[], object], times: int) -> Callable[[], object]:
        """Records ``times`` calls in a CUDA graph after some that warm up; returns its replay."""

    def release(self) -> None:
        """Gives unused memory back to the device."""


def find(name: str | None = None) -> Framework:
    """The framework of that name, by default the first that is installed and finds a device.

    Raises DeviceError where there is none, or where the library has no CUDA kernels.
    """
    if not _core.has_cuda():
        raise steepest.DeviceError("--device cuda: this build of steepest has no CUDA kernels")
    problems = []
    for package in [name] if name else list(MODULES):
        if importlib.util.find_spec(package) is None:
            problems.append(f"{package} is not installed")
            continue
        try:
            framework = cast(Framework, import_module(f".{MODULES[package]}", __name__).FRAMEWORK)
            if framework.usable():
                return framework
            problems.append(f"{package} finds no CUDA device")
        except Exception as error:  # a broken installation shows as any of several types
            problems.append(f"{package} cannot be used ({type(error).__name__}: {error})")
    raise steepest.DeviceError(f"--device cuda: {', '.join(problems)}")


def bits(array: NDArray[Any]) -> NDArray[Any]:
    """The same memory as integers of the same size."""
    return array.view(f"i{array.dtype.itemsize}") if array.dtype.kind != "i" else array


def host_dtype(name: str) -> np.dtype[Any]:
    """The NumPy dtype of that name; bfloat16 is that of ml_dtypes."""
    from ..steps.buffers import numpy_dtype

    return numpy_dtype(name)
