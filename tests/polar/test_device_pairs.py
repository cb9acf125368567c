"""The passes between products on a device, against NumPy, to the last bit: sums of two stacks with
the identity, and what is found in them. Emulated on any machine; on CuPy arrays and torch tensors
where there is a device."""

import numpy as np
import pytest
from boundary.device_fakes import KINDS as FAKES
from boundary.device_fakes import CudaStream, emulation
from boundary.support import bits
from steepest import _core

from .arrays import BFLOAT16, DTYPES, draw

by_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
# Less and more than a tile of 64 x 64 either way, and more tiles than a block has threads.
SHAPES = [(1, 1), (5, 9), (64, 64), (65, 130), (200, 3), (1, 1100)]


@pytest.fixture
def rng():
    return np.random.default_rng(29)


def wide(x):
    return np.asarray(x).astype(np.float64)


def whole(x, transposed=False):
    return x, transposed, None


@by_dtype
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_combine(kind, rng, shape, dtype):
    """In float64, every operation rounded by itself, and rounded to the dtype in the end."""
    count = 3
    x, y = draw(rng, (count, *shape), dtype), draw(rng, (count, *shape[::-1]), np.float32)
    table = np.column_stack([rng.standard_normal((count, 1)), [[3], [-2], [0]]])
    table = np.column_stack([table, rng.standard_normal((count, 1)), [[0], [1], [-4]], [[0.5]] * 3])
    for result in DTYPES:
        with kind.running():
            out = kind.array(np.zeros((count, *shape), result))
            there = kind.array(x), kind.array(y)
            _core.combine(whole(out), whole(there[0]), whole(there[1], True), table)
            found = kind.numpy(out)
        a, p, b, q, c = (column[:, None, None] for column in table.T)
        first = np.ldexp(a * wide(x), p.astype(int))
        second = np.ldexp(b * wide(y).swapaxes(1, 2), q.astype(int))
        # Half precision is rounded from float32.
        exact = (first + second) + c * np.eye(*shape)
        wanted = exact if result == np.float64 else exact.astype(np.float32).astype(result)
        assert bits(found) == bits(wanted)


@by_dtype
def test_copies_of_some_matrices(kind, rng, dtype):
    x, out = draw(rng, (2, 3, 5, 70), dtype), draw(rng, (4, 70, 5), dtype)
    with kind.running():
        there, copied = kind.array(x), kind.array(out)
        _core.combine(
            (copied, True, [3, 0]), (there, False, [4, 1]), None, np.array([[1.0, 0, 0, 0, 0]])
        )
        found = kind.numpy(copied)
    out[3], out[0] = x[1, 1].T, x[0, 1].T
    assert bits(found) == bits(out)


def test_the_whole_range_of_powers(kind):
    x = np.array([[[2.0**-1074, 2.0**-1022, 1.5, 2.0**1023]]])
    for power in (-1074, -1024, 1024, 1074):
        with kind.running():
            there, out = kind.array(x), kind.array(np.zeros_like(x))
            _core.combine(whole(out), whole(there), None, np.array([[1.0, power, 0, 0, 0]]))
            found = kind.numpy(out)
        with np.errstate(over="ignore", under="ignore"):
            assert bits(found) == bits(np.ldexp(x, power))


@by_dtype
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_compare(kind, rng, shape, dtype):
    x = draw(rng, (4, *shape), dtype)
    y = np.where(rng.random(x.shape) < 0.5, x, -x).astype(dtype)
    x[1], y[1] = 0, 0
    with kind.running():
        there = kind.array(x), kind.array(np.ascontiguousarray(y.swapaxes(1, 2)))
        own = _core.compare(whole(there[0]))
        found = _core.compare(whole(there[0]), whole(there[1], True))
    a, b = wide(x), wide(y)
    assert np.array_equal(found[:, 0], abs(a).max(axis=(1, 2)))
    size = np.sum(abs(a * b), axis=(1, 2))
    slack = 2.0**-52 * (8 + np.log2(x[0].size)) * size
    assert np.all(abs(found[:, 1] - np.sum(a * b, axis=(1, 2))) <= slack)
    assert np.array_equal(found[:, 2], np.sum(a != b, axis=(1, 2)))
    assert not found[:, 3].any() and not own[:, 2].any()
    assert np.all(abs(own[:, 1] - np.sum(a * a, axis=(1, 2))) <= slack)


@by_dtype
def test_what_is_not_finite_is_counted(kind, rng, dtype):
    x = draw(rng, (3, 70, 4), dtype)
    x[0, 69, 3], x[2, 1, 1], x[2, 66, 0] = np.nan, np.inf, -np.inf
    with kind.running():
        found = _core.compare(whole(kind.array(x)))
    assert found[:, 3].tolist() == [1, 0, 2]
    assert found[0, 2] == 1  # NaN differs from itself


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 0, 4), (2, 3, 0)], ids=str)
def test_empty(shape):
    with emulation():
        x = np.zeros(shape)
        _core.combine(whole(np.zeros(shape)), whole(x), None, np.array([[1.0, 0, 0, 0, 0]]))
        assert np.array_equal(_core.compare(whole(x)), np.zeros((shape[0], 4)))


def test_in_host_memory(rng):
    """Without a device the same code runs there."""
    x, out = draw(rng, (2, 70, 9)), np.zeros((2, 70, 9), BFLOAT16)
    _core.combine(whole(out), whole(x), None, np.array([[2.0, 0, 0, 0, 0]]))
    assert bits(out) == bits((2 * x).astype(np.float32).astype(BFLOAT16))
    assert _core.compare(whole(x))[1, 0] == abs(x[1]).max()


def test_places(rng):
    x = draw(rng, (3, 4))
    fake = FAKES["dlpack"]
    assert _core.work_place(x, "A") == (False, 0)
    with pytest.raises(ValueError, match="stream: given, expected None because A is in host"):
        _core.work_place(x, "A", CudaStream(2))
    with emulation():
        assert _core.work_place(x, "A") == (True, 0)
        assert _core.work_place(fake(x), "A", CudaStream(2)) == (True, 0)
        _core.check_place(fake(x), "U", fake(x), "G")
        with pytest.raises(ValueError, match=r"U: array in host memory given, .* 0 as G"):
            _core.check_place(x, "U", fake(x), "G")
