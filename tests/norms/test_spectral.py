"""Arrays, layouts, threads, gradients and singular vectors of the spectral norm."""

import numpy as np
import pytest
from boundary.support import refused
from reference import norms as reference
from steepest import cpu
from steepest.norms import (
    aol_bound,
    dominant_pair,
    frobenius,
    schatten,
    spectral_norm,
    spectral_norm_grad,
)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def test_stacks_and_lists_are_matrix_by_matrix(rng):
    stack = rng.standard_normal((2, 3, 7, 5))
    bound = spectral_norm(stack)
    assert bound.lower.shape == bound.upper.shape == bound.width.shape == (2, 3)
    for index in np.ndindex(2, 3):
        assert (bound.lower[index], bound.upper[index]) == spectral_norm(stack[index])
    mixed = [rng.standard_normal((4, 9)), stack, rng.standard_normal((30, 2)).astype(np.float32)]
    results = spectral_norm(mixed)
    assert results[0] == spectral_norm(mixed[0]) and results[2] == spectral_norm(mixed[2])
    assert (results[1].upper == bound.upper).all()


def test_layouts(rng):
    w = rng.standard_normal((12, 20))
    padded = np.zeros((24, 60))[::2, ::3]
    padded[...] = w
    reverse = w[::-1, ::-1].copy()[::-1, ::-1]
    for same in (np.asfortranarray(w), padded, reverse, w.copy().T.copy().T):
        assert spectral_norm(same) == spectral_norm(w)
    assert spectral_norm(w.T) == spectral_norm(w)


def test_torch(rng):
    torch = pytest.importorskip("torch")
    w = rng.standard_normal((6, 8)).astype(np.float32)
    tensor = torch.from_numpy(w)
    assert spectral_norm(tensor) == spectral_norm(w)
    assert isinstance(spectral_norm_grad(tensor).gradient, torch.Tensor)


def test_same_bits_for_any_thread_count(rng, every_target):
    arrays = [rng.standard_normal(s) for s in ((150, 170), (9, 40, 30), (3, 5), (260, 90))]
    for target in every_target:
        cpu.use(target)
        results = []
        for threads in (1, 2, 5):
            cpu.set_threads(threads)
            bounds = spectral_norm(arrays) + spectral_norm(arrays, rigorous=False)
            pairs = dominant_pair(arrays)
            grads = [g.gradient for g in spectral_norm_grad(arrays)]
            flat = [np.asarray(x).tobytes() for b in [*bounds, *pairs] for x in b]
            results.append(flat + [g.tobytes() for g in grads])
        assert results[0] == results[1] == results[2]


def test_every_target_is_honest(rng, every_target):
    w = rng.standard_normal((120, 140)).astype(np.float32)
    low, high = reference.spectral_norm(w)
    for target in every_target:
        cpu.use(target)
        for tol in (1e-3, 0.0):
            bound = spectral_norm(w, tol=tol)
            assert low <= bound.upper and bound.lower <= high


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (1, 3)])
@pytest.mark.parametrize("iterations", [0, 1, 2, 4, 9])
def test_gradient(rng, shape, iterations):
    w = rng.standard_normal(shape)
    f, wanted = reference.schatten_gradient(w, iterations)
    result = spectral_norm_grad(w, iterations)
    assert result.order == 2 ** (iterations + 1)
    assert result.value == pytest.approx(f, rel=1e-12)
    # An error of the iterate grows with the power that it is taken to.
    np.testing.assert_allclose(result.gradient, wanted, atol=1e-13 * 2**iterations)


@pytest.mark.parametrize("iterations", [0, 1, 3])
def test_gradient_by_finite_differences(rng, iterations):
    """Central differences: (truncation h^2) + (rounding u / h) with h = u^(1/3)."""
    w, h = rng.standard_normal((5, 7)), 2.0**-18
    gradient = spectral_norm_grad(w, iterations).gradient
    for i, j in np.ndindex(5, 7):
        step = np.zeros_like(w)
        step[i, j] = h
        up, down = (spectral_norm_grad(w + s * step, iterations).value for s in (1, -1))
        assert (up - down) / (2 * h) == pytest.approx(gradient[i, j], abs=1e-8)


def test_gradient_of_kinds(rng):
    for dtype in (np.float32, np.float16):
        w = rng.standard_normal((2, 4, 6)).astype(dtype)
        result = spectral_norm_grad(w)
        assert result.gradient.dtype == dtype and result.gradient.shape == w.shape
        assert result.value.shape == (2,)
    assert (spectral_norm_grad(np.zeros((2, 3))).gradient == 0).all()
    assert np.isnan(spectral_norm_grad(np.full((2, 3), np.nan)).gradient).all()
    scaled = rng.standard_normal((3, 3)) * 1e250
    assert spectral_norm_grad(scaled).value == pytest.approx(
        reference.schatten_gradient(scaled, 12)[0], rel=1e-10
    )


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (1, 3), (3, 1)])
def test_dominant_pair(rng, shape):
    w = rng.standard_normal(shape)
    u, s, vt = np.linalg.svd(w)
    pair = dominant_pair(w, tol=1e-14)
    sign = np.sign(pair.u @ u[:, 0])
    np.testing.assert_allclose(pair.u * sign, u[:, 0], atol=1e-10)
    np.testing.assert_allclose(pair.v * sign, vt[0], atol=1e-10)
    assert pair.sigma == pytest.approx(s[0], rel=1e-12)
    assert pair.u @ w @ pair.v == pytest.approx(s[0], rel=1e-12)


def test_dominant_pairs_of_stacks_and_lists(rng):
    stack = rng.standard_normal((3, 4, 6))
    pair = dominant_pair(stack)
    assert pair.u.shape == (3, 4) and pair.v.shape == (3, 6) and pair.sigma.shape == (3,)
    pairs = dominant_pair([stack, stack[1].T])
    assert (pairs[0].u == pair.u).all() and (pairs[1].v == pair.u[1]).all()
    zero = dominant_pair(np.zeros((2, 3)))
    assert (zero.u == 0).all() and (zero.v == 0).all() and zero.sigma == 0


def test_cheap_bounds_are_their_formulas(rng):
    for shape in ((7, 5), (5, 7), (3, 4, 6)):
        w = rng.standard_normal(shape)
        s = np.linalg.svd(w, compute_uv=False)
        gram = w @ w.swapaxes(-2, -1) if shape[-2] <= shape[-1] else w.swapaxes(-2, -1) @ w
        wanted = {
            frobenius: np.sqrt((s**2).sum(-1)),
            aol_bound: np.sqrt(np.abs(gram).sum(-1).max(-1)),
        }
        for function, value in wanted.items():
            np.testing.assert_allclose(function(w).value, value, rtol=1e-12)
        for p in (2, 4, 8, 256):
            value = s[..., 0] * ((s / s[..., :1]) ** p).sum(-1) ** (1 / p)
            np.testing.assert_allclose(schatten(w, p).value, value, rtol=1e-12)
            assert (schatten(w, p).value >= value * (1 - 1e-13)).all()


@pytest.mark.parametrize(
    "function", [spectral_norm, spectral_norm_grad, dominant_pair, frobenius, aol_bound]
)
@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        (np.ones(6), ValueError, ("1 dimensions",)),
        (np.ones((4, 6), np.int64), TypeError, ("int64", "float32")),
        (np.ones((4, 6), np.complex128), TypeError, ("complex128",)),
        (None, TypeError, ("None",)),
        (3.0, TypeError, ("float",)),
    ],
    ids=str,
)
def test_wrong_arrays(function, bad, error, words):
    good = np.ones((4, 6))
    with refused(error, "W: ", *words):
        function(bad)
    with refused(error, "W[1]: ", *words, untouched=[good]):
        function([good, bad])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda w: spectral_norm(w, -1), ValueError, ("iterations: ", "-1", "64")),
        (lambda w: spectral_norm(w, 65), ValueError, ("iterations: ", "65")),
        (lambda w: spectral_norm(w, 2.0), TypeError, ("iterations: ", "float")),
        (lambda w: spectral_norm(w, tol=-1e-3), ValueError, ("tol: ", "-0.001")),
        (lambda w: spectral_norm(w, tol=1.0), ValueError, ("tol: ", "1.0")),
        (lambda w: spectral_norm(w, tol=np.nan), ValueError, ("tol: ", "nan")),
        (lambda w: spectral_norm(w, tol="1"), TypeError, ("tol: ", "str")),
        (lambda w: spectral_norm(w, rigorous=1), TypeError, ("rigorous: ", "int")),
        (lambda w: spectral_norm_grad(w, None), TypeError, ("iterations: ", "None")),
        (lambda w: schatten(w, 3), ValueError, ("p: ", "3", "power of two")),
        (lambda w: schatten(w, 1), ValueError, ("p: ", "1")),
        (lambda w: schatten(w, 4.0), TypeError, ("p: ", "float")),
    ],
    ids=lambda x: x[0] + x[1] if isinstance(x, tuple) else "",
)
def test_wrong_options(call, error, words):
    w = np.ones((4, 6))
    with refused(error, *words, untouched=[w]):
        call(w)


def test_read_only_arrays_are_read(rng):
    w = rng.standard_normal((4, 6))
    w.flags.writeable = False
    assert spectral_norm(w).rigorous and dominant_pair(w).sigma > 0
