"""What the stateful layers need to know about array objects: kind, dtype name, shared NumPy views,
zeros.

NumPy arrays and torch CPU tensors are handled in kind. Any other CPU object with ``__dlpack__`` or
the buffer protocol is seen through a NumPy array that shares its memory. torch is never imported
here: a torch tensor can only arrive from a program that has imported it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

Array = Any  # numpy.ndarray, torch.Tensor or another CPU array


def torch_of(x: object) -> ModuleType | None:
    """The torch module if x is a torch tensor, else None."""
    torch = sys.modules.get("torch")
    tensor = getattr(torch, "Tensor", None)
    return torch if tensor is not None and isinstance(x, tensor) else None


def is_array(x: object) -> bool:
    """Whether x offers its memory through DLPack or the buffer protocol."""
    if isinstance(x, np.ndarray) or hasattr(x, "__dlpack__"):
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
    """The NumPy array or detached torch tensor that stands for x and shares its memory.

    Raises TypeError as as_numpy does, and for sparse tensors.
    """
    if isinstance(x, np.ndarray):
        return x
    torch = torch_of(x)
    if torch is None:
        return as_numpy(x, name)
    if x.layout != torch.strided:
        raise TypeError(f"{name}: given a tensor of layout {x.layout}, expected a dense one")
    return x.detach()


def dtype_name(x: Array) -> str:
    """The name of the element type of a NumPy array or torch tensor: "float32", "bfloat16", ..."""
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
    if shape is None:
        return np.zeros_like(as_numpy(like), dtype=numpy_dtype(dtype))
    return np.zeros(tuple(shape), dtype=numpy_dtype(dtype))


def float32_copy(x: Array, out: Array) -> None:
    """Writes the float16, bfloat16 or float32 elements of x to the float32 array `out`, exactly."""
    bits = as_numpy(x)
    if dtype_name(x) == "bfloat16":
        # bfloat16 is the upper half of a float32.
        as_numpy(out).view(np.uint32)[...] = bits.astype(np.uint32) << 16
    else:
        as_numpy(out)[...] = bits
