"""Spectral norms by device code: the intervals hold, and meet those of the CPU. Emulated on any
machine; on CuPy arrays and torch tensors where there is a device."""

import ml_dtypes
import numpy as np
import pytest
import standin
import steepest
from boundary.device_fakes import KINDS as FAKES
from boundary.device_fakes import emulation
from reference import norms as reference
from steepest import _core, norms

DTYPES = [np.dtype(t) for t in (np.float32, np.float64, ml_dtypes.bfloat16, np.float16)]
# One tile of the products and several, either side short, more rows than a CUDA block has threads.
SHAPES = [(1, 1), (1, 9), (3, 7), (8, 5), (40, 12), (64, 64), (65, 130), (260, 270)]
INTERVAL, ESTIMATE, SCHATTEN, AOL, FROBENIUS = range(5)
# Of the Schatten norm squarings, whose order is 2^(iterations + 2).
FROM_ABOVE = [(FROBENIUS, 0), (AOL, 0), (SCHATTEN, 0), (SCHATTEN, 1), (SCHATTEN, 4)]
UNTIL_TOL = -1


def bounds(kind, w, tol=1e-3, iterations=UNTIL_TOL, method=INTERVAL):
    """(lower, upper) of all matrices, by the kind; the squarings too."""

    def call(w):
        return np.array(_core.spectral_norms([w], False, method, iterations, tol, False)[:3])

    return kind.call(call, w)


def assert_true(w, lower, upper):
    low, high = reference.spectral_norm(w)
    assert (lower <= high).all() and (low <= upper).all() and (lower <= upper).all()


@pytest.mark.parametrize("spectrum", reference.SPECTRA)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_it_holds_and_is_as_narrow_as_asked(kind, spectrum, dtype):
    rng = np.random.default_rng(5)
    for shape in SHAPES[:-1]:
        scale = np.exp(rng.uniform(-3, 3, (3, 1, 1)))
        w = (scale * reference.draw(rng, spectrum, (3, *shape))).astype(dtype)
        for tol in (1e-1, 1e-3, 1e-6):
            lower, upper, _ = bounds(kind, w, tol)
            assert_true(w, lower, upper)
            assert (upper - lower <= tol * upper).all()
            on_cpu = norms.spectral_norm(w, tol=tol)
            assert (lower <= on_cpu.upper).all() and (on_cpu.lower <= upper).all()


@pytest.mark.parametrize("spectrum", ["gaussian", "flat", "clustered"])
def test_more_than_one_tile_and_block(kind, spectrum):
    w = reference.draw(np.random.default_rng(3), spectrum, SHAPES[-1])
    lower, upper, _ = bounds(kind, w)
    assert_true(w, lower, upper)
    assert upper - lower <= 1e-3 * upper


@pytest.mark.parametrize("spectrum", reference.SPECTRA)
def test_against_sixty_digits(kind, spectrum):
    """Where the interval is a few roundings wide, LAPACK's answer is not sharp enough a judge."""
    rng = np.random.default_rng(7)
    for shape in ((1, 4), (3, 3), (5, 2), (6, 9)):
        w = reference.draw(rng, spectrum, shape)
        exact = reference.exact_spectral_norm(w)
        for tol, iterations in ((0.0, UNTIL_TOL), (1e-3, UNTIL_TOL), (0.0, 3), (0.0, 64)):
            lower, upper, _ = bounds(kind, w, tol, iterations)
            assert lower[0] <= exact <= upper[0]
            assert iterations == 3 or tol > 0 or upper - lower <= 1e-10 * upper


def test_the_errors_of_all_products_are_in_the_bound(kind):
    """For rank one every a-priori error is a known multiple of the norm: gamma of the Gram matrix,
    and that of each squaring, which counts half as much as the one before."""
    n, m, levels = 60, 61, 20
    a, b = np.arange(1, n + 1) % 7 - 3.0, np.arange(1, m + 1) % 5 - 2.0
    norm = np.sqrt((a @ a) * (b @ b))  # of an integer
    for t in (0, 1, levels):
        lower, upper, _ = bounds(kind, np.outer(a, b), iterations=t)
        errors = (m + 2) + (n + 2) * (1 - 2.0**-t)
        assert upper[0] >= norm * (1 + 0.5 * 0.99 * errors * 2.0**-53)
        assert lower[0] <= norm * (1 - 0.5 * 0.99 * (m + 2) * 2.0**-53)


@pytest.mark.parametrize("spectrum", ["gaussian", "harmonic", "top_gap", "flat"])
def test_width_by_iteration_is_the_theory_s(kind, spectrum):
    w = reference.draw(np.random.default_rng(1), spectrum, (60, 90))
    for t in range(9):
        wanted_lower, wanted = reference.two_moment_bounds(w, t)
        lower, upper, done = bounds(kind, w, iterations=t)
        # What cancels in the second moment, n^3 roundings of it, before its root and the others.
        cancelled = np.sqrt(60**3 * 2.0**-52) / 2 ** (t + 1)
        assert upper[0] == pytest.approx(wanted, rel=2.0**-26 + cancelled)
        assert upper[0] >= wanted * (1 - 1e-12) and done[0] == t
        assert lower[0] >= wanted_lower * (1 - 1e-9)  # the quotient is at least as good here


def test_every_size_of_iterate(kind):
    """Ends of tiles, of 16-byte groups, of warps."""
    rng = np.random.default_rng(2)
    for n in (*range(1, 18), 31, 32, 33, 63, 65):
        w = rng.standard_normal((n, n + 3))
        for method in (INTERVAL, ESTIMATE):
            lower, upper, _ = bounds(kind, w.astype(np.float32), 1e-2, method=method)
            low, high = reference.spectral_norm(w.astype(np.float32))
            slack = 50 * n * 2.0**-24 if method == ESTIMATE else 0
            assert lower[0] <= high * (1 + slack) and low <= upper[0] * (1 + slack)
            assert upper - lower <= 1e-2 * upper


def test_stacks_and_lists_are_matrix_by_matrix(kind):
    """Bounds in float64 do not depend on what else is in the call."""
    rng = np.random.default_rng(11)
    stack = reference.draw(rng, "top_gap", (2, 3, 7, 5))
    stack[0, 1] = rng.standard_normal((7, 5))
    stack[1, 0] = 0
    mixed = [rng.standard_normal((4, 9)), stack, rng.standard_normal((30, 2)).astype(np.float32)]
    mixed += [np.zeros((0, 3)), rng.standard_normal((5, 7)), rng.standard_normal((9, 4)).T]

    def all_of(*w):
        return np.concatenate([np.ravel(b) for b in norms.spectral_norm(list(w), tol=1e-6)], None)

    def one_by_one(*w):
        return np.concatenate([np.ravel(norms.spectral_norm(x, tol=1e-6)) for x in w], None)

    together = kind.call(all_of, *mixed)
    assert np.array_equal(together, kind.call(one_by_one, *mixed))
    apart = [bounds(kind, stack[i], 1e-6)[:2].ravel() for i in np.ndindex(2, 3)]
    assert np.array_equal(kind.call(one_by_one, stack), np.array(apart).T.ravel())


def layouts(kind, w):
    """Memory, and the view of it that is the matrix: kinds only copy dense arrays."""
    yield np.asfortranarray(w), lambda m: m
    yield np.repeat(w, 2, axis=1), lambda m: m[:, ::2]
    yield np.repeat(w, 3, axis=0), lambda m: m[::3]
    if kind.name != "torch-cuda":
        yield w[::-1].copy(), lambda m: m[::-1]


def test_layouts(kind):
    w = np.random.default_rng(4).standard_normal((12, 70))
    expected = bounds(kind, w)
    for memory, view in layouts(kind, w):
        found = kind.call(lambda m, view=view: np.array(norms.spectral_norm(view(m))), memory)
        assert np.array_equal(found, expected[:2, 0])
    assert np.array_equal(bounds(kind, w.T.copy()), expected)


@pytest.mark.parametrize("exponent", [-1074, -1060, -1022, -997, -500, 500, 997, 1019])
def test_any_scale(kind, exponent):
    w = np.ldexp(np.random.default_rng(4).standard_normal((5, 8)), exponent)
    shift = exponent if exponent > -1000 else -1000
    exact = reference.exact_spectral_norm(np.ldexp(w, -shift))
    lower, upper, _ = bounds(kind, w)
    assert upper[0] > 0 and np.isfinite(upper[0])
    assert np.ldexp(lower[0], -shift) <= exact <= np.ldexp(upper[0], -shift)


def test_elements_of_all_scales_at_once(kind):
    w = np.array([[1e300, 1e-300], [1e-300, 1e300], [5e-324, -1e300]])
    lower, upper, _ = bounds(kind, w)
    exact = reference.exact_spectral_norm(w, 700)
    assert lower[0] <= exact <= upper[0] and upper - lower <= 1e-3 * upper


def test_zero_nan_infinity_empty(kind):
    def stacked(*w):
        return np.concatenate([np.ravel(b) for b in norms.spectral_norm(list(w))], None)

    w = np.ones((6, 3, 4))
    for i, bad in enumerate((np.nan, np.inf, -np.inf, 0)):
        w[i, 1, 2] = bad
    w[3] = 0
    lower, upper = kind.call(stacked, w).reshape(2, 6)
    assert np.isnan(lower[:3]).all() and np.isnan(upper[:3]).all()
    assert lower[3] == upper[3] == 0
    assert (lower[4:] <= np.sqrt(12)).all() and (upper[4:] >= np.sqrt(12)).all()
    assert not kind.call(stacked, np.zeros((0, 4))).any()
    assert kind.call(stacked, np.zeros((0, 3, 4))).shape == (0,)
    huge_lower, huge_upper = kind.call(stacked, np.full((3, 3), 1e308))
    assert huge_upper == np.inf and huge_lower == np.finfo(float).max


def test_estimates_are_near(kind):
    rng = np.random.default_rng(5)
    for spectrum in reference.SPECTRA:
        w = reference.draw(rng, spectrum, (2, 70, 50)).astype(np.float32)
        low, high = reference.spectral_norm(w)
        lower, upper, _ = bounds(kind, w, method=ESTIMATE)
        slack = 70 * 2.0**-24 * 50  # a float32 product's error over its norm, at most
        assert (lower <= high * (1 + slack)).all() and (low <= upper * (1 + slack)).all()
        assert (upper - lower <= 1e-3 * upper).all()


def from_above(w, method, iterations):
    """What the method bounds sigma by, in float64 NumPy."""
    w = w.astype(np.float64)
    if method == AOL:
        w = w if w.shape[-2] <= w.shape[-1] else w.swapaxes(-1, -2)
        return np.sqrt(np.abs(w @ w.swapaxes(-1, -2)).sum(-1).max(-1))
    order = 2 if method == FROBENIUS else 2 ** (iterations + 2)
    singular = np.linalg.svd(w, compute_uv=False)
    return singular.max(-1) * ((singular / singular.max(-1)[..., None]) ** order).sum(-1) ** (
        1 / order
    )


@pytest.mark.parametrize(("method", "iterations"), FROM_ABOVE)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_bounds_from_above(kind, dtype, method, iterations):
    rng = np.random.default_rng(9)
    for spectrum in reference.SPECTRA:
        for shape in SHAPES:
            w = reference.draw(rng, spectrum, (2, *shape)).astype(dtype)
            lower, upper, done = bounds(kind, w, 0.0, iterations, method)
            wanted = from_above(w, method, iterations)
            assert (reference.spectral_norm(w)[0] <= upper).all() and not lower.any()
            # gamma of all terms of a sum of squares, and a few of products and roots.
            np.testing.assert_allclose(upper, wanted, rtol=4 * (w[0].size + 100) * 2.0**-53)
            assert (done == iterations).all()


@pytest.mark.parametrize(("method", "iterations"), FROM_ABOVE)
def test_bounds_from_above_against_sixty_digits(kind, method, iterations):
    """A matrix of rank one, whose bounds by norms equal sigma but for roundings, and one row, where
    all do."""
    rng = np.random.default_rng(10)
    for w in (
        np.outer(rng.standard_normal(5), rng.standard_normal(7)),
        rng.standard_normal((1, 9)),
    ):
        exact = reference.exact_spectral_norm(w)
        upper = bounds(kind, w, 0.0, iterations, method)[1]
        assert exact <= upper[0]
        if method != AOL or len(w) == 1:
            assert upper[0] <= exact * (1 + 1e-13)


@pytest.mark.parametrize(("method", "iterations"), FROM_ABOVE)
def test_bounds_from_above_at_any_scale(kind, method, iterations):
    w = np.random.default_rng(4).standard_normal((5, 8))
    for exponent in (-1074, -1060, -1022, -997, -500, 500, 997, 1018):
        scaled = np.ldexp(w, exponent)
        shift = exponent if exponent > -1000 else -1000
        upper = bounds(kind, scaled, 0.0, iterations, method)[1]
        assert reference.exact_spectral_norm(np.ldexp(scaled, -shift)) <= np.ldexp(upper[0], -shift)
        if exponent > -997:
            wanted = np.ldexp(from_above(w, method, iterations), exponent)
            np.testing.assert_allclose(upper[0], wanted, rtol=1e-13)
    wide = np.array([[1e300, 1e-300], [1e-300, 1e300], [5e-324, -1e300]])
    assert reference.exact_spectral_norm(wide, 700) <= bounds(kind, wide, 0.0, 1, method)[1][0]


@pytest.mark.parametrize(("method", "iterations"), FROM_ABOVE)
def test_bounds_from_above_of_what_has_none(kind, method, iterations):
    w = np.ones((5, 3, 4))
    w[0, 1, 2], w[1, 2, 3], w[2] = np.nan, -np.inf, 0
    lower, upper, _ = bounds(kind, w, 0.0, iterations, method)
    assert np.isnan(upper[:2]).all() and np.isnan(lower[:2]).all()
    assert upper[2] == lower[2] == 0 and (upper[3:] >= np.sqrt(12)).all()
    assert not bounds(kind, np.zeros((2, 0, 3)), 0.0, iterations, method).any()


def test_lists_of_bounds_from_above(kind):
    """Matrices of mixed shapes and dtypes: each as alone."""
    rng = np.random.default_rng(3)
    given = [rng.standard_normal((3, 7, 5)), rng.standard_normal((70, 66)).astype(np.float32)]
    given += [rng.standard_normal((5, 7)).astype(np.float16), rng.standard_normal((9, 4)).T]
    functions = (norms.frobenius, norms.aol_bound, lambda w: norms.schatten(w, 8))

    def together(*w):
        return np.concatenate([np.ravel(v.value) for f in functions for v in f(list(w))], axis=None)

    def alone(*w):
        return np.concatenate([np.ravel(f(x).value) for f in functions for x in w], axis=None)

    found = kind.call(together, *given)
    assert np.array_equal(found, kind.call(alone, *given))
    np.testing.assert_allclose(found, together(*given), rtol=1e-11)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (1, 3), (3, 1), (80, 70)])
def test_dominant_pair(kind, shape):
    w = reference.draw(np.random.default_rng(8), "harmonic", (2, *shape))

    def packed(w):
        pair = norms.dominant_pair(w, tol=1e-13)
        return np.concatenate([pair.u, pair.sigma[:, None], pair.v], axis=-1)

    u, s, vt = np.linalg.svd(w)
    for found, left, sigma, right in zip(kind.call(packed, w), u, s, vt, strict=True):
        mine_left, mine, mine_right = np.split(found, [shape[0], shape[0] + 1])
        sign = np.sign(mine_left @ left[:, 0])
        np.testing.assert_allclose(mine_left * sign, left[:, 0], atol=1e-9)
        np.testing.assert_allclose(mine_right * sign, right[0], atol=1e-9)
        assert mine[0] == pytest.approx(sigma[0], rel=1e-12)


def test_pairs_of_what_has_none(kind):
    def packed(w):
        return np.concatenate([np.ravel(x) for x in norms.dominant_pair(w)], None)

    assert not kind.call(packed, np.zeros((2, 3))).any()
    assert np.isnan(kind.call(packed, np.full((2, 3), np.inf))).all()


@pytest.mark.parametrize("shape", [(3, 5), (40, 30)])
def test_a_bound_that_is_enough(kind, shape):
    w = np.random.default_rng(7).standard_normal((4, *shape))
    _, high = reference.spectral_norm(w)

    def within(w, enough):
        return np.array(_core.spectral_norms([w], False, 0, -1, 1e-6, False, enough)[:2])

    lower, upper = kind.call(within, w, high.max() * 1.5)
    assert_true(w, lower, upper)
    assert (upper <= high.max() * 1.5).all() and (upper - lower > 1e-6 * upper).any()
    lower, upper = kind.call(within, w, high.min() * 0.5)
    assert_true(w, lower, upper)
    assert (upper - lower <= 1e-6 * upper).all()


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (1, 3), (70, 66)])
@pytest.mark.parametrize("iterations", [0, 1, 2, 4, 9])
def test_gradient(kind, shape, iterations):
    w = reference.draw(np.random.default_rng(11), "gaussian", (2, *shape))
    found = kind.call(lambda w: norms.spectral_norm_grad(w, iterations).gradient, w)
    values = kind.call(lambda w: norms.spectral_norm_grad(w, iterations).value, w)
    for matrix, gradient, value in zip(w, found, values, strict=True):
        f, wanted = reference.schatten_gradient(matrix, iterations)
        assert value == pytest.approx(f, rel=1e-12)
        # An error of the iterate grows with the power that it is taken to.
        np.testing.assert_allclose(gradient, wanted, atol=1e-13 * 2**iterations)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_gradients_of_every_dtype(kind, dtype):
    """Rounded once from float64, and some of zero and of what is not finite."""
    w = np.random.default_rng(3).standard_normal((4, 9, 5)).astype(dtype)
    w[1], w[2, 3, 3] = 0, np.nan
    found = kind.call(lambda w: norms.spectral_norm_grad(w, 3).gradient, w)
    wanted = norms.spectral_norm_grad(w, 3).gradient.astype(np.float64)
    unit = {2: 2.0**-7, 4: 2.0**-22, 8: 1e-12}[dtype.itemsize]
    assert not found[1].view(f"u{dtype.itemsize}").any()
    np.testing.assert_allclose(found.view(dtype).astype(np.float64), wanted, rtol=unit, atol=unit)


def test_gradient_of_huge_and_tiny(kind):
    w = np.random.default_rng(5).standard_normal((3, 4))
    expected = norms.spectral_norm_grad(w).gradient
    for factor in (2.0**900, 2.0**-900):
        found = kind.call(lambda w: norms.spectral_norm_grad(w).gradient, w * factor)
        np.testing.assert_allclose(found, expected, rtol=1e-11)
        value = kind.call(lambda w: norms.spectral_norm_grad(w).value, w * factor)
        assert value == pytest.approx(norms.spectral_norm_grad(w).value * factor, rel=1e-12)


# ---- Arrays of other frameworks, under emulation


@pytest.mark.parametrize("name", FAKES)
def test_exporters(name):
    w = np.random.default_rng(0).standard_normal((20, 30)).astype(np.float32)
    with emulation():
        found = norms.spectral_norm(FAKES[name](w))
        with pytest.raises(ValueError, match=r"W\[1\]: array in host memory given"):
            norms.spectral_norm([FAKES[name](w), w])
        with pytest.raises(ValueError, match="W: array of 1 dimensions given"):
            norms.spectral_norm(FAKES[name](w[0]))
        above = [f(FAKES[name](w)) for f in (norms.frobenius, norms.aol_bound)]
        with pytest.raises(ValueError, match=r"W\[1\]: array in host memory given"):
            norms.frobenius([FAKES[name](w), w])
    low, high = reference.spectral_norm(w)
    assert all(bound.kind == "upper" and low <= bound.value for bound in above)
    assert found.rigorous and found.lower <= high and low <= found.upper and found.width <= 1e-3
    assert isinstance(found.lower, float)


def test_stacks_on_a_device():
    w = np.random.default_rng(0).standard_normal((2, 3, 20, 30))
    with emulation(), standin.installed():
        one, stack = norms.spectral_norm([standin.asarray(w[0, 0]), standin.asarray(w)])
        gradient = norms.spectral_norm_grad(standin.asarray(w), 2).gradient
    assert stack.upper.shape == stack.width.shape == (2, 3)
    assert one == (stack.lower[0, 0], stack.upper[0, 0])
    assert isinstance(gradient, standin.ndarray)
    np.testing.assert_allclose(gradient.get(), norms.spectral_norm_grad(w, 2).gradient, rtol=1e-10)


@pytest.mark.skipif(_core.has_cuda(), reason="built with CUDA")
def test_a_build_without_cuda_refuses_device_arrays():
    functions = (norms.spectral_norm, norms.spectral_norm_grad, norms.dominant_pair)
    for function in (*functions, norms.frobenius, norms.aol_bound, norms.power_iteration):
        with pytest.raises(steepest.DeviceError, match="W: "):
            function(FAKES["dlpack"](np.ones((3, 4))))
