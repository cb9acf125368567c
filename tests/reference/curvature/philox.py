"""Philox4x32-10 (Salmon et al., SC 2011) and the values that probes take from it."""

import numpy as np

MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
LOW = np.uint64(0xFFFFFFFF)
PURPOSE = {"rademacher": 0x200, "gaussian": 0x201}


def philox(counter, key, rounds=10):
    """Four words (blocks, 4) as uint64 from four counter words, arrays or numbers, and two key
    words."""
    a, b, c, d = (np.atleast_1d(np.asarray(word, np.uint64)) for word in counter)
    k0, k1 = key
    for _ in range(rounds):
        p, q = MULTIPLIERS[0] * a, MULTIPLIERS[1] * c
        a, b, c, d = (
            (q >> np.uint64(32)) ^ b ^ np.uint64(k0),
            q & LOW,
            (p >> np.uint64(32)) ^ d ^ np.uint64(k1),
            p & LOW,
        )
        k0, k1 = (k0 + KEY_STEPS[0]) % 2**32, (k1 + KEY_STEPS[1]) % 2**32
    return np.stack(np.broadcast_arrays(a, b, c, d), axis=-1)


def words(blocks, seed, purpose, draw, tensor):
    """The words of these blocks: the counter is (block low, tensor, draw, purpose, block high)."""
    blocks = np.asarray(blocks, np.uint64)
    top = np.uint64(purpose << 16) | (blocks >> np.uint64(32))
    return philox((blocks & LOW, tensor, draw, top), (seed % 2**32, seed >> 32))


def signs(first, count, seed, probe=0, tensor=0):
    """Elements first to first + count: bit e % 128 of block e / 128, set for -1."""
    blocks = range(first // 128, (first + count - 1) // 128 + 1)
    drawn = words(list(blocks), seed, PURPOSE["rademacher"], probe, tensor)
    bits = (drawn[:, :, None] >> np.arange(32, dtype=np.uint64)) & np.uint64(1)
    at = first - first // 128 * 128
    return 1.0 - 2.0 * bits.reshape(-1)[at : at + count].astype(np.float64)


def uniforms(first, count, seed, probe=0, tensor=0):
    """(u, quadrant, place) of the pairs that hold elements first to first + count: u in (0, 1],
    place in [-1/2, 1/2) of a quadrant."""
    blocks = range(first // 2, (first + count - 1) // 2 + 1)
    w = words(list(blocks), seed, PURPOSE["gaussian"], probe, tensor)
    low, high = w[:, 0] | w[:, 1] << np.uint64(32), w[:, 2] | w[:, 3] << np.uint64(32)
    fraction = (low >> np.uint64(12)).astype(np.float64) / 2**52
    place = ((high << np.uint64(2)) >> np.uint64(12)).astype(np.float64) / 2**52
    return 1 - fraction, (high >> np.uint64(62)).astype(int), place - 0.5


def gaussians(first, count, seed, probe=0, tensor=0):
    """Box and Muller: radius sqrt(-2 log u), angle (quadrant + place) pi / 2; cosine, then sine."""
    u, quadrant, place = uniforms(first, count, seed, probe, tensor)
    radius = np.sqrt(-2 * np.log(u))
    angle = (quadrant + place) * (np.pi / 2)
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    return pairs.reshape(-1)[first % 2 : first % 2 + count]
