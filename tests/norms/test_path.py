"""The path norm against the sum over all paths, and its invariances."""

import itertools

import ml_dtypes
import numpy as np
import pytest
from boundary.support import refused
from reference.norms.paths import as_matrix
from reference.norms.paths import path_norm as reference
from steepest.norms import Convolution, path_norm

UNIT = 2.0**-53


@pytest.fixture
def rng():
    return np.random.default_rng(47)


def near(got, want, terms):
    """Nothing cancels: a relative rounding per product and sum on the longest path, twice for the
    products of the reference."""
    assert abs(got - want) <= 2 * terms * UNIT * want
    return True


def dense(rng, sizes):
    return [rng.standard_normal((m, n)) for n, m in itertools.pairwise(sizes)]


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("sizes", [(3, 4), (4, 3, 5), (3, 4, 2, 5), (1, 1, 1), (2, 5, 5, 1)])
def test_is_the_sum_over_all_paths(rng, sizes, biased):
    weights = dense(rng, sizes)
    biases = [rng.standard_normal(len(w)) if biased else None for w in weights]
    pairs = list(zip(weights, biases, strict=True))
    assert near(path_norm(pairs if biased else weights), reference(pairs), sum(sizes) + 9)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
def test_takes_all_dtypes_exactly(rng, dtype):
    weights = [w.astype(dtype) for w in dense(rng, (4, 3, 2))]
    bias = rng.standard_normal(3).astype(dtype)
    same = [w.astype(np.float64) for w in weights]
    got = path_norm([(weights[0], bias), weights[1]])
    assert got == path_norm([(same[0], bias.astype(np.float64)), same[1]])


@pytest.mark.parametrize("padding", ["circular", "zeros"])
@pytest.mark.parametrize(("stride", "dilation", "groups"), [(1, 1, 1), (2, 1, 2), (1, 2, 1)])
@pytest.mark.parametrize("size", [(7,), (5, 6)])
def test_convolutions_are_the_matrices_of_their_operators(
    rng, size, padding, stride, dilation, groups
):
    options = {"padding": padding, "stride": stride, "dilation": dilation, "groups": groups}
    kernel = rng.standard_normal((4, 4 // groups, *(3 for _ in size)))
    bias = rng.standard_normal(4)
    matrix, spread = as_matrix(kernel, size, bias, **options)
    head = rng.standard_normal((2, len(matrix)))
    got = path_norm([(Convolution(kernel, size, **options), bias), head])
    # The sum over paths takes too long here: two products with absolute matrices.
    want = np.sum(np.abs(head) @ (np.abs(matrix).sum(axis=1) + np.abs(spread)))
    assert near(got, want, sum(matrix.shape) + 9)


def test_a_small_convolution_over_its_paths(rng):
    kernel = rng.standard_normal((2, 1, 3))
    layers = [as_matrix(kernel, (4,), padding="zeros"), (rng.standard_normal((2, 8)), None)]
    got = path_norm([Convolution(kernel, 4, "zeros"), layers[1][0]])
    assert near(got, reference(layers), 40)


def test_input_size_follows_from_the_layer_before(rng):
    first, second = rng.standard_normal((3, 2, 3, 3)), rng.standard_normal((2, 3, 2, 2))
    given = path_norm([Convolution(first, (8, 6), stride=2), Convolution(second, (4, 3))])
    assert path_norm([Convolution(first, (8, 6), stride=2), Convolution(second)]) == given


def test_a_dense_layer_before_a_convolution_is_reshaped(rng):
    w, kernel = rng.standard_normal((2 * 5, 3)), rng.standard_normal((2, 2, 3))
    got = path_norm([w, Convolution(kernel, 5)])
    matrix, _ = as_matrix(kernel, (5,))
    assert near(got, np.sum(np.abs(matrix) @ np.abs(w).sum(axis=1)), 40)


def test_does_not_change_when_units_are_rescaled(rng):
    a, b, c = dense(rng, (5, 6, 4, 3))
    bias = rng.standard_normal(6)
    scale = np.exp2(rng.integers(-8, 8, 6))  # exact
    got = path_norm([(a * scale[:, None], bias * scale), b / scale, c])
    assert near(got, path_norm([(a, bias), b, c]), 30)


def test_bounds_what_the_network_does(rng):
    layers = dense(rng, (6, 8, 8, 3))

    def network(x):
        for w in layers[:-1]:
            x = np.maximum(w @ x, 0)
        return layers[-1] @ x

    norm = path_norm(layers)
    largest = 0.0
    for _ in range(200):
        x, y = rng.standard_normal((2, 6))
        largest = max(largest, np.abs(network(x) - network(y)).sum() / np.abs(x - y).max())
    assert 0 < largest <= norm


def test_what_is_not_finite_shows():
    assert path_norm([np.full((1, 1), 1e200), np.full((1, 1), 1e200)]) == np.inf
    assert np.isnan(path_norm([np.array([[1.0, np.nan]])]))
    assert path_norm([np.zeros((0, 3))]) == 0.0


def test_refusals(rng):
    w = rng.standard_normal((4, 3))
    kernel = rng.standard_normal((2, 2, 3))
    refused(lambda: path_norm([]), ValueError, "layers")
    refused(lambda: path_norm(w), TypeError, "layers")
    refused(lambda: path_norm([w, w]), ValueError, "layers[1]", "4 columns")
    refused(lambda: path_norm([w, "relu"]), TypeError, "layers[1]", "str")
    refused(lambda: path_norm([w.astype(np.int64)]), TypeError, "layers[0]", "int64")
    refused(lambda: path_norm([w[0]]), ValueError, "layers[0]", "matrix")
    refused(lambda: path_norm([(w, w[0])]), ValueError, "layers[0]", "bias", "(4,)")
    refused(lambda: path_norm([(w, None, None)]), ValueError, "layers[0]", "pair")
    refused(lambda: path_norm([Convolution(kernel)]), ValueError, "layers[0]", "input_size")
    refused(lambda: path_norm([w, Convolution(kernel, 5)]), ValueError, "layers[1]", "(2, 5)")
    two = [Convolution(kernel, 5), Convolution(kernel, 6)]
    refused(lambda: path_norm(two), ValueError, "layers[1]", "(2, 6)")
