"""Low-precision storage: bfloat16 and IEEE binary16 from float32, and the random bits of its
stochastic rounding. Everything by arithmetic on exact doubles, none of the bit tricks a kernel
would use."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Format:
    """A binary format of 16 bits. `digits`: significand bits, the leading one included."""

    digits: int
    lowest_exponent: int  # of normal numbers: 2^lowest_exponent is the smallest of them
    highest_exponent: int  # 2^(highest_exponent + 1) would be infinite


BF16 = Format(digits=8, lowest_exponent=-126, highest_exponent=127)
F16 = Format(digits=11, lowest_exponent=-14, highest_exponent=15)


def decode(bits, fmt):
    """Values (float64, exact) of 16-bit patterns."""
    bits = np.asarray(bits, np.uint16).astype(np.int64)
    fraction_bits = fmt.digits - 1
    fraction = bits & ((1 << fraction_bits) - 1)
    field = (bits & 0x7FFF) >> fraction_bits
    top = 0x7FFF >> fraction_bits
    significand = fraction + np.where(field > 0, 1 << fraction_bits, 0)
    exponent = np.maximum(field, 1) - 1 + fmt.lowest_exponent - fraction_bits
    value = np.ldexp(significand.astype(np.float64), exponent)
    value = np.where(field == top, np.where(fraction > 0, np.nan, np.inf), value)
    return np.where(bits >> 15, -value, value)


def doubles(x):
    with np.errstate(invalid="ignore"):  # signalling NaNs
        return np.asarray(x).astype(np.float64)


def ulp(x, fmt):
    """Spacing of the format at x, that of its smallest normals below them; x finite."""
    _, exponent = np.frexp(np.abs(x))  # |x| in [2^(exponent-1), 2^exponent)
    return np.ldexp(1.0, np.maximum(exponent - 1, fmt.lowest_exponent) - (fmt.digits - 1))


def nearest(x, fmt):
    """x (doubles that hold float32 values) rounded to the format's nearest, ties to even; as
    doubles."""
    x = doubles(x)
    with np.errstate(invalid="ignore"):
        unit = ulp(np.where(np.isfinite(x), x, 0.0), fmt)
        value = np.rint(x / unit) * unit  # both exact but for the rint, which sends ties to even
    limit = np.ldexp(1.0, fmt.highest_exponent + 1)
    value = np.where(np.abs(value) >= limit, np.copysign(np.inf, x), value)
    return np.copysign(np.where(np.isfinite(x), value, x), x)


def neighbours(x, fmt):
    """(towards zero, away from zero, probability of the second): what stochastic rounding of x may
    give. Equal, with probability 0, where x is a value of the format."""
    x = doubles(x)
    finite = np.where(np.isfinite(x), x, 0.0)
    unit = ulp(finite, fmt)
    low = np.trunc(finite / unit) * unit
    probability = np.abs(finite - low) / unit
    high = low + np.where(probability > 0, np.copysign(unit, finite), 0.0)
    limit = np.ldexp(1.0, fmt.highest_exponent + 1)
    low, high = (np.where(np.abs(y) >= limit, np.copysign(np.inf, y), y) for y in (low, high))
    keep = ~np.isfinite(x)
    return np.where(keep, x, low), np.where(keep, x, high), probability


def philox4x32(counter, key, rounds=10):
    """Philox4x32: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC
    2011, section 3.3. counter: (..., 4) and key: (..., 2) words; returns (..., 4) uint32."""
    mask = np.uint64(0xFFFFFFFF)
    x0, x1, x2, x3 = np.moveaxis(np.asarray(counter, np.uint64), -1, 0)
    k0, k1 = np.moveaxis(np.asarray(key, np.uint64), -1, 0)
    for _ in range(rounds):
        product0 = x0 * np.uint64(0xD2511F53)
        product1 = x2 * np.uint64(0xCD9E8D57)
        high0, low0 = product0 >> np.uint64(32), product0 & mask
        high1, low1 = product1 >> np.uint64(32), product1 & mask
        x0, x1, x2, x3 = high1 ^ x1 ^ k0, low1, high0 ^ x3 ^ k1, low0
        k0 = (k0 + np.uint64(0x9E3779B9)) & mask  # the golden ratio
        k1 = (k1 + np.uint64(0xBB67AE85)) & mask  # sqrt(3) - 1
    return np.stack([x0, x1, x2, x3], axis=-1).astype(np.uint32)


def rounding_bits(count, seed, purpose, draw, tensor):
    """16 random bits per element, as the library defines them: element i takes half i % 8, from the
    lowest, of block i // 8 of the generator, whose counter is (block, tensor, draw, purpose 2^16 +
    block 2^-32)."""
    block = np.arange(-(-count // 8), dtype=np.uint64)
    counter = np.stack(
        [
            block & np.uint64(0xFFFFFFFF),
            np.full_like(block, tensor),
            np.full_like(block, draw),
            np.uint64(purpose << 16) | (block >> np.uint64(32)),
        ],
        axis=-1,
    )
    words = philox4x32(counter, [seed & 0xFFFFFFFF, seed >> 32])
    halves = np.stack([words & np.uint32(0xFFFF), words >> np.uint32(16)], axis=-1)
    return halves.reshape(-1)[:count]
