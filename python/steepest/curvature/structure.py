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
class Structure:
    """Shapes, dtypes and kinds of arrays, and how they are put together."""

    name: str  # of the argument, for messages
    container: type | None  # None: one array
    keys: tuple[Any, ...]  # of a dict; positions else
    arrays: tuple[Array, ...]
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]

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
        """New arrays of the same kinds and shapes, in C order."""
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
        seen = _view(array, label)
        if (_arrays.torch_of(seen) is None) != (_arrays.torch_of(self.arrays[i]) is None):
            raise TypeError(
                f"{label}: {_arrays.describe(array)} given, "
                f"expected {_arrays.describe(self.arrays[i])}"
            )
        if _arrays.dtype_name(seen) != self.dtypes[i]:
            raise TypeError(
                f"{label}: dtype {_arrays.dtype_name(seen)} given, expected {self.dtypes[i]}"
            )
        if tuple(seen.shape) != self.shapes[i]:
            raise ValueError(f"{label}: shape {tuple(seen.shape)} given, expected {self.shapes[i]}")
        if _arrays.torch_of(seen) is not None:
            return seen.contiguous()
        return np.asarray(seen, order="C")


def read(given: Any, name: str = "like", dtypes: Sequence[str] = DTYPES) -> Structure:
    """The structure of an array, a list or tuple of arrays, or a dict of them.

    Raises TypeError for anything else and for other dtypes, ValueError where there is no array,
    DeviceError for arrays on a device, which have no kernels yet.
    """
    container, keys, entries = _entries(given, name)
    labels = [_label(name, container, key) for key in keys]
    arrays = [_view(array, label) for array, label in zip(entries, labels, strict=True)]
    for array, label in zip(arrays, labels, strict=True):
        if _arrays.dtype_name(array) not in dtypes:
            raise TypeError(
                f"{label}: dtype {_arrays.dtype_name(array)} given, expected {', '.join(dtypes)}"
            )
    return Structure(
        name,
        container,
        tuple(keys),
        tuple(arrays),
        tuple(tuple(map(int, array.shape)) for array in arrays),
        tuple(map(_arrays.dtype_name, arrays)),
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


def _view(array: Any, label: str) -> Array:
    if not _arrays.is_array(array):
        raise TypeError(f"{label}: {_arrays.describe(array)} given, expected an array")
    if _arrays.device_of(array) is not None or _arrays.cupy_of(array) is not None:
        raise _core.DeviceError(f"{label}: array on a device given, expected one in host memory")
    return _arrays.view(array, label)
