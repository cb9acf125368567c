"""finite_difference_hvp, gauss_newton_product and empirical_fisher_product."""

import numpy as np
import pytest
from reference.curvature import models
from steepest.curvature import (
    empirical_fisher_product,
    finite_difference_hvp,
    gauss_newton_product,
    hutchinson_diag,
)

from .support import UNIT, product_with, same_bits


def test_differences_of_a_model_s_gradients(model):
    """A third of the digits is lost: epsilon^(2/3) = 4e-11 in units of (1 + |p|)^2 times third
    derivatives, and of gradients, for these models below 100."""
    params, gradient, hessian = model
    before = [p.copy() for p in params]
    hvp = finite_difference_hvp(gradient, params)
    v = models.initial([p.shape for p in params], 7)
    product = models.flat(hvp(v))
    exact = hessian @ models.flat(v)
    scale = 2.0 ** (-52 * 2 / 3) * np.linalg.norm(models.flat(v))
    assert np.linalg.norm(product - exact) <= 100 * scale
    assert all(same_bits(a, b) for a, b in zip(params, before, strict=True))
    found = hutchinson_diag(hvp, params, 4, 1)
    wanted = hutchinson_diag(product_with(hessian, [p.shape for p in params]), params, 4, 1)
    difference = models.flat(found.value) - models.flat(wanted.value)
    assert np.abs(difference).max() <= 100 * scale * np.sqrt(len(hessian))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_step_rule(dtype):
    """h = eps (1 + |p|) / |v|, seen at the displaced parameters."""
    p = np.array([3.0, 4.0], dtype)
    seen = []

    def gradient(x):
        seen.append(x.copy())
        return x * x

    v = np.array([0.0, 2.0], dtype)
    product = finite_difference_hvp(gradient, p)(v)
    eps = float(np.finfo(dtype).eps)
    step = eps ** (1 / 3) * 6 / 2
    # The displaced element is rounded, near 4, and h v a few times before.
    assert seen[0][1] - 4 == pytest.approx(2 * step, rel=0, abs=(4 + 16 * step) * eps)
    assert seen[1][1] - 4 == pytest.approx(-2 * step, rel=0, abs=(4 + 16 * step) * eps)
    # Differences of squares are exact but for that: squares near 16 are rounded, and off by twice
    # 4 times what the element is, at both ends; over 2 step.
    assert product.dtype == dtype
    assert np.abs(product - [0, 16]).max() <= 2 * (9 + 17) * eps / (2 * step) + 64 * eps
    finite_difference_hvp(gradient, p, 0.25)(v)
    assert seen[2][1] == 4 + 0.25 * 6


def test_parameters_are_restored_bit_for_bit():
    p = np.array([0.1, -0.0, np.float64(5e-324), 1e100])
    before = p.copy()

    def fails(x):
        assert not same_bits(x, before)
        raise RuntimeError("no gradient")

    with pytest.raises(RuntimeError, match="no gradient"):
        finite_difference_hvp(fails, p)(np.ones(4))
    assert same_bits(p, before)
    with pytest.raises(ValueError, match="grad_fn's result: shape"):
        finite_difference_hvp(lambda x: x[:2], p)(np.ones(4))
    assert same_bits(p, before)
    finite_difference_hvp(lambda x: x, p)(np.ones(4))
    assert same_bits(p, before)


def test_differences_of_structures_and_torch():
    torch = pytest.importorskip("torch")
    params = {"w": torch.ones(2, 3, dtype=torch.float64), "b": torch.ones(4, dtype=torch.float64)}
    hvp = finite_difference_hvp(lambda p: {"w": p["w"] ** 2, "b": 5 * p["b"]}, params)
    product = hvp({"w": torch.ones(2, 3, dtype=torch.float64), "b": torch.ones(4).double()})
    # Gradients near 1, or 5, are off by two units for their own rounding and for the element's, at
    # both ends, over 2 h = 2 eps^(1/3) (1 + sqrt(10)) / sqrt(10).
    unit = 2 * 2 * 2.0**-52 / (2 * 2.0 ** (-52 / 3) * (1 + 10**0.5) / 10**0.5)
    assert (product["w"] - 2).abs().max() <= unit and (product["b"] - 5).abs().max() <= 5 * unit
    zero = hvp({name: torch.zeros_like(x) for name, x in params.items()})
    assert not zero["w"].any()


def test_wrong_calls_of_differences():
    p = np.ones(3)
    frozen = p.copy()
    frozen.flags.writeable = False
    with pytest.raises(BufferError, match="params: read-only"):
        finite_difference_hvp(abs, frozen)
    with pytest.raises(TypeError, match="params: dtype float16"):
        finite_difference_hvp(abs, p.astype(np.float16))
    with pytest.raises(TypeError, match="grad_fn"):
        finite_difference_hvp(1, p)
    with pytest.raises(ValueError, match="eps"):
        finite_difference_hvp(abs, p, 0)
    with pytest.raises(ValueError, match="v: shape"):
        finite_difference_hvp(abs, p)(np.ones(4))
    with pytest.raises(ValueError, match="v: a NaN"):
        finite_difference_hvp(abs, p)(np.full(3, np.nan))
    assert np.array_equal(p, np.ones(3))


def test_gauss_newton():
    """Logistic regression is linear in its parameters, so G is the Hessian itself."""
    pytest.importorskip("sklearn")
    model = models.Logistic(decay=0.0)
    params = models.initial(model.shapes)
    (w,) = params
    p = models.softmax(model.x @ w.T)

    def loss_hessian(u):
        return (p * u - p * np.sum(p * u, axis=1, keepdims=True)) / len(p)

    hvp = gauss_newton_product(lambda v: model.x @ v.T, lambda u: u.T @ model.x, loss_hessian)
    v = models.initial(model.shapes, 1)[0]
    exact = (model.hessian(params) @ v.reshape(-1)).reshape(v.shape)
    # Sums of 16 products, of 10 and of the samples here, of the samples and of 160 products there.
    n, u = len(p), np.abs(model.x) @ np.abs(v).T
    size = (p * (u + np.sum(p * u, axis=1, keepdims=True)) / n).T @ np.abs(model.x)
    assert np.all(np.abs(hvp(v) - exact) <= (2 * n + 16 + 10 + 160 + 16) * UNIT * size)
    squared = gauss_newton_product(lambda v: model.x @ v.T, lambda u: u.T @ model.x)
    size = np.abs(v) @ np.abs(model.x).T @ np.abs(model.x)
    off = np.abs(squared(v) - v @ model.x.T @ model.x)
    assert np.all(off <= 2 * (n + 16) * UNIT * size)
    with pytest.raises(TypeError, match="vjp"):
        gauss_newton_product(abs, None)
    with pytest.raises(ValueError, match="loss_hessian's result: shape"):
        gauss_newton_product(lambda v: v, lambda u: u, lambda u: u[:1])(v)


def test_empirical_fisher():
    rng = np.random.default_rng(0)
    grads = [rng.standard_normal((9, 3, 4)), rng.standard_normal((9, 5)).astype(np.float32)]
    flat = np.concatenate([g.reshape(9, -1) for g in grads], axis=1)
    fisher = flat.T @ flat / 9
    v = [rng.standard_normal((3, 4)), rng.standard_normal(5).astype(np.float32)]
    product = empirical_fisher_product(grads)(v)
    wanted = models.split(fisher @ models.flat(v), [(3, 4), (5,)])
    assert product[0].dtype == np.float64 and product[1].dtype == np.float32
    # In float32: sums of 5 products with the second array, and for its own part the products with
    # them, which are rounded, and sums of 9. All else is in float64.
    along = [
        np.abs(g.reshape(9, -1)) @ np.abs(x.reshape(-1)) for g, x in zip(grads, v, strict=True)
    ]
    small = (3 * 9 + 2 * 17) * UNIT * sum(along)
    first, second = (
        (terms / 9 @ np.abs(g.reshape(9, -1))).reshape(g.shape[1:])
        for g, terms in zip(
            grads, (6 * 2.0**-24 * along[1] + small, 17 * 2.0**-24 * sum(along)), strict=True
        )
    )
    assert np.all(np.abs(product[0] - wanted[0]) <= first)
    assert np.all(np.abs(product[1] - wanted[1]) <= second)
    one = empirical_fisher_product(grads[0])(v[0])
    exact = grads[0].reshape(9, -1).T @ (grads[0].reshape(9, -1) @ v[0].reshape(-1)) / 9
    size = along[0] @ np.abs(grads[0].reshape(9, -1)) / 9
    assert np.all(np.abs(one.reshape(-1) - exact) <= 2 * (9 + 12 + 2) * UNIT * size)
    for bad in ([grads[0], grads[1][:8]], np.zeros(()), np.zeros((0, 3))):
        with pytest.raises(ValueError, match="first dimension of samples"):
            empirical_fisher_product(bad)
    with pytest.raises(ValueError, match="v: shape"):
        empirical_fisher_product(grads[0])(np.zeros((4, 3)))


def test_empirical_fisher_of_tensors():
    torch = pytest.importorskip("torch")
    grads = torch.randn(6, 4, generator=torch.manual_seed(0))
    product = empirical_fisher_product({"w": grads})({"w": torch.ones(4)})
    wanted = grads.T @ (grads @ torch.ones(4)) / 6
    size = grads.abs().T @ (grads.abs() @ torch.ones(4)) / 6
    assert ((product["w"] - wanted).abs() <= 2 * (6 + 4 + 2) * 2.0**-24 * size).all()
