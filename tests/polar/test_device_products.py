"""Matrix products by device code: values with bounds, symmetry, by-products, strides, stacks,
outputs, errors. Emulated on any machine; on CuPy arrays and torch tensors where there is a
device."""

import numpy as np
import pytest
import standin
import steepest
from boundary.device_fakes import KINDS as FAKES
from boundary.device_fakes import CudaStream, emulation
from boundary.support import bits, refused
from steepest.polar.products import gram, multiply, symmetric_product

from .arrays import BFLOAT16, DTYPES, draw

# Of the sums; tensor cores cut off what they shift out, up to nine terms for every eight products.
UNIT = {"float64": 2.0**-53, "float32": 2.0**-24, "bfloat16": 3 * 2.0**-24, "float16": 3 * 2.0**-24}
STORED = {"bfloat16": 2.0**-8, "float16": 2.0**-11}  # relative rounding of a result
by_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


@pytest.fixture
def rng():
    return np.random.default_rng(23)


class Device:
    """Calls of product functions on arrays of a kind, from and to NumPy."""

    def __init__(self, kind):
        self.kind = kind

    def __call__(self, function, *arrays, out=None, sums=False, **options):
        placed = [None if a is None else self.kind.array(a) for a in arrays]
        with self.kind.running():
            there = {} if out is None else {"out": self.kind.array(out)}
            if sums:
                there["sums"] = True
            result = function(*placed, **options, **there)
            c, found = result if sums else (result, None)
            host = self.kind.numpy(c)
            if sums:
                return host, type(found)(*map(self.kind.numpy, found))
        return host


@pytest.fixture
def device(kind):
    return Device(kind)


def transposed(x):
    return np.swapaxes(x, -1, -2)


def wide(x):
    return np.asarray(x).astype(np.float64)


def assert_product(c, a, b, d=0.0, alpha=1.0, beta=1.0, gamma=0.0):
    """Element by element within (k + 6) u of the sum of the absolute terms."""
    unit = UNIT[a.dtype.name]
    k = a.shape[-1]
    a, b = wide(a), wide(b)
    identity = gamma * np.eye(a.shape[-2], b.shape[-1])
    exact = alpha * (a @ b) + beta * d + identity
    size = abs(alpha) * (abs(a) @ abs(b)) + abs(beta * d) + abs(identity)
    error = (k + 6) * unit * size
    if c.dtype.name in STORED:
        smallest = 2.0**-25 if c.dtype == np.float16 else 0
        error += STORED[c.dtype.name] * (abs(exact) + error) + smallest
    error += 4 * UNIT["float64"] * k * size  # the reference's own
    assert c.shape == exact.shape and np.all(abs(wide(c) - exact) <= error)


def assert_symmetric(c):
    assert bits(c) == bits(np.ascontiguousarray(transposed(c)))


SHAPES = [(1, 1), (5, 9), (33, 17), (2, 3, 20, 70), (40, 1300), (200, 3), (100, 20, 24)]


@by_dtype
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gram(device, rng, shape, dtype):
    a = draw(rng, shape, dtype)
    c, sums = device(gram, a, sums=True)
    assert c.dtype == dtype
    assert_product(c, a, transposed(a))
    assert_symmetric(c)
    tolerance = 2.0**-7 if dtype.itemsize == 2 else 1e-12
    exact = wide(c)
    trace = np.trace(exact, axis1=-2, axis2=-1)
    assert np.all(abs(sums.trace - trace) <= tolerance * trace)  # all terms are positive
    squares = np.sum(exact**2, axis=(-2, -1))
    assert sums.squares.shape == shape[:-2]
    assert np.all(abs(sums.squares - squares) <= 2 * tolerance * squares)


@by_dtype
def test_updates(device, rng, dtype):
    a, d = draw(rng, (3, 70, 7), dtype), draw(rng, (3, 70, 70), dtype)
    d = d + transposed(d)
    options = {"alpha": -0.5, "beta": 2.0, "gamma": 3.0}
    assert_product(device(gram, a, d, **options), a, transposed(a), wide(d), **options)
    assert_product(device(gram, a, d), a, transposed(a), wide(d))
    assert_product(device(gram, a, gamma=-1.0), a, transposed(a), gamma=-1.0)
    b, e = draw(rng, (3, 7, 5), dtype), draw(rng, (3, 70, 5), dtype)
    assert_product(device(multiply, a, b, e, **options), a, b, wide(e), **options)


@by_dtype
def test_addends(device, rng, dtype):
    """D may be C; its upper triangle is not read; beta 0 reads nothing of it."""
    a, d = draw(rng, (80, 9), dtype), draw(rng, (80, 80), dtype)
    d = np.tril(d) + np.tril(d, -1).T
    wanted = device(gram, a, d, alpha=0.5)
    spoilt = np.where(np.tri(80) > 0, d, np.nan).astype(dtype)
    assert bits(device(gram, a, spoilt, alpha=0.5)) == bits(wanted)
    kind = device.kind
    for function, arrays in ((gram, (a,)), (multiply, (a, np.ascontiguousarray(a.T)))):
        apart = device(function, *arrays, d)
        with kind.running():
            c = kind.array(d)
            assert function(*map(kind.array, arrays), c, out=c) is c
            assert bits(kind.numpy(c)) == bits(apart)
    nan = np.full_like(d, np.nan)
    assert bits(device(gram, a, nan, beta=0.0)) == bits(device(gram, a))


@by_dtype
def test_symmetric_product(device, rng, dtype):
    """Integers, so that all is exact and commutes to the last bit."""
    a = rng.integers(-2, 3, (2, 90, 90))
    a = np.tril(a) + transposed(np.tril(a, -1))
    eye = np.eye(90, dtype=int)
    b = (2 * a + 3 * eye).astype(dtype)
    exact = a @ (2 * a + 3 * eye)
    c, sums = device(symmetric_product, a.astype(dtype), b, sums=True)
    assert np.array_equal(c, exact.astype(dtype))
    assert np.array_equal(sums.trace, np.trace(exact, axis1=1, axis2=2))
    assert np.array_equal(sums.squares, np.sum(exact**2, axis=(1, 2)))


@by_dtype
@pytest.mark.parametrize(
    "shapes",
    [((4, 6), (6, 3)), ((5, 2, 9), (5, 9, 70)), ((1, 300), (300, 1)), ((130, 40), (40, 72))],
)
def test_multiply(device, rng, shapes, dtype):
    a, b = (draw(rng, shape, dtype) for shape in shapes)
    assert_product(device(multiply, a, b), a, b)


def test_mixed_storage(device, rng):
    """Halves in, float32 out, and the other way round."""
    for dtype in (BFLOAT16, np.dtype(np.float16)):
        a, b = draw(rng, (9, 30), dtype), draw(rng, (30, 8), dtype)
        d, out = draw(rng, (9, 8), np.float32), np.zeros((9, 8), np.float32)
        assert_product(device(multiply, a, b, d, out=out), a, b, wide(d))
        f, g = a.astype(np.float32), b.astype(np.float32)
        assert_product(device(multiply, f, g, d, out=np.zeros((9, 8), dtype)), f, g, wide(d))


@by_dtype
def test_every_element(device, rng, dtype):
    """Small integers come out exactly, in large stacks of large tiles and at every edge."""
    for shape, cols in (((33, 136, 24), 120), ((1, 65, 47), 129), ((2, 191, 16), 64)):
        a = rng.integers(-3, 4, shape)
        b = rng.integers(-3, 4, (shape[0], shape[2], cols))
        found = device(multiply, a.astype(dtype), b.astype(dtype))
        assert np.array_equal(found, (a @ b).astype(dtype))
        found = device(gram, a.astype(dtype))
        assert np.array_equal(found, (a @ transposed(a)).astype(dtype))


# --- Arrays


VIEWS = [
    lambda x: x[:, :, ::2, 5:40],
    lambda x: x[:, 1:, 10:20],
    lambda x: x[..., :56],
    lambda x: x[..., 8:32],
    lambda x: x.swapaxes(0, 1),
    lambda x: x.swapaxes(-1, -2),
]


@by_dtype
def test_strides(device, rng, dtype):
    """The same bits whatever the strides, copied or not, on the 16-byte grid and off it."""
    memory, kind = draw(rng, (2, 3, 40, 64), dtype), device.kind
    for view in VIEWS:
        plain = np.ascontiguousarray(view(memory))
        right = np.ascontiguousarray(transposed(plain))
        wanted = device(gram, plain), device(multiply, plain, right)
        with kind.running():
            there = view(kind.array(memory))
            found = gram(there), multiply(there, kind.array(right))
            for ours, expected in zip(found, wanted, strict=True):
                assert bits(kind.numpy(ours)) == bits(expected)
            back = multiply(there, kind.array(plain).swapaxes(-1, -2))
            assert bits(kind.numpy(back)) == bits(wanted[1])


@by_dtype
def test_outputs_of_any_strides(device, rng, dtype):
    a, b = draw(rng, (2, 3, 9, 5), dtype), draw(rng, (2, 3, 5, 9), dtype)
    wanted, kind = device(multiply, a, b), device.kind
    for shape, view in [
        ((2, 3, 9, 12), lambda x: x[..., 1:10]),
        ((2, 3, 9, 9), lambda x: x.swapaxes(-1, -2)),
        ((3, 2, 9, 9), lambda x: x.swapaxes(0, 1)),
        ((2, 3, 18, 18), lambda x: x[..., ::2, ::2]),
    ]:
        memory = draw(rng, shape, dtype)
        with kind.running():
            there = kind.array(memory)
            out = view(there)
            assert multiply(kind.array(a), kind.array(b), out=out) is out
        view(memory)[...] = wanted
        assert bits(kind.numpy(there)) == bits(memory)  # and nothing beside it


def test_one_matrix_for_a_stack(device, rng):
    a, b = draw(rng, (4, 6)), draw(rng, (2, 3, 6, 5))
    ours = device(multiply, a, b, np.ones((4, 5)))
    back = device(multiply, np.ascontiguousarray(transposed(b)), np.ascontiguousarray(a.T))
    for index in np.ndindex(2, 3):
        assert bits(ours[index]) == bits(device(multiply, a, b[index], np.ones((4, 5))))
        assert_product(back[index], b[index].T, a.T)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (0, 3, 4), (2, 0, 5), (2, 3, 0)], ids=str)
def test_empty(shape):
    with emulation():
        c, sums = gram(np.zeros(shape), gamma=2.0, sums=True)
    n = shape[-2]
    assert np.array_equal(c, np.broadcast_to(2 * np.eye(n), (*shape[:-2], n, n)))
    assert np.array_equal(sums.trace, np.full(shape[:-2], 2.0 * n))


def test_nan_and_infinity_pass_through(device):
    a = np.eye(3)
    a[0, 1], a[2, 2] = np.nan, np.inf
    c = device(multiply, a, np.ones((3, 2)))
    assert np.isnan(c[0]).all() and np.isfinite(c[1]).all() and np.isinf(c[2]).all()
    assert np.isnan(device(gram, a, sums=True)[1].trace)


def test_the_bits_do_not_depend_on_the_stack(device, rng):
    """Larger tiles for many matrices."""
    for dtype in DTYPES:
        a = draw(rng, (100, 70, 40), dtype)
        assert bits(device(gram, a)[7]) == bits(device(gram, a[7]))


# --- Kinds of arrays, under emulation


@pytest.mark.parametrize("name", FAKES)
def test_exporters(rng, name):
    """What has DLPack or the CUDA array interface alone."""
    a, out = draw(rng, (20, 30), np.float32), np.zeros((20, 20), np.float32)
    wrap = FAKES[name]
    with emulation():
        wanted = gram(a)
        gram(wrap(a), out=wrap(out))
    assert bits(out) == bits(wanted)


@pytest.mark.parametrize("name", FAKES)
def test_streams_and_strides(rng, name):
    """Copies of what is not contiguous are made on the stream, of whatever kind the arrays are."""
    a, memory = draw(rng, (30, 20), np.float32), np.zeros((20, 40), np.float32)
    d, wrap = draw(rng, (20, 20), np.float32), FAKES[name]
    with emulation():
        wanted = gram(np.ascontiguousarray(a.T), d)
        out = memory[:, ::2]
        gram(wrap(a.T), wrap(d), out=wrap(out), stream=CudaStream(2))
        assert bits(np.ascontiguousarray(out)) == bits(wanted) and not memory[:, 1::2].any()
        out[...] = d
        there = wrap(out)
        assert gram(wrap(a.T), there, out=there, stream=3) is there
        assert bits(np.ascontiguousarray(out)) == bits(wanted)


def test_a_stream_for_arrays_in_host_memory(rng):
    a, out = draw(rng, (4, 4)), np.zeros((4, 4))
    for call in (
        lambda: gram(a, out=out, stream=CudaStream(2)),
        lambda: multiply(a, a, out=out, stream=CudaStream(2)),
        lambda: symmetric_product(a, a, out=out, stream=CudaStream(2)),
    ):
        with refused(ValueError, "stream: ", "none because a", untouched=[out]):
            call()


def test_arrays_like_cupy(rng):
    a = draw(rng, (3, 20, 30), np.float32)
    with emulation(), standin.installed():
        c, sums = gram(standin.asarray(a), sums=True)
        assert isinstance(c, standin.ndarray) and isinstance(sums.trace, standin.ndarray)
        wanted, found = gram(a, sums=True)
        assert bits(c.get()) == bits(wanted)
        assert np.array_equal(sums.trace.get(), found.trace)


# --- Errors


def test_refused(rng):
    there, host, out = draw(rng, (4, 4)), draw(rng, (4, 4)), draw(rng, (4, 4))
    fake = FAKES["dlpack"]
    with emulation():
        with refused(ValueError, "B: ", "in host memory", "as A", untouched=[out]):
            multiply(fake(there), host, out=fake(out))
        with refused(ValueError, "out: ", "in host memory", "as A", untouched=[out]):
            multiply(fake(there), fake(host), out=out)
        with refused(ValueError, "out: ", "shared with A", untouched=[there]):
            gram(fake(there), out=fake(there))
        with refused(TypeError, "out: ", "float32, bfloat16 or float16", untouched=[out]):
            gram(fake(there.astype(np.float16)), out=fake(out))
        with refused(ValueError, "B: ", "(3, 4)", "4 rows", untouched=[out]):
            multiply(fake(there), fake(host[:3]), out=fake(out))
        with pytest.raises(TypeError, match="A: "):  # there is no kind of array to return
            gram(fake(there))


@pytest.mark.skipif(steepest._core.has_cuda(), reason="built with CUDA")
def test_a_build_without_cuda_refuses_device_arrays():
    with pytest.raises(steepest.DeviceError, match="A: "):
        gram(FAKES["dlpack"](np.zeros((3, 3))), out=np.zeros((3, 3)))
