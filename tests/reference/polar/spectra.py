"""Random matrices by the shape of their spectrum."""

import numpy as np


def orthonormal(rng, rows, columns):
    """Random with orthonormal columns."""
    return np.linalg.qr(rng.standard_normal((rows, columns)))[0]


def with_singular_values(rng, shape, s):
    """A matrix with random singular vectors."""
    m, n = shape
    return (orthonormal(rng, m, len(s)) * s) @ orthonormal(rng, n, len(s)).T


def geometric(rng, shape, condition=1e4):
    return with_singular_values(rng, shape, np.geomspace(1, 1 / condition, min(shape)))


def rank_deficient(rng, shape, share=0.5):
    """A product of Gaussians of that share of the full rank, at least rank one."""
    rank = max(1, int(share * min(shape)))
    return rng.standard_normal((shape[0], rank)) @ rng.standard_normal((rank, shape[1]))


def spike(rng, shape, height=1e3):
    """One singular value far above the others."""
    return with_singular_values(rng, shape, np.r_[height, np.ones(min(shape) - 1)])


SPECTRA = {
    "gaussian": lambda rng, shape: rng.standard_normal(shape),
    "geometric": geometric,
    "rank_deficient": rank_deficient,
    "flat": lambda rng, shape: with_singular_values(rng, shape, np.ones(min(shape))),
    "spike": spike,
    "tiny": lambda rng, shape: 1e-30 * rng.standard_normal(shape),
    "huge": lambda rng, shape: 1e30 * rng.standard_normal(shape),
}
