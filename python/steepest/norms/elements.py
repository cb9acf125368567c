"""The elements of a caller's array in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _arrays, _core

Values = NDArray[np.float64]

#: Distances from 1 to the next number of the dtypes that are taken.
EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "bfloat16": 2.0**-7, "float16": 2.0**-10}


def read(given: Any, name: str) -> tuple[Values, str]:
    """A copy of an array's elements, in C order, and the name of its dtype.

    Raises TypeError (kind, dtype), DeviceError (an array on a device).
    """
    if not _arrays.is_array(given):
        raise TypeError(f"{name}: {_arrays.describe(given)} given, expected an array")
    if _arrays.device_of(given) is not None or _arrays.cupy_of(given) is not None:
        raise _core.DeviceError(f"{name}: array on a device given, expected one in host memory")
    view = _arrays.view(given, name)
    dtype = _arrays.dtype_name(view)
    if dtype not in EPS:
        raise TypeError(f"{name}: dtype {dtype} given, expected {', '.join(EPS)}")
    return widened(_arrays.as_numpy(view, name), dtype), dtype


def widened(stored: Any, dtype: str) -> Values:
    """A copy in C order of elements in NumPy; those of bfloat16 are given as their bits."""
    if dtype == "bfloat16":
        stored = (stored.astype(np.uint32) << 16).view(np.float32)
    return np.array(stored, np.float64, order="C")


def read_finite(given: Any, name: str) -> tuple[Values, str]:
    """The same; ValueError for a NaN or an infinity."""
    values, dtype = read(given, name)
    if not np.isfinite(values).all():
        raise ValueError(f"{name}: a NaN or an infinity given, expected finite numbers")
    return values, dtype
