"""The randomised range finder against the exact singular vectors and the bound of Halko,
Martinsson and Tropp, and the small solvers under it."""

import numpy as np
import pytest
from steepest import _core, polar
from steepest.polar.jacobi import eigh
from steepest.polar.orthonormal import orthonormal_rows

from .arrays import assert_same, draw

UNIT = {np.dtype(np.float32): 2.0**-24, np.dtype(np.float64): 2.0**-53}
SHAPES = ((40, 90), (90, 40), (50, 50))


def with_spectrum(sizes, shape, seed, dtype):
    """A random matrix of these singular values."""
    rng = np.random.default_rng(seed)
    left = np.linalg.qr(draw(rng, (shape[0], len(sizes))))[0]
    right = np.linalg.qr(draw(rng, (shape[1], len(sizes))))[0]
    return ((left * sizes) @ right.T).astype(dtype)


def rest(a, p):
    """||A - P P^T A||, or that of the right side, in the spectral norm."""
    a, p = a.astype(np.float64), p.astype(np.float64)
    gone = p @ (p.T @ a) if a.shape[0] < a.shape[1] else a @ p @ p.T
    return np.linalg.norm(a - gone, 2)


def orthonormality(p):
    p = p.astype(np.float64)
    return np.linalg.norm(p.T @ p - np.eye(p.shape[1]), 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("power_iterations", [0, 1, 2])
def test_the_error_is_within_the_bound_of_its_expectation(dtype, shape, power_iterations):
    """Corollary 10.10 for the sketch, plus the singular value that the cut to rank adds (theorem
    9.3). The measured error concentrates below the bound, which is loose by its factor e. Rounding:
    products of up to 90 terms at the size of the largest singular value, 1, thrice per pass."""
    rank, over, q = 6, 8, power_iterations
    sizes = 0.8 ** np.arange(40)
    a = with_spectrum(sizes, shape, 3, dtype)
    p = polar.leading_subspace(a, rank, oversampling=over, power_iterations=q)
    assert p.shape == (min(shape), rank) and p.dtype == dtype
    powers = sizes[rank:] ** (2 * q + 1)
    spread = np.e * np.sqrt(rank + over) / over * np.sqrt((powers**2).sum())
    bound = ((1 + np.sqrt(rank / (over - 1))) * powers[0] + spread) ** (1 / (2 * q + 1))
    rounding = 3 * 96 * UNIT[np.dtype(dtype)]
    assert rest(a, p) <= bound + sizes[rank] + rounding
    assert orthonormality(p) <= 2 * (len(p) + 6) * UNIT[np.dtype(dtype)]
    if q == 2:  # close to the best there is, not only within a loose bound
        assert rest(a, p) <= 1.05 * sizes[rank]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_separated_vectors_are_those_of_the_exact_decomposition(dtype, shape):
    """A gap of 1/2 between singular values, and 1e-3 to what the sketch lacks: by the last of 2
    power iterations that is weighed 1e-15; what rounding turns is unit times products' sizes over
    the least gap, 1/16."""
    sizes = np.array([1, 0.5, 0.25, 0.125, 1e-4, 1e-4, 1e-4])
    a = with_spectrum(sizes, shape, 4, dtype)
    found = polar.leading_subspace(a, 4)
    exact = polar.leading_subspace(a, 4, method="svd")
    assert np.abs(found - exact).max() <= 16 * 4 * 96 * UNIT[np.dtype(dtype)]
    assert (np.take_along_axis(found, np.abs(found).argmax(axis=0)[None], 0) > 0).all()
    assert orthonormality(exact) <= 2 * (len(exact) + 6) * UNIT[np.dtype(dtype)]


def test_the_memory_order_and_a_scale_change_nothing_but_roundings():
    a = with_spectrum(0.5 ** np.arange(20), (30, 50), 5, np.float64)
    wanted = polar.leading_subspace(a, 3)
    for same in (np.asfortranarray(a), a * 2.0**900, a * 2.0**-900):
        assert np.abs(polar.leading_subspace(same, 3) - wanted).max() <= 8 * 3 * 96 * 2.0**-53
    assert_same(np.ascontiguousarray(polar.leading_subspace(a.T, 3)), wanted)


def test_seed_probe_and_tensor_determine_the_sketch_for_any_number_of_threads():
    a = draw(np.random.default_rng(6), (300, 400), np.float32)
    threads, found = _core.get_num_threads(), []
    try:
        for count in (1, 2):
            _core.set_num_threads(count)
            found.append(polar.leading_subspace(a, 20, seed=1, probe=2, tensor=3))
    finally:
        _core.set_num_threads(threads)
    assert_same(*found)
    for name in ("seed", "probe", "tensor"):
        other = {"seed": 1, "probe": 2, "tensor": 3, name: 4}
        assert polar.leading_subspace(a, 20, **other).tobytes() != found[0].tobytes()


@pytest.mark.parametrize("method", ["randomized", "svd"])
@pytest.mark.parametrize("shape", SHAPES)
def test_all_of_a_side_and_matrices_of_less_rank_give_orthonormal_vectors(method, shape):
    for a in (
        draw(np.random.default_rng(7), shape),
        with_spectrum(np.ones(3), shape, 8, np.float64),
        np.zeros(shape),
        np.eye(*shape) * (np.arange(shape[1]) < 2),
    ):
        for rank in (5, min(shape), 1000):
            p = polar.leading_subspace(a, rank, method=method)
            assert p.shape == (min(shape), min(rank, *shape))
            assert orthonormality(p) <= 16 * len(p) * 2.0**-53
            if rank >= min(shape):
                assert rest(a, p) <= 16 * 96 * 2.0**-53 * max(1, np.linalg.norm(a, 2))


@pytest.mark.parametrize("method", ["randomized", "svd"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_gives_nan(method, bad):
    a = draw(np.random.default_rng(9), (8, 12), np.float32)
    a[3, 4] = bad
    assert np.isnan(polar.leading_subspace(a, 2, method=method)).all()


@pytest.mark.parametrize("n", [1, 2, 3, 8, 25, 64])
@pytest.mark.parametrize("kind", ["full", "low", "zero", "diagonal", "graded"])
def test_jacobi_has_values_and_vectors_to_roundoff(n, kind):
    x = draw(np.random.default_rng(n), (n, n))
    if kind == "low":
        x[:, 1:] = 0
    elif kind == "zero":
        x[...] = 0
    elif kind == "diagonal":
        x = np.diag(np.diagonal(x))
    elif kind == "graded":
        x = x * 10.0 ** -np.arange(n)[:, None]
    a = x @ x.T
    a = (a + a.T) / 2
    values, vectors = eigh(a)
    unit = 8 * n * 2.0**-53  # 8 sweeps of n rotations of 2 roundings for each element, in the mean
    scale = np.abs(a).max() * n
    assert values.shape == (n,) and vectors.shape == (n, n)
    assert (np.diff(values) <= 0).all()
    assert np.abs(vectors.T @ vectors - np.eye(n)).max() <= unit
    assert np.abs(a @ vectors - vectors * values).max() <= unit * scale
    assert np.abs(values - np.linalg.eigvalsh(a)[::-1]).max() <= 2 * unit * scale


@pytest.mark.parametrize("kind", ["random", "graded", "repeated", "zeros", "near"])
def test_rows_become_orthonormal_and_keep_their_span(kind):
    rows = draw(np.random.default_rng(10), (7, 60))
    if kind == "graded":
        rows *= 10.0 ** -(4 * np.arange(7))[:, None]
    elif kind == "repeated":
        rows[4] = rows[1]
    elif kind == "zeros":
        rows[[0, 3]] = 0
    elif kind == "near":
        rows[1:] = rows[0] + 1e-6 * rows[1:]
    q = orthonormal_rows(rows, 0, 0)
    assert np.abs(q @ q.T - np.eye(7)).max() <= 8 * 60 * 2.0**-53
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-300)
    # Repeated rows are completed by 2^-30 of random ones, which moves the span by that much.
    bound = 2.0**-29 if kind in ("repeated", "zeros") else 64 * 60 * 2.0**-53
    assert np.abs(unit - unit @ q.T @ q).max() <= bound


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"A": np.zeros(3)}, ValueError, "A: "),
        ({"A": np.zeros((2, 3, 4))}, ValueError, r"A: shape \(2, 3, 4\) given, expected a matrix"),
        ({"A": np.zeros((2, 3), np.float16)}, TypeError, "A: dtype float16 given"),
        ({"A": [[1.0]]}, TypeError, "A: "),
        ({"rank": 0}, ValueError, "rank: 0 given"),
        ({"rank": 2.0}, TypeError, "rank: float given"),
        ({"method": "qr"}, ValueError, "method: 'qr' given, expected one of"),
        ({"oversampling": -1}, ValueError, "oversampling: -1 given"),
        ({"power_iterations": True}, TypeError, "power_iterations: bool given"),
        ({"seed": -1}, ValueError, "seed: -1 given"),
        ({"probe": 2**32}, ValueError, "probe: "),
        ({"tensor": "a"}, TypeError, "tensor: str given"),
    ],
)
def test_what_is_refused(given, error, text):
    arguments = {"A": np.ones((3, 4)), "rank": 2, **given}
    with pytest.raises(error, match=text):
        polar.leading_subspace(arguments.pop("A"), arguments.pop("rank"), **arguments)
