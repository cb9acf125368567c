"""orthogonalize on arrays of any strides, and in place: the same bits."""

import numpy as np
import pytest
from steepest.polar import orthogonalize

from .arrays import assert_same, by_dtype, by_method, draw


@pytest.fixture
def rng():
    return np.random.default_rng(7)


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
