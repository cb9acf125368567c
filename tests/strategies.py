"""Hypothesis strategies of arrays in every layout, of every kind that a function may be given.

An array is ordinary as a rule, and odd in one way or another now and then. Its values are multiples
of 1/8, which every float dtype holds exactly.
"""

import ml_dtypes
import numpy as np
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided

BF16 = np.dtype(ml_dtypes.bfloat16)
FLOATS = (np.dtype("f8"), np.dtype("f4"), BF16, np.dtype("f2"))
UNSUPPORTED = tuple(map(np.dtype, (">f8", ">f4", "i4", "u1", "?", "c8", "g", "O")))
SIDES = st.one_of(st.integers(0, 9), st.sampled_from([17, 33, 70]))


def plain(array):
    return np.ascontiguousarray(array)


def fortran(array):
    return np.asfortranarray(array)


def backwards(array):
    """Every stride negative."""
    flip = (slice(None, None, -1),) * array.ndim
    return plain(array[flip])[flip]


def gapped(array):
    """Other elements between those of the last axis, and behind each row."""
    wide = np.full((*array.shape[:-1], 2 * array.shape[-1] + 3), 7, array.dtype)
    view = wide[..., : 2 * array.shape[-1] : 2]
    view[...] = array
    return view


def inner(array):
    """A window of a larger array."""
    large = np.full([n + 2 for n in array.shape], 7, array.dtype)
    view = large[(slice(1, -1),) * array.ndim]
    view[...] = array
    return view


def shifted(array):
    """At an address that is no multiple of 16."""
    raw = np.zeros(array.nbytes + 16, np.uint8)
    view = raw[array.itemsize : array.itemsize + array.nbytes].view(array.dtype)
    view = view.reshape(array.shape)
    view[...] = array
    return view


def misaligned(array):
    """At an address that is no multiple of the item size."""
    raw = np.zeros(array.nbytes + 16, np.uint8)
    view = np.frombuffer(raw.data, array.dtype, array.size, 1).reshape(array.shape)
    view[...] = array
    return view


def stretched(array):
    """One element again and again: all strides zero."""
    cell = np.ones(1, array.dtype)
    return as_strided(cell, array.shape, (0,) * array.ndim)


def read_only(array):
    view = plain(array).view()
    view.flags.writeable = False
    return view


#: The values stay what they are in all but `stretched`.
LAYOUTS = (plain, fortran, backwards, gapped, inner, shifted)
ODD_LAYOUTS = (misaligned, stretched, read_only)


@st.composite
def values(draw, shape, dtype):
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    with np.errstate(all="ignore"):
        return np.asarray(rng.integers(-16, 17, shape) / 8).astype(dtype)


def mostly(ordinary, odd):
    """One of nine of the odd ones."""
    return st.integers(0, 8).flatmap(lambda k: odd if k == 8 else ordinary)


@st.composite
def arrays(draw, shape, dtypes=FLOATS, odd=True):
    """One array; without `odd` of a dtype and in a layout that functions of matrices must take."""
    dtype, layout = st.sampled_from(dtypes), st.sampled_from(LAYOUTS)
    if odd:
        dtype = mostly(dtype, st.sampled_from(UNSUPPORTED))
        layout = mostly(layout, st.sampled_from(ODD_LAYOUTS))
    array = draw(values(shape, draw(dtype)))
    chosen = draw(layout)
    fits = array.ndim > 0 and array.dtype != object
    return chosen(array) if fits else array


@st.composite
def matrices(draw, odd=True, square=False, dtypes=FLOATS):
    """A matrix or a small stack of them."""
    rows = draw(SIDES)
    cols = rows if square else draw(SIDES)
    lead = draw(mostly(st.just(()), st.sampled_from([(2,), (0,), (2, 1)])))
    return draw(arrays((*lead, rows, cols), dtypes, odd))


@st.composite
def outputs(draw, like, odd=True):
    """None, the array itself, memory of its own, or what shares some of the input's."""
    choices = [lambda: None, lambda: like, lambda: np.zeros(like.shape, like.dtype)]
    if odd:
        choices += [
            lambda: like[::-1] if like.ndim else like,
            lambda: np.zeros((*like.shape, 1), like.dtype),
            lambda: np.zeros(like.shape, "f4"),
            lambda: read_only(like),
            lambda: np.swapaxes(like, -1, -2) if like.ndim > 1 else like,
        ]
    return draw(st.sampled_from(choices))()


def owner(array):
    """The array whose memory this one shows."""
    while isinstance(getattr(array, "base", None), np.ndarray):
        array = array.base
    return array


def memory(*given):
    """The bytes behind all arrays of (nested) arguments, gaps included."""
    found = []
    for item in given:
        if isinstance(item, (list, tuple)):
            found += memory(*item)
        elif isinstance(item, np.ndarray) and item.dtype != object:
            found.append(owner(item).tobytes())
    return found
