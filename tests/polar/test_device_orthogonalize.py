"""orthogonalize by device code: within the bounds of the CPU. Emulated on any machine; on CuPy
arrays and torch tensors where there is a device."""

import ml_dtypes  # noqa: F401 - teaches NumPy the name bfloat16
import numpy as np
import pytest
from boundary.device_fakes import KINDS as FAKES
from boundary.device_fakes import CudaStream, emulation
from reference import polar
from steepest.polar import choose, coefficients, orthogonalize
from steepest.polar.products import gram, multiply, symmetric_product

from .arrays import DTYPES
from .bounds import (
    ROUNDINGS,
    SPECTRA,
    UNIT,
    assert_within,
    draw,
    magnification,
    singular_values,
)
from .test_device_products import Device

SHAPES = ((40, 72), (97, 64))
SMALL = ((12, 20), (20, 12), (6, 6), (1, 9), (9, 1), (1, 1))
NORMALIZATIONS = ("frobenius", "schatten4", "aol", "bound")
by_compute = pytest.mark.parametrize("compute", UNIT)
by_method = pytest.mark.parametrize("method", ("standard", "gram"))


@pytest.fixture
def rng():
    return np.random.default_rng(20261)


def on(kind, g, *arguments, out=None, **options):
    """The result for an array, or for each of a list, on the kind."""
    given = g if isinstance(g, list) else [g]
    result = [np.zeros(x.shape, x.dtype) for x in given] if out is None else out

    def call(g, out):  # arrays among the options stay in host memory
        return orthogonalize(g, *arguments, out=out, **options)

    kind.call(call, given, out=result)
    return result if isinstance(g, list) else result[0]


def assert_accurate(kind, g, name, steps=None, **options):
    choice = choose(g.shape, g.dtype.name, name, steps, **options)
    triples = coefficients.resolve(name, steps)
    assert_within(on(kind, g, name, steps, **options), singular_values(g), triples, choice)


# --- The scalar polynomial


# Cans is not offered in bfloat16.
OFFERED = [(c, n) for c in UNIT for n in coefficients.SETS if (c, n) != ("bfloat16", "cans")]


@pytest.mark.parametrize(("compute", "name"), OFFERED)
@by_method
def test_singular_values(kind, rng, compute, method, name):
    for shape in SHAPES:
        for spectrum in SPECTRA:
            assert_accurate(kind, draw(rng, spectrum, shape, compute), name, method=method)


@pytest.mark.parametrize("compute", ["float32", "bfloat16"])
def test_matrices_that_stay_on_chip(kind, rng, compute):
    """Sides around those that fit, and around groups of rows and columns."""
    for shape in ((1, 32), (31, 33), (64, 64), (65, 3), (17, 64), (127, 128), (128, 128), (1, 129)):
        for name in ("polar_express", "cubic5"):
            g = draw(rng, "gaussian", shape, compute)
            assert_accurate(kind, g, name, method="standard")


def by_products(device, x, triples, restarts):
    """The Gram method, one product at a time."""
    q = None
    for t, (a, b, c) in enumerate(triples):
        if t == 0 or t in restarts:
            x = x if t == 0 else device(multiply, q, x)
            r = device(gram, x)
        z = device(gram, r, r, alpha=c, beta=b)
        if t == 0 or t in restarts:
            q = (z.astype(np.float64) + a * np.eye(len(z))).astype(x.dtype)
        else:
            q = device(symmetric_product, q, z, q, beta=a)
        w = device(symmetric_product, r, z, r, beta=a)
        r = device(symmetric_product, z, w, w, beta=a)
    return device(multiply, q, x)


# The last has more steps than one launch takes.
@pytest.mark.parametrize("name", ["polar_express", "cans", np.tile((1.02, -0.02, 0.0), (40, 1))])
@pytest.mark.parametrize(
    ("dtype", "sides"),
    [("float32", (1, 31, 33, 64, 65, 96, 97, 128, 129)), ("float64", (1, 31, 33, 64, 65))],
)
def test_gram_steps_on_chip_are_the_products(kind, rng, dtype, sides, name):
    """The same bits, for sides around those that fit."""
    for side in sides:
        g = draw(rng, "gaussian", (side, side + 7), dtype)
        bound = float(2.0 ** np.ceil(np.log2(np.linalg.norm(g.astype(np.float64)))))
        result = on(kind, g, name, method="gram", normalization="bound", bound=bound)
        restarts = choose(g.shape, dtype, name, None, "gram").restarts
        triples = coefficients.resolve(name)
        wanted = by_products(Device(kind), g / g.dtype.type(bound), triples, restarts)
        assert np.array_equal(result, wanted)


@by_compute
def test_the_gram_method_around_sides_that_fit_on_chip(kind, rng, compute):
    for shape in ((31, 70), (64, 130), (97, 100), (100, 97), (128, 140), (129, 140)):
        g = draw(rng, "gaussian", shape, compute)
        assert_accurate(kind, g, "polar_express", method="gram")


@by_method
@by_compute
def test_steps_and_restarts(kind, rng, compute, method):
    for steps in (1, 2, 7, 10):
        g = draw(rng, "geometric", (40, 72), compute)
        assert_accurate(kind, g, "polar_express", steps, method=method)


@by_method
@by_compute
def test_singular_vectors(kind, rng, compute, method):
    """In each step some roundings of the size of a unit, each magnified by what follows."""
    triples = coefficients.resolve("cubic5")
    for shape in SHAPES:
        s = np.linspace(1, 2, min(shape))
        g = polar.with_singular_values(rng, shape, s).astype(compute)
        u, s, vt = polar.svd(polar.normalize(g.astype(np.float64)))
        result = on(kind, g, "cubic5", method=method).astype(np.float64)
        limit = ROUNDINGS * len(triples) * UNIT[compute] * magnification(triples, s)
        assert np.linalg.norm(result - (u * polar.scalar(triples, s)) @ vt, 2) <= limit


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@by_method
@by_compute
def test_normalizations(kind, rng, compute, method, normalization):
    triples = coefficients.resolve("you")
    for shape in SHAPES:
        for spectrum in ("gaussian", "spike"):
            g = draw(rng, spectrum, shape, compute)
            norm = float(np.linalg.norm(g.astype(np.float64), 2))
            bound = 1.1 * norm if normalization == "bound" else None
            result = on(kind, g, "you", method=method, normalization=normalization, bound=bound)
            s = singular_values(g, normalization, bound)
            choice = choose(shape, compute, "you", None, method)
            assert_within(result, s, triples, choice, 1 if normalization == "frobenius" else 4)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@by_method
@pytest.mark.parametrize("safety", (1.0, 7.0))
def test_the_whole_matrix(kind, rng, safety, method, normalization):
    """In double, where what the normalisation does to the singular vectors can be seen."""
    triples = coefficients.resolve("polar_express")
    for shape in (*SHAPES, *SMALL):
        g = rng.standard_normal(shape) * np.geomspace(1, 10, shape[0])[:, None]
        bound = 1.1 * float(np.linalg.norm(g, 2)) if normalization == "bound" else None
        x = polar.normalize(g, normalization, bound) / safety
        options = {"normalization": normalization, "bound": bound, "safety": safety}
        result = on(kind, g, method=method, **options)
        np.testing.assert_allclose(result, polar.newton_schulz(x, triples), atol=1e-11)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@by_compute
def test_storage_and_compute_apart(kind, rng, compute, dtype):
    """The result is rounded once more where its type is the shorter one."""
    unit = {"float16": 2.0**-11}.get(dtype.name) or UNIT[dtype.name]
    for method in ("standard", "gram"):
        g = draw(rng, "gaussian", (40, 72), dtype)
        options = {"method": method, "compute": compute}
        result = on(kind, g, "you", **options).astype(np.float64)
        exact = on(kind, g.astype(np.float64), "you", **options)
        assert np.abs(result - exact).max() <= 2 * unit * np.abs(exact).max()


# --- Memory


def layouts(g):
    """The elements of g in several layouts."""
    wide = np.zeros((2 * g.shape[0], 3 * g.shape[1]), g.dtype)
    strided = wide[1::2, 2::3]
    reversed_ = np.zeros_like(g)[::-1, ::-1]
    for view in (np.zeros_like(g), np.zeros(g.shape, g.dtype, "F"), strided, reversed_):
        view[...] = g
        yield view


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_layouts(rng, dtype):
    """The same bits from any layout to any other, and in place. Emulated: kinds copy dense arrays
    only."""
    for shape in ((70, 130), (130, 70), (5, 3)):
        g = draw(rng, "gaussian", shape, dtype)
        with emulation():
            wanted = orthogonalize(g).tobytes()
            for view in layouts(g):
                for result in layouts(np.zeros_like(g)):
                    orthogonalize([view], out=[result])
                    assert result.tobytes() == wanted
                orthogonalize(view, out=view)
                assert view.tobytes() == wanted


def test_a_transposed_matrix_has_the_transposed_result(kind, rng):
    g = draw(rng, "gaussian", (66, 130), np.float32)
    assert np.array_equal(on(kind, g.T.copy()).T, on(kind, g))


@pytest.mark.parametrize("normalization", ("frobenius", "aol", "schatten4"))
@by_method
def test_lists_and_stacks(kind, rng, method, normalization):
    """Matrices do not depend on those beside them: the bits of each by itself."""
    shapes = [(12, 20), (20, 12), (66, 5), (12, 20), (3, 4, 12, 20), (2, 1, 1), (0, 3), (2, 0, 4)]
    dtypes = [DTYPES[i % len(DTYPES)] for i in range(len(shapes))]
    arrays = [rng.standard_normal(s).astype(t) for s, t in zip(shapes, dtypes, strict=True)]
    options = {"method": method, "normalization": normalization}
    results = on(kind, arrays, **options)
    for g, result in zip(arrays, results, strict=True):
        flat = result.reshape(int(np.prod(g.shape[:-2])), *g.shape[-2:])
        for one, found in zip(g.reshape(flat.shape), flat, strict=True):
            assert found.tobytes() == on(kind, one, **options).tobytes()


def test_bounds_by_matrix(kind, rng):
    g = rng.standard_normal((3, 10, 14))
    bounds = [np.array([10.0, 11.0, 12.0]), 9.0]
    options = {"normalization": "bound"}
    results = on(kind, [g, g[0]], bound=bounds, **options)
    for one, bound, found in zip([*g, g[0]], [10.0, 11.0, 12.0, 9.0], [*results[0], results[1]],
                                 strict=True):  # fmt: skip
        assert found.tobytes() == on(kind, one, bound=bound, **options).tobytes()


# --- The ends of the number range


@pytest.mark.parametrize("normalization", ("frobenius", "schatten4", "aol"))
@pytest.mark.parametrize(
    ("dtype", "scale"),
    [
        *(("float32", s) for s in (1e-30, 1e-10, 1e30)),
        *(("bfloat16", s) for s in (1e-30, 1e30)),
        *(("float64", s) for s in (1e-300, 1e-200, 1e-30, 1e30, 1e200, 1e300)),
    ],
)
def test_scales(kind, rng, dtype, scale, normalization):
    triples = coefficients.resolve("you")
    for shape in SMALL:
        for method in ("standard", "gram"):
            g = (rng.standard_normal(shape) * scale).astype(dtype)
            s = singular_values(g, normalization)
            result = on(kind, g, "you", method=method, normalization=normalization)
            choice = choose(shape, dtype, "you", None, method)
            assert_within(result, s, triples, choice, 1 if normalization == "frobenius" else 4)


@pytest.mark.parametrize("powers", [(-1074, -1050), (-600, -400), (-520, -505), (400, 600),
                                    (-1000, 1000), (1020, 1023)])  # fmt: skip
def test_ranges_of_double_that_meet_in_a_matrix(kind, rng, powers):
    """Squares of some elements overflow, or vanish, and those of others do not."""
    low, high = powers
    with np.errstate(under="ignore"):
        g = np.ldexp(rng.uniform(0.5, 1, (24, 70)), rng.integers(low, high, (24, 70)))
    x = polar.normalize(g)
    wanted = polar.newton_schulz(x, coefficients.resolve("you"))
    np.testing.assert_allclose(on(kind, g, "you", method="standard"), wanted, atol=1e-11)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_zero_nan_and_infinity(kind, rng, normalization, dtype):
    """Zero gives zero; others give NaN, each in its own matrix."""
    good = draw(rng, "gaussian", (10, 70), dtype)
    bound = 40.0 if normalization == "bound" else None
    for method in ("standard", "gram"):
        options = {"method": method, "normalization": normalization, "bound": bound}
        wanted = on(kind, good, **options)
        zero = np.zeros_like(good)
        bad = []
        for value in (np.nan, np.inf, -np.inf):
            bad.append(good.copy())
            bad[-1][7, 66] = value
        results = on(kind, [good, zero, *bad, good], **options)
        assert results[0].tobytes() == wanted.tobytes() == results[-1].tobytes()
        assert not results[1].astype(np.float64).any()
        for result in results[2:5]:
            assert np.isnan(result.astype(np.float64)).all()


def test_rows_of_zeros(kind, rng):
    """They stay, and the scales of the others are finite."""
    g = rng.standard_normal((8, 12))
    g[[2, 5]] = 0
    for normalization in ("schatten4", "aol"):
        x = polar.normalize(g, normalization)
        wanted = polar.newton_schulz(x, coefficients.resolve("jordan"))
        result = on(kind, g, "jordan", normalization=normalization)
        np.testing.assert_allclose(result, wanted, atol=1e-12)
        assert not result[[2, 5]].any()


# --- Places


@pytest.mark.parametrize("fake", FAKES)
def test_arrays_that_say_they_are_on_a_device(rng, fake):
    g = rng.standard_normal((9, 14))
    wanted, found = np.zeros_like(g), np.zeros_like(g)
    with emulation():
        orthogonalize(g, out=wanted)
        returned = FAKES[fake](found)
        assert orthogonalize(FAKES[fake](g), out=returned, stream=CudaStream(2)) is returned
    assert found.tobytes() == wanted.tobytes()


def test_arrays_in_different_places(rng):
    g, out = rng.standard_normal((2, 9, 14)), np.zeros((2, 9, 14))
    fake = FAKES["dlpack"]
    expected = "expected one on CUDA device 0 as G"
    with emulation():
        with pytest.raises(ValueError, match=rf"G\[1\]: array in host memory given, {expected}"):
            orthogonalize([fake(g[0]), g[1]], out=[fake(out[0]), out[1]])
        with pytest.raises(ValueError, match=rf"G\[1\]: array on CUDA device 1 given, {expected}"):
            orthogonalize([fake(g[0]), fake(g[1], device=1)], out=[fake(out[0]), fake(out[1])])
        with pytest.raises(ValueError, match=rf"out: array in host memory given, {expected}"):
            orthogonalize(fake(g[0]), out=out[0])
    assert not out.any()


def test_a_stream_for_arrays_in_host_memory(rng):
    g = rng.standard_normal((9, 14))
    with pytest.raises(ValueError, match="stream: given, expected None because G is in host"):
        orthogonalize(g, stream=CudaStream(2))


def test_results_are_of_the_kind_of_the_input(kind, rng):
    g = kind.array(draw(rng, "gaussian", (12, 20), np.float32))
    with kind.running():
        result = orthogonalize(g)
        many = orthogonalize([g, g])
    assert type(result) is type(g) and all(type(x) is type(g) for x in many)
    assert np.array_equal(kind.numpy(result), kind.numpy(many[1]))
    assert_within(
        kind.numpy(result),
        singular_values(kind.numpy(g)),
        coefficients.resolve("polar_express"),
        choose((12, 20), "float32"),
    )
