"""Lists of arrays, options with one value per array, and buffers of bytes, as the functions here
take them."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _arrays
from .._arrays import Array
from ..polar import arguments

Message = NDArray[np.uint8]

ROUNDINGS = ("nearest", "stochastic")


def read_list(given: Any, name: str) -> tuple[list[Array], bool]:
    """The arrays of one array or a list of them, and whether a list was given.

    Raises TypeError for what is neither.
    """
    if isinstance(given, (list, tuple)):
        for i, array in enumerate(given):
            if not _arrays.is_array(array):
                raise TypeError(
                    f"{name}[{i}]: {_arrays.describe(array)} given, expected an array: every "
                    "worker sends something for every parameter"
                )
        return list(given), True
    if not _arrays.is_array(given):
        raise TypeError(
            f"{name}: {_arrays.describe(given)} given, expected an array or a list of arrays"
        )
    return [given], False


def read_like(given: Any, name: str, count: int, is_list: bool, of: str) -> list[Array]:
    """As many arrays as there are of another argument, in the same structure.

    Raises TypeError (structure) and ValueError (number).
    """
    arrays, found = read_list(given, name)
    if found != is_list:
        raise TypeError(f"{name}: given another structure than {of}, expected the same")
    if len(arrays) != count:
        raise ValueError(f"{name}: {len(arrays)} arrays given, expected {count} as {of}")
    return arrays


def sizes_of(arrays: Sequence[Array]) -> list[int]:
    """The numbers of elements."""
    return [int(np.prod(tuple(array.shape), dtype=np.int64)) for array in arrays]


def spread(given: Any, name: str, count: int, least: float = 0.0) -> list[float]:
    """One number per array, from a number or a list of `count` of them; none below `least`."""
    if isinstance(given, (list, tuple, np.ndarray)) and np.ndim(given) > 0:
        if len(given) != count:
            raise ValueError(f"{name}: {len(given)} numbers given, expected {count} or one")
        return [arguments.at_least(f"{name}[{i}]", x, least) for i, x in enumerate(given)]
    return [arguments.at_least(name, given, least)] * count


def read_betas(betas: Any) -> tuple[float, float]:
    """Two numbers in [0, 1)."""
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise ValueError(f"betas: {betas!r} given, expected two numbers")
    for i, beta in enumerate(betas):
        arguments.at_least(f"betas[{i}]", beta, 0.0, below=1.0)
    return float(betas[0]), float(betas[1])


def is_stochastic(rounding: Any, stream: str, known: tuple[str, ...]) -> bool:
    """Whether a stream is rounded stochastically under "nearest", "stochastic" or a dict from
    streams to these.

    Raises TypeError and ValueError for anything else.
    """
    if not isinstance(rounding, Mapping):
        arguments.one_of("rounding", rounding, ROUNDINGS)
        return bool(rounding == "stochastic")
    for name, mode in rounding.items():
        arguments.one_of("rounding", name, known)
        arguments.one_of(f"rounding[{name!r}]", mode, ROUNDINGS)
    return bool(rounding.get(stream, "nearest") == "stochastic")


def draws(step: Any, seed: Any, ids: Any, count: int, random: bool) -> list[tuple[int, int, int]]:
    """(id, step, seed) of each array; the step is needed where something is drawn at random."""
    if step is None:
        if random:
            raise ValueError('step: None given, expected a number because rounding is "stochastic"')
        step = 1
    step = arguments.count("step", step, 1, 2**32 - 1)
    seed = arguments.count("seed", seed, 0, 2**64 - 1)
    numbers = list(range(count)) if ids is None else [operator.index(i) for i in ids]
    if len(numbers) != count:
        raise ValueError(f"tensor_ids: {len(numbers)} given, expected {count}")
    return [
        (arguments.count(f"tensor_ids[{i}]", n, 0, 2**32 - 1), step, seed)
        for i, n in enumerate(numbers)
    ]


def bytes_of(given: Any, name: str, ndim: int) -> Message:
    """A C-ordered uint8 array in host memory, on the memory of any kind of array.

    Raises TypeError for another kind or dtype, ValueError for another layout.
    """
    if not _arrays.is_array(given):
        raise TypeError(f"{name}: {_arrays.describe(given)} given, expected an array of uint8")
    seen = _arrays.as_numpy(given, name)
    if seen.dtype != np.uint8:
        raise TypeError(f"{name}: dtype {seen.dtype} given, expected uint8")
    if seen.ndim != ndim or not seen.flags.c_contiguous:
        raise ValueError(
            f"{name}: shape {seen.shape} given, expected a C-ordered array of {ndim} dimensions"
        )
    return seen


def output(out: Any, name: str, size: int) -> Message:
    """`out` as bytes that may be written, or new ones.

    Raises BufferError for a read-only one, TypeError and ValueError as `bytes_of`, ValueError for
    another size.
    """
    if out is None:
        return np.empty(size, np.uint8)
    found = bytes_of(out, name, 1)
    if not found.flags.writeable:
        raise BufferError(f"{name}: read-only array given, expected one that may be written")
    if found.size != size:
        raise ValueError(f"{name}: {found.size} bytes given, expected {size}")
    return found
