"""Norms of rows, columns and matrices by device code: the bits of the CPU. Emulated on any machine;
on CuPy arrays and torch tensors where there is a device."""

import ml_dtypes  # noqa: F401 - teaches NumPy the name bfloat16
import numpy as np
import pytest
from boundary.device_fakes import KINDS as FAKES
from boundary.device_fakes import emulation
from steepest.polar import adamuon, normuon, oracle

from .arrays import DTYPES, by_dtype, draw

CASES = [
    ("ColNorm", {}),
    ("ColNorm", {"normalized": True, "transpose": True}),
    ("RowNorm", {"eps": 0.5}),
    ("RowNorm", {"transpose": True}),
    ("Sign", {}),
    ("BiasRMS", {}),
    ("Euclidean", {"eps": 0.5}),
]
by_case = pytest.mark.parametrize(("name", "options"), CASES)
# Whole blocks of the tree and ends of them, more lines than a CUDA block takes, more blocks than a
# node has children.
SHAPES = [(1, 1), (3, 130), (70, 67), (40, 4096), (33, 4096 * 2 + 189), (9000, 5), (3, 2, 31, 40)]


def compared(kind, function, g, *arguments, result=None, **options):
    """Checks a function of one array, or of a list, against the CPU."""
    given = g if isinstance(g, list) else [g]
    wanted = [np.zeros_like(x) for x in given]
    found = [np.zeros_like(x) for x in given] if result is None else result
    function(given, *arguments, out=wanted, **options)
    kind.call(function, given, *arguments, out=found, **options)
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours.tobytes() == theirs.tobytes()


@by_case
@by_dtype
def test_bits(kind, dtype, name, options):
    rng = np.random.default_rng(1)
    for shape in SHAPES:
        compared(kind, oracle, draw(rng, shape, dtype), name, **options)


@by_case
@by_dtype
def test_layouts(dtype, name, options):
    """Lines that lie side by side, and not; in place. Emulated: kinds copy dense arrays only."""
    rng = np.random.default_rng(2)
    g = draw(rng, (45, 300), dtype)
    wide = draw(rng, (90, 900), dtype)
    for view in (np.asfortranarray(g), wide[::2, ::3], g[::-1, ::-1]):
        wanted = oracle(view, name, **options).tobytes()
        found = np.zeros_like(view)
        with emulation():
            oracle(view, name, out=found, **options)
            assert found.tobytes() == wanted
            oracle(view, name, out=view, **options)
        assert view.tobytes() == wanted


@by_case
def test_lists(kind, name, options):
    """Every dtype and shape in one call, some without elements."""
    rng = np.random.default_rng(3)
    shapes = [(5, 200), (0, 4), (130, 3), (2, 0), (64, 64), (1, 5000)]
    arrays = [draw(rng, s, DTYPES[i % 4]) for i, s in enumerate(shapes)]
    compared(kind, oracle, arrays, name, **options)


@by_case
@pytest.mark.parametrize("power", [-1060, -560, 520, 1000])
def test_squares_that_leave_the_range(kind, power, name, options):
    rng = np.random.default_rng(4)
    for layout in (np.ascontiguousarray, np.asfortranarray):
        g = layout(np.ldexp(draw(rng, (40, 300)), power))
        g[:, ::7] *= 2.0**-20
        g[3] = 0
        compared(kind, oracle, g, name, **options)


@by_case
@by_dtype
def test_zero_nan_and_infinity(kind, dtype, name, options):
    rng = np.random.default_rng(5)
    arrays = [draw(rng, (34, 70), dtype) for _ in range(4)]
    arrays[0][...] = 0
    for x, value in zip(arrays[1:], (np.nan, np.inf, -np.inf), strict=True):
        x[7, 66] = value
    for layout in (np.ascontiguousarray, np.asfortranarray):
        given = [layout(x) for x in arrays]
        wanted, found = ([np.zeros_like(x) for x in given] for _ in range(2))
        oracle(given, name, out=wanted, **options)
        kind.call(oracle, given, name, out=found, **options)
        for ours, theirs in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(ours.astype(np.float64), theirs.astype(np.float64))


@pytest.mark.parametrize("moment", [np.float32, np.float64])
@by_dtype
def test_normuon(kind, dtype, moment):
    """Directions and second moments, which the call moves on."""
    rng = np.random.default_rng(6)
    arrays = [draw(rng, s, dtype) for s in ((34, 70), (3, 300, 5), (1, 1), (40, 5000))]
    arrays[0][5] = 0
    moments = [rng.random((*x.shape[:-1], 1)).astype(moment) for x in arrays]
    here = [v.copy() for v in moments]
    for _ in range(2):
        wanted, found = ([np.zeros_like(x) for x in arrays] for _ in range(2))
        normuon(arrays, here, beta2=0.9, out=wanted)
        kind.call(normuon, arrays, moments, beta2=0.9, out=found)
        for ours, theirs in zip([*found, *moments], [*wanted, *here], strict=True):
            assert ours.tobytes() == theirs.tobytes()


def test_normuon_beyond_the_range_of_squares(kind):
    rng = np.random.default_rng(7)
    g = np.ldexp(draw(rng, (40, 300)), 600)
    moments, here = np.ones((40, 1)), np.ones((40, 1))
    wanted, found = np.zeros_like(g), np.zeros_like(g)
    normuon(g, here, out=wanted)
    kind.call(normuon, g, moments, out=found)
    assert found.tobytes() == wanted.tobytes() and moments.tobytes() == here.tobytes()


def test_adamuon(kind):
    rng = np.random.default_rng(8)
    g = draw(rng, (40, 300), np.float32)
    moments, here = np.ones_like(g), np.ones_like(g)
    wanted, found = np.zeros_like(g), np.zeros_like(g)
    adamuon(g, here, out=wanted)
    kind.call(adamuon, g, moments, out=found)
    assert found.tobytes() == wanted.tobytes() and moments.tobytes() == here.tobytes()


def test_arrays_in_different_places():
    g, out = np.ones((2, 9, 14)), np.zeros((2, 9, 14))
    fake = FAKES["dlpack"]
    with emulation(), pytest.raises(ValueError, match="expected one on CUDA device 0 as O"):
        normuon([fake(g[0]), g[1]], [np.ones((9, 1))] * 2, out=[fake(out[0]), out[1]])
    assert not out.any()
