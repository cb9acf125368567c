"""The bound of a sequence of layers against the product of explicit matrices."""

from __future__ import annotations

import numpy as np
import pytest
from reference.norms.conv import conv_matrix
from steepest.norms import Convolution, lipschitz_bound


def test_above_the_product_of_the_matrices_and_no_wider_than_tol():
    rng = np.random.default_rng(2)
    first, second = rng.standard_normal((3, 2, 3)), rng.standard_normal((4, 3, 3))
    dense = rng.standard_normal((5, 16))
    layers = [Convolution(first, 8), 0.5, Convolution(second, 8, stride=2), dense]
    matrices = [conv_matrix(first, (8,)), conv_matrix(second, (8,), stride=2), dense]
    bound = lipschitz_bound(layers)
    assert bound.kind == "upper"
    together = 0.5 * np.linalg.norm(matrices[2] @ matrices[1] @ matrices[0], 2)
    assert together <= bound.value
    product = 0.5 * np.prod([np.linalg.norm(m, 2) for m in matrices])
    assert product * (1 - 1e-12) <= bound.value <= product * (1 + 1.1e-3) ** 3


def test_edges():
    big = np.diag([1e200, 1.0])
    assert lipschitz_bound([]).value >= 1
    assert lipschitz_bound([np.zeros((2, 3)), 2.0, big]).value == 0
    assert lipschitz_bound([big, big, 1e-300]).value == pytest.approx(1e100, rel=1e-3)
    assert lipschitz_bound([big, big]).value == np.inf
    assert np.isnan(lipschitz_bound([np.array([[np.nan]]), 2.0]).value)


@pytest.mark.parametrize(
    "error,message,layers",
    [
        (TypeError, "layers: ", np.ones((2, 2))),
        (ValueError, r"layers\[1\]: number: -1", [1.0, -1.0]),
        (ValueError, r"layers\[0\]: shape", [np.ones((2, 2, 3))]),
        (TypeError, r"layers\[0\]: .*int32", [np.ones((2, 2), np.int32)]),
        (ValueError, r"layers\[0\]: padding", [Convolution(np.ones((1, 1, 3)), 5, "same")]),
        (TypeError, r"layers\[0\]: ", ["relu"]),
    ],
)
def test_wrong_calls(error, message, layers):
    with pytest.raises(error, match=message):
        lipschitz_bound(layers)
