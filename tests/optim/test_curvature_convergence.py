"""The optimizers on curvature train small models of the UCI digits, with exact products."""

import numpy as np
import pytest
from reference.curvature import models
from steepest import optim

from .digits import BATCH, accuracy, made, train


def product(model, params):
    """The Hessian of the model's loss times a vector, exact to rounding: an imaginary step of 1e-30
    has no error of truncation (Squire and Trapp 1998)."""

    def hvp(z):
        at = [p.astype(np.float64) + 1e-30j * v for p, v in zip(params, z, strict=True)]
        pairs = zip(model.gradient(at), z, strict=True)
        return [np.asarray(g.imag / 1e-30, v.dtype) for g, v in pairs]

    return hvp


def sampled_gradients(model, params, rng):
    """The gradient on labels drawn from the model's own distribution."""

    def gradients():
        kept = model.y
        model.y = np.array([rng.choice(10, p=p) for p in models.softmax(model.logits(params))])
        grads = model.gradient([p.astype(np.float64) for p in params])
        model.y = kept
        return grads

    return gradients


RUNS = [
    (optim.AdaHessian, {"lr": 0.15}),
    (optim.AdaHessian, {"lr": 0.15, "average": "rows", "probes": 2, "hessian_update_interval": 2}),
    (optim.SophiaH, {"lr": 0.03, "rho": 0.1, "weight_decay": 0.0}),
    (optim.SophiaH, {"lr": 0.05, "rho": 1.0, "weight_decay": 0.0, "distribution": "rademacher"}),
    (optim.SophiaG, {"lr": 0.03, "rho": 0.1, "weight_decay": 0.0}),
]


@pytest.mark.parametrize("kind", [models.WideLogistic, models.WideNetwork])
@pytest.mark.parametrize(("cls", "options"), RUNS)
def test_digits_are_learned(cls, options, kind):
    """The images that are held out are by other writers."""
    model, x, y = made(kind)
    params = [p.astype(np.float32) for p in models.initial(model.shapes)]
    assert accuracy(model, params, x, y) < 0.3
    opt, rng = cls(params, **options), np.random.default_rng(4)

    def step(grads):
        if cls is optim.SophiaG:
            opt.step(grads, sampled_gradients(model, params, rng), batch_size=BATCH)
        else:
            opt.step(grads, product(model, params))

    train(model, params, opt, epochs=15, step=step)
    assert accuracy(model, params, x, y) >= 0.85
    assert accuracy(model, params, model.x, model.y) >= 0.96


def loss(model, w):
    """Mean cross entropy and the decay."""
    probabilities = models.softmax(model.logits([w]))[np.arange(len(model.y)), model.y]
    return -np.log(probabilities).mean() + model.decay / 2 * np.sum(w * w)


def minimum(model):
    """The loss's minimum by Newton's method with the exact Hessian."""
    w = np.zeros(model.shapes[0])
    for _ in range(20):
        step = np.linalg.solve(model.hessian([w]), model.gradient([w])[0].reshape(-1))
        w -= step.reshape(w.shape)
    assert np.abs(model.gradient([w])[0]).max() < 1e-12
    return w


@pytest.mark.parametrize(
    ("cls", "options", "part"),
    [
        (optim.AdaHessian, {"probes": 4}, 1e-2),
        (optim.AdaHessian, {"probes": 4, "average": "rows", "absolute": False}, 1e-2),
        (optim.SophiaH, {"rho": 0.5, "weight_decay": 0.0}, 1e-5),
        (optim.SophiaG, {"rho": 0.5, "weight_decay": 0.0}, 1e-5),
    ],
)
def test_a_convex_loss_comes_to_its_minimum(cls, options, part):
    """All but a part of the way in 400 steps, at a condition number of some hundreds."""
    pytest.importorskip("sklearn")
    model, rng = models.Logistic(), np.random.default_rng(1)
    params = models.initial(model.shapes)
    least, start = loss(model, minimum(model)), loss(model, params[0])
    opt = cls(params, 0.1, **options)
    for k in range(400):
        opt.lr = 0.1 * (1 - k / 400)
        grads = model.gradient(params)
        if cls is optim.SophiaG:
            opt.step(grads, sampled_gradients(model, params, rng), batch_size=len(model.y))
        else:
            opt.step(grads, product(model, params))
    assert loss(model, params[0]) - least <= part * (start - least)
