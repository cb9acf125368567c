"""Spectral norms in plain NumPy float64 and mpmath, with what they may be off by."""

from __future__ import annotations

import mpmath
import numpy as np

SPECTRA = (
    "gaussian",
    "flat",
    "harmonic",
    "clustered",
    "rank_one",
    "nearly_deficient",
    "graded",
    "top_gap",
)


def singular_values(spectrum, n, rng):
    """n singular values, the largest near one."""
    i = np.arange(n)
    return {
        "flat": np.ones(n),
        "harmonic": 1 / (i + 1),
        "clustered": np.where(i < max(1, n // 8), rng.uniform(0.9, 1, n), 1e-6),
        "rank_one": (i == 0).astype(float),
        "nearly_deficient": np.where(i < (n + 1) // 2, 1.0 - 0.5 * i / n, 1e-12),
        "graded": 10.0 ** (-12 * i / n),
        "top_gap": np.where(i == 0, 1.0, 1 - 1e-3),
    }[spectrum]


def draw(rng, spectrum, shape):
    """a matrix or a stack of them of a spectrum, float64, with Haar singular vectors."""
    *lead, m, n = shape
    if spectrum == "gaussian":
        return rng.standard_normal(shape)
    k = min(m, n)
    u = np.linalg.qr(rng.standard_normal((*lead, m, k)))[0]
    v = np.linalg.qr(rng.standard_normal((*lead, n, k)))[0]
    return u * singular_values(spectrum, k, rng) @ v.swapaxes(-2, -1)


def spectral_norm(w):
    """(lower, upper) around the largest singular value of each float64 matrix, by LAPACK's SVD.

    Backward stability (Higham, section 20; LAPACK Users' Guide, "Error Bounds for the SVD"): the
    computed values are those of a matrix at most p u ||W||_2 away, where p is a modest function of
    the sides; here 8 times their sum, far above what is ever seen.
    """
    w = np.asarray(w, np.float64)
    sigma = np.linalg.svd(w, compute_uv=False).max(axis=-1)
    slack = 8 * sum(w.shape[-2:]) * 2.0**-53
    return sigma * (1 - slack), sigma * (1 + slack)


def exact_spectral_norm(w, digits=60):
    """The largest singular value of one matrix in mpmath, to about `digits` digits."""
    with mpmath.workdps(digits):
        a = mpmath.matrix(np.asarray(w, np.float64).tolist())
        short = a * a.T if a.rows <= a.cols else a.T * a
        return mpmath.sqrt(max(mpmath.eigsy(short, eigvals_only=True)))


def two_moment_bounds(w, iterations):
    """(lower, upper) of sigma_1 by the moments of the iterates, minimum over these; float64.

    Delattre et al., arXiv 2305.16173, with the trace-normalised iterate's two moments.
    """
    g = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    n, log, lower, upper = len(g), 0.0, 0.0, np.inf
    for t in range(iterations + 1):
        trace = np.trace(g)
        g, log = g / trace, log + np.log(trace)
        m2 = np.sum(g * g)
        above = 1 / n + np.sqrt((n - 1) / n * max(m2 - 1 / n, 0))
        root = 2.0 ** -(t + 1)
        upper = min(upper, np.exp(root * (log + np.log(above))))
        lower = max(lower, np.exp(root * (log + np.log(m2))))
        g, log = g @ g, 2 * log
    return lower, upper


def schatten_gradient(w, iterations):
    """(value, gradient) of f(w) = (tr (W W^T)^(2^N))^(2^-(N+1)) through the SVD."""
    u, s, vt = np.linalg.svd(w, full_matrices=False)
    order = 2.0 ** (iterations + 1)
    ratio = s / s[0]
    f = s[0] * np.sum(ratio**order) ** (1 / order)
    return f, u * (s / f) ** (order - 1) @ vt
