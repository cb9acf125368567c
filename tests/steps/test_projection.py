"""AdamP and SGDP: which view of a tensor a step is projected in, and what the projection does."""

import numpy as np
import pytest
from kinds import steps

from .compare import check_one_step
from .support import Tensors, random_params

RULES = ("adamp", "sgdp")
# One row, one column, more rows than a leaf of the tree over them, rows of several blocks, kernels
# of a convolution, blocks of columns of a column-major matrix.
SHAPES = ((1, 40), (40, 1), (700, 3), (3, 5000), (16, 8, 3, 3), (70, 300), (2, 1, 1))
by_rule = pytest.mark.parametrize("rule", RULES)
by_dtype = pytest.mark.parametrize("dtype", (np.float32, np.float64), ids=lambda d: d.__name__)


def orthogonal(g, p, axes):
    """g without its part along p."""
    return g - p * ((g * p).sum(axes, keepdims=True) / (p * p).sum(axes, keepdims=True))


def along(x, p, axes=None):
    """The cosine of x and p."""
    lengths = np.sqrt((x * x).sum(axes) * (p * p).sum(axes))
    return np.abs((x * p).sum(axes)) / lengths


def stepped(p, g, buffer, **options):
    """What SGDP adds to p."""
    new = p.copy()
    steps.sgdp(new, g, buffer.copy(), lr=1e-2, momentum=0.5, eps=0.0, **options)
    return new - p


def arrays(shape, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for _ in range(3)]


@by_dtype
@by_rule
@pytest.mark.parametrize("delta", [0.0, 0.1, 1.0, 1e3])
def test_all_shapes_and_orders(rule, dtype, delta):
    rng = np.random.default_rng(1)
    shapes = (*SHAPES, *SHAPES, (), (9,))
    column_major = [i for i in range(len(SHAPES)) if len(SHAPES[i]) == 2]
    params = random_params(rng, shapes, dtype)
    for i in column_major:
        params[i] = np.asfortranarray(params[i])
    tensors = Tensors(rule, params)
    for i in column_major:
        for states in tensors.states.values():
            states[i] = np.asfortranarray(states[i])
    for t in range(1, 4):
        grads = random_params(rng, shapes, dtype)
        for i in column_major:
            grads[i] = np.asfortranarray(grads[i])
        options = {"step": t, "delta": delta, "weight_decay": 0.1}
        check_one_step(tensors, grads, options, f"step {t}")


def test_rows_that_are_all_orthogonal_are_projected_each():
    p, g, buffer = arrays((6, 4, 50))
    change = stepped(p, orthogonal(g, p, (1, 2)), buffer)
    assert along(change, p, (1, 2)).max() < 1e-12


def test_one_row_that_is_not_leaves_the_projection_to_the_whole_tensor():
    p, g, buffer = arrays((6, 200))
    g = orthogonal(g, p, 1)
    g[0] += p[0] / np.linalg.norm(p[0])
    g[1] -= p[1] / np.linalg.norm(p[1]) * (np.linalg.norm(p[0]) / np.linalg.norm(p[1]))
    assert along(g, p) < 1e-12 and along(g, p, 1).max() > 0.01
    change = stepped(p, g, buffer)
    assert along(change, p) < 1e-12 and along(change, p, 1).max() > 1e-3


def test_a_gradient_along_the_parameter_is_not_projected():
    p, _, buffer = arrays((6, 50))
    change = stepped(p, p.copy(), buffer, weight_decay=0.1)
    expected = -1e-2 * (0.5 * buffer + p) - 1e-2 * 0.1 / (1 - 0.5) * p
    np.testing.assert_allclose(change, expected, rtol=0, atol=1e-14)


def test_vectors_are_not_projected():
    p, g, buffer = arrays((50,))
    change = stepped(p, orthogonal(g, p, 0), buffer, delta=1e3)
    np.testing.assert_allclose(
        change, -1e-2 * (0.5 * buffer + orthogonal(g, p, 0)), rtol=0, atol=1e-14
    )


def test_projected_tensors_decay_less():
    p, g, buffer = arrays((6, 50))
    g = orthogonal(g, p, 1)
    plain = stepped(p, g, buffer)
    decayed = stepped(p, g, buffer, weight_decay=0.1, wd_ratio=0.25)
    np.testing.assert_allclose(
        decayed - plain, -1e-2 * 0.1 / (1 - 0.5) * 0.25 * p, rtol=0, atol=1e-14
    )


@by_rule
def test_a_nan_is_not_projected_away(rule):
    tensors = Tensors(rule, [np.ones((3, 4), np.float32)])
    grad = np.ones((3, 4), np.float32)
    grad[1, 1] = np.nan
    tensors.step([grad], step=1, delta=1e3)
    assert np.isnan(tensors.params[0][1, 1])
    assert np.isfinite(tensors.params[0][0]).all()


@by_rule
def test_other_memory_orders_are_refused(rule):
    p = np.zeros((3, 4, 5), np.float32).transpose(2, 0, 1)
    tensors = Tensors(rule, [p])
    with pytest.raises(ValueError, match="memory order"):
        tensors.step([np.zeros_like(p)], step=1)
