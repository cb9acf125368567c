"""orthogonalize on arrays of any shape and dtype, in stacks and lists: the same bits."""

import numpy as np
import pytest
from steepest import cpu
from steepest.polar import orthogonalize

from .arrays import DTYPES, assert_same, by_dtype, by_method, draw
from .bounds import assert_accurate


@pytest.fixture
def rng():
    return np.random.default_rng(7)


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
