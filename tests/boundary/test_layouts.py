"""Memory layouts: a dense one that all arrays of an entry share is accepted, no other is."""

import ml_dtypes
import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided
from steepest import steps

from .support import ADAMW_STREAMS, AdamWCall, assert_adamw, random, refused, same_bits

STRIDES = ("stride", "contiguous", "dense", "layout")


def relaid(call, layout):
    """The same values, every array stored in another order by `layout`."""
    for name in ADAMW_STREAMS:
        setattr(call, name, [layout(a) for a in getattr(call, name)])
    return call


def stored_as(axes):
    """Stores with the axes in this order from slowest to fastest, and shows the old shape."""
    return lambda a: np.ascontiguousarray(a.transpose(axes)).transpose(np.argsort(axes))


DENSE = {
    "C": ((3, 4, 5), np.ascontiguousarray),
    "F": ((3, 4, 5), np.asfortranarray),
    "middle axis slowest": ((3, 4, 5), stored_as((1, 0, 2))),
    "middle axis fastest": ((3, 4, 5), stored_as((0, 2, 1))),
    "rotated": ((3, 4, 5), stored_as((2, 0, 1))),
    "channels last": ((2, 3, 4, 5), stored_as((0, 2, 3, 1))),
    "F matrix": ((7, 9), np.asfortranarray),
    "with a size-1 axis": ((4, 1, 6), stored_as((2, 1, 0))),
}


@pytest.mark.parametrize("layout", DENSE)
def test_dense_layouts(layout):
    shape, store = DENSE[layout]
    call, plain = relaid(AdamWCall(shapes=[shape] * 2), store), AdamWCall(shapes=[shape] * 2)
    before = call.copy()
    assert call.params[0].strides == store(plain.params[0]).strides
    assert call.step(step=3) is True and plain.step(step=3) is True
    assert_adamw(before, call, step=3)
    assert same_bits(call.streams(), plain.streams())


@pytest.mark.parametrize("name", ADAMW_STREAMS[1:])
@pytest.mark.parametrize("layout", [n for n in DENSE if n != "C"])
def test_layouts_must_match_inside_an_entry(name, layout):
    shape, store = DENSE[layout]
    call = AdamWCall(shapes=[shape] * 2)
    getattr(call, name)[1] = store(getattr(call, name)[1])
    with refused(ValueError, f"{name}[1]", STRIDES, untouched=call.streams()):
        call.step()


def test_entries_may_differ_in_layout():
    call = AdamWCall(shapes=[(4, 6), (4, 6)])
    for name in ADAMW_STREAMS:
        getattr(call, name)[1] = np.asfortranarray(getattr(call, name)[1])
    before = call.copy()
    call.step()
    assert_adamw(before, call)


@pytest.mark.parametrize("strange", [0, 4, 1234, -64])
def test_strides_of_size_one_axes_mean_nothing(strange):
    """NumPy leaves any number there, so neither density nor agreement may depend on it."""
    call = AdamWCall(shapes=[(3, 1, 4)])
    before = call.copy()
    call.exp_avg[0] = as_strided(call.exp_avg[0], (3, 1, 4), (16, strange, 4))
    call.params[0] = as_strided(call.params[0], (3, 1, 4), (16, 8 * strange, 4))
    assert call.step() is True
    assert_adamw(before, call)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ml_dtypes.bfloat16])
def test_zero_dimensional(dtype):
    call = AdamWCall(shapes=[(), ()], dtype=dtype)
    before = call.copy()
    assert call.step() is True
    assert_adamw(before, call, rtol=2e-6 if dtype != ml_dtypes.bfloat16 else 2**-8)
    p, g = random((), seed=1), random((), seed=2)
    expected = p - np.float32(0.5) * g
    steps.sgd(p, g, step=1, lr=0.5)
    assert p.shape == () and p == expected


@pytest.mark.parametrize("shape", [(0,), (3, 0, 2), (0, 0)])
def test_empty_arrays(shape):
    call = AdamWCall(shapes=[shape, (5,), shape])
    before = call.copy()
    assert call.step() is True
    assert_adamw(before, call)
    call = AdamWCall(shapes=[shape])
    assert call.step() is True
    assert steps.adamw(*(s[0] for s in call.streams()), step=1) is True


def test_empty_arrays_have_no_layout():
    """No element, no address: strides of an empty array are not looked at."""
    call = AdamWCall(shapes=[(3, 0, 2)])
    call.params[0] = np.asfortranarray(call.params[0])
    call.exp_avg[0] = np.zeros((3, 5, 2), np.float32)[:, 5:, :]
    assert call.step() is True


def test_empty_lists():
    assert steps.adamw([], [], [], [], step=1) is True
    assert steps.adamw((), [], (), [], step=1, max_grad_norm=1.0, skip_nonfinite=True) is True
    norm = steps.grad_norm([])
    assert norm.total == 0.0 and norm.finite and norm.per_tensor.shape == (0,)


NOT_DENSE = {
    "every second": lambda: random(8)[::2],
    "left columns": lambda: random((4, 6))[:, :3],
    "every second row": lambda: random((6, 4))[::2],
    "reversed": lambda: random(4)[::-1],
    "reversed axis": lambda: random((3, 4))[:, ::-1],
    "diagonal": lambda: as_strided(random((4, 4)), (4,), (20,)),
    "broadcast": lambda: as_strided(random(4), (3, 4), (0, 4)),
    "overlapping windows": lambda: as_strided(random(8), (3, 4), (4, 4)),
    "fully broadcast": lambda: as_strided(random(1), (5,), (0,)),
    "real parts": lambda: np.ones(4, np.complex64).real,
    "field": lambda: np.ones(4, [("a", "f4"), ("b", "f4")])["a"],
    "gap": lambda: as_strided(random(64), (2, 3, 4), (96, 16, 4)),
}


@pytest.mark.parametrize("name", ADAMW_STREAMS)
@pytest.mark.parametrize("kind", NOT_DENSE)
def test_not_dense(name, kind):
    bad = NOT_DENSE[kind]()
    call = AdamWCall(shapes=[(3,), bad.shape])
    getattr(call, name)[1] = bad
    with refused(ValueError, f"{name}[1]", STRIDES, untouched=[*call.streams(), bad.base]):
        call.step()


def test_the_same_slice_of_everything_is_still_refused():
    call = relaid(AdamWCall(shapes=[(4, 6)]), lambda a: a[:, :3])
    with refused(ValueError, "params[0]", STRIDES, untouched=call.streams()):
        call.step()


def test_broadcast_views_are_read_only_outputs():
    p = np.broadcast_to(np.float32(1), (4,))
    with refused((BufferError, ValueError), "params"):
        steps.sgd(p, random(4), step=1)


def test_rows_and_offsets_of_a_larger_array_are_dense():
    base = random(1000)
    before = base.copy()
    steps.sgd([base[1:34], base[37:38], base[101:]], [np.ones(n, np.float32) for n in (33, 1, 899)],
              step=1, lr=1.0)  # fmt: skip
    touched = np.zeros(1000, bool)
    touched[1:34] = touched[37] = touched[101:] = True
    np.testing.assert_array_equal(base, np.where(touched, before - 1, before))
