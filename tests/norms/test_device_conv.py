"""Convolutions by device code: the intervals hold and meet those of the CPU. Emulated on any
machine; on CuPy arrays and torch tensors where there is a device."""

import itertools

import ml_dtypes
import numpy as np
import pytest
import standin
import steepest
from boundary.device_fakes import KINDS as FAKES
from boundary.device_fakes import emulation
from reference.norms.conv import conv_matrix, norm_range
from steepest import _core, norms
from steepest.norms import conv_check, conv_device, conv_weights
from steepest.norms.conv_weights import DeviceWeights, HostWeights
from steepest.polar.layout import permuted

UNIT = 2.0**-53
# Kernel, size, the rest: inputs that taps go round, strides that do and do not divide the size.
LINES = [
    ((2, 3, 3), 6, {}),
    ((4, 2, 3), 6, {"stride": 2}),
    ((3, 2, 4), 5, {"stride": 3, "dilation": 2}),
    ((4, 1, 5), 3, {"groups": 2}),
    ((1, 1, 1), 4, {}),
    ((3, 4, 1), 5, {"stride": 2}),
]
PLANES = [
    ((2, 3, 3, 3), (4, 5), {}),
    ((4, 1, 3, 2), (5, 4), {"groups": 2, "dilation": 2}),
    ((2, 2, 2, 3), (5, 6), {"stride": 2}),
    ((2, 1, 3, 3), (7, 3), {"stride": 3}),
]
CASES = LINES + PLANES


def bound_of(kind, kernel, *args, **options):
    """SpectralBound by the kind."""
    found = kind.call(lambda k: np.array(norms.conv_spectral_norm(k, *args, **options)), kernel)
    return norms.SpectralBound(*found)


def meet(a, b):
    return a.lower <= b.upper and b.lower <= a.upper


def sizes(size, kernel):
    return (size,) * (kernel.ndim - 2) if isinstance(size, int) else size


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.mark.parametrize("padding", ["circular", "zeros"])
@pytest.mark.parametrize("shape,size,options", CASES)
def test_it_holds_and_meets_the_cpu(kind, rng, padding, shape, size, options):
    options = {"padding": padding, **options}
    kernel = rng.standard_normal(shape)
    bound = bound_of(kind, kernel, size, **options)
    low, high = norm_range(kernel, sizes(size, kernel), **options)
    assert bound.lower <= high and low <= bound.upper
    on_cpu = norms.conv_spectral_norm(kernel, size, **options)
    assert meet(bound, on_cpu)
    assert bound.width <= on_cpu.width + 2e-3
    stride = options.get("stride", 1)
    if padding == "circular" and not any(n % stride for n in sizes(size, kernel)):
        assert bound.width <= 1e-3


@pytest.mark.parametrize("shape,size,options", CASES)
def test_all_sizes(kind, rng, shape, size, options):
    kernel = rng.standard_normal(shape)
    bound = bound_of(kind, kernel, **options)
    assert bound.width <= 1e-3 and meet(bound, norms.conv_spectral_norm(kernel, **options))
    zeros = norm_range(kernel, sizes(size, kernel), padding="zeros", **options)
    assert zeros[0] <= bound.upper


def test_tol_and_iterations(kind, rng):
    kernel = rng.standard_normal((4, 3, 3, 3))
    low, high = norm_range(kernel, (5, 5))
    for options in ({"tol": 1e-9}, {"tol": 1e-1}, {"iterations": 1}, {"iterations": 8}):
        bound = bound_of(kind, kernel, 5, **options)
        assert bound.lower <= high and low <= bound.upper
        assert bound.width <= options.get("tol", 1)
    widths = [bound_of(kind, kernel, 5, iterations=t).width for t in (1, 4, 12)]
    assert widths[0] > widths[1] > widths[2]


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
def test_dtypes(kind, rng, dtype):
    kernel = rng.standard_normal((3, 2, 3)).astype(dtype)
    for padding in ("circular", "zeros"):
        found = bound_of(kind, kernel, 8, padding)
        assert found == bound_of(kind, kernel.astype(np.float64), 8, padding)


def test_layouts(kind, rng):
    kernel = rng.standard_normal((3, 2, 4, 3))
    expected = bound_of(kind, kernel, 6)
    last = np.ascontiguousarray(np.moveaxis(kernel, 1, -1))
    for memory, view in (
        (np.asfortranarray(kernel), lambda k: k),
        (last, lambda k: permuted(k, [0, 3, 1, 2])),
        (np.repeat(kernel, 2, axis=2), lambda k: k[:, :, ::2]),
    ):
        found = kind.call(lambda k, v=view: np.array(norms.conv_spectral_norm(v(k), 6)), memory)
        assert tuple(found) == expected


def test_scales(kind, rng):
    kernel = rng.standard_normal((3, 2, 3))
    for size, padding in ((6, "circular"), (6, "zeros"), (None, "circular")):
        bound = bound_of(kind, kernel, size, padding)
        for exponent in (-1000, 1000):
            scaled = bound_of(kind, np.ldexp(kernel, exponent), size, padding)
            assert scaled.lower == np.ldexp(bound.lower, exponent)
            assert scaled.upper == np.ldexp(bound.upper, exponent)
    tiny = bound_of(kind, np.full((1, 1, 3), 5e-324), 8)
    assert tiny.lower <= 1.5e-323 <= tiny.upper
    assert bound_of(kind, np.full((1, 1, 3), 1e308), 8).upper == np.inf


def test_zero_empty_nan(kind):
    for padding in ("circular", "zeros"):
        assert bound_of(kind, np.zeros((2, 3, 3)), 5, padding) == (0, 0)
        assert bound_of(kind, np.zeros((0, 3, 3)), 5, padding) == (0, 0)
        assert bound_of(kind, np.zeros((3, 0, 3, 3)), 5, padding) == (0, 0)
        for bad in (np.nan, np.inf, -np.inf):
            kernel = np.ones((2, 2, 3))
            kernel[1, 0, 2] = bad
            assert np.isnan(bound_of(kind, kernel, 5, padding)).all()


@pytest.mark.parametrize("padding", ["circular", "zeros"])
@pytest.mark.parametrize("shape,size,options", CASES)
def test_the_operator_is_the_matrix(kind, rng, padding, shape, size, options):
    """A x and A^T y within gamma |A| |x|, and what the bound takes the norm of |A| for."""
    kernel = rng.standard_normal(shape)
    size = sizes(size, kernel)
    matrix = conv_matrix(kernel, size, padding=padding, **options)
    x, y = rng.standard_normal(matrix.shape[1]), rng.standard_normal(matrix.shape[0])
    groups = options.get("groups", 1)
    padded = np.zeros((groups, kernel.shape[1], *(n + 1 for n in size)))
    places = tuple(slice(n) for n in size)
    padded[(..., *places)] = x.reshape(groups, -1, *size)
    padded[(..., *(-1 for _ in size))] = 7.0  # does not count

    def applied(kernel):
        operator = operator_of(kernel)
        taken = operator.take(padded)
        assert operator.length(taken) == pytest.approx(np.linalg.norm(x), rel=1e-14)
        return operator.apply(operator.over(taken, 2.0))

    def transposed(kernel):
        operator = operator_of(kernel)
        outputs = operator.apply(operator.take(padded))
        there = conv_device.doubles(outputs)
        steepest._arrays.assign(there, y.reshape(tuple(outputs.shape)))
        operator.adjoint(conv_device.doubles(there, 3))  # nothing of it stays
        return operator.adjoint(there)

    def operator_of(kernel):
        weights = conv_weights.read(kernel, groups)
        assert isinstance(weights, DeviceWeights)
        plain = {name: options.get(name, 1) for name in ("stride", "dilation")}
        geometry = conv_check.geometry(weights.shape, size, padding, **plain)
        symbol = weights.symbol(0, (1,) * len(size), geometry.dilation)
        operator = weights.operator(symbol, geometry)
        assert operator.stretch >= np.linalg.norm(np.abs(matrix), 2) * (1 - 1e-12)
        return operator

    gamma = 2 * (max(matrix.shape) + 8) * UNIT
    for found, a, v in (
        (kind.call(applied, kernel), matrix, x / 2),
        (kind.call(transposed, kernel), matrix.T, y),
    ):
        assert (np.abs(found.ravel() - a @ v) <= gamma * (np.abs(a) @ np.abs(v))).all()


@pytest.mark.parametrize("shape,size,options", CASES)
def test_gradient(kind, rng, shape, size, options):
    kernel = rng.standard_normal(shape)

    def found(part):
        return kind.call(
            lambda k: getattr(norms.conv_spectral_norm_grad(k, size, **options), part), kernel
        )

    wanted = norms.conv_spectral_norm_grad(kernel, size, **options)
    assert found("value") == pytest.approx(wanted.value, rel=1e-11)
    np.testing.assert_allclose(found("gradient"), wanted.gradient, atol=1e-9)


def test_gradient_of_what_has_none(kind):
    def gradient(kernel):
        return norms.conv_spectral_norm_grad(kernel, 5).gradient

    assert not kind.call(gradient, np.zeros((2, 2, 3), np.float32)).any()
    assert np.isnan(kind.call(gradient, np.full((2, 2, 3), np.nan))).all()
    assert kind.call(gradient, np.zeros((0, 2, 3))).shape == (0, 2, 3)


def test_lipschitz(kind, rng):
    kernel, dense = rng.standard_normal((3, 2, 3)), rng.standard_normal((5, 18))

    def bound(kernel, dense):
        return norms.lipschitz_bound([norms.Convolution(kernel, 6), dense]).value

    product = np.linalg.norm(conv_matrix(kernel, (6,)), 2) * np.linalg.norm(dense, 2)
    assert product * (1 - 1e-12) <= kind.call(bound, kernel, dense) <= product * (1 + 1.1e-3) ** 2


@pytest.mark.parametrize(
    "error,name,shape,options",
    [
        (ValueError, "kernel: shape", (2, 2), {}),
        (ValueError, "kernel: shape", (2, 2, 0), {}),
        (ValueError, "groups: 3 given", (2, 2, 4), {"groups": 3}),
        (ValueError, "stride", (2, 2, 4), {"stride": 0}),
        (ValueError, "padding", (2, 2, 4), {"padding": "reflect"}),
        (ValueError, "input_size", (2, 2, 4), {"input_size": (4, 4)}),
        (ValueError, "tol", (2, 2, 4), {"tol": 1.0}),
        (ValueError, "iterations", (2, 2, 4), {"iterations": 65}),
    ],
)
def test_wrong_calls_say_what_they_say_on_the_cpu(kind, error, name, shape, options):
    options = {"input_size": 5, **options}
    with pytest.raises(error, match=name) as on_cpu:
        norms.conv_spectral_norm(np.ones(shape), **options)
    with pytest.raises(error, match=name) as there:
        bound_of(kind, np.ones(shape), **options)
    assert str(there.value) == str(on_cpu.value)


# ---- Arrays of other frameworks, under emulation


def test_cupy_arrays(rng):
    """Everything stays in the framework's arrays, which convert to NumPy only when asked."""
    for (shape, size, options), padding in itertools.product(CASES, ("circular", "zeros")):
        kernel = rng.standard_normal(shape).astype(np.float32)
        with emulation(), standin.installed():
            given = standin.asarray(kernel)
            assert isinstance(conv_weights.read(given, options.get("groups", 1)), DeviceWeights)
            found = norms.conv_spectral_norm(given, size, padding, **options)
            gradient = norms.conv_spectral_norm_grad(given, size, padding, **options).gradient
        assert isinstance(gradient, standin.ndarray) and gradient.dtype == np.float32
        assert isinstance(found.lower, float) and found.rigorous
        assert meet(found, norms.conv_spectral_norm(kernel, size, padding, **options))


def test_host_arrays_stay_on_the_host():
    assert isinstance(conv_weights.read(np.ones((2, 2, 3)), 1), HostWeights)


@pytest.mark.skipif(_core.has_cuda(), reason="built with CUDA")
def test_a_build_without_cuda_refuses_device_arrays():
    for call in (norms.conv_spectral_norm, norms.conv_spectral_norm_grad):
        with pytest.raises(steepest.DeviceError, match="kernel: "):
            call(FAKES["dlpack"](np.ones((2, 2, 3))), 5)


def test_rescaling_works_in_host_memory():
    with emulation(), standin.installed(), pytest.raises(steepest.DeviceError, match="kernel: "):
        norms.spectral_rescaling(standin.asarray(np.ones((2, 2, 3))))
