"""Arithmetic on the elements of NumPy and CuPy arrays and torch tensors, where they lie.

Each operation is rounded by itself, as IEEE has it, so that the results are the same bits for every
kind of array. What is looked at on the host is a number at a time; to look waits for the device.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _arrays, _core
from ._arrays import Array


def current(x: Array) -> contextlib.AbstractContextManager[Any]:
    """Makes the device of a CuPy array the current one."""
    return contextlib.nullcontext() if _arrays.cupy_of(x) is None else x.device


def numpy_of(x: Array) -> Any:
    """NumPy, or CuPy for its arrays."""
    return _arrays.cupy_of(x) or np


def is_elsewhere(x: Array) -> bool:
    """Whether an array is on a device, so that its kind matters; what is in host memory is seen
    through NumPy."""
    return _arrays.device_of(x) is not None


def check_beside(x: Array, like: Array, what: str) -> None:
    """Raises ValueError for an array in another place than `like`, TypeError for one of another
    kind on its device."""
    given, wanted = _arrays.device_of(x), _arrays.device_of(like)
    if given is not None and wanted is None:
        raise ValueError(f"{what}: array on a device given, expected one in host memory")
    if given != wanted:
        place = "in host memory" if given is None else f"on CUDA device {given}"
        raise ValueError(f"{what}: array {place} given, expected one on CUDA device {wanted}")
    if wanted is not None and (_arrays.torch_of(x) is None) != (_arrays.torch_of(like) is None):
        raise TypeError(f"{what}: {_arrays.describe(x)} given, expected {_arrays.describe(like)}")


def beside(x: Array, like: Array) -> Array:
    """x itself, or a copy where `like` lies, of its kind, of what the host holds."""
    if not is_elsewhere(like) or is_elsewhere(x):
        return x
    made = _arrays.zeros(like, _arrays.dtype_name(x), tuple(x.shape))
    _arrays.assign(made, x)
    return made


def floats(x: Array, dtype: str) -> Array:
    """The elements of an array of any float dtype as "float32" or "float64": x where it is of that
    already; in NumPy of what is in host memory."""
    if not is_elsewhere(x):
        return _floats_on_host(x, dtype)
    torch = _arrays.torch_of(x)
    if torch is not None:
        return x.detach().to(getattr(torch, dtype))
    if _arrays.dtype_name(x) == "bfloat16":
        single = _arrays.zeros(x, "float32")
        _arrays.float32_copy(x, single)
        x = single
    with current(x):
        return x if _arrays.dtype_name(x) == dtype else x.astype(np.dtype(dtype))


def _floats_on_host(x: Array, dtype: str) -> np.ndarray:
    if _arrays.dtype_name(x) == "bfloat16":
        values = np.empty(tuple(x.shape), np.float32)
        _arrays.float32_copy(x, values)
    else:
        # Of 0-d arrays NumPy makes numbers.
        values = np.asarray(x) if isinstance(x, np.generic) else _arrays.as_numpy(x)
    with np.errstate(over="ignore"):
        return values.astype(np.dtype(dtype), copy=False)


def floats_of_its_own(x: Array, dtype: str) -> Array:
    """The same in memory of its own."""
    made = floats(x, dtype)
    return _arrays.copy(made) if _arrays.dtype_name(x) == dtype else made


def write(out: Array, values: Array) -> None:
    """Writes float32 or float64 values to an array of the same shape, rounded to its dtype. The
    values are in NumPy, or on the device of `out`."""
    torch = _arrays.torch_of(out)
    if torch is not None:
        made = values if is_elsewhere(out) else torch.from_numpy(np.array(values, order="C"))
        out.detach().copy_(made)
    elif is_elsewhere(out) and _arrays.dtype_name(out) == "bfloat16":
        with current(out):
            out.view(np.dtype(np.uint16))[...] = _bfloat16_bits(floats(values, "float32"))
    else:
        with current(out):
            out[...] = values


def _bfloat16_bits(x: Array) -> Array:
    """Of a float32 CuPy array, rounded to nearest: it has no such conversion before version 14."""
    bits = x.view(np.dtype(np.uint32))
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return numpy_of(x).where(x != x, 0x7FC0, rounded).astype(np.dtype(np.uint16))


def sqrt(x: Array) -> Array:
    """Of float64, correctly rounded."""
    torch = _arrays.torch_of(x)
    with current(x):
        return x.sqrt() if torch is not None else numpy_of(x).sqrt(x)


def divided(x: Array, number: float) -> Array:
    """x / number. torch would multiply by the reciprocal of a number on the host."""
    torch = _arrays.torch_of(x)
    if torch is not None:
        return x / torch.tensor(number, dtype=x.dtype, device=x.device)
    with current(x):
        return x / number


def chosen(which: Array, x: Array, y: float) -> Array:
    """x where `which` holds, else y."""
    torch = _arrays.torch_of(x)
    if torch is not None:
        return torch.where(which, x, torch.tensor(y, dtype=x.dtype, device=x.device))
    with current(x):
        return numpy_of(x).where(which, x, y)


def appended(x: Array, number: float) -> Array:
    """A vector with one more element, in NumPy or in kind."""
    size = int(x.shape[0])
    made = _arrays.zeros(x, _arrays.dtype_name(x), (size + 1,))
    with current(x):
        made[:size] = x
        made[size:] = number
    return made


def means_of_runs(x: Array, length: int) -> Array:
    """The means, in its dtype, of `length` elements that follow each other in C order; sums in
    double over the fixed tree."""
    rows = x.reshape((-1, length))
    one = _arrays.zeros(x, _arrays.dtype_name(x), (1, 1))
    _arrays.fill(one, 1.0)
    sums = beside(_core.line_sums(rows, _spread_to(one, tuple(rows.shape)), 1), x)
    return floats(divided(sums, length), _arrays.dtype_name(x))


def _spread_to(one: Array, shape: tuple[int, ...]) -> Array:
    """One element as a matrix."""
    if _arrays.torch_of(one) is not None:
        return one.expand(shape)
    with current(one):
        return numpy_of(one).broadcast_to(one, shape)


def square(x: Array) -> Array:
    """In double."""
    if _arrays.torch_of(x) is not None:
        return x.double().square()
    with current(x):
        return numpy_of(x).square(x, dtype=np.float64)


def norm(arrays: Sequence[Array]) -> float:
    """The 2-norm of all elements, over the fixed tree in double. Waits for a device."""
    return float(_core.grad_norm(list(arrays), None)[0])


def first_not_finite(arrays: Sequence[Array]) -> int | None:
    """The number of the first array with a NaN or an infinity. Of arrays on a device one read tells
    where there is none."""
    there = [i for i, x in enumerate(arrays) if is_elsewhere(x)]
    if there and _all_finite([arrays[i] for i in there]):
        there = []
    for i, x in enumerate(arrays):
        finite = not there or _all_finite([x]) if is_elsewhere(x) else _is_finite_on_host(x)
        if not finite:
            return i
    return None


def _all_finite(arrays: list[Array]) -> bool:
    return bool(_core.grad_norm(arrays, None)[2])


def _is_finite_on_host(x: Array) -> bool:
    double = _arrays.dtype_name(x) == "float64"
    return bool(np.isfinite(floats(x, "float64" if double else "float32")).all())
