"""Objects of the buffer protocol: array.array, memoryview, ctypes, bytearray views."""

import array
import ctypes
import struct

import numpy as np
import pytest
from steepest import steps

from .support import random, refused


def step(p, g):
    return steps.sgd(p, g, step=1, lr=0.5)


def seen(buffer):
    return np.frombuffer(buffer, np.float32).tolist()


def ctypes_array(values):
    return (ctypes.c_float * len(values))(*values)


def memoryview_of_bytearray(values):
    return memoryview(bytearray(struct.pack(f"{len(values)}f", *values))).cast("f")


MAKERS = {
    "array.array": lambda values: array.array("f", values),
    "memoryview": lambda values: memoryview(array.array("f", values)),
    "memoryview.cast": memoryview_of_bytearray,
    "ctypes": ctypes_array,
    "memoryview of ctypes": lambda values: memoryview(ctypes_array(values)),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_accepted_and_written_in_place(kind):
    p, g = MAKERS[kind]([1.0, 2.0, -3.0]), MAKERS[kind]([1.0, 0.5, -2.0])
    assert step(p, g) is True
    assert seen(p) == [0.5, 1.75, -2.0] and seen(g) == [1.0, 0.5, -2.0]
    assert step([p], [g]) is True
    assert seen(p) == [0.0, 1.5, -1.0]


def test_doubles():
    p, g = array.array("d", [1.0, 1e300]), (ctypes.c_double * 2)(2.0**-60, 0.0)
    steps.sgd(p, g, step=1, lr=2.0**8)
    assert list(p) == [1.0 - 2.0**-52, 1e300]


def test_two_dimensional_buffers():
    rows = (ctypes.c_float * 3 * 2)((1, 2, 3), (4, 5, 6))
    step(rows, np.ones((2, 3), np.float32))
    assert [list(r) for r in rows] == [[0.5, 1.5, 2.5], [3.5, 4.5, 5.5]]
    shaped = memoryview(bytearray(24)).cast("f", (2, 3))
    step(shaped, np.ones((2, 3), np.float32))
    assert shaped.tolist() == [[-0.5] * 3] * 2
    with refused(ValueError, "grads", "(3, 2)", "(2, 3)"):
        step(shaped, np.ones((3, 2), np.float32))


def test_zero_dimensional_ctypes():
    p = ctypes.c_float(3.0)
    step(p, np.float32(2.0) * np.ones((), np.float32))
    assert p.value == 2.0


def test_bytes_are_read_only():
    frozen = memoryview(struct.pack("3f", 1.0, 2.0, 3.0)).cast("f")
    p = array.array("f", [1.0, 2.0, 3.0])
    with refused(BufferError, "params", ("read-only", "writ")):
        step(frozen, p)
    assert frozen.tolist() == [1.0, 2.0, 3.0] and list(p) == [1.0, 2.0, 3.0]
    with refused((TypeError, BufferError), "params"):
        step(bytes(12), np.zeros(12, np.float32))
    assert step(p, frozen) is True
    assert list(p) == [0.5, 1.0, 1.5]
    readonly = memoryview(p).toreadonly()
    with refused(BufferError, "params"):
        step(readonly, np.ones(3, np.float32))
    assert list(p) == [0.5, 1.0, 1.5]


@pytest.mark.parametrize("code", "bBhHiIlLqQ")
def test_integer_buffers(code):
    p = array.array(code, [1, 2, 3])
    with refused(TypeError, "params", "float32"):
        step(p, random(3))
    assert list(p) == [1, 2, 3]
    with refused(TypeError, "params"):
        step(bytearray(12), random(12))


@pytest.mark.skipif(not hasattr(ctypes.c_float, "__ctype_be__"), reason="no swapped ctypes")
def test_byte_swapped_buffers():
    p = (ctypes.c_float.__ctype_be__ * 3)(1.0, 2.0, 3.0)
    with refused(TypeError, "params", ("byte", "endian", ">f")):
        step(p, random(3))
    assert list(p) == [1.0, 2.0, 3.0]


def test_strided_buffers():
    p = memoryview(array.array("f", range(6)))[::2]
    with refused(ValueError, "params", ("stride", "dense", "contiguous", "layout")):
        step(p, random(3))
    assert p.tolist() == [0.0, 2.0, 4.0]


def test_structures_are_refused():
    class Pair(ctypes.Structure):
        _fields_ = [("x", ctypes.c_float), ("y", ctypes.c_float)]

    with refused(TypeError, "params"):
        step((Pair * 3)(), random(3))


def test_a_released_view_is_refused():
    p = memoryview(array.array("f", [1.0]))
    p.release()
    with refused((ValueError, TypeError, BufferError)):
        step(p, random(1))


def test_a_call_lets_go_of_the_buffer_and_a_plan_holds_it():
    """A growing array.array moves its memory, which it only dares while nobody looks at it."""
    p, g = array.array("f", [1.0, 2.0]), array.array("f", [1.0, 1.0])
    step(p, g)
    p.append(3.0), g.append(1.0)
    with refused(ValueError, "grads"):
        step(p, array.array("f", [1.0]))
    p.append(4.0), g.append(1.0)
    plan = steps.Plan("sgd", [p], lr=0.5)
    with pytest.raises(BufferError):
        p.append(5.0)
    plan([g], step=1)
    g.append(1.0)
    del plan
    p.append(5.0)
    assert list(p) == [0.0, 1.0, 2.5, 3.5, 5.0]
