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

from .support import product_with, same_bits


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
    step = np.finfo(dtype).eps ** (1 / 3) * 6 / 2
    assert seen[0][1] - 4 == pytest.approx(2 * step, rel=1e-3)
    assert seen[1][1] - 4 == pytest.approx(-2 * step, rel=1e-3)
    assert product.dtype == dtype and product == pytest.approx([0, 16], rel=1e-4)
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
    assert torch.allclose(product["w"], torch.full((2, 3), 2.0).double(), rtol=1e-9)
    assert torch.allclose(product["b"], torch.full((4,), 5.0).double(), rtol=1e-9)
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
    assert np.allclose(hvp(v), exact, rtol=0, atol=1e-13 * np.abs(exact).max() * 100)
    squared = gauss_newton_product(lambda v: model.x @ v.T, lambda u: u.T @ model.x)
    assert np.allclose(squared(v), v @ model.x.T @ model.x, rtol=1e-12)
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
    assert np.allclose(product[0], wanted[0], rtol=0, atol=1e-5)
    assert np.allclose(product[1], wanted[1], rtol=0, atol=1e-5)
    one = empirical_fisher_product(grads[0])(v[0])
    exact = grads[0].reshape(9, -1).T @ (grads[0].reshape(9, -1) @ v[0].reshape(-1)) / 9
    assert np.allclose(one.reshape(-1), exact, rtol=1e-12)
    for bad in ([grads[0], grads[1][:8]], np.zeros(()), np.zeros((0, 3))):
        with pytest.raises(ValueError, match="first dimension of samples"):
            empirical_fisher_product(bad)
    with pytest.raises(ValueError, match="v: shape"):
        empirical_fisher_product(grads[0])(np.zeros((4, 3)))


def test_empirical_fisher_of_tensors():
    torch = pytest.importorskip("torch")
    grads = torch.randn(6, 4, generator=torch.manual_seed(0))
    product = empirical_fisher_product({"w": grads})({"w": torch.ones(4)})
    assert torch.allclose(product["w"], grads.T @ (grads @ torch.ones(4)) / 6, rtol=1e-5)
