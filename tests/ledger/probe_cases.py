"""Probes, the statistics of products with them, and rank-one updates of an inverse."""

import mpmath
import numpy as np
from reference.curvature import philox
from steepest import _core
from steepest.curvature import accumulate, gaussian, mkor_update, rademacher

from .measure import DTYPES, F32, F64, relative, wide, worst

SEED, COUNT, SAMPLES = 20_26, 3000, 6


def exact_gaussians(count):
    """Box and Muller's formula in mpmath, of the uniforms that the counters give."""
    u, quadrant, place = philox.uniforms(0, count, SEED)
    values = []
    with mpmath.workdps(40):
        for x, q, y in zip(u, quadrant, place, strict=True):
            radius = mpmath.sqrt(-2 * mpmath.log(mpmath.mpf(float(x))))
            angle = (int(q) + mpmath.mpf(float(y))) * mpmath.pi / 2
            values += [radius * mpmath.cos(angle), radius * mpmath.sin(angle)]
        highs = np.array([float(v) for v in values])
        lows = np.array([float(v - h) for v, h in zip(values, highs, strict=True)])
    return highs.astype(np.longdouble) + lows


def gaussians(dtype):
    ours = gaussian(np.empty(COUNT, dtype), SEED)
    return relative(ours, exact_gaussians(COUNT), ours.dtype)


def samples(dtype, make):
    """Probes and products with them, around three times a probe."""
    rng = np.random.default_rng(5)
    z = [make(np.empty(COUNT, dtype), SEED, k) for k in range(SAMPLES)]
    h = [(3 * a.astype(float) + rng.standard_normal(COUNT)).astype(dtype) for a in z]
    return z, h


def statistics(dtype):
    """(mean, scatter, total) of Rademacher probes: the mean in units of its largest sample, the
    scatter in those of the squares that it could be made of, the sum of its magnitudes."""
    z, h = samples(dtype, rademacher)
    state = F64 if dtype == F64 else F32
    mean, scatter = np.zeros(COUNT, state), np.zeros(COUNT, state)
    total = 0.0
    for k, product in enumerate(h):
        found = accumulate(product, mean, scatter, SEED, sample=k + 1)
        terms = wide(z[k]) * wide(product)
        total = max(total, worst(found, terms.sum(), np.abs(terms).sum(), F64))
    x = np.stack([wide(a) * wide(b) for a, b in zip(z, h, strict=True)])
    exact, top = x.mean(axis=0), np.abs(x).max(axis=0)
    spread = ((x - exact) ** 2).sum(axis=0)
    return {
        "mean": worst(mean, exact, top, state),
        "scatter": worst(scatter, spread, SAMPLES * top**2, state),
        "total": total,
    }


def weighted(dtype):
    """The least squares of products over Gaussian probes."""
    z, h = samples(dtype, gaussian)
    state = F64 if dtype == F64 else F32
    mean, scatter, weight = (np.zeros(COUNT, state) for _ in range(3))
    options = {"weight": weight, "distribution": "gaussian"}
    for k, product in enumerate(h):
        accumulate(product, mean, scatter, SEED, sample=k + 1, **options)
    a, b = (np.stack([wide(x) for x in arrays]) for arrays in (z, h))
    square = (a * a).sum(axis=0)
    slope = (a * b).sum(axis=0) / square
    return {
        "weight": relative(weight, square, state),
        "slope": worst(mean, slope, np.abs(b).max(axis=0) / np.sqrt(square), state),
    }


def mkor(dtype, variant):
    """In units of the largest element of the new factor."""
    n, rng = 65, np.random.default_rng(3)
    q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    factor = (q * rng.uniform(0.5, 1.5, n)) @ q.T
    factor = ((factor + factor.T) / 2).astype(dtype)
    v, d = rng.standard_normal(n).astype(dtype), np.longdouble(0.9)
    f, x = wide(factor), wide(v)
    if variant == "code":
        m = d * f + (1 - d) * np.eye(n)
        u = m @ x
        wanted = m - np.outer(u, u) / (1 + x @ u)
    else:
        u = f @ x
        if variant == "paper":
            scale = (1 - d) / (d**2 * (1 + d * (1 - d) * (x @ u)))
            wanted = d * f + scale * np.outer(u, u)
        else:  # Sherman and Morrison on the inverse of d F^-1 + (1 - d) v v^T
            scale = (1 - d) / d**2 / (1 + (1 - d) / d * (x @ u))
            wanted = f / d - scale * np.outer(u, u)
    mkor_update(factor, v, decay=0.9, variant=variant, stabilizer=None)
    return worst(factor, wanted, np.abs(wanted).max(), factor.dtype)


def oasis(dtype):
    rng = np.random.default_rng(4)
    w, w0, g, g0, d = (rng.standard_normal(5000).astype(dtype) for _ in range(5))
    moved, turned = _core.oasis_measure([(w, w0, g, g0, d, None)], [0.1], 0.9, 0.2, 2.0)
    size = np.maximum(np.abs(wide(d)), wide(np.asarray(0.2, F64 if dtype == F64 else F32)))
    step = wide(w) - wide(w0)
    turn = 2 * (wide(g) - wide(g0)) + np.longdouble(0.1) * step
    return max(
        relative(moved, (size * step**2).sum(), F64),
        relative(turned, (turn**2 / size).sum(), F64),
    )


def cases():
    """(name, dtype name, error)."""
    for name, dtype in DTYPES.items():
        yield "curvature.gaussian", name, gaussians(dtype)
        for part, value in {**statistics(dtype), **weighted(dtype)}.items():
            yield f"curvature.accumulate/{part}", name, value
        yield "curvature.oasis_measure", name, oasis(dtype)
    for name in ("float64", "float32"):
        for variant in ("code", "paper", "textbook"):
            yield f"curvature.mkor_update/{variant}", name, mkor(DTYPES[name], variant)
