"""Fira, GaLore and GradNormLoRP train a small network of the UCI digits at a rank of 4."""

import numpy as np
import pytest
from reference.curvature import models
from steepest import optim

from .digits import accuracy, made, train

SETTINGS = [
    (optim.GaLore, {"alpha": 1.0}),
    (optim.Fira, {}),
    (optim.GradNormLoRP, {"form": "paper"}),
    (optim.GradNormLoRP, {"form": "code"}),
]


@pytest.mark.parametrize(("cls", "options"), SETTINGS)
def test_digits_are_learned(cls, options):
    """tanh network of 64 pixels; plain Adam reaches 0.94 to 0.95 of the images that it has not
    seen with these epochs."""
    model, x, y = made(models.Network)
    rng = np.random.default_rng(0)
    shapes = [(32, 64), (32,), (10, 32), (10,)]
    params = [(rng.standard_normal(s) / np.sqrt(s[-1])).astype(np.float32) for s in shapes]
    opt = cls(params, 2e-2, rank=4, update_gap=20, **options)
    train(model, params, opt, 15, opt.step)
    assert accuracy(model, params, x, y) >= 0.92
