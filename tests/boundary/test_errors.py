"""Arrays that a step must refuse: the right exception, the argument named, and nothing written.

The bad array is always the last of a list, so that a step which checked as it went would have
written the first three already.
"""

import ml_dtypes
import numpy as np
import pytest
from steepest import steps

from .support import ADAMW_STREAMS, AdamWCall, random, refused, same_bits

BAD_DTYPES = [
    np.int8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.bool_,
    np.complex64, np.complex128, np.longdouble, ml_dtypes.float8_e4m3fn,
]  # fmt: skip


def spoilt(name, array, at=3):
    call = AdamWCall()
    getattr(call, name)[at] = array
    return call


@pytest.mark.parametrize("name", ADAMW_STREAMS)
@pytest.mark.parametrize("dtype", BAD_DTYPES, ids=lambda d: np.dtype(d).name)
def test_wrong_dtype(name, dtype):
    call = spoilt(name, np.ones((3, 5), dtype))
    given = (np.dtype(dtype).name, "longdouble") if dtype is np.longdouble else np.dtype(dtype).name
    with refused(TypeError, f"{name}[3]", given, "float32", untouched=call.streams()):
        call.step()


@pytest.mark.parametrize("name", ADAMW_STREAMS)
@pytest.mark.parametrize(
    "dtype", [object, "S4", "U1", "M8[s]", [("x", "f4"), ("y", "f4")]], ids=str
)
def test_not_numbers(name, dtype):
    call = spoilt(name, np.zeros((3, 5), dtype))
    with refused(TypeError, f"{name}[3]", untouched=call.streams()):
        call.step()


@pytest.mark.parametrize("name", ADAMW_STREAMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_byte_swapped(name, dtype):
    call = spoilt(name, np.ones((3, 5), np.dtype(dtype).newbyteorder()))
    words = ("byte", "endian", np.dtype(dtype).newbyteorder().str)
    with refused(TypeError, f"{name}[3]", words, untouched=call.streams()):
        call.step()


@pytest.mark.parametrize("name", ["exp_avg", "exp_avg_sq"])
def test_half_precision_state(name):
    call = spoilt(name, np.ones((3, 5), np.float16))
    with refused(TypeError, f"{name}[3]", "float16", untouched=call.streams()):
        call.step()


@pytest.mark.parametrize("name", ADAMW_STREAMS)
def test_double_among_floats(name):
    call = spoilt(name, np.ones((3, 5), np.float64))
    # Where the parameter is the odd one, any of the others may be called wrong.
    blamed = tuple(f"{n}[3]" for n in ADAMW_STREAMS) if name == "params" else f"{name}[3]"
    with refused(TypeError, blamed, "float64", "float32", untouched=call.streams()):
        call.step()


def test_float_among_doubles():
    call = AdamWCall(dtype=np.float64)
    call.exp_avg[3] = np.ones((3, 5), np.float32)
    with refused(TypeError, "exp_avg[3]", "float32", "float64", untouched=call.streams()):
        call.step()


def test_double_working_copy():
    call = AdamWCall()
    copies = [np.zeros((3, 5), np.float16) for _ in range(3)] + [np.zeros((3, 5))]
    with refused(TypeError, "working_copy[3]", "float64", untouched=[call.streams(), copies]):
        call.step(working_copy=copies)


@pytest.mark.parametrize("name", ADAMW_STREAMS[1:])
@pytest.mark.parametrize("shape", [(5, 3), (15,), (3, 5, 1), (1, 3, 5), (3, 4), (0, 5), ()])
def test_shape_mismatch(name, shape):
    call = spoilt(name, np.ones(shape, np.float32))
    with refused(ValueError, f"{name}[3]", str(shape), "(3, 5)", untouched=call.streams()):
        call.step()


def test_shape_mismatch_of_working_copy():
    call = AdamWCall()
    copies = [np.zeros((3, 5), np.float16) for _ in range(3)] + [np.zeros((5, 3), np.float16)]
    words = ("working_copy[3]", "(5, 3)", "(3, 5)")
    with refused(ValueError, *words, untouched=[call.streams(), copies]):
        call.step(working_copy=copies)


@pytest.mark.parametrize("name", ADAMW_STREAMS[1:])
@pytest.mark.parametrize("count", [0, 3, 5])
def test_list_lengths(name, count):
    call = AdamWCall()
    setattr(call, name, [np.ones((3, 5), np.float32) for _ in range(count)])
    with refused(ValueError, name, str(count), "4", untouched=call.streams()):
        call.step()


@pytest.mark.parametrize("name", ["params", "exp_avg", "exp_avg_sq"])
def test_read_only_output(name):
    call = AdamWCall()
    getattr(call, name)[3].flags.writeable = False
    with refused(BufferError, f"{name}[3]", ("read-only", "writ"), untouched=call.streams()):
        call.step()


def test_read_only_working_copy():
    call = AdamWCall(shapes=[(3, 5)])
    copy = np.zeros((3, 5), np.float16)
    copy.flags.writeable = False
    with refused(BufferError, "working_copy", untouched=[call.streams(), copy]):
        call.step(working_copy=[copy])


def test_numpy_scalars_are_read_only():
    """They have an address, but each is a value: a step into one would be lost."""
    p, g = np.float32(1), np.array(0.5, np.float32)
    with refused((BufferError, TypeError), "params", untouched=[g]):
        steps.sgd(p, g, step=1)
    assert p == 1


def test_read_only_gradients_are_fine():
    call, frozen = AdamWCall(), AdamWCall()
    for g in frozen.grads:
        g.flags.writeable = False
    assert call.step() is True and frozen.step() is True
    assert same_bits(call.streams(), frozen.streams())


NO_ARRAYS = [None, "weights", 1.0, 7, {}, b"", 2j]
NO_LISTS_OF_ARRAYS = {
    "floats": [1.0] * 4,
    "string": "wxyz",
    "nested": [[random(3)]] * 4,
    "nothing": [None] * 4,
}


def but_for_skipped(*skipped, of):
    """Every stream with every bad value, but gradients with those that only skip a tensor."""
    return [(n, bad) for n in ADAMW_STREAMS for bad in of if n != "grads" or bad not in skipped]


@pytest.mark.parametrize("name, bad", but_for_skipped(None, of=NO_ARRAYS))
def test_not_an_array(name, bad):
    arrays = AdamWCall().first()
    arrays[name] = bad
    with refused(TypeError, name, untouched=list(arrays.values())):
        steps.adamw(*arrays.values(), step=1)


@pytest.mark.parametrize("name, kind", but_for_skipped("nothing", of=NO_LISTS_OF_ARRAYS))
def test_lists_of_what_is_no_array(name, kind):
    call = AdamWCall()
    setattr(call, name, NO_LISTS_OF_ARRAYS[kind])
    with refused(TypeError, name, untouched=call.streams()):
        call.step()


@pytest.mark.parametrize("name", ADAMW_STREAMS)
def test_an_array_where_the_others_are_lists(name):
    call = AdamWCall(shapes=[(3, 5)])
    setattr(call, name, getattr(call, name)[0])
    blamed = ("params", "grads") if name == "params" else name
    with refused(TypeError, blamed, untouched=call.streams()):
        call.step()


def test_missing_and_surplus_states():
    p, g, m, v = (s[0] for s in AdamWCall().streams())
    with refused(TypeError, "exp_avg_sq", untouched=[p, g, m, v]):
        steps.adamw(p, g, m, step=1)
    with refused(TypeError, untouched=[p, g, m, v]):
        steps.adamw(p, g, m, v, v.copy(), step=1)
    with refused((TypeError, ValueError), "momentum_buffer", untouched=[p, g]):
        steps.sgd(p, g, step=1, momentum=0.9)


def test_grad_norm_refuses_too():
    with refused(TypeError, "grads[1]", "int32"):
        steps.grad_norm([random(3), np.ones(3, np.int32)])
    with refused(ValueError, "grads[0]"):
        steps.grad_norm([random(8)[::2]])
