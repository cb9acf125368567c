"""Sums along rows and columns by device code: the bits of the CPU. Emulated on any machine; on CuPy
arrays and torch tensors where there is a device."""

import numpy as np
import pytest
from boundary.device_fakes import KINDS as FAKES
from boundary.device_fakes import emulation
from steepest import _core

from .arrays import by_dtype

# Lines of less and more than a block of the tree; fewer and more lines than a tile and than a CUDA
# block has threads; one line; none.
SHAPES = [(1, 1), (3, 7), (5, 4200), (17, 8193), (4300, 18), (300, 130), (1, 70), (70, 1), (0, 4)]


def same(found, wanted):
    assert found.dtype == wanted.dtype and found.tobytes() == np.asarray(wanted).tobytes()


def spread(shape, dtype, seed=1):
    """Numbers of different sizes, some of them zero."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape) * np.exp2(rng.integers(-6, 7, shape))
    return np.where(rng.random(shape) < 0.05, 0.0, values).astype(dtype)


def layouts(kind, x):
    """Memory, and the view of it that is the matrix: kinds only copy dense arrays."""
    yield x, lambda m: m
    yield np.asfortranarray(x), lambda m: m
    yield np.repeat(x, 2, axis=1), lambda m: m[:, ::2]
    yield np.repeat(x, 3, axis=0), lambda m: m[::3]
    if kind.name != "torch-cuda":
        yield x[::-1].copy(), lambda m: m[::-1]


@by_dtype
@pytest.mark.parametrize("shape", [*SHAPES, (4, 0)], ids=str)
def test_the_bits_of_line_sums(kind, shape, dtype):
    x, y = spread(shape, dtype), spread(shape, np.float32, 2)
    for axis in (0, 1):
        for second in (None, y, np.asfortranarray(y), spread(shape, dtype, 3)):
            for memory, view in layouts(kind, x):

                def call(m, y, view=view, axis=axis):
                    return _core.line_sums(view(m), y, axis)

                same(kind.call(call, memory, second), call(memory, second))


# ---- Arrays of other frameworks, under emulation


@pytest.mark.parametrize("name", FAKES)
def test_exporters(name):
    x = spread((6, 50), np.float32)
    with emulation():
        there = FAKES[name](x)
        same(_core.line_sums(there, None, 1), _core.line_sums(x, None, 1))
        with pytest.raises(ValueError, match="y: array in host memory given, expected one on CUDA"):
            _core.line_sums(there, x, 1)


@pytest.mark.skipif(_core.has_cuda(), reason="built with CUDA")
def test_a_build_without_cuda_refuses_device_arrays():
    there = FAKES["dlpack"](np.ones((3, 4)))
    with pytest.raises(_core.DeviceError, match="x: "):
        _core.line_sums(there, None, 1)
