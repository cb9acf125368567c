"""Products and arrays that several tests share."""

import ml_dtypes
import numpy as np
from reference.curvature import models

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = [np.dtype(np.float32), np.dtype(np.float64), BFLOAT16, np.dtype(np.float16)]
SEED = 0x9ABCDEF012345678


def symmetric(n, seed=0):
    a = np.random.default_rng(seed).standard_normal((n, n))
    return (a + a.T) / 2


def product_with(h, shapes):
    """A callback on lists of arrays for a dense matrix."""

    def hvp(z):
        return models.split(h @ models.flat(z), shapes)

    return hvp


UNIT = 2.0**-53


def rounding_of_means(x, samples):
    """How far a running mean of float64 values of magnitude at most x may be off. Sample k has a
    deviation, at most 2 x, rounded thrice by the time its share is taken, and a mean, at most x,
    rounded once; later updates leave k / samples of that error."""
    return (6 + (samples + 1) / 2) * UNIT * x


def same_bits(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
