"""Sums, norms and what is divided by them: all in double over the fixed tree."""

import numpy as np
from steepest import _core, distributed, norms, polar, steps

from .measure import DTYPES, F64, relative, wide, worst

LENGTHS = (1, 300, 4096, 20_011)
MATRICES = ((70, 300), (5, 4200), (1, 9))


def vectors(rng, dtype):
    return [rng.standard_normal(n).astype(dtype) for n in LENGTHS]


def grad_norm(rng, dtype):
    grads = vectors(rng, dtype)
    squares = np.array([(wide(g) ** 2).sum() for g in grads])
    found = steps.grad_norm(grads)
    own = relative(found.per_tensor, np.sqrt(squares), F64)
    return max(own, relative(found.total, np.sqrt(squares.sum()), F64))


def clip_units(rng, dtype):
    """Each row of a gradient at the length that its parameter allows."""
    p, g = (rng.standard_normal((40, 300)).astype(dtype) for _ in range(2))
    lengths = [np.sqrt((wide(a) ** 2).sum(axis=1, keepdims=True)) for a in (p, g)]
    factor = np.minimum(1, np.longdouble(0.5) * lengths[0] / lengths[1])
    wanted = factor * wide(g)
    steps.clip_adaptive_([g], [p], 0.5)
    return relative(g, wanted, g.dtype)


def line_sums(rng, dtype):
    found = 0.0
    for shape in MATRICES:
        x, y = rng.standard_normal(shape).astype(dtype), rng.standard_normal(shape)
        for axis in (0, 1):
            terms = wide(x) * wide(y)
            size = np.abs(terms).sum(axis=axis)
            this = worst(_core.line_sums(x, y, axis), terms.sum(axis=axis), size, F64)
            found = max(found, this)
    return found


def report(rng, dtype):
    found = 0.0
    for shape in MATRICES:
        w = rng.standard_normal(shape).astype(dtype)
        exact = wide(w)
        rows, columns = (np.sqrt((exact**2).sum(axis=axis)) for axis in (1, 0))
        ours = norms.report(w)
        pairs = [
            (ours.frobenius, np.sqrt((exact**2).sum())),
            (ours.max_abs, np.abs(exact).max()),
            (ours.max_row_norm, rows.max()),
            (ours.max_column_norm, columns.max()),
            (ours.dual_one_to_inf, np.abs(exact).sum()),
            (ours.dual_one_to_rms, np.sqrt(np.longdouble(shape[0])) * columns.sum()),
            (ours.dual_rms_to_inf, rows.sum() / np.sqrt(np.longdouble(shape[1]))),
        ]
        found = max(found, *(relative(a, b, F64) for a, b in pairs))
    return found


def oracle(norm, axis):
    """Of the oracles that divide by norms, without their scales."""

    def case(rng, dtype):
        x = rng.standard_normal((70, 300)).astype(dtype)
        exact = wide(x)
        size = np.sqrt((exact**2).sum(axis=axis, keepdims=True))
        scale = {"RowNorm": 1, "ColNorm": np.sqrt(np.longdouble(70)), "Euclidean": 1}[norm]
        options = {} if norm == "Euclidean" else {"normalized": False}
        ours = polar.oracle(x, norm, eps=0.0, **options)
        return relative(ours, scale * exact / size, x.dtype)

    return case


def gradient_moments(rng, dtype):
    grads = [vectors(rng, dtype) for _ in range(5)]
    stacked = [np.stack([wide(g[i]) for g in grads]) for i in range(len(LENGTHS))]
    means = [a.mean(axis=0) for a in stacked]
    ours = distributed.gradient_moments(grads)
    away = sum(((a - m) ** 2).sum(axis=1) for a, m in zip(stacked, means, strict=True))
    terms = [a * m for a, m in zip(stacked, means, strict=True)]
    along = sum(t.sum(axis=1) for t in terms)
    size = sum(np.abs(t).sum(axis=1) for t in terms)
    return max(
        relative(ours.mean_square, sum((m**2).sum() for m in means), F64),
        relative(ours.deviations, away, F64),
        worst(ours.products, along, size, F64),
    )


CASES = {
    "steps.grad_norm": grad_norm,
    "steps.clip_adaptive_": clip_units,
    "polar.line_sums": line_sums,
    "polar.oracle/RowNorm": oracle("RowNorm", 1),
    "polar.oracle/ColNorm": oracle("ColNorm", 0),
    "polar.oracle/Euclidean": oracle("Euclidean", None),
    "norms.report": report,
    "distributed.gradient_moments": gradient_moments,
}


def cases():
    """(name, dtype name, error)."""
    for name, case in CASES.items():
        for dtype_name, dtype in DTYPES.items():
            yield name, dtype_name, case(np.random.default_rng(7), dtype)
