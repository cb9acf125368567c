"""The norm report on the library's tree, to the last bit: threads, targets, strides, dtypes."""

# ruff: noqa: N803, N806 (the papers' name)
import numpy as np
import pytest
from steepest import _core, cpu

from tests.reference.norms import report as reference

# Odd ends everywhere; more rows than a block of lines and than a chunk, more columns than a block.
SHAPES = [(1, 1), (3, 128), (700, 260), (67, 4611), (2500, 33), (5, 9001)]


def layouts(W):
    """The same matrix in memory of its own, by rows, by columns, with gaps and backwards."""
    yield W
    yield np.asfortranarray(W)
    yield np.repeat(W, 2, axis=1)[:, ::2]
    yield np.repeat(W, 3, axis=0)[::3]
    yield W[::-1].copy()[::-1]
    yield W[:, ::-1].copy()[:, ::-1]


def matrix(shape, dtype):
    return np.random.default_rng(3).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, "bfloat16"])
@pytest.mark.parametrize("shape", SHAPES)
def test_bits_for_threads_targets_and_strides(shape, dtype, every_target):
    if dtype == "bfloat16":
        dtype = pytest.importorskip("ml_dtypes").bfloat16
    W = matrix(shape, dtype)
    expected = reference.on_the_tree(W)
    for target in every_target:
        cpu.use(target)
        for threads in (1, 2, 3):
            cpu.set_threads(threads)
            for laid in layouts(W):
                assert np.array_equal(_core.norm_reports([laid], False)[0], expected)


def test_bits_of_a_matrix_do_not_depend_on_the_list(every_target):
    shapes = [(1, 3), (700, 260), (5, 9001), (2500, 33), (64, 64), (1, 1), (200, 1)] * 3
    matrices = [matrix(shape, np.float32) for shape in shapes]
    alone = [_core.norm_reports([W], False)[0] for W in matrices]
    for threads in (1, 2, 3, 5):
        cpu.set_threads(threads)
        assert np.array_equal(_core.norm_reports(matrices, True), alone)


def test_neighbours_in_memory_are_not_read():
    """What lies in the gaps between rows and columns, here NaN, has no part in the numbers."""
    W = matrix((130, 77), np.float32)
    wide = np.full((131, 200), np.nan, np.float32)
    wide[:130, 100:177] = W
    assert np.array_equal(
        _core.norm_reports([wide[:130, 100:177]], False), _core.norm_reports([W], False)
    )
