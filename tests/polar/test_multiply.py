"""steepest.polar.products on arrays: values with bounds, strides, stacks, outputs, errors."""

import numpy as np
import pytest
from boundary.support import bits, refused
from steepest import cpu
from steepest.polar.products import gram, multiply, symmetric_product

from .arrays import BFLOAT16

UNIT = {"float64": 2.0**-53, "float32": 2.0**-24, "bfloat16": 2.0**-24}  # of the sums
DTYPES = tuple(UNIT)
by_dtype = pytest.mark.parametrize("dtype", DTYPES)


@pytest.fixture
def rng():
    return np.random.default_rng(19)


def draw(rng, shape, dtype):
    return rng.standard_normal(shape).astype(BFLOAT16 if dtype == "bfloat16" else dtype)


def wide(x):
    return x.astype(np.float64)


def transposed(x):
    return np.swapaxes(x, -1, -2)


def assert_product(c, a, b, d=0.0, alpha=1.0, beta=1.0, gamma=0.0):
    """Element by element within (k + 6) u of the sum of the absolute terms."""
    a, b = wide(a), wide(b)
    identity = gamma * np.eye(a.shape[-2], b.shape[-1])
    exact = alpha * (a @ b) + beta * d + identity
    size = abs(alpha) * (abs(a) @ abs(b)) + abs(beta * d) + abs(identity)
    unit = UNIT["float64" if c.dtype == np.float64 else "float32"]
    error = (a.shape[-1] + 6) * unit * size
    if c.dtype == BFLOAT16:
        error += 2.0**-8 * (abs(exact) + error)
    error += 4 * UNIT["float64"] * a.shape[-1] * size  # the reference's own
    assert c.shape == exact.shape and np.all(abs(wide(c) - exact) <= error)


def assert_symmetric(c):
    assert bits(c) == bits(np.ascontiguousarray(transposed(c)))


# --- Values


@by_dtype
@pytest.mark.parametrize("shape", [(1, 1), (5, 9), (33, 17), (2, 3, 20, 70), (40, 1300)], ids=str)
def test_gram(rng, shape, dtype):
    a = draw(rng, shape, dtype)
    c, sums = gram(a, sums=True)
    assert c.dtype == a.dtype
    assert_product(c, a, transposed(a))
    assert_symmetric(c)
    tolerance = 2.0**-7 if dtype == "bfloat16" else 1e-12
    exact = wide(c)
    trace = np.trace(exact, axis1=-2, axis2=-1)
    assert np.all(abs(sums.trace - trace) <= tolerance * trace)  # all terms are positive
    squares = np.sum(exact**2, axis=(-2, -1))
    assert sums.squares.shape == shape[:-2] and np.all(
        abs(sums.squares - squares) <= 2 * tolerance * squares
    )


@by_dtype
def test_updates(rng, dtype):
    a, d = draw(rng, (3, 12, 7), dtype), draw(rng, (3, 12, 12), dtype)
    d = d + transposed(d)
    options = {"alpha": -0.5, "beta": 2.0, "gamma": 3.0}
    assert_product(gram(a, d, **options), a, transposed(a), wide(d), **options)
    assert_product(gram(a, d), a, transposed(a), wide(d))
    assert_product(gram(a, gamma=-1.0), a, transposed(a), gamma=-1.0)
    b, e = draw(rng, (3, 7, 5), dtype), draw(rng, (3, 12, 5), dtype)
    assert_product(multiply(a, b, e, **options), a, b, wide(e), **options)


@by_dtype
def test_symmetric_product(rng, dtype):
    """Integers, so that the square is exact and commutes to the last bit."""
    a = rng.integers(-2, 3, (2, 21, 21))
    a = (a + transposed(a)).astype(BFLOAT16 if dtype == "bfloat16" else dtype)
    square = (wide(a) @ wide(a)) / 2**6  # at most 21 * 16 / 64: exact in bfloat16 after rounding
    b = np.round(square).astype(a.dtype)
    plain = symmetric_product(a, a)
    assert_product(plain, a, a)
    assert_symmetric(plain)
    product, sums = symmetric_product(a, b, a, alpha=0.5, beta=-1.0, sums=True)
    assert_symmetric(product)
    lower = np.tril(wide(product))
    exact = np.tril(0.5 * wide(a) @ wide(b) - wide(a))
    assert np.all(abs(lower - exact) <= (2.0**-8 if dtype == "bfloat16" else 0) * abs(exact))
    assert sums.trace.shape == (2,)


@by_dtype
@pytest.mark.parametrize(
    "shapes", [((4, 6), (6, 3)), ((5, 2, 9), (5, 9, 70)), ((1, 300), (300, 1))]
)
def test_multiply(rng, shapes, dtype):
    a, b = (draw(rng, shape, dtype) for shape in shapes)
    assert_product(multiply(a, b), a, b)


def test_mixed_storage(rng):
    """bfloat16 operands, results in float32: what float32 operands of these values give."""
    a, b = draw(rng, (9, 30), "bfloat16"), draw(rng, (30, 8), "bfloat16")
    d = draw(rng, (9, 8), "float32")
    out = np.zeros((9, 8), np.float32)
    assert multiply(a, b, d, out=out) is out
    assert_product(out, a, b, wide(d))
    half = np.zeros((9, 8), BFLOAT16)
    multiply(a.astype(np.float32), b.astype(np.float32), d, out=half)
    assert_product(half, a, b, wide(d))


# --- Arrays


@by_dtype
def test_strides(rng, dtype):
    """The same bits whatever the strides, copied or not."""
    memory = draw(rng, (2, 3, 40, 60), dtype)
    views = [memory[:, :, ::2, 5:40], memory[:, 1:, 10:20], np.moveaxis(memory, 1, 0)[..., ::-1]]
    views += [
        transposed(memory),
        memory[::-1, :, ::-1, :7],
        np.broadcast_to(memory[0, 0], (4, 40, 60)),
    ]
    for view in views:
        plain = np.ascontiguousarray(view)
        assert bits(gram(view)) == bits(gram(plain))
        right = np.ascontiguousarray(transposed(view))
        assert bits(multiply(view, transposed(plain))) == bits(multiply(plain, right))


@by_dtype
def test_outputs_of_any_strides(rng, dtype):
    a, b = draw(rng, (2, 3, 9, 5), dtype), draw(rng, (2, 3, 5, 9), dtype)
    wanted = multiply(a, b)
    for shape, view in [
        ((2, 3, 9, 12), lambda x: x[..., 1:10]),
        ((2, 3, 9, 9), lambda x: np.swapaxes(x, -1, -2)),
        ((3, 2, 9, 9), lambda x: np.swapaxes(x, 0, 1)),
        ((2, 3, 18, 18), lambda x: x[..., ::-2, ::2]),
    ]:
        memory = draw(rng, shape, dtype)
        out, before = view(memory), memory.copy()
        assert multiply(a, b, out=out) is out
        assert bits(np.ascontiguousarray(out)) == bits(wanted)
        view(before)[...] = wanted
        assert bits(memory) == bits(before)  # and nothing beside it
        added = multiply(a, b, wanted)
        assert bits(np.ascontiguousarray(multiply(a, b, out, out=out))) == bits(added)


def test_one_matrix_for_a_stack(rng):
    a, b = draw(rng, (4, 6), "float64"), draw(rng, (2, 3, 6, 5), "float64")
    ours = multiply(a, b, np.ones((4, 5)))
    back = multiply(transposed(b), a.T)
    for index in np.ndindex(2, 3):
        assert bits(ours[index]) == bits(multiply(a, b[index], np.ones((4, 5))))
        assert_product(back[index], b[index].T, a.T)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (0, 3, 4), (2, 0, 5), (2, 3, 0)], ids=str)
def test_empty(shape):
    a = np.zeros(shape)
    c, sums = gram(a, gamma=2.0, sums=True)
    n = shape[-2]
    assert np.array_equal(c, np.broadcast_to(2 * np.eye(n), (*shape[:-2], n, n)))
    assert np.array_equal(sums.trace, np.full(shape[:-2], 2.0 * n if shape[-2] else 0.0))


def test_nan_and_infinity_pass_through():
    a = np.eye(3)
    a[0, 1], a[2, 2] = np.nan, np.inf
    c = multiply(a, np.ones((3, 2)))
    assert np.isnan(c[0]).all() and np.isfinite(c[1]).all() and np.isinf(c[2]).all()
    assert np.isnan(gram(a, sums=True)[1].trace)


@by_dtype
def test_threads(rng, dtype, every_target):
    a, b = draw(rng, (3, 90, 110), dtype), draw(rng, (3, 110, 70), dtype)
    for target in every_target:
        cpu.use(target)
        cpu.set_threads(1)
        wanted = bits(multiply(a, b), *gram(a, sums=True)[1])
        for threads in (2, 3):
            cpu.set_threads(threads)
            assert bits(multiply(a, b), *gram(a, sums=True)[1]) == wanted


def test_torch_tensors(rng):
    torch = pytest.importorskip("torch")
    a = draw(rng, (3, 9, 14), "float64")
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        tensor = torch.from_numpy(a).to(dtype)
        ours, sums = gram(tensor, sums=True)
        assert isinstance(ours, torch.Tensor) and ours.dtype == dtype
        assert torch.equal(ours, ours.mT) and isinstance(sums.trace, np.ndarray)
        assert torch.equal(multiply(tensor, tensor.mT.contiguous()), multiply(tensor, tensor.mT))


class Exported:
    """An array of another kind: only DLPack."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_dlpack(rng):
    a, out = draw(rng, (4, 6), "float32"), np.zeros((4, 4), np.float32)
    wanted = gram(a)
    assert bits(gram(Exported(a))) == bits(wanted)
    gram(Exported(a), out=Exported(out))
    assert bits(out) == bits(wanted)


# --- Errors


def f64(*shape):
    return np.ones(shape)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda c: gram([1.0]), TypeError, ("A: ", "list")),
        (lambda c: gram(f64(4), out=c), ValueError, ("A: ", "1 dimensions")),
        (lambda c: gram(f64(4, 4).astype(int), out=c), TypeError, ("A: ", "int64")),
        (lambda c: gram(f64(4, 4).astype(np.float16), out=c), TypeError, ("A: ", "float16")),
        (lambda c: gram(f64(3, 4), out=c), ValueError, ("out: ", "(4, 4)", "(3, 3)")),
        (lambda c: gram(f64(4, 2), f64(4, 3), out=c), ValueError, ("D: ", "(4, 3)", "(4, 4)")),
        (lambda c: gram(f64(4, 2), alpha="1", out=c), TypeError, ("alpha: ", "str")),
        (lambda c: gram(f64(4, 2), gamma=np.inf, out=c), ValueError, ("gamma: ", "inf")),
        (lambda c: multiply(f64(4, 2), f64(3, 4), out=c), ValueError, ("B: ", "(3, 4)", "2 rows")),
        (lambda c: multiply(f64(2, 4, 4), f64(3, 4, 4)), ValueError, ("B: ", "(2, 4, 4)")),
        (lambda c: multiply(f64(4, 4), f64(4, 4).astype("f")), TypeError, ("B: ", "float32")),
        (
            lambda c: multiply(f64(4, 4).astype("f"), f64(4, 4).astype("f"), out=c),
            TypeError,
            ("out: ", "float64", "float32 or bfloat16"),
        ),
        (
            lambda c: multiply(f64(4, 4), f64(4, 4), f64(4, 4).astype("f"), out=c),
            TypeError,
            ("D: ", "float32", "float64"),
        ),
        (lambda c: multiply(f64(4, 4), None, out=c), TypeError, ("B: ", "None")),
        (lambda c: symmetric_product(f64(4, 3), f64(3, 3), out=c), ValueError, ("A: ", "square")),
        (lambda c: symmetric_product(f64(4, 4), f64(4, 3)), ValueError, ("B: ", "(4, 3)")),
        (lambda c: gram(c, out=c), ValueError, ("out: ", "shared with A")),
        (lambda c: multiply(f64(4, 4), c[::-1], out=c), ValueError, ("out: ", "shared with B")),
        (lambda c: multiply(f64(4, 4), f64(4, 4), c.T, out=c), ValueError, ("shared with D",)),
        (
            lambda c: multiply(f64(4, 4), f64(4, 4), out=np.broadcast_to(c[0], (4, 4))),
            BufferError,
            ("out: ", "read-only"),
        ),
    ],
)
def test_refused(rng, call, error, words):
    c = draw(rng, (4, 4), "float64")
    with refused(error, *words, untouched=[c]):
        call(c)
