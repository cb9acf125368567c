"""The norm report by device code: the bits of the CPU. Emulated on any machine; on CuPy arrays and
torch tensors where there is a device."""

# ruff: noqa: N803, N806 (the papers' name)
import ml_dtypes
import numpy as np
import pytest
import standin
import steepest
from boundary.device_fakes import KINDS as FAKES
from boundary.device_fakes import emulation
from steepest import _core, norms

from tests.reference.norms import report as reference

DTYPES = [np.dtype(t) for t in (np.float32, np.float64, ml_dtypes.bfloat16, np.float16)]
# Rows behind whole panels and before them, columns behind whole blocks of the tree, more than one
# block, more rows than a CUDA block has threads.
SHAPES = [(1, 1), (3, 128), (700, 26), (67, 4611), (1, 9001), (128, 129)]


def matrix(shape, dtype, seed=3):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def layouts(kind, W):
    """Memory, and the view of it that is the matrix: kinds only copy dense arrays."""
    yield W, lambda m: m
    yield np.asfortranarray(W), lambda m: m
    yield np.repeat(W, 2, axis=1), lambda m: m[:, ::2]
    yield np.repeat(W, 3, axis=0), lambda m: m[::3]
    if kind.name != "torch-cuda":
        yield W[::-1].copy(), lambda m: m[::-1]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_bits_of_the_tree(kind, shape, dtype):
    W = matrix(shape, dtype)
    expected = reference.on_the_tree(W)
    for memory, view in layouts(kind, W):
        found = kind.call(lambda m, view=view: _core.norm_reports([view(m)], False), memory)
        assert np.array_equal(found[0], expected)


def test_lists_of_stacks(kind):
    """Of all dtypes, some without elements."""
    shapes = [(3, 70, 41), (0, 4), (2, 0, 5), (5, 9001), (1, 1), (2, 3, 4, 5)]
    given = [matrix(s, DTYPES[i % 4], i) for i, s in enumerate(shapes)]
    found = kind.call(_core.norm_reports, given, True)
    assert np.array_equal(found, _core.norm_reports(given, True)) and len(found) == 14
    assert not kind.call(_core.norm_reports, [np.zeros((0, 3))], False).any()


@pytest.mark.parametrize("power", [-1074, -600, -420, -390, 390, 420, 600, 1010])
def test_squares_that_leave_the_range_of_double(kind, power):
    with np.errstate(under="ignore"):
        W = np.ldexp(np.clip(matrix((70, 33), np.float64), -2, 2), power)
    given = [W, matrix((5, 6), np.float32), matrix((64, 64), np.float64)]
    found, expected = kind.call(_core.norm_reports, given, True), _core.norm_reports(given, True)
    assert np.array_equal(found, expected) and np.isfinite(expected).all()
    assert found[0, 1] == np.abs(W).max()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_what_is_not_finite(kind, dtype):
    given = [matrix((70, 33), dtype, i) for i in range(3)]
    given[0][66, 3], given[2][1, 32] = np.nan, -np.inf
    found, expected = kind.call(_core.norm_reports, given, True), _core.norm_reports(given, True)
    assert np.isnan(found[0]).all() and np.array_equal(found[1:], expected[1:])
    assert np.isinf(found[2, :2]).all()


# ---- Arrays of other frameworks, under emulation


@pytest.mark.parametrize("name", FAKES)
def test_reports_of_exporters(name):
    W = matrix((20, 30), np.float32)
    with emulation():
        found = norms.report(FAKES[name](W))
        with pytest.raises(ValueError, match=r"W\[1\]: array in host memory given"):
            norms.report([FAKES[name](W), W])
        with pytest.raises(ValueError, match="W: array of 1 dimensions given"):
            norms.report(FAKES[name](W[0]))
        bounded = norms.report(FAKES[name](W), interval=True)
    assert found == norms.report(W)
    assert bounded[:12] == found[:12]
    wanted = norms.report(W, interval=True)
    for mine, theirs in zip(bounded[12:], wanted[12:], strict=True):
        assert mine.lower <= theirs.upper and theirs.lower <= mine.upper


def test_reports_of_stacks_on_a_device():
    W = matrix((2, 3, 20, 30), np.float64)
    with emulation(), standin.installed():
        one, stack = norms.report([standin.asarray(W[0, 0]), standin.asarray(W)])
    wanted = norms.report(W)
    for found, alone, each in zip(stack[:12], one[:12], wanted[:12], strict=True):
        assert np.array_equal(found, each) and isinstance(alone, float) and alone == each[0, 0]


@pytest.mark.skipif(_core.has_cuda(), reason="built with CUDA")
def test_a_build_without_cuda_refuses_device_arrays():
    with pytest.raises(steepest.DeviceError, match="W: "):
        norms.report(FAKES["dlpack"](np.ones((3, 4))))
