"""What the stateful layers need to know about array objects: kind, device, dtype name, shared
views, zeros, copies.

NumPy and CuPy arrays and torch tensors are handled in kind. Any other CPU object with
``__dlpack__`` or the buffer protocol is seen through a NumPy array that shares its memory, and one
with ``__cuda_array_interface__`` through a CuPy array where CuPy is in use. torch and CuPy are
never imported here: their arrays can only arrive from a program that has imported them.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np

Array = Any  # numpy.ndarray, cupy.ndarray, torch.Tensor or another CPU array


def torch_of(x: object) -> ModuleType | None:
    """The torch module if x is a torch tensor, else None."""
    torch = sys.modules.get("torch")
    tensor = getattr(torch, "Tensor", None)
    return torch if tensor is not None and isinstance(x, tensor) else None


def cupy_of(x: object) -> ModuleType | None:
    """The cupy module if x is a CuPy array, else None."""
    cupy = sys.modules.get("cupy")
    array = getattr(cupy, "ndarray", None)
    return cupy if array is not None and isinstance(x, array) else None


def device_of(x: Array) -> int | None:
    """The number of the CUDA device that holds a CuPy array or torch tensor; None for all others,
    which are taken to be in host memory."""
    if isinstance(x, np.ndarray):
        return None
    if torch_of(x) is not None:
        return int(x.get_device()) if x.is_cuda else None
    return int(x.device.id) if cupy_of(x) is not None else None


def is_array(x: object) -> bool:
    """Whether x offers its memory through DLPack, the CUDA array interface or the buffer
    protocol."""
    if isinstance(x, np.ndarray) or hasattr(x, "__dlpack__"):
        return True
    if hasattr(x, "__cuda_array_interface__"):
        return True
    try:
        memoryview(x).release()  # type: ignore[arg-type]
    except TypeError:
        return False
    return True


def as_numpy(x: Array, name: str = "array") -> np.ndarray:
    """A NumPy array that shares the memory of x, with bfloat16 elements shown as their uint16 bits.

    Raises TypeError where no such array exists (another device, a dtype that NumPy lacks).
    """
    if isinstance(x, np.ndarray):
        return x.view(np.uint16) if x.dtype.name == "bfloat16" else x.view(np.ndarray)
    torch = torch_of(x)
    try:
        if torch is not None:
            bits = x.dtype == torch.bfloat16
            flat = x.detach()
            shared: np.ndarray = (flat.view(torch.int16) if bits else flat).numpy()
            return shared.view(np.uint16) if bits else shared
        if hasattr(x, "__dlpack__"):
            return np.from_dlpack(x)
        return np.asarray(memoryview(x))
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise TypeError(f"{name}: given {describe(x)}, expected a CPU array: {error}") from error


def view(x: Array, name: str = "array") -> Array:
    """The NumPy or CuPy array or detached torch tensor that stands for x and shares its memory.

    Raises TypeError as as_numpy does, and for sparse tensors.
    """
    if isinstance(x, np.ndarray) or cupy_of(x) is not None:
        return x
    torch = torch_of(x)
    if torch is None:
        cupy = sys.modules.get("cupy")
        if cupy is not None and hasattr(x, "__cuda_array_interface__"):
            return cupy.asarray(x)  # shares the memory
        return as_numpy(x, name)
    if x.layout != torch.strided:
        raise TypeError(f"{name}: given a tensor of layout {x.layout}, expected a dense one")
    return x.detach()


def dtype_name(x: Array) -> str:
    """The name of the element type of what `view` returns: "float32", "bfloat16", ..."""
    return str(getattr(x.dtype, "name", x.dtype)).removeprefix("torch.")


def describe(x: object) -> str:
    """The type of x for a message, such as ``numpy.ndarray`` or ``list``."""
    kind = type(x)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def numpy_dtype(name: str) -> np.dtype[Any]:
    """The NumPy dtype with that name; ImportError where "bfloat16" lacks the ml_dtypes package."""
    if name != "bfloat16":
        return np.dtype(name)
    try:
        import ml_dtypes
    except ImportError as error:
        raise ImportError("bfloat16 NumPy arrays need ml_dtypes: pip install ml_dtypes") from error
    bfloat16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return bfloat16


def zeros(like: Array, dtype: str, shape: Sequence[int] | None = None) -> Array:
    """Zeros of the same kind and on the same device as `like`.

    Without `shape` they have the shape and memory layout of `like`; with it they are C-ordered.
    """
    torch = torch_of(like)
    if torch is not None:
        kind = getattr(torch, dtype)
        if shape is None:
            return torch.zeros_like(like, dtype=kind, memory_format=torch.preserve_format)
        return torch.zeros(tuple(shape), dtype=kind, device=like.device)
    cupy = cupy_of(like)
    if cupy is not None:
        # Allocated as bits: CuPy before version 14 has no bfloat16 of its own.
        stored = "uint16" if dtype == "bfloat16" else dtype
        with like.device:
            new = cupy.zeros_like(like, stored) if shape is None else cupy.zeros(shape, stored)
        return new.view(numpy_dtype(dtype))
    if shape is None:
        return np.zeros_like(as_numpy(like), dtype=numpy_dtype(dtype))
    return np.zeros(tuple(shape), dtype=numpy_dtype(dtype))


def single_or_double(x: Array) -> Array:
    """A new array of the same kind, place, shape and layout as an array of floats: float64 where it
    is, else float32. What is in it means nothing."""
    if isinstance(x, np.ndarray):
        return np.empty_like(x, np.float64 if x.dtype == np.float64 else np.float32, subok=False)
    return zeros(x, "float64" if dtype_name(x) == "float64" else "float32")


def _bits(x: Array) -> Array:
    """A CuPy array with bfloat16 elements shown as their uint16 bits."""
    return x.view(np.uint16) if dtype_name(x) == "bfloat16" else x


def to_host(x: Array, name: str = "array") -> np.ndarray:
    """The elements of x in a NumPy array, bfloat16 as uint16 bits: as_numpy(x) for an array in host
    memory; a copy, once the current stream has come so far, for one on a device."""
    if device_of(x) is None:
        return as_numpy(x, name)
    if torch_of(x) is not None:
        return as_numpy(x.detach().cpu(), name)
    with x.device:
        copied: np.ndarray = _bits(x).get()
    return copied


def assign(out: Array, x: Array) -> None:
    """Copies x to `out`, an array of any kind. x has the dtype of `out`, or is its bits as as_numpy
    shows them."""
    torch, cupy = torch_of(out), cupy_of(out)
    if device_of(out) is None:
        as_numpy(out)[...] = to_host(x)
    elif torch is None:
        assert cupy is not None
        near = cupy_of(x) is not None and device_of(x) == device_of(out)
        with out.device:
            _bits(out)[...] = _bits(x) if near else cupy.asarray(to_host(x))
    elif torch_of(x) is not None:
        out.detach().copy_(x.detach())
    else:
        host = np.array(to_host(x))  # torch.from_numpy wants an array that may be written
        if dtype_name(out) == "bfloat16":
            out.detach().view(torch.int16).copy_(torch.from_numpy(host.view(np.int16)))
        else:
            out.detach().copy_(torch.from_numpy(host))


def copy(x: Array) -> Array:
    """A new array of the same kind, place, dtype, shape and layout with the elements of x."""
    seen = view(x)
    made = zeros(seen, dtype_name(seen))
    assign(made, seen)
    return made


def every(x: Array, step: int) -> Array:
    """A new one-dimensional array of the same kind, place and dtype with every step-th element of
    x, counted in C order."""
    seen = view(x)
    if torch_of(seen) is not None:
        return seen.reshape(-1)[::step].clone()
    if cupy_of(seen) is not None:
        with seen.device:
            return _bits(seen).reshape(-1)[::step].copy().view(seen.dtype)
    return seen.reshape(-1)[::step].copy()


@contextlib.contextmanager
def on_stream(like: Array, address: int) -> Iterator[None]:
    """Meanwhile the framework of an array on a device enqueues its work on the CUDA stream with
    this address, and takes memory in its order."""
    torch, cupy = torch_of(like), cupy_of(like)
    if torch is not None:
        with torch.cuda.stream(torch.cuda.ExternalStream(address, device=like.device)):
            yield
    else:
        assert cupy is not None
        with like.device, cupy.cuda.ExternalStream(address):
            yield


def fill(out: Array, value: float) -> None:
    """Sets every element of a NumPy or CuPy array or torch tensor."""
    if cupy_of(out) is not None:
        with out.device:
            bits = _bits(out)
            bits[...] = np.asarray(value).astype(out.dtype).view(bits.dtype).item()
    elif torch_of(out) is not None:
        out.detach()[...] = value
    else:
        out[...] = value


def float32_copy(x: Array, out: Array) -> None:
    """Writes the float16, bfloat16 or float32 elements of x to the float32 array `out`, exactly."""
    if device_of(out) is not None:
        _float32_copy_on_device(x, out)
        return
    bits = as_numpy(x)
    if dtype_name(x) == "bfloat16":
        # bfloat16 is the upper half of a float32.
        as_numpy(out).view(np.uint32)[...] = bits.astype(np.uint32) << 16
    else:
        as_numpy(out)[...] = bits


def _float32_copy_on_device(x: Array, out: Array) -> None:
    if torch_of(out) is not None:
        out.detach().copy_(x.detach())
        return
    with out.device:
        if dtype_name(x) == "bfloat16":
            out.view(np.uint32)[...] = x.view(np.uint16).astype(np.uint32) << 16
        else:
            out[...] = x
