"""Whether results are right: against Philox, Box and Muller, Welford, and Sherman and Morrison in
NumPy float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import steepest

from ..bounded import UNIT
from .arrays import DECAY, SEED, Arrays, allocate
from .cases import Case
from .operator import standard_error

_CHECKED = 1 << 16  # elements
_PURPOSE = {"rademacher": 0x200, "gaussian": 0x201}
_LOW = np.uint64(0xFFFFFFFF)
_SAMPLES = 3

Words = NDArray[np.uint64]
Values = NDArray[np.float64]


def error_of(case: Case, arrays: Arrays) -> float:
    """The largest error in units of its bound; NaN or infinity where something is wrong."""
    if case.call == "accumulate":
        return _error_of_statistics(case, arrays)
    if case.call == "mkor_update":
        return _error_of_update(case, arrays)
    if case.probes:
        return _error_of_estimate(case, arrays)
    found = arrays["probe"][:_CHECKED].astype(np.float64)
    if case.distribution == "rademacher":
        return 0.0 if np.array_equal(found, signs(len(found), 0)) else np.inf
    wanted = _gaussians(len(found))
    # One rounding to float32, and a few of float64, which count for nothing beside it.
    return float(np.max(np.abs(found - wanted) / (1.001 * UNIT[case.dtype] * np.abs(wanted))))


def _error_of_statistics(case: Case, arrays: Arrays) -> float:
    """Some samples from zero: every one rounds four times, on numbers below the largest sample."""
    h = arrays["products"][:_CHECKED]
    mean, scatter = np.zeros_like(h), np.zeros_like(h)
    totals = [
        steepest.curvature.accumulate(h, mean, scatter, SEED, sample=k + 1) for k in range(_SAMPLES)
    ]
    x = np.array([signs(len(h), k) * h for k in range(_SAMPLES)])
    bound = 4 * _SAMPLES * UNIT[case.dtype] * np.abs(h).astype(np.float64)
    errors = [
        np.abs(mean - x.mean(axis=0)) / bound,
        np.abs(scatter - np.square(x - x.mean(axis=0)).sum(axis=0))
        / (8 * _SAMPLES * bound * np.abs(h)),
        np.abs(totals - x.sum(axis=1)) / (len(h) * UNIT["float64"] * np.abs(x).sum(axis=1)),
    ]
    return max(float(np.max(e)) for e in errors)


def _error_of_estimate(case: Case, arrays: Arrays) -> float:
    """In units of seven standard errors: a million normal entries reach five, and the products of
    the probes with the vector, which all entries share, may stretch them by a third. Roundings of
    the products and means are added. The error that was estimated may be off by a factor of three:
    that of the square of so few, squares themselves, is two thirds of it."""
    wanted, deviation = standard_error(case, arrays)
    rounding = 4 * case.probes * UNIT[case.dtype] * wanted
    found, stderr = (arrays[name].astype(np.float64) for name in ("value", "stderr"))
    factor = np.linalg.norm(stderr) / np.linalg.norm(deviation)
    off = abs(np.log(factor)) / np.log(3) if factor > 0 else np.inf
    return max(float(np.max(np.abs(found - wanted) / (7 * deviation + rounding))), float(off))


def _error_of_update(case: Case, arrays: Arrays) -> float:
    """Of one update of the matrix that `allocate` makes, in some of its rows. With the result
    d F + (1 - d) I - t t^T, d, its product, both elements of t, theirs, and two sums round."""
    start = allocate(case)
    f, v = start["inverse"], start["vector"].astype(np.float64)
    u = DECAY * np.einsum("ij,j->i", f, v, dtype=np.float64) + (1 - DECAY) * v
    found = arrays["inverse"]
    if not np.array_equal(found, found.T):
        return np.inf
    some = slice(None, None, max(1, len(v) // 64))
    term = np.outer(u[some], u / (1 + v @ u))
    kept = DECAY * f[some].astype(np.float64) + (1 - DECAY) * np.eye(len(v))[some]
    bound = 6 * UNIT[case.dtype] * (np.abs(kept) + np.abs(term))
    return float(np.max(np.abs(found[some] - (kept - term)) / bound))


def signs(count: int, probe: int) -> Values:
    """The first signs of a probe."""
    words = _philox(-(-count // 128), "rademacher", probe)
    bits = (words[:, :, None] >> np.arange(32, dtype=np.uint64)) & np.uint64(1)
    found: Values = 1 - 2 * bits.reshape(-1)[:count].astype(np.float64)
    return found


def _gaussians(count: int) -> Values:
    w = _philox(-(-count // 2), "gaussian", 0)
    low, high = w[:, 0] | w[:, 1] << np.uint64(32), w[:, 2] | w[:, 3] << np.uint64(32)
    radius = np.sqrt(-2 * np.log(1 - (low >> np.uint64(12)) / 2.0**52))
    quadrant = (high >> np.uint64(62)).astype(np.float64)
    place = ((high << np.uint64(2)) >> np.uint64(12)) / 2.0**52 - 0.5
    # Quarter turns in exact arithmetic, so that values near 0 keep their digits.
    cosine, sine = np.cos(place * (np.pi / 2)), np.sin(place * (np.pi / 2))
    turned = np.array([[cosine, sine], [-sine, cosine], [-cosine, -sine], [sine, -cosine]])
    pairs = turned[quadrant.astype(int), :, np.arange(len(w))] * radius[:, None]
    found: Values = pairs.reshape(-1)[:count]
    return found


def _philox(blocks: int, distribution: str, probe: int) -> Words:
    """Philox4x32-10 of the blocks of tensor 0, in NumPy."""
    a: Any = np.arange(blocks, dtype=np.uint64)
    b, c, d = np.zeros_like(a), np.zeros_like(a) + np.uint64(probe), np.zeros_like(a)
    d += np.uint64(_PURPOSE[distribution] << 16)
    k0, k1 = SEED, 0
    for _ in range(10):
        p, q = np.uint64(0xD2511F53) * a, np.uint64(0xCD9E8D57) * c
        a, b = (q >> np.uint64(32)) ^ b ^ np.uint64(k0), q & _LOW
        c, d = (p >> np.uint64(32)) ^ d ^ np.uint64(k1), p & _LOW
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return np.stack([a, b, c, d], axis=-1)
