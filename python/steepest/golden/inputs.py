"""Numbers from integer arithmetic: their bits are the same with every version of NumPy."""

from __future__ import annotations

import hashlib
from typing import TypeAlias

import numpy as np

from .._arrays import numpy_dtype

Array: TypeAlias = np.ndarray

# Bits of the fraction and bias of the exponent.
FORMATS = {
    "float64": (52, 1023),
    "float32": (23, 127),
    "bfloat16": (7, 127),
    "float16": (10, 15),
}


def ordinary(key: str, shape: tuple[int, ...], dtype: str, positive: bool = False) -> Array:
    """Numbers of sizes from 2^-10 up to 2^7, of both signs or positive ones."""
    fraction, bias = FORMATS[dtype]
    random = _words(key, _count(shape))
    exponent = np.uint64(bias - 10) + (random >> np.uint64(52)) % np.uint64(17)
    bits = (exponent << np.uint64(fraction)) | (random & np.uint64((1 << fraction) - 1))
    if not positive:
        bits |= (random >> np.uint64(63)) << np.uint64(_width(dtype) - 1)
    return _from_bits(bits, shape, dtype)


def patterns(key: str, shape: tuple[int, ...], dtype: str) -> Array:
    """Random bits, so denormals, NaNs and infinities among them, after the special values."""
    fraction, bias = FORMATS[dtype]
    sign = 1 << (_width(dtype) - 1)
    one, infinity = bias << fraction, (2 * bias + 1) << fraction
    special = [infinity | 1 << (fraction - 1), infinity, sign | infinity, sign, 0, one, sign | one]
    bits = _words(key, _count(shape)) & np.uint64(2 * sign - 1)
    bits[: len(special)] = np.array(special, np.uint64)[: bits.size]
    return _from_bits(bits, shape, dtype)


def canonical(array: Array) -> bytes:
    """The bits of an array in C order, little-endian, with all NaNs made equal."""
    dtype = array.dtype.name
    fraction, bias = FORMATS[dtype]
    bits = np.ascontiguousarray(array).reshape(-1).view(f"u{array.dtype.itemsize}").copy()
    magnitude = bits & np.array((1 << (_width(dtype) - 1)) - 1, bits.dtype)
    bits[magnitude > np.array((2 * bias + 1) << fraction, bits.dtype)] = np.iinfo(bits.dtype).max
    little: bytes = bits.astype(bits.dtype.newbyteorder("<")).tobytes()
    return little


def _words(key: str, count: int) -> Array:
    """SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA
    2014) from a seed that the key gives."""
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")
    x = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    x += np.uint64(seed)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    words: Array = x ^ (x >> np.uint64(31))
    return words


def _from_bits(bits: Array, shape: tuple[int, ...], dtype: str) -> Array:
    stored: Array = bits.astype(f"u{_width(dtype) // 8}")
    return stored.view(numpy_dtype(dtype)).reshape(shape)


def _width(dtype: str) -> int:
    return numpy_dtype(dtype).itemsize * 8


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for extent in shape:
        count *= extent
    return count
