"""Arrays in the structures that users keep them in: one array, a list or tuple, or a dict.

A `Structure` is read once from `like`; what callbacks return is held against it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _arrays, _core
from .._arrays import Array

DTYPES = ("float32", "float64", "bfloat16", "float16")


@dataclass(frozen=True)
class Foreign:
    """An array on a device whose framework is not known: no new ones can be made like it."""

    array: Any
    shape: tuple[int, ...]
    dtype: str
    device: int | None


@dataclass(frozen=True)
class Structure:
    """Shapes, dtypes and kinds of arrays, and how they are put together."""

    name: str  # of the argument, for messages
    container: type | None  # None: one array
    keys: tuple[Any, ...]  # of a dict; positions else
    arrays: tuple[Array, ...]
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]
    devices: bool = False  # whether arrays on devices are accepted

    @property
    def memory(self) -> list[Any]:
        """The arrays for the native calls."""
        return [a.array if isinstance(a, Foreign) else a for a in self.arrays]

    @property
    def sizes(self) -> list[int]:
        return [math.prod(shape) for shape in self.shapes]

    @property
    def is_list(self) -> bool:
        """Whether messages number the arrays."""
        return self.container is not None

    def label(self, i: int, name: str | None = None) -> str:
        """The i-th array in the words of the caller: ``like``, ``like[2]``, ``like['w']``."""
        return _label(name or self.name, self.container, self.keys[i])

    def zeros(self, dtypes: Sequence[str] | None = None) -> list[Array]:
        """New arrays of the same kinds and shapes, in C order.

        Raises TypeError for arrays on a device that belong to no framework that is known.
        """
        for i, array in enumerate(self.arrays):
            if isinstance(array, Foreign):
                raise TypeError(
                    f"{self.label(i)}: {_arrays.describe(array.array)} given, expected a NumPy or "
                    "CuPy array or a torch tensor, of which new ones can be made"
                )
        return [
            _arrays.zeros(array, dtype, shape)
            for array, dtype, shape in zip(
                self.arrays, dtypes or self.dtypes, self.shapes, strict=True
            )
        ]

    def pack(self, arrays: Sequence[Any]) -> Any:
        """The arrays put together as the caller's were."""
        if self.container is None:
            return arrays[0]
        if self.container is dict:
            return dict(zip(self.keys, arrays, strict=True))
        return self.container(arrays)

    def unpack(self, given: Any, name: str) -> list[Array]:
        """The arrays of another object of this structure, in C order (copied where they are not).

        Raises TypeError for another structure, kind or dtype, ValueError for other keys, lengths or
        shapes, DeviceError for an array on a device.
        """
        arrays = self.parts(given, name)
        return [self._checked(i, array, name) for i, array in enumerate(arrays)]

    def parts(self, given: Any, name: str) -> list[Any]:
        """The entries of another object of this structure, whatever they are.

        Raises TypeError for another structure, ValueError for other keys or lengths.
        """
        if self.container is None:
            return [given]
        expected = "dict" if self.container is dict else "list"
        if self.container is dict:
            if not isinstance(given, Mapping):
                raise TypeError(f"{name}: {_arrays.describe(given)} given, expected a {expected}")
            if set(given) != set(self.keys):
                raise ValueError(
                    f"{name}: keys {sorted(map(str, given))} given, "
                    f"expected {sorted(map(str, self.keys))}"
                )
            return [given[key] for key in self.keys]
        if not isinstance(given, (list, tuple)):
            raise TypeError(f"{name}: {_arrays.describe(given)} given, expected a {expected}")
        if len(given) != len(self.keys):
            raise ValueError(f"{name}: {len(given)} arrays given, expected {len(self.keys)}")
        return list(given)

    def _checked(self, i: int, array: Any, name: str) -> Array:
        label = self.label(i, name)
        seen = _view(array, label, self.devices)
        self.check_place(i, seen, label)
        if _arrays.dtype_name(seen) != self.dtypes[i]:
            raise TypeError(
                f"{label}: dtype {_arrays.dtype_name(seen)} given, expected {self.dtypes[i]}"
            )
        if tuple(seen.shape) != self.shapes[i]:
            raise ValueError(f"{label}: shape {tuple(seen.shape)} given, expected {self.shapes[i]}")
        return in_c_order(seen)

    def check_place(self, i: int, seen: Array, label: str) -> None:
        """Raises TypeError for an array of another kind than the i-th, ValueError for one in
        another place."""
        like = self.arrays[i]
        if _framework(seen) != _framework(like):
            given = seen.array if isinstance(seen, Foreign) else seen
            raise TypeError(
                f"{label}: {_arrays.describe(given)} given, "
                f"expected {_arrays.describe(self.memory[i])}"
            )
        if _device(seen) != _device(like):
            raise ValueError(
                f"{label}: array {_place(seen)} given, expected one {_place(like)} as {self.name}"
            )


def read(
    given: Any, name: str = "like", dtypes: Sequence[str] = DTYPES, *, devices: bool = False
) -> Structure:
    """The structure of an array, a list or tuple of arrays, or a dict of them.

    Raises TypeError for anything else and for other dtypes, ValueError where there is no array or
    arrays are in different places; without `devices` DeviceError for arrays on a device, which not
    all functions have kernels for.
    """
    container, keys, entries = _entries(given, name)
    labels = [_label(name, container, key) for key in keys]
    arrays = [_view(array, label, devices) for array, label in zip(entries, labels, strict=True)]
    for array, label in zip(arrays, labels, strict=True):
        if _arrays.dtype_name(array) not in dtypes:
            raise TypeError(
                f"{label}: dtype {_arrays.dtype_name(array)} given, expected {', '.join(dtypes)}"
            )
    if devices:
        _check_place(arrays, labels)
    return Structure(
        name,
        container,
        tuple(keys),
        tuple(arrays),
        tuple(tuple(map(int, array.shape)) for array in arrays),
        tuple(map(_arrays.dtype_name, arrays)),
        devices,
    )


def _check_place(arrays: Sequence[Array], labels: Sequence[str]) -> None:
    for array, label in zip(arrays, labels, strict=True):
        if _device(array) != _device(arrays[0]):
            raise ValueError(
                f"{label}: array {_place(array)} given, expected one {_place(arrays[0])} "
                f"as {labels[0]}"
            )


def _entries(given: Any, name: str) -> tuple[type | None, list[Any], list[Any]]:
    if _arrays.is_array(given):
        return None, [0], [given]
    container: type
    if isinstance(given, Mapping):
        container, keys, entries = dict, list(given), list(given.values())
    elif isinstance(given, (list, tuple)):
        container = tuple if isinstance(given, tuple) else list
        keys, entries = list(range(len(given))), list(given)
    else:
        raise TypeError(
            f"{name}: {_arrays.describe(given)} given, expected an array, a list or a dict"
        )
    if not entries:
        raise ValueError(f"{name}: no array given, expected at least one")
    return container, keys, entries


def _label(name: str, container: type | None, key: Any) -> str:
    return name if container is None else f"{name}[{key!r}]"


def _view(array: Any, label: str, devices: bool = False) -> Array:
    if not _arrays.is_array(array):
        raise TypeError(f"{label}: {_arrays.describe(array)} given, expected an array")
    if not _is_on_device(array):
        return _arrays.view(array, label)
    if not devices:
        raise _core.DeviceError(f"{label}: array on a device given, expected one in host memory")
    if _framework(array):
        return _arrays.view(array, label)
    shape, dtype, device = _core.array_layout(array, label)
    return Foreign(array, shape, dtype, device)


def _is_on_device(array: Any) -> bool:
    if isinstance(array, np.ndarray):
        return False
    if _framework(array):
        return _device(array) is not None
    if hasattr(array, "__dlpack_device__"):
        return int(array.__dlpack_device__()[0]) != 1
    return hasattr(array, "__cuda_array_interface__")


def _framework(array: Any) -> str:
    """Empty for NumPy arrays and what is seen as such."""
    if isinstance(array, Foreign):
        return _arrays.describe(array.array)
    if _arrays.torch_of(array) is not None:
        return "torch"
    return "cupy" if _arrays.cupy_of(array) is not None else ""


def _device(array: Any) -> int | None:
    return array.device if isinstance(array, Foreign) else _arrays.device_of(array)


def _place(array: Any) -> str:
    device = _device(array)
    return "in host memory" if device is None else f"on CUDA device {device}"


def in_c_order(array: Any) -> Array:
    """The array itself, or a copy; of a foreign one the native calls check the layout."""
    if isinstance(array, Foreign):
        return array.array
    if _arrays.torch_of(array) is not None:
        return array.contiguous()
    cupy = _arrays.cupy_of(array)
    if cupy is None:
        return np.asarray(array, order="C")
    with array.device:
        return cupy.ascontiguousarray(array)
