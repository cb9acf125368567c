"""Outputs that orthogonalize refuses; nothing has been written then."""

import numpy as np
import pytest
from boundary.support import refused
from numpy.lib.stride_tricks import as_strided
from steepest.polar import orthogonalize


@pytest.fixture
def g():
    return np.random.default_rng(5).standard_normal((4, 6))


def ones(shape=(4, 6), dtype=np.float64):
    return np.ones(shape, dtype)


# --- Kind, shape and type


@pytest.mark.parametrize(
    ("out", "error", "words"),
    [
        (np.ones((6, 4)), ValueError, ("(6, 4)", "(4, 6)")),
        (np.ones((1, 4, 6)), ValueError, ("(1, 4, 6)", "(4, 6)")),
        (np.ones(24), ValueError, ("1 dimensions",)),
        (np.ones((4, 6), np.float32), TypeError, ("float32", "float64")),
        (np.ones((4, 6), int), TypeError, ("int64",)),
        (as_strided(np.ones(6), (4, 6), (0, 8)), ValueError, ("repeated",)),
        (3.0, TypeError, ("float",)),
    ],
    ids=("shape", "stack", "vector", "float32", "int", "repeated elements", "number"),
)
def test_outputs(g, out, error, words):
    arrays = [g, out] if isinstance(out, np.ndarray) else [g]
    with refused(error, "out: ", *words, untouched=arrays):
        orthogonalize(g, out=out)
    first = ones()
    with refused(error, "out[1]: ", *words, untouched=[*arrays, first]):
        orthogonalize([g, g], out=[first, out])


def test_read_only_outputs(g):
    out, first = ones(), ones()
    out.flags.writeable = False
    with refused(BufferError, "out: ", "read-only", untouched=[out]):
        orthogonalize(g, out=out)
    with refused(BufferError, "out[1]: ", "read-only", untouched=[out, first]):
        orthogonalize([g, g], out=[first, out])
    with refused(BufferError, "out: ", "read-only", untouched=[out]):
        orthogonalize(out, out=out)


def test_lists_of_outputs(g):
    out = ones()
    with refused(TypeError, "out: ", "list", untouched=[out]):
        orthogonalize(g, out=[out])
    with refused(TypeError, "out: ", "ndarray", untouched=[out]):
        orthogonalize([g], out=out)
    for outputs in ([], [out, ones()]):
        with refused(ValueError, "out: ", f"list of {len(outputs)}", untouched=[out]):
            orthogonalize([g], out=outputs)
    with refused(TypeError, "out[1]: ", "None", untouched=[out]):
        orthogonalize([g, g], out=[out, None])


# --- Overlap


def overlapping():
    """(input, output, the memory of both) that are not the same array."""
    block = np.random.default_rng(6).standard_normal((12, 12))
    yield block[:6], block[5:11], block
    yield block[:6], block[5::-1], block
    yield block[:6, :6], block[:6, :6].T, block
    yield block[:, :6], block[:, 5:11], block
    yield block[:6, ::2], block[:6, 1::2], block  # interleaved: apart, but not told so
    yield block[np.newaxis, :6], block[np.newaxis, 3:9], block
    memory = np.zeros(49)
    yield memory[:48].reshape(6, 8), memory[1:].reshape(6, 8), memory


@pytest.mark.parametrize("case", range(7))
def test_an_output_that_overlaps_its_input(case):
    g, out, memory = list(overlapping())[case]
    with refused(ValueError, "out: ", "shared with G", untouched=[memory]):
        orthogonalize(g, out=out)


def test_overlaps_in_a_list(g):
    block = np.random.default_rng(6).standard_normal((8, 6))
    apart, other = ones(), g.copy()
    untouched = [block, apart, other, g]
    with refused(ValueError, "out[0]: ", "shared with out[1]", untouched=untouched):
        orthogonalize([g, other], out=[block[:4], block[3:7]])
    with refused(ValueError, "out[0]: ", "shared with out[1]", untouched=untouched):
        orthogonalize([g, other], out=[apart, apart])
    with refused(ValueError, "out[0]: ", "shared with G[1]", untouched=untouched):
        orthogonalize([g, other], out=[other, g])
    with refused(ValueError, "out[0]: ", "shared with G[1]", untouched=untouched):
        orthogonalize([g, g], out=[g, apart])
    with refused(ValueError, "out[2]: ", "shared with G[0]", untouched=untouched):
        orthogonalize([block[:4], g, other], out=[apart, ones(), block[2:6]])


def test_neighbours_do_not_overlap(g):
    block = np.random.default_rng(6).standard_normal((8, 6))
    wanted = orthogonalize(block[:4])
    orthogonalize(block[:4], out=block[4:])
    assert np.array_equal(block[4:], wanted)
