"""The interval of trained convolutions: two layers on the handwritten digits, trained here."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from reference.norms.conv import conv_matrix
from steepest.norms import conv_spectral_norm

UNIT = 2.0**-53
SIDE, CHANNELS, CLASSES = 8, 12, 10
TAPS = list(itertools.product((-1, 0, 1), repeat=2))


def patches(x):
    """(images, places, taps channels) of images (images, side, side, channels), wrapped round."""
    shifted = [np.roll(x, (-a, -b), axis=(1, 2)) for a, b in TAPS]
    return np.concatenate(shifted, axis=-1).reshape(len(x), SIDE * SIDE, -1)


def back(gradient):
    """The adjoint of `patches`."""
    parts = np.split(gradient.reshape(len(gradient), SIDE, SIDE, -1), len(TAPS), axis=-1)
    shifted = [np.roll(p, shift, axis=(1, 2)) for p, shift in zip(parts, TAPS, strict=True)]
    return np.sum(shifted, axis=0)


def gradients(weights, images, labels):
    """Of the mean cross entropy of conv, ReLU, conv, ReLU, linear; the loss."""
    first, second, last = weights
    p1 = patches(images)
    y1 = p1 @ first
    p2 = patches(np.maximum(y1, 0).reshape(len(images), SIDE, SIDE, -1))
    y2 = p2 @ second
    features = np.maximum(y2, 0).reshape(len(images), -1)
    logits = features @ last
    likely = np.exp(logits - logits.max(axis=1, keepdims=True))
    likely /= likely.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    loss = -np.log(likely[rows, labels]).mean()
    likely[rows, labels] -= 1
    of_logits = likely / len(labels)
    of_y2 = (of_logits @ last.T).reshape(y2.shape) * (y2 > 0)
    of_y1 = back(of_y2 @ second.T).reshape(y1.shape) * (y1 > 0)
    sums = [np.einsum("npi,npo->io", p, y) for p, y in ((p1, of_y1), (p2, of_y2))]
    return [*sums, features.T @ of_logits], loss


@pytest.fixture(scope="module")
def kernels():
    """Of both convolutions (c_out, c_in, 3, 3) after 60 steps with momentum."""
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    images, labels = digits.images[:, :, :, None] / 16, digits.target
    rng = np.random.default_rng(0)
    shapes = [(9, CHANNELS), (9 * CHANNELS, CHANNELS), (SIDE * SIDE * CHANNELS, CLASSES)]
    weights = [rng.standard_normal(s) * np.sqrt(2 / s[0]) for s in shapes]
    speeds = [np.zeros(s) for s in shapes]
    losses = []
    for _ in range(60):
        chosen = rng.choice(len(labels), 100, replace=False)
        found, loss = gradients(weights, images[chosen], labels[chosen])
        losses.append(loss)
        for w, speed, g in zip(weights, speeds, found, strict=True):
            speed *= 0.9
            speed -= 0.02 * g
            w += speed
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])  # it has been trained
    return [w.reshape(3, 3, -1, CHANNELS).transpose(3, 2, 0, 1) for w in weights[:2]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("padding,stride", [("circular", 1), ("circular", 2), ("zeros", 1)])
def test_intervals_hold(kernels, padding, stride, dtype):
    options = {"padding": padding, "stride": stride}
    for kernel in kernels:
        kernel = kernel.astype(dtype)
        bound = conv_spectral_norm(kernel, SIDE, **options)
        matrix = conv_matrix(kernel.astype(np.float64), (SIDE, SIDE), **options)
        sigma = np.linalg.norm(matrix, 2)
        slack = 4 * max(matrix.shape) * UNIT * float(np.linalg.norm(matrix))  # of LAPACK
        assert bound.lower <= sigma + slack and sigma - slack <= bound.upper
        if padding == "circular":
            assert bound.width <= 1e-3
