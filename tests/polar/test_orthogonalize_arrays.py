"""orthogonalize on arrays of any shape, layout and dtype, in lists and in place: the same bits."""

import ml_dtypes
import numpy as np
import pytest
from steepest import cpu
from steepest.polar import orthogonalize

from .bounds import assert_accurate

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = (np.dtype("float64"), np.dtype("float32"), BFLOAT16, np.dtype("float16"))
by_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
by_method = pytest.mark.parametrize("method", ("standard", "gram"))


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def draw(rng, shape, dtype=np.float64):
    return rng.standard_normal(shape).astype(dtype)


def assert_same(ours, wanted):
    assert ours.dtype == wanted.dtype and ours.shape == wanted.shape
    assert ours.tobytes() == wanted.tobytes()


# --- Shapes


@pytest.mark.parametrize(
    "shape", [(9, 4), (4, 9), (6, 6), (1, 50), (50, 1), (1, 1), (2, 1)], ids=str
)
@by_dtype
@by_method
def test_shapes(rng, method, dtype, shape):
    g = draw(rng, shape, dtype)
    before = g.copy()
    result = orthogonalize(g, "you", method=method)
    assert type(result) is np.ndarray and result.flags.c_contiguous
    assert result.shape == shape and result.dtype == dtype
    assert_same(g, before)
    if dtype != np.float16:  # see test_half_precision_is_computed_in_float32
        assert_accurate(g, "you", method=method)


@pytest.mark.parametrize(
    "shape", [(0, 4), (4, 0), (0, 0), (0, 3, 4), (2, 0, 5), (2, 3, 0), (2, 0, 3, 4)], ids=str
)
@by_dtype
@by_method
def test_empty(method, dtype, shape):
    empty = np.zeros(shape, dtype)
    for normalization, bound in (("frobenius", None), ("bound", 1.0), ("aol", None)):
        result = orthogonalize(empty, method=method, normalization=normalization, bound=bound)
        assert result.shape == shape and result.dtype == dtype
    assert orthogonalize(empty, out=empty) is empty
    assert orthogonalize([]) == []


@by_dtype
@by_method
def test_stacks(rng, method, dtype):
    stack = draw(rng, (2, 3, 1, 5, 8), dtype)
    result = orthogonalize(stack, method=method)
    for index in np.ndindex(2, 3, 1):
        assert_same(result[index], orthogonalize(stack[index], method=method))
    for moved in (np.moveaxis(stack, 0, 1), stack[::-1, ::2], stack.swapaxes(-1, -2)):
        ours = orthogonalize(moved, method=method)
        for index in np.ndindex(moved.shape[:-2]):
            assert_same(ours[index], orthogonalize(moved[index], method=method))
    same = np.broadcast_to(stack[0, 0, 0], (4, 5, 8))
    assert_same(orthogonalize(same, method=method), np.stack([result[0, 0, 0]] * 4))


@pytest.mark.parametrize("method", ("auto", "standard", "gram"))
@pytest.mark.parametrize("compute", ("auto", "float32", "bfloat16"))
def test_lists_are_the_single_calls(rng, compute, method):
    shapes = [(5, 8), (8, 5), (5, 8), (1, 1), (40, 40), (0, 3), (3, 5, 8), (6, 60), (5, 8), (2, 9)]
    arrays = [draw(rng, s, DTYPES[i % len(DTYPES)]) for i, s in enumerate(shapes * 3)]
    before = [a.copy() for a in arrays]
    together = orthogonalize(arrays, "you", method=method, compute=compute)
    assert isinstance(together, list)
    for array, untouched, ours in zip(arrays, before, together, strict=True):
        assert_same(ours, orthogonalize(array, "you", method=method, compute=compute))
        assert_same(array, untouched)
    again = orthogonalize(tuple(arrays), "you", method=method, compute=compute)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(together, again, strict=True))


def test_a_list_may_hold_an_array_twice(rng):
    g = draw(rng, (5, 8))
    ours = orthogonalize([g, g.T, g, g[:, ::2]])
    for part, result in zip((g, g.T, g, g[:, ::2]), ours, strict=True):
        assert_same(result, orthogonalize(part))


# --- Types


@by_method
def test_half_precision_is_computed_in_float32(rng, method):
    g = draw(rng, (20, 70), np.float16)
    wide = orthogonalize(g.astype(np.float32), method=method)
    assert_same(orthogonalize(g, method=method), wide.astype(np.float16))
    assert_same(orthogonalize(g, method=method, compute="float32"), wide.astype(np.float16))


@by_dtype
@by_method
@pytest.mark.parametrize("compute", ("float64", "float32", "bfloat16"))
def test_storage_is_converted_at_both_ends(rng, compute, method, dtype):
    """The values of G are taken as they are, and the result is rounded once."""
    g = draw(rng, (20, 70), dtype)
    ours = orthogonalize(g, method=method, compute=compute)
    for wide in (np.float32, np.float64):
        if np.dtype(wide).itemsize >= dtype.itemsize:
            result = orthogonalize(g.astype(wide), method=method, compute=compute)
            if compute != "float64" or wide == np.float64:
                assert_same(ours, result.astype(dtype))


# --- Layouts


def with_strides(a):
    """The same values, in layouts whose elements are visited in the same order."""
    m, n = a.shape
    wide = np.zeros((2 * m, 3 * n + 1), a.dtype)
    wide[::2, 1::3] = a
    flipped = np.ascontiguousarray(a[::-1, ::-1])
    offset = np.zeros(a.size + 1, a.dtype)[1:].reshape(a.shape)
    offset[...] = a
    return {
        "strided": wide[::2, 1::3],
        "negative strides": flipped[::-1, ::-1],
        "one negative stride": np.ascontiguousarray(a[:, ::-1])[:, ::-1],
        "padded rows": np.pad(a, ((0, 0), (0, 5)))[:, :n],
        "offset": offset,
    }


@pytest.mark.parametrize("shape", [(40, 60), (60, 40), (50, 50)], ids=str)
@by_dtype
@by_method
def test_strided_inputs_and_outputs(rng, method, dtype, shape):
    g = draw(rng, shape, dtype)
    wanted = orthogonalize(g, method=method)
    for name, same in with_strides(g).items():
        before = same.copy()
        assert_same(orthogonalize(same, method=method), wanted)
        assert_same(same, before)
        out = with_strides(np.ones(shape, dtype))[name]
        assert orthogonalize(g, method=method, out=out) is out
        assert_same(out, wanted)
        assert orthogonalize(same, method=method, out=same) is same
        assert_same(same, wanted)
    out = np.ones(shape, dtype, order="F")
    orthogonalize(g, method=method, out=out)
    assert_same(out, wanted)
    out = np.ones(shape[::-1], dtype).T
    orthogonalize(g, method=method, out=out)
    assert_same(out, wanted)


def test_only_the_elements_of_an_output_are_written(rng):
    memory = np.full((20, 40), 3.0)
    out = memory[2:18:2, 5:35:3]
    orthogonalize(draw(rng, out.shape), out=out)
    untouched = memory.copy()
    untouched[2:18:2, 5:35:3] = 3.0
    assert np.all(untouched == 3.0) and np.all(out != 3.0)


@pytest.mark.parametrize("shape", [(40, 60), (60, 40)], ids=str)
@by_dtype
@by_method
def test_a_transposed_input_gives_the_transposed_result(rng, method, dtype, shape):
    """The same bits: the memory is the same, whichever its orientation is said to be."""
    g = draw(rng, shape, dtype)
    assert_same(orthogonalize(g.T, method=method), orthogonalize(g, method=method).T)
    # The sum of squares, in double, is in another order.
    fortran = orthogonalize(np.asfortranarray(g), method=method)
    if dtype == np.float64:
        np.testing.assert_allclose(fortran, orthogonalize(g, method=method), atol=1e-12)
    else:
        assert_same(fortran, orthogonalize(g, method=method))


# --- In place


@by_dtype
@by_method
def test_in_place(rng, method, dtype):
    arrays = [draw(rng, s, dtype) for s in ((40, 60), (60, 40), (3, 5, 5), (40, 60), (0, 2))]
    wanted = orthogonalize(arrays, method=method)
    for array, result in zip(arrays, wanted, strict=True):
        copy = array.copy()
        assert orthogonalize(copy, method=method, out=copy) is copy
        assert_same(copy, result)
    outputs = orthogonalize(arrays, method=method, out=arrays)
    for array, ours, result in zip(arrays, outputs, wanted, strict=True):
        assert ours is array
        assert_same(array, result)


def test_a_read_only_input(rng):
    g = draw(rng, (5, 8))
    wanted = orthogonalize(g)
    g.flags.writeable = False
    assert_same(orthogonalize(g), wanted)


# --- Threads


@by_method
@pytest.mark.parametrize("compute", ("float64", "float32", "bfloat16"))
def test_threads(rng, compute, method, every_target):
    arrays = [draw(rng, s, compute) for s in ((150, 210), (130, 130), (40, 24, 48), (900, 20))]
    for target in every_target:
        cpu.use(target)
        cpu.set_threads(1)
        wanted = [a.tobytes() for a in orthogonalize(arrays, method=method)]
        for threads in (2, 3, 4):
            cpu.set_threads(threads)
            assert [a.tobytes() for a in orthogonalize(arrays, method=method)] == wanted
            singles = [orthogonalize(a, method=method).tobytes() for a in arrays]
            assert singles == wanted, f"{target}, {threads} threads"
