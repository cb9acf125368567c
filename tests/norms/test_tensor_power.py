"""Eigenpairs of symmetric tensors against loops, known decompositions and a published example."""

import ml_dtypes
import numpy as np
import pytest
from boundary.support import refused
from reference.norms import tensors
from steepest.norms import symmetric_tensor_power

UNIT = 2.0**-53


@pytest.fixture
def rng():
    return np.random.default_rng(97)


def residual(tensor, pair):
    return np.linalg.norm(tensors.apply(tensor, pair.vector) - pair.value * pair.vector)


@pytest.mark.parametrize(("n", "order"), [(4, 2), (4, 3), (3, 4), (2, 5), (1, 3)])
def test_steps_are_those_of_the_method(rng, n, order):
    t, x = tensors.random(rng, n, order), rng.standard_normal(n)
    for steps in (0, 1, 5):
        got = symmetric_tensor_power(t, start=x, shift=3.0, iterations=steps, tol=0.0)
        value, vector = tensors.shifted_power(t, x, 3.0, steps)
        # Sums of n^order products, at each of the steps; a step does not enlarge them 8 times.
        slack = 8 * (steps + 1) * (n**order + 8) * UNIT * np.abs(t).sum()
        assert abs(got.value - value) <= slack
        assert np.abs(got.vector - vector).max() <= slack
        assert abs(got.residual - residual(t, got)) <= slack
        assert got.iterations == steps or got.residual == 0


@pytest.mark.parametrize(("n", "order"), [(5, 2), (5, 3), (4, 4), (3, 5)])
def test_the_value_never_falls_and_the_residual_vanishes(rng, n, order):
    for _ in range(3):
        t, x = tensors.random(rng, n, order), rng.standard_normal(n)
        values = [
            symmetric_tensor_power(t, start=x, iterations=k, tol=0.0).value for k in range(25)
        ]
        assert np.min(np.diff(values)) >= -(n**order + 8) * 8 * UNIT * np.abs(t).sum()
        end = symmetric_tensor_power(t, start=x, iterations=20000, tol=1e-9)
        assert end.value >= values[-1] - 1e-12
        top = np.linalg.svd(t.reshape(n, -1), compute_uv=False)[0]
        assert residual(t, end) <= 1e-8 * top
        assert abs(np.linalg.norm(end.vector) - 1) <= 8 * UNIT


@pytest.mark.parametrize("order", [3, 4, 5])
def test_an_orthogonal_decomposition_gives_its_vectors(rng, order):
    q = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    weights = [3.0, 2.0, 1.5]
    t = tensors.of_powers(weights, q.T[:3], order)
    found = set()
    for seed in range(12):
        pair = symmetric_tensor_power(t, seed=seed)
        along = np.abs(q.T[:3] @ pair.vector)
        k = int(np.argmax(along))
        assert abs(pair.value - weights[k]) <= 1e-11 and abs(along[k] - 1) <= 1e-11
        assert pair.residual <= 1e-11 * 3
        assert order % 2 == 0 or pair.vector @ q[:, k] > 0
        found.add(k)
    assert len(found) >= 2


def test_the_start_is_a_vector_of_the_decomposition(rng):
    """Six general vectors in five dimensions and order 4: no orthogonality, no eigenvectors; the
    subspace power method finds the vectors themselves, which one power step hardly leaves."""
    vectors = rng.standard_normal((6, 5))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    t = tensors.of_powers(np.ones(6), vectors, 4)
    near = 0
    for seed in range(6):
        pair = symmetric_tensor_power(t, seed=seed, iterations=3000, tol=1e9)  # no shifted step
        assert pair.iterations == 0
        near += np.max(np.abs(vectors @ pair.vector)) > 1 - 1e-9
    assert near >= 4  # the others are local maxima below 1


def test_the_published_example():
    t, found = tensors.KOFIDIS_REGALIA, set()
    for seed in range(10):
        pair = symmetric_tensor_power(t, seed=seed, iterations=5000)
        close = [m for m in tensors.KOFIDIS_REGALIA_MAXIMA if abs(pair.value - m) <= 6e-5]
        assert len(close) == 1 and residual(t, pair) <= 1e-11
        found.add(close[0])
    assert 0.8893 in found


def test_order_two_is_the_largest_eigenvalue(rng):
    t = tensors.random(rng, 6, 2)
    pair = symmetric_tensor_power(t, iterations=20000)
    assert abs(pair.value - np.linalg.eigvalsh(t)[-1]) <= 1e-10


@pytest.mark.parametrize("exponent", [-1000, 1000])
def test_any_scale(rng, exponent):
    t = tensors.random(rng, 3, 3)
    want = symmetric_tensor_power(t)
    got = symmetric_tensor_power(np.ldexp(t, exponent))
    assert np.array_equal(got.vector, want.vector)
    assert got.value == np.ldexp(want.value, exponent) and got.iterations == want.iterations


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
def test_takes_all_dtypes_exactly(rng, dtype):
    t = tensors.random(rng, 3, 3).astype(dtype)
    one, two = symmetric_tensor_power(t), symmetric_tensor_power(t.astype(np.float64))
    assert np.array_equal(one.vector, two.vector) and one.value == two.value


def test_zero_and_one_dimension():
    zero = symmetric_tensor_power(np.zeros((3, 3, 3)))
    assert (zero.value, zero.residual, zero.iterations) == (0.0, 0.0, 0)
    assert abs(np.linalg.norm(zero.vector) - 1) <= 8 * UNIT
    one = symmetric_tensor_power(np.full((1, 1, 1), -2.0))
    assert (one.value, one.vector.tolist()) == (2.0, [-1.0])
    even = symmetric_tensor_power(np.full((1, 1, 1, 1), -2.0))
    assert (even.value, even.residual) == (-2.0, 0.0)


def test_refusals(rng):
    t = tensors.random(rng, 3, 3)
    skew = t.copy()
    skew[0, 1, 2] += 1e-9
    refused(lambda: symmetric_tensor_power(skew), ValueError, "T", "symmetric")
    nearly = t.astype(np.float32)
    nearly[0, 1, 2] *= 1 + 2.0**-23
    assert symmetric_tensor_power(nearly).residual >= 0  # a rounding apart is symmetric
    refused(lambda: symmetric_tensor_power(np.zeros(3)), ValueError, "T", "(3,)")
    refused(lambda: symmetric_tensor_power(np.zeros((3, 4))), ValueError, "T", "equal")
    refused(lambda: symmetric_tensor_power(np.zeros((0, 0))), ValueError, "T")
    refused(lambda: symmetric_tensor_power(np.zeros((2, 2), np.int64)), TypeError, "T", "int64")
    refused(lambda: symmetric_tensor_power([[1.0]]), TypeError, "T", "list")
    refused(lambda: symmetric_tensor_power(np.full((2, 2), np.nan)), ValueError, "T", "NaN")
    refused(lambda: symmetric_tensor_power(t, start=np.zeros(3)), ValueError, "start")
    refused(lambda: symmetric_tensor_power(t, start=np.ones(4)), ValueError, "start", "(4,)")
    refused(lambda: symmetric_tensor_power(t, shift=-1.0), ValueError, "shift")
    refused(lambda: symmetric_tensor_power(t, iterations=-1), ValueError, "iterations")
    refused(lambda: symmetric_tensor_power(t, tol=-1.0), ValueError, "tol")
    refused(lambda: symmetric_tensor_power(t, seed=-1), ValueError, "seed")
