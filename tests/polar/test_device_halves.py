"""orthogonalize by tensor cores: products of float16, which devices alone have, and small matrices
of halves that stay on chip. Emulated on any machine; on CuPy arrays and torch tensors where there
is a device."""

import numpy as np
import pytest
from boundary.device_fakes import emulation
from steepest import optim
from steepest.polar import choose, coefficients, orthogonalize
from steepest.polar.products import gram, multiply, symmetric_product

from .arrays import BFLOAT16
from .bounds import SPECTRA, assert_within, draw, singular_values
from .test_device_orthogonalize import on
from .test_device_products import Device

HALVES = (BFLOAT16, np.dtype("float16"))
NORMALIZATIONS = ("frobenius", "schatten4", "aol")
by_half = pytest.mark.parametrize("half", HALVES, ids=str)
by_method = pytest.mark.parametrize("method", ("standard", "gram"))


@pytest.fixture
def rng():
    return np.random.default_rng(20266)


def assert_accurate(kind, g, name, roundings=1, normalization="frobenius", **options):
    choice = choose(g.shape, g.dtype.name, name, None, device=True, **options)
    s = singular_values(g, normalization)
    result = on(kind, g, name, None, normalization=normalization, **options)
    assert_within(result, s, coefficients.resolve(name), choice, roundings)


# --- Products of float16


@pytest.mark.parametrize("name", [name for name in coefficients.SETS if name != "cans"])
@by_method
def test_singular_values_by_products_of_float16(kind, rng, name, method):
    for shape, spectra in (((40, 72), SPECTRA), ((130, 131), ("gaussian",))):
        for spectrum in spectra:
            g = draw(rng, spectrum, shape, np.float32)
            assert_accurate(kind, g, name, method=method, compute="float16")


@by_method
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_normalizations_in_float16(kind, rng, normalization, method):
    """The iterate is rounded once more where the Gram matrix rescales it."""
    roundings = 1 if normalization == "frobenius" else 4
    for shape in ((12, 20), (70, 40), (131, 129)):
        g = draw(rng, "gaussian", shape, np.float32)
        options = {"method": method, "compute": "float16", "normalization": normalization}
        assert_accurate(kind, g, "you", roundings, **options)


def test_float16_has_more_digits_than_bfloat16(kind, rng):
    """Both rounded from one exact result; eight times as many by the width of the fractions."""
    g = draw(rng, "gaussian", (40, 60), np.float64)
    for method in ("standard", "gram"):
        exact = on(kind, g, "cubic5", method=method)
        errors = [
            np.abs(on(kind, g, "cubic5", method=method, compute=compute) - exact).max()
            for compute in ("float16", "bfloat16")
        ]
        assert 0 < 4 * errors[0] < errors[1]


@pytest.mark.parametrize("scale", (1e-30, 1e30))
def test_scales(kind, rng, scale):
    """Normalised in double, before anything is rounded."""
    for shape in ((12, 20), (20, 3), (64, 150)):
        g = (rng.standard_normal(shape) * scale).astype(np.float32)
        for method in ("standard", "gram"):
            assert_accurate(kind, g, "you", method=method, compute="float16")


def muon(params, compute):
    return optim.Muon(params, lr=0.1, compute=compute)


def scion(params, compute):
    return optim.Scion(params, lr=0.1, norm="Spectral", norm_options={"compute": compute})


@pytest.mark.parametrize("make", (muon, scion))
def test_optimizers_by_products_of_float16(rng, make):
    """On a device; in host memory it is refused before anything is stepped."""
    start, gradient = rng.standard_normal((2, 12, 20)).astype(np.float32)
    stepped = {"float32": start.copy(), "float16": start.copy()}
    with emulation():
        for compute, weights in stepped.items():
            make([weights], compute).step([gradient])
    moved = np.abs(stepped["float32"] - start).max()
    assert 0 < np.abs(stepped["float16"] - stepped["float32"]).max() < 0.02 * moved
    before = start.copy()
    with pytest.raises(ValueError, match="compute: 'float16' given, expected one of"):
        make([start], "float16").step([gradient])
    assert np.array_equal(start, before)


# --- On chip


def by_products(device, x, triples):
    """The standard form, one product at a time."""
    for a, b, c in triples:
        z = device(gram, x)
        if c != 0:
            z = device(symmetric_product, z, z, z, alpha=c, beta=b)
        x = device(multiply, z, x, x, alpha=1.0 if c != 0 else b, beta=a)
    return x


@by_half
@pytest.mark.parametrize("name", ("polar_express", "cubic5"))
def test_steps_on_chip_are_the_products(kind, rng, half, name):
    """The same bits, for sides around those that fit and around fragments of 8 and 16."""
    triples = coefficients.resolve(name)
    shapes = ((1, 1), (7, 9), (16, 17), (33, 64), (64, 64), (65, 66), (17, 128), (127, 127))
    for shape in (*shapes, (128, 128), (30, 129)):
        g = draw(rng, "gaussian", shape, half)
        bound = float(2.0 ** np.ceil(np.log2(np.linalg.norm(g.astype(np.float64)))))
        options = {"normalization": "bound", "bound": bound, "compute": half.name}
        result = on(kind, g, name, method="standard", **options)
        x = (g.astype(np.float64) / bound).astype(half)
        assert np.array_equal(result, by_products(Device(kind), x, triples))


@by_half
def test_matrices_that_stay_on_chip(kind, rng, half):
    for shape in ((1, 32), (31, 33), (65, 3), (64, 64), (100, 128)):
        for spectrum in SPECTRA[:3]:
            g = draw(rng, spectrum, shape, half)
            options = {"method": "standard", "compute": half.name}
            assert_accurate(kind, g, "polar_express", **options)


@by_half
@pytest.mark.parametrize("dtype", ["float64", "float32", BFLOAT16, "float16"], ids=str)
def test_storage_and_layouts_of_matrices_on_chip(rng, half, dtype):
    """The same bits from rows and from columns, and in place."""
    for shape in ((60, 33), (33, 60), (100, 120)):
        g = draw(rng, "gaussian", shape, dtype)
        options = {"method": "standard", "compute": half.name}
        with emulation():
            wanted = orthogonalize(g, **options)
            columns = np.asfortranarray(g)
            assert np.array_equal(orthogonalize(columns, **options), wanted)
            orthogonalize(columns, out=columns, **options)
        assert np.array_equal(columns, wanted)


@by_half
def test_zero_nan_and_infinity_on_chip(kind, rng, half):
    """Each in its own matrix, beside good ones."""
    for shape in ((10, 30), (90, 100)):
        good = draw(rng, "gaussian", shape, half)
        bad = [good.copy() for _ in range(2)]
        bad[0][7, 6], bad[1][3, 29] = np.nan, np.inf
        options = {"method": "standard", "compute": half.name}
        wanted = on(kind, good, **options)
        results = on(kind, [good, np.zeros_like(good), *bad, good], **options)
        assert results[0].tobytes() == wanted.tobytes() == results[-1].tobytes()
        assert not results[1].astype(np.float64).any()
        for result in results[2:4]:
            assert np.isnan(result.astype(np.float64)).all()


def test_a_step_that_changes_nothing(kind, rng):
    """The normalised matrix, rounded once."""
    g = draw(rng, "gaussian", (20, 30), np.float64)
    result = on(kind, g, [[1.0, 0.0, 0.0]], compute="float16", method="standard")
    wanted = (g / np.linalg.norm(g)).astype(np.float16).astype(np.float64)
    np.testing.assert_array_equal(result, wanted)
