"""Where the memory comes from: files, subclasses, odd addresses, more than 2^31 elements."""

import mmap

import ml_dtypes
import numpy as np
import pytest
from steepest import steps

from .support import ADAMW_STREAMS, AdamWCall, assert_adamw, bits, random, refused, same_bits


def test_memory_mapped_file(tmp_path):
    path = tmp_path / "weights.bin"
    random(1000).tofile(path)
    mapped = np.memmap(path, np.float32, "r+")
    expected = random(1000) - np.float32(0.5) * random(1000, seed=1)
    steps.sgd(mapped, random(1000, seed=1), step=1, lr=0.5)
    mapped.flush()
    np.testing.assert_array_equal(np.fromfile(path, np.float32), expected)


def test_read_only_map(tmp_path):
    path = tmp_path / "weights.bin"
    random(100).tofile(path)
    mapped = np.memmap(path, np.float32, "r")
    with refused(BufferError, "params", untouched=[mapped]):
        steps.sgd(mapped, random(100, seed=1), step=1)
    p = random(100)
    steps.sgd(p, mapped, step=1, lr=1.0)
    np.testing.assert_array_equal(p, np.zeros(100))


def test_anonymous_map_by_the_buffer_protocol():
    region = mmap.mmap(-1, 4096)
    p = np.frombuffer(region, np.float32)
    steps.sgd(p, np.ones(1024, np.float32), step=1, lr=2.0)
    assert (p == -2).all()


class Tagged(np.ndarray):
    """A subclass with an attribute of its own and arithmetic that must not be called."""

    unit = "kelvin"

    def __array_ufunc__(self, *args, **kwargs):
        raise AssertionError("the step went through NumPy arithmetic")


@pytest.mark.parametrize("kind", [Tagged, np.matrix, np.memmap])
def test_ndarray_subclasses(kind, recwarn):
    call = AdamWCall(shapes=[(4, 6)])
    before = call.copy()
    for name in ADAMW_STREAMS:
        setattr(call, name, [a.view(kind) for a in getattr(call, name)])
    assert call.step() is True
    for name in ADAMW_STREAMS:
        setattr(call, name, [a.view(np.ndarray) for a in getattr(call, name)])
    assert_adamw(before, call)


def byte_view(values, shift):
    """`values` at an address `shift` bytes past a multiple of 64."""
    raw = bytearray(values.nbytes + 128)
    start = -np.frombuffer(raw, np.uint8).ctypes.data % 64 + shift
    view = np.frombuffer(raw, values.dtype, values.size, start).reshape(values.shape)
    view[...] = values
    assert view.ctypes.data % 64 == shift
    return view


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ml_dtypes.bfloat16, np.float16])
@pytest.mark.parametrize("name", ["params", "grads"])
def test_address_not_a_multiple_of_the_item(dtype, name):
    """Such a view either works or is refused for exactly that reason; it never crashes."""
    arrays = {"params": random(77, dtype), "grads": random(77, dtype, seed=1)}
    expected, grads = arrays["params"].copy(), arrays["grads"].copy()
    steps.sgd(expected, grads, step=1, lr=0.5)
    arrays[name] = byte_view(arrays[name], shift=1)
    before = bits(*arrays.values())
    try:
        steps.sgd(*arrays.values(), step=1, lr=0.5)
    except ValueError as error:
        assert "align" in str(error) and name in str(error)
        assert bits(*arrays.values()) == before
    else:
        assert same_bits(arrays["params"], expected)


@pytest.mark.parametrize("size", [1, 7, 31, 64, 333, 5000])
@pytest.mark.parametrize("shifts", [(4, 4, 4, 4), (0, 4, 8, 12), (60, 36, 20, 4)])
def test_addresses_in_any_phase_of_a_vector(size, shifts):
    call, moved = AdamWCall(shapes=[(size,)]), AdamWCall(shapes=[(size,)])
    for name, shift in zip(ADAMW_STREAMS, shifts, strict=True):
        setattr(moved, name, [byte_view(getattr(moved, name)[0], shift)])
    call.step(step=2)
    moved.step(step=2)
    assert same_bits(moved.streams(), call.streams())


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16, np.float16, np.float64])
def test_nothing_outside_the_array_is_written(dtype):
    for size in [1, 2, 3, 15, 16, 17, 63, 64, 65, 127, 4095, 4097]:
        base = np.ones(size + 128, dtype)
        steps.sgd(base[64 : 64 + size], np.ones(size, dtype), step=1, lr=1.0)
        assert (base[:64] == 1).all() and (base[64 + size :] == 1).all(), size
        assert (base[64 : 64 + size] == 0).all(), size


def free_gigabytes():
    try:
        with open("/proc/meminfo") as lines:
            fields = dict(line.split(":") for line in lines)
        return int(fields["MemAvailable"].split()[0]) / 2**20
    except (OSError, KeyError):
        return 0.0


@pytest.mark.slow
@pytest.mark.skipif(free_gigabytes() < 12, reason="needs 12 GB of free memory")
def test_more_than_two_to_the_31_elements():
    """A 32-bit count or index would wrap: what it would hit and what it would miss are read."""
    size = 2**31 + 4099
    one = int(np.asarray(1, ml_dtypes.bfloat16).view(np.uint16))
    params, grads = np.full(size, one, np.uint16), np.zeros(size, np.uint16)
    marked = [0, 4098, 2**30, 2**31 - 1, 2**31, 2**31 + 1, size - 2, size - 1]
    grads[marked] = one
    bf16 = ml_dtypes.bfloat16
    assert steps.sgd(params.view(bf16), grads.view(bf16), step=1, lr=1.0) is True
    changed = [
        start + np.flatnonzero(params[start : start + 2**26] != one)
        for start in range(0, size, 2**26)
    ]
    assert np.concatenate(changed).tolist() == marked
    assert not params[marked].any()
