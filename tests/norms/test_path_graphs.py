"""The path norm over skip connections and pooling, against the paths of a graph one by one."""

import itertools

import numpy as np
import pytest
from boundary.support import refused
from reference.norms.paths import Graph, as_matrix, pool_matrix
from steepest.norms import Convolution, Pooling, Residual, path_norm

UNIT = 2.0**-53


@pytest.fixture
def rng():
    return np.random.default_rng(53)


def near(got, want, terms):
    """Nothing cancels: a relative rounding per product and sum on the longest path, twice for the
    products of the reference."""
    assert abs(got - want) <= 2 * terms * UNIT * want
    return True


def test_an_identity_round_a_branch(rng):
    first, a, b, last = (rng.standard_normal(s) for s in ((3, 2), (4, 3), (3, 4), (2, 3)))
    bias = rng.standard_normal(3)
    got = path_norm([first, Residual([a, (b, bias)]), last])
    graph = Graph()
    units = graph.layer(graph.inputs(2), first)
    units = graph.add(graph.layer(graph.layer(units, a), b, bias), units)
    assert near(got, graph.path_norm(graph.layer(units, last)), 30)


def test_skips_inside_skips_and_with_weights(rng):
    first, a, b, s, last = (
        rng.standard_normal(shape) for shape in ((3, 2), (3, 3), (4, 3), (4, 3), (2, 4))
    )
    got = path_norm([first, Residual([Residual([a]), b], [s]), last])
    graph = Graph()
    units = graph.layer(graph.inputs(2), first)
    inner = graph.add(graph.layer(units, a), units)
    units = graph.add(graph.layer(inner, b), graph.layer(units, s))
    assert near(got, graph.path_norm(graph.layer(units, last)), 30)


def test_a_skip_may_come_first(rng):
    a, kernel = rng.standard_normal((3, 3)), rng.standard_normal((2, 2, 3))
    assert path_norm([Residual([a])]) == path_norm([np.eye(3), Residual([a])])
    assert path_norm([Residual([], [(a, np.ones(3))])]) > path_norm([Residual([a])])
    eye = np.eye(2 * 5)
    same = path_norm([eye, Convolution(np.eye(2)[:, :, None], 5), Residual([Convolution(kernel)])])
    assert path_norm([Residual([Convolution(kernel, 5)])]) == same
    assert path_norm([Residual([Residual([a])])]) == path_norm(
        [np.eye(3), Residual([Residual([a])])]
    )


@pytest.mark.parametrize(("kind", "weight"), [("max", 1.0), ("average", 1 / 3)])
@pytest.mark.parametrize(("stride", "padding"), [(None, 0), (1, 0), (2, 1), (1, 1)])
def test_pooling_of_one_dimension(rng, kind, weight, stride, padding):
    kernel, size = rng.standard_normal((2, 1, 2)), 6
    pooling = pool_matrix(2, size, 3, stride or 3, padding, weight)
    last = rng.standard_normal((2, len(pooling)))
    got = path_norm([Convolution(kernel, size), Pooling(3, kind, stride, padding), last])
    graph = Graph()
    units = graph.layer(graph.inputs(size), as_matrix(kernel, (size,))[0])
    units = graph.layer(graph.layer(units, pooling), last)
    assert near(got, graph.path_norm(units), 40)


def test_pooling_of_two_dimensions_is_that_of_each(rng):
    kernel = rng.standard_normal((2, 1, 2, 2))
    conv, last = as_matrix(kernel, (5, 6))[0], rng.standard_normal((1, 2 * 2 * 3))
    windows = np.zeros((2, 2, 3, 2, 5, 6))
    for c, p, q, i, j in itertools.product(range(2), range(2), range(3), range(3), range(2)):
        windows[c, p, q, c, 2 * p + i, 2 * q + j] = 1
    want = np.abs(last) @ windows.reshape(12, 60) @ np.abs(conv).sum(axis=1)
    got = path_norm([Convolution(kernel, (5, 6)), Pooling((3, 2), stride=2), last])
    assert near(got, want[0], sum(conv.shape) + 30)


def test_bounds_what_a_residual_network_with_pooling_does(rng):
    kernel, a, last = (rng.standard_normal(s) for s in ((2, 1, 3), (6, 6), (2, 6)))
    conv = as_matrix(kernel, (6,))[0]

    def network(x):
        x = np.maximum(conv @ x, 0).reshape(2, 3, 2).max(axis=2).ravel()
        return last @ np.maximum(a @ x + x, 0)

    norm = path_norm([Convolution(kernel, 6), Pooling(2), Residual([a], [np.eye(6)]), last])
    largest = 0.0
    for _ in range(200):
        x, y = rng.standard_normal((2, 6))
        largest = max(largest, np.abs(network(x) - network(y)).sum() / np.abs(x - y).max())
    assert 0 < largest <= norm


def test_does_not_change_when_units_of_a_branch_are_rescaled(rng):
    first, a, b = (rng.standard_normal(s) for s in ((3, 2), (4, 3), (3, 4)))
    scale = np.exp2(rng.integers(-8, 8, 4))  # exact
    got = path_norm([first, Residual([a * scale[:, None], b / scale])])
    assert near(got, path_norm([first, Residual([a, b])]), 30)


def test_refusals(rng):
    w, conv = rng.standard_normal((3, 3)), Convolution(rng.standard_normal((2, 1, 3)), 6)
    for error, layers, *words in (
        (ValueError, [Residual([])], "layers[0]", "weights first"),
        (ValueError, [Pooling(2)], "layers[0]", "layer before"),
        (ValueError, [w, Pooling(2)], "layers[1]", "convolution"),
        (ValueError, [w, Residual([w[:2]])], "layers[1]", "(2,)", "(3,)"),
        (ValueError, [w, Residual([w, w[:, :2]])], "layers[1]: branch[1]", "3 columns"),
        (ValueError, [w, Residual([w], [w[0]])], "layers[1]: shortcut[0]", "matrix"),
        (TypeError, [w, Residual(w)], "layers[1]", "branch", "list"),
        (TypeError, Residual([w]), "layers", "list"),
        (ValueError, [conv, Pooling(7)], "layers[1]", "window", "6 padded places"),
        (ValueError, [conv, Pooling(0)], "layers[1]", "window"),
        (ValueError, [conv, Pooling((2, 2))], "layers[1]", "window", "expected 1"),
        (ValueError, [conv, Pooling(2, "min")], "layers[1]", "kind", "'min'"),
        (ValueError, [conv, Pooling(2, padding=2)], "layers[1]", "padding", "half"),
        (TypeError, [conv, Pooling(2.5)], "layers[1]", "window"),
    ):
        refused(lambda layers=layers: path_norm(layers), error, *words)
