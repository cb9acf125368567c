"""An example: learning a dictionary by l_p norm maximisation.

Data Y = D X with an orthogonal dictionary D and sparse X. Of all orthogonal A the maximiser of
||A Y||_p^p, p > 2, is D's transpose up to the order and the signs of its rows, since it makes A Y
as spiky as X. The objective is convex, so the generalised power method climbs by A <-
polar(gradient): Zhai et al., arXiv 1906.02435 (p = 4); Shen et al., arXiv 2002.10043 (p = 3).
"""

import numpy as np
import pytest
from reference import polar as ref
from steepest.polar import orthogonalize, polar, products


def planted(rng, n, samples, sparsity):
    """(dictionary, data): Gaussian entries, each there with probability `sparsity`."""
    dictionary = ref.orthonormal(rng, n, n)
    codes = rng.standard_normal((n, samples)) * (rng.random((n, samples)) < sparsity)
    return dictionary, dictionary @ codes


def gradient(a, y, p):
    """Of ||A Y||_p^p / p."""
    codes = products.multiply(a, y)
    return products.multiply(codes * np.abs(codes) ** (p - 2), y.T)


def learn(a, y, p, steps, project):
    """(A, the objective before each step)."""
    values = []
    for _ in range(steps):
        values.append(np.sum(np.abs(a @ y) ** p))
        a = project(gradient(a, y, p))
    return a, np.array(values)


def recovery_error(a, dictionary):
    """How far A D is from a signed permutation, in its largest element."""
    product = np.abs(a @ dictionary)
    matched = np.zeros_like(product)
    matched[np.arange(len(a)), product.argmax(axis=1)] = 1
    if (matched.sum(axis=0) != 1).any():
        return np.inf
    return np.abs(product - matched).max()


@pytest.mark.parametrize("p", [3, 4])
def test_a_planted_dictionary_is_found(p):
    rng = np.random.default_rng(81)
    dictionary, y = planted(rng, n=20, samples=6000, sparsity=0.1)
    start = ref.orthonormal(rng, 20, 20)
    assert recovery_error(start, dictionary) > 0.3
    a, values = learn(start, y, p, 60, lambda g: polar(g).U)
    # The finite sample moves the maximiser: by the standard deviation of an element of the
    # gradient, over the curvature.
    assert recovery_error(a, dictionary) < 4 / np.sqrt(6000 * 0.1)
    assert ref.orthogonality_error(a) <= 1e-14 * 20
    # The power method never descends: the objective is convex.
    assert (np.diff(values) >= -1e-12 * values[-1]).all()
    again = polar(gradient(a, y, p)).U
    assert np.linalg.norm(again - a) <= 1e-6  # a fixed point


def test_a_fast_projection_will_do():
    """As in Muon, the polar factor need not be accurate: eight float32 steps find the same."""
    rng = np.random.default_rng(82)
    dictionary, y = planted(rng, n=20, samples=6000, sparsity=0.1)
    start, data = ref.orthonormal(rng, 20, 20).astype(np.float32), y.astype(np.float32)
    exact, _ = learn(start, data, 3, 60, lambda g: polar(g).U)
    fast, _ = learn(start, data, 3, 60, lambda g: orthogonalize(g, "polar_express", 8))
    assert recovery_error(fast, dictionary) < 4 / np.sqrt(6000 * 0.1)
    assert np.abs(fast - exact).max() < 1e-3


def test_a_stack_of_starts():
    """Several starts in one call; each is what it is alone."""
    rng = np.random.default_rng(83)
    dictionary, y = planted(rng, n=8, samples=2000, sparsity=0.15)
    starts = np.stack([ref.orthonormal(rng, 8, 8) for _ in range(5)])
    data = np.broadcast_to(y, (5, *y.shape))
    a = starts
    for _ in range(40):
        codes = products.multiply(a, data)
        a = polar(products.multiply(codes**3, data.swapaxes(1, 2))).U
    errors = [recovery_error(one, dictionary) for one in a]
    assert min(errors) < 4 / np.sqrt(2000 * 0.15)
    alone, _ = learn(starts[3], y, 4, 40, lambda g: polar(g).U)
    assert np.abs(alone - a[3]).max() <= 1e-9
