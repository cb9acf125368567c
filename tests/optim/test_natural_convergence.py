"""Natural gradients train small models of the UCI digits, and find a convex minimum as Newton's
method does."""

import itertools

import numpy as np
import pytest
from reference.curvature import models
from steepest import optim
from steepest.curvature import gauss_newton_product

from .test_curvature_convergence import BATCH, accuracy, made, minimum


def jacobian_products(model, params):
    """v -> J v and u -> J^T u of the logits of a layer or of two with tanh."""
    x = model.x
    if len(params) == 1:
        return (lambda v: x @ v[0].T), (lambda u: [u.T @ x])
    w1, b1, w2, _ = params
    active = np.tanh(x @ w1.T + b1)

    def jvp(v):
        inner = (x @ v[0].T + v[1]) * (1 - active * active)
        return inner @ w2.T + active @ v[2].T + v[3]

    def vjp(u):
        inner = (u @ w2) * (1 - active * active)
        return [inner.T @ x, inner.sum(axis=0), u.T @ active, u.sum(axis=0)]

    return jvp, vjp


def fisher_product(model, params):
    """v -> F v with the Fisher matrix J^T (diag p - p p^T) J / N of the labels' distribution."""
    params = [p.astype(np.float64) for p in params]
    p = models.softmax(model.logits(params))
    jvp, vjp = jacobian_products(model, params)

    def curved(u):
        return p * (u - (p * u).sum(axis=1, keepdims=True)) / len(p)

    product = gauss_newton_product(jvp, vjp, curved)

    def times(v):
        exact = product([x.astype(np.float64) for x in v])
        return [np.asarray(part, like.dtype) for part, like in zip(exact, v, strict=True)]

    return times


def sample_gradients(model, params):
    """Of the loss of every sample, (N, ...), float32: the delta of each apart from the others."""
    params = [p.astype(np.float64) for p in params]
    delta = models.softmax(model.logits(params)) - np.eye(10)[model.y]
    if len(params) == 1:
        made = [delta[:, :, None] * model.x[:, None, :]]
    else:
        w1, b1, w2, _ = params
        active = np.tanh(model.x @ w1.T + b1)
        inner = (delta @ w2) * (1 - active * active)
        made = [
            inner[:, :, None] * model.x[:, None, :],
            inner,
            delta[:, :, None] * active[:, None, :],
            delta,
        ]
    return [np.asarray(part, np.float32) for part in made]


def test_sample_gradients_are_those_of_the_model():
    pytest.importorskip("sklearn")
    model = models.Network()
    params = models.initial(model.shapes)
    for mine, whole in zip(sample_gradients(model, params), model.gradient(params), strict=True):
        np.testing.assert_allclose(mine.mean(axis=0), whole, rtol=0, atol=1e-6)


def test_the_fisher_product_is_the_hessian_of_a_linear_model():
    pytest.importorskip("sklearn")
    model = models.Logistic()
    params = models.initial(model.shapes)
    v = np.random.default_rng(0).standard_normal((10, 16))
    found = fisher_product(model, params)([v])[0] + model.decay * v
    np.testing.assert_allclose(found.ravel(), model.hessian(params) @ v.ravel(), rtol=0, atol=1e-12)


def gauss_newton_rows(model, params):
    """B^T J of every sample, (10 N, ...), with B B^T = diag p - p p^T for B = diag q - p q^T and
    q = sqrt(p)."""
    p = models.softmax(model.logits(params))
    q = np.sqrt(p)
    factors = q[:, :, None] * np.eye(10) - p[:, :, None] * q[:, None, :]
    made, x = [], model.x
    w1, b1, w2, _ = params
    active = np.tanh(x @ w1.T + b1)
    for delta in factors.transpose(2, 0, 1):
        inner = (delta @ w2) * (1 - active * active)
        outer = delta[:, :, None] * active[:, None, :]
        made.append([inner[:, :, None] * x[:, None, :], inner, outer, delta])
    return [np.concatenate(parts) for parts in zip(*made, strict=True)]


def test_rows_and_products_of_the_gauss_newton_matrix_step_alike():
    """Solutions of residual at most 1e-13 |g| differ by that over the damping."""
    pytest.importorskip("sklearn")
    model = models.Network()
    first, second = models.initial(model.shapes), models.initial(model.shapes)
    grads, damping = model.gradient(first), 1e-2
    opt = optim.NaturalGradient(first, 1.0, damping=damping)
    opt.step(grads, gauss_newton_rows(model, first), samples=len(model.x))
    other = optim.NaturalGradient(
        second, 1.0, damping=damping, solver="cg", tol=1e-13, max_iter=2000
    )
    other.step(grads, fisher_product(model, second))
    assert other.solution.converged
    difference = models.flat(opt.solution.x) - models.flat(other.solution.x)
    assert np.linalg.norm(difference) <= 2e-13 * np.linalg.norm(models.flat(grads)) / damping


RUNS = [
    {"lr": 0.3, "damping": 1e-2},
    {"lr": 0.1, "damping": 1e-2, "momentum": 0.9, "kl_clip": 1e-2},
    {"lr": 0.5, "damping": 1e-2, "solver": "cg", "max_iter": 10},
]


@pytest.mark.parametrize("kind", [models.WideLogistic, models.WideNetwork])
@pytest.mark.parametrize("options", RUNS)
def test_digits_are_learned(options, kind):
    """In five epochs, by the empirical and by the exact Fisher matrix. The images that are held out
    are by other writers."""
    model, x, y = made(kind)
    params = [p.astype(np.float32) for p in models.initial(model.shapes)]
    assert accuracy(model, params, x, y) < 0.3
    every_x, every_y, rng = model.x, model.y, np.random.default_rng(3)
    opt = optim.NaturalGradient(params, **options)
    batches = len(every_x) // BATCH
    for k in range(5 * batches):
        if k % batches == 0:
            order = rng.permutation(len(every_x))
        rows = order[k % batches * BATCH :][:BATCH]
        model.x, model.y = every_x[rows], every_y[rows]
        opt.lr = options["lr"] * (1 - k / (5 * batches))
        grads = [g.astype(np.float32) for g in model.gradient(params)]
        given = fisher_product if opt.param_groups[0]["solver"] == "cg" else sample_gradients
        opt.step(grads, given(model, params))
    model.x, model.y = every_x, every_y
    assert accuracy(model, params, x, y) >= 0.85
    assert accuracy(model, params, model.x, model.y) >= 0.95


def test_with_the_decay_as_damping_it_is_newtons_method():
    """The Fisher matrix of softmax regression is the Hessian: the last steps square the error."""
    pytest.importorskip("sklearn")
    model = models.Logistic()
    params = models.initial(model.shapes)
    best = minimum(model)
    opt = optim.NaturalGradient(
        params, 1.0, damping=model.decay, solver="cg", tol=1e-12, max_iter=1000
    )
    errors = []
    for _ in range(12):
        opt.step(model.gradient(params), fisher_product(model, params))
        assert opt.solution.converged
        errors.append(np.abs(params[0] - best).max())
    near = [(a, b) for a, b in itertools.pairwise(errors) if 1e-6 < a < 0.5]
    assert len(near) >= 3 and all(b <= a * a for a, b in near)
    assert errors[-1] < 1e-12
