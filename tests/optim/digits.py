"""Training of small models on the UCI digits, which tests of several optimizers share."""

import numpy as np
import pytest
from reference.curvature import models

BATCH, TRAIN = 100, 1400


def made(kind):
    """A model of all 64 pixels, and the images that it is not trained on."""
    pytest.importorskip("sklearn")
    x, y = models.images(1797)
    model = kind()
    model.x, model.y = x[:TRAIN], y[:TRAIN]
    return model, x[TRAIN:], y[TRAIN:]


def accuracy(model, params, x, y):
    kept, model.x = model.x, x
    share = (model.logits(params).argmax(axis=1) == y).mean()
    model.x = kept
    return share


def train(model, params, opt, epochs, step, batch=BATCH):
    """Minibatches with a rate that falls linearly to 0; step(gradients) steps."""
    x, y, rng, lr = model.x, model.y, np.random.default_rng(3), opt.lr
    batches = len(x) // batch
    for k in range(epochs * batches):
        if k % batches == 0:
            order = rng.permutation(len(x))
        rows = order[k % batches * batch :][:batch]
        model.x, model.y = x[rows], y[rows]
        opt.lr = lr * (1 - k / (epochs * batches))
        step([g.astype(p.dtype) for g, p in zip(model.gradient(params), params, strict=True)])
    model.x, model.y = x, y
