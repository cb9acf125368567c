"""Sums along rows and columns, to the last bit of the fixed tree."""

import numpy as np
import pytest
from reference import tree
from steepest import _core, cpu

from .arrays import by_dtype, draw

# More than one block of 4096 along a line; more than one of 64 lines across.
SHAPES = ((1, 1), (3, 7), (5, 4200), (130, 9), (70, 300), (0, 4), (4, 0))


def across(terms):
    """Blocks of 64 lines in order, then in pairs."""
    blocks = []
    for first in range(0, len(terms), 64):
        total = np.zeros(terms.shape[1])
        for line in terms[first : first + 64]:
            total = total + line
        blocks.append(total)
    return tree.pairwise(blocks) if blocks else np.zeros(terms.shape[1])


def along(terms):
    return np.array([tree.tensor_sum(line) for line in terms])


def same(got, wanted):
    assert got.dtype == np.float64 and got.tobytes() == np.asarray(wanted, np.float64).tobytes()


@by_dtype
@pytest.mark.parametrize("shape", SHAPES)
def test_the_sums_are_those_of_the_tree(dtype, shape):
    rng = np.random.default_rng(1)
    x, y = draw(rng, shape).astype(dtype), draw(rng, shape, np.float32)
    for second, factor in ((None, x), (y, y)):
        terms = x.astype(np.float64) * factor.astype(np.float64)
        same(_core.line_sums(x, second, 1), along(terms))
        same(_core.line_sums(x, second, 0), across(terms))


@pytest.mark.parametrize("axis", [0, 1])
def test_layouts_and_kinds_do_not_matter(axis):
    rng = np.random.default_rng(2)
    x, y = draw(rng, (66, 5), np.float32), draw(rng, (66, 5))
    wanted = _core.line_sums(x, y, axis)
    spaced = np.zeros((66, 10), np.float32)[:, ::2]
    spaced[...] = x
    for same_x in (spaced, x[:, ::-1][:, ::-1]):
        same(_core.line_sums(same_x, np.asfortranarray(y), axis), wanted)
    turned = _core.line_sums(x.T, y.T, 1 - axis)
    same(turned, wanted)
    torch = pytest.importorskip("torch")
    same(_core.line_sums(torch.from_numpy(x), torch.from_numpy(y), axis), wanted)


def test_threads_and_targets_do_not_matter():
    x = draw(np.random.default_rng(3), (500, 700), np.float32)
    threads, target = _core.get_num_threads(), cpu.active()
    found = set()
    try:
        for count in (1, 2, 3):
            for name in cpu.targets():
                _core.set_num_threads(count)
                cpu.use(name)
                found.add(b"".join(_core.line_sums(x, None, axis).tobytes() for axis in (0, 1)))
    finally:
        _core.set_num_threads(threads)
        cpu.use(target)
    assert len(found) == 1


def test_nan_and_infinity_stay_in_their_line():
    x = np.ones((3, 4))
    x[0, 1], x[2, 3] = np.nan, np.inf
    same(_core.line_sums(x, None, 1), [np.nan, 4.0, np.inf])
    assert np.isfinite(_core.line_sums(x, None, 0)[[0, 2]]).all()


@pytest.mark.parametrize(
    ("x", "y", "axis", "error", "text"),
    [
        (np.zeros(3), None, 0, ValueError, r"x: .*"),
        (
            np.zeros((2, 2, 2)),
            None,
            0,
            ValueError,
            r"x: shape \(2, 2, 2\) given, expected a matrix",
        ),
        (np.zeros((2, 3)), np.zeros((3, 2)), 0, ValueError, r"y: shape \(3, 2\) given"),
        (np.zeros((2, 3)), None, 2, ValueError, r"axis: 2 given, expected 0 or 1"),
        (np.zeros((2, 3), np.int32), None, 0, TypeError, r"x: .*int32"),
    ],
)
def test_what_is_refused(x, y, axis, error, text):
    with pytest.raises(error, match=text):
        _core.line_sums(x, y, axis)
