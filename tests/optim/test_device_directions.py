"""Optimizers along directions of matrices on other kinds of arrays, chosen by --arrays.

Norms of rows, columns and matrices give the bits of the CPU. Orthogonalised directions do not, so
those steps are compared within the rounding that the iteration passes on.
"""

import numpy as np
import pytest
from steepest import optim

from .devices import HOST, OnDevice, both, plain
from .support import random

STEPS = 3
SHAPES = ((6, 4), (4, 9), (8, 3, 3, 3), (5,))
EXACT = ("ColNorm", "RowNorm", "Sign", "BiasRMS", "Euclidean")
ROUNDED = [
    (optim.Muon, {}),
    (optim.Muon, {"variant": "normuon"}),
    (optim.Muon, {"variant": "adamuon"}),
    (optim.Muon, {"split": 2, "adjust_lr": "spectral"}),
    (optim.Scion, {"momentum": 0.3}),
    (optim.Scion, {"norm_options": {"coefficients": "jordan", "method": "gram"}}),
    (optim.TrustRegion, {}),
    (optim.TrustRegion, {"extrapolation": True, "momentum": 0.5}),
]


def stepped(kind, cls, dtype, shapes, **options):
    params = kind.arrays([random(s, i, dtype) for i, s in enumerate(shapes)])
    opt = cls(params, lr=0.1, **options)
    for t in range(STEPS):
        grads = [random(s, 20 * t + i + 50, dtype) for i, s in enumerate(shapes)]
        given = [g if (i, t) != (1, 1) else None for i, g in enumerate(kind.arrays(grads))]
        assert opt.step(given, grad_scale=2.0) is True
    return kind.arrays_of(params), plain(kind, opt)


@pytest.mark.parametrize("norm", EXACT)
@pytest.mark.parametrize("cls", [optim.Scion, optim.TrustRegion])
def test_the_same_bits_without_products(cls, norm, device):
    shapes = SHAPES[:2] if norm in ("ColNorm", "RowNorm") else SHAPES
    both(device, lambda kind: stepped(kind, cls, np.float32, shapes, norm=norm))


@pytest.mark.parametrize(("cls", "options"), ROUNDED)
def test_orthogonalised_directions(cls, options, device):
    """In double, where a rounding that the slopes of the iteration pass on, at most 3.4445^5 and
    8.3^5 relative to the norm, stays below 1e-10 in a direction and three steps."""
    shapes = [(6, 4), (4, 9), (8, 3, 3, 3), (5,)]
    host, _ = stepped(OnDevice(HOST), cls, np.float64, shapes, **options)
    with device.running():
        ours, states = stepped(device, cls, np.float64, shapes, **options)
    for got, want in zip(ours, host, strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-9)
    assert len(states) == len(shapes)
