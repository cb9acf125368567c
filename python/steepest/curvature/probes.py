"""Random vectors that are functions of (seed, probe, tensor, element), and products taken in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import _core
from ..polar import arguments
from . import structure
from .structure import Structure

DISTRIBUTIONS = {"rademacher": 0, "gaussian": 1}
_MOST_SEED = 2**64 - 1
_MOST_INDEX = 2**32 - 1
_MOST_ELEMENTS = 2**48


def rademacher(
    like: Any,
    seed: int,
    probe: int = 0,
    tensor: int = 0,
    out: Any = None,
    *,
    offset: int = 0,
    stream: Any = None,
) -> Any:
    """Independent signs, 1 or -1 with equal probability, one random bit each.

    like : array of float64, float32, bfloat16 or float16 in host memory or on a CUDA device, or a
        list, tuple or dict of such arrays in one place: shapes, dtypes and kinds of the result.
    seed : 0 to 2^64 - 1, of the whole estimate.
    probe : number of the vector, 0 to 2^32 - 1.
    tensor : number of the array, of the first one of a list; the others follow. A list can be
        split without changing results by passing it.
    out : array or structure that receives the result: the same shapes and dtypes, in C order.
    offset : number of the first element, for a slice of one tensor: the elements of C order from
        there on get what the whole tensor would have there.
    stream : CUDA stream of the work, for arrays on a device: as `steepest.steps` takes it; None:
        the current one of the arrays' framework. The call does not wait for the work, and is not
        for capture into a CUDA graph: its workspace goes back to the framework's allocator.

    The value of an element is a function of (seed, probe, tensor, element) alone, through
    Philox4x32-10 (Salmon et al., SC 2011): the same for any number of threads, CPU target, device
    and dtype. Returns new arrays of the kinds of `like`, or `out`.

    Raises TypeError (kind, dtype), ValueError (range, shape, layout, overlap, arrays in different
    places), BufferError (a read-only out), steepest.DeviceError (of CUDA; no kernels for devices in
    this build). After an error nothing has been written, but after one of CUDA.
    """
    return _fill("rademacher", like, seed, probe, tensor, out, offset, stream)


def gaussian(
    like: Any,
    seed: int,
    probe: int = 0,
    tensor: int = 0,
    out: Any = None,
    *,
    offset: int = 0,
    stream: Any = None,
) -> Any:
    """Independent standard normal values; arguments, result and errors as `rademacher` has them.

    Made in double by the transform of Box and Muller from IEEE operations only, then rounded to
    the dtype (by way of float32 for the 16-bit ones): the same bits everywhere. None exceeds 8.5.
    """
    return _fill("gaussian", like, seed, probe, tensor, out, offset, stream)


def accumulate(
    products: Any,
    mean: Any,
    scatter: Any,
    seed: int,
    *,
    sample: int,
    probe: int | None = None,
    tensor: int = 0,
    weight: Any = None,
    distribution: str = "rademacher",
    block: int = 1,
    offset: int = 0,
    stream: Any = None,
) -> Any:
    """Takes the product H z of a probe into running statistics; returns z^T H z.

    One pass reads the products once and makes the probe z anew; nothing of it is stored.

    products : H z, an array of float64, float32, bfloat16 or float16 in C order, or a structure of
        them as `rademacher` takes.
    mean, scatter : arrays of the same structure, written in place: the mean of the samples
        z * (H z) and the sum of their squared deviations from it (Welford 1962). float64 for
        float64 products, else float32; zeros before the first sample.
    seed, probe, tensor, offset, distribution : what the probe was made with; probe None: the
        sample's number less one.
    sample : how many samples the statistics hold afterwards, 1 for the first.
    weight : arrays like mean, or None. With them `mean` is the normalised form of Bekas,
        Kokiopoulou and Saad (2007), sum z * (H z) / sum z * z, `scatter` the sum of squares of
        H z - mean * z, and weight the sum of z * z.
    block : this many elements that follow each other share a statistic, of the mean of their
        z * (H z); then mean and scatter have 1 / block of the elements, of any shape. 1 with
        weight. On a device one thread sums a whole block: meant for short ones.
    stream : as `rademacher` has it.

    Returns a float; for CuPy arrays and torch tensors on a device an array of theirs of one
    float64, so that nothing waits for the device until it is read.

    The variance of `mean` is scatter / (sample (sample - 1)), with weight
    scatter / ((sample - 1) weight). The sum z^T H z runs over the library's fixed tree in double.
    A NaN in the products passes on to all of this.

    Raises TypeError, ValueError and BufferError as `rademacher` does; then nothing was written.
    """
    given = structure.read(products, "products", devices=True)
    sample = arguments.count("sample", sample, 1, _MOST_INDEX)
    block = arguments.count("block", block, 1, _MOST_ELEMENTS)
    probe = sample - 1 if probe is None else probe
    statistics = [
        (a, b, c)
        for a, b, c in zip(
            _of_structure(mean, given, "mean"),
            _of_structure(scatter, given, "scatter"),
            [None] * len(given.keys) if weight is None else _of_structure(weight, given, "weight"),
            strict=True,
        )
    ]
    if weight is not None and block != 1:
        raise ValueError(f"block: {block} given, expected 1 with weight")
    total, _ = _core.probe_accumulate(
        given.memory,
        statistics,
        given.is_list,
        [block] * len(given.keys),
        coordinates(given, tensor, offset),
        draw(distribution, seed, probe),
        sample,
        stream,
    )
    return total


def draw(distribution: str, seed: int, probe: int) -> tuple[int, int, int]:
    """What the native calls take, checked."""
    arguments.one_of("distribution", distribution, tuple(DISTRIBUTIONS))
    return (
        arguments.count("seed", seed, 0, _MOST_SEED),
        arguments.count("probe", probe, 0, _MOST_INDEX),
        DISTRIBUTIONS[distribution],
    )


def coordinates(of: Structure, tensor: int = 0, offset: int = 0) -> list[tuple[int, int]]:
    """Number and offset of every array, checked."""
    count = len(of.keys)
    tensor = arguments.count("tensor", tensor, 0, _MOST_INDEX - count + 1)
    offset = arguments.count("offset", offset, 0, _MOST_ELEMENTS - max(of.sizes))
    if offset and of.is_list:
        raise ValueError(f"offset: {offset} given, expected 0 for a list or dict")
    return [(tensor + i, offset) for i in range(count)]


def fill(
    arrays: Sequence[Any],
    of: Structure,
    where: Any,
    what: tuple[int, int, int],
    stream: Any = None,
) -> None:
    """Writes a probe to arrays."""
    _core.probe_fill(arrays, of.is_list, where, what, stream)


def _fill(
    distribution: str,
    like: Any,
    seed: int,
    probe: int,
    tensor: int,
    out: Any,
    offset: int,
    stream: Any,
) -> Any:
    of = structure.read(like, devices=True)
    what, where = draw(distribution, seed, probe), coordinates(of, tensor, offset)
    if out is None:
        arrays = of.zeros()
        fill(arrays, of, where, what, stream)
        return of.pack(arrays)
    of.unpack(out, "out")  # kinds, dtypes and shapes; the native call checks layout and overlap
    fill(structure.read(out, "out", devices=True).memory, of, where, what, stream)
    return out


def _of_structure(given: Any, of: Structure, name: str) -> Sequence[Any]:
    """The arrays of a structure like another one's; shapes and dtypes are not compared."""
    found = structure.read(given, name, devices=True)
    if (found.container is None) != (of.container is None) or found.keys != of.keys:
        raise ValueError(f"{name}: another structure given, expected that of products")
    return found.memory
