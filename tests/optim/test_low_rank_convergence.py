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
    """Of the images that it has not seen Adam, with all its moments, gets 0.91 of them right with
    the same rate and epochs; these were at 0.89 to 0.91."""
    model, x, y = made(models.WideNetwork)
    rng = np.random.default_rng(0)
    params = [(rng.standard_normal(s) / np.sqrt(s[-1])).astype(np.float32) for s in model.shapes]
    opt = cls(params, 3e-2, rank=4, update_gap=20, **options)
    train(model, params, opt, 20, opt.step)
    assert accuracy(model, params, x, y) >= 0.88
