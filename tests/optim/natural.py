"""Parameters, gradients and samples that the tests of natural gradients share."""

import numpy as np
from reference.curvature import models
from steepest.curvature import empirical_fisher_product

from .support import random

SHAPES = ((6, 4), (5,), (), (4, 3, 2))
SIZES = [24, 5, 1, 24]
UNIT = 2.0**-53
SOLVERS = ["woodbury", "cg"]
ALL = [*SOLVERS, "euler"]


def arrays(seed, dtype=np.float64):
    return [random(shape, seed + i, dtype) for i, shape in enumerate(SHAPES)]


def samples(seed, rows=9, dtype=np.float64):
    return [random((rows, *shape), 40 * seed + i, dtype) for i, shape in enumerate(SHAPES)]


def fisher_of(solver, rows):
    return rows if solver == "woodbury" else empirical_fisher_product(rows)


def matrix(rows):
    """(rows, elements)."""
    return np.concatenate([r.reshape(len(r), -1) for r in rows], axis=1)


def flat(params):
    return models.flat([np.asarray(p, np.float64) for p in params])


def run(opt, params, steps, first=0):
    solver = opt.param_groups[0]["solver"]
    for k in range(first, first + steps):
        dtype = np.float64 if params[0].dtype == np.float64 else np.float32
        grads = [g.astype(p.dtype) for g, p in zip(arrays(9 * k), params, strict=True)]
        assert opt.step(grads, fisher_of(solver, samples(k, dtype=dtype))) is True
