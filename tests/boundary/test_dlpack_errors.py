"""Producers that are on another device, broken or lying: a typed error, and no capsule lost."""

import ctypes
import gc

import numpy as np
import pytest
import steepest
from steepest import steps

from .producer import CUDA, KINDS, ROCM, DataType, Producer, new_capsule, producer
from .support import AdamWCall, random, refused

TYPED = (TypeError, ValueError, BufferError)


def step(p, g):
    return steps.sgd(p, g, step=1, lr=0.5)


@pytest.mark.parametrize("role", ["params", "grads"])
@pytest.mark.parametrize(
    "device, name", [((CUDA, 0), "cuda"), ((ROCM, 1), ("rocm", "device")), ((77, 0), "77")]
)
def test_another_device(role, device, name):
    arrays = {"params": random(4), "grads": random(4, seed=1)}
    foreign = dict(arrays)
    foreign[role] = Producer(arrays[role], device=device)
    error = (steepest.DeviceError, *TYPED)
    with refused(error, role, name, untouched=list(arrays.values())):
        step(*foreign.values())
    gc.collect()
    assert foreign[role].settled()


@pytest.mark.parametrize("kind", KINDS)
def test_a_capsule_on_another_device_than_announced(kind):
    """The structure counts: its pointer must never be followed on the CPU."""

    def move(tensor):
        tensor.device.device_type = CUDA

    p, g = random(4), random(4, seed=1)
    foreign = producer(p, kind, change=move)
    with refused((steepest.DeviceError, *TYPED), "params", untouched=[p, g]):
        step(foreign, g)
    gc.collect()
    assert foreign.settled()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "dtype",
    [
        DataType(0, 32, 1), DataType(1, 8, 1), DataType(2, 128, 1), DataType(2, 32, 2),
        DataType(4, 32, 1), DataType(5, 64, 1), DataType(6, 8, 1), DataType(10, 8, 1),
        DataType(3, 64, 1),
        DataType(2, 32, 0), DataType(2, 8, 1), DataType(200, 32, 1),
    ],
    ids=lambda d: f"code{d.code}-bits{d.bits}-lanes{d.lanes}",
)  # fmt: skip
def test_dtypes_that_are_none_of_ours(kind, dtype):
    p, g = random(4), random(4, seed=1)
    foreign = producer(p, kind, dtype=dtype)
    with refused(TypeError, "params", untouched=[p, g]):
        step(foreign, g)
    gc.collect()
    assert foreign.settled()


def negative_extent(tensor):
    tensor.shape[0] = -4


def negative_dimensions(tensor):
    tensor.ndim = -1


def absent_memory(tensor):
    tensor.data = None


def absent_shape(tensor):
    tensor.shape = None


def overflowing_size(tensor):
    tensor.shape[0] = tensor.shape[1] = 2**40
    tensor.strides[0] = 2**40


LIES = [negative_extent, negative_dimensions, absent_memory, absent_shape, overflowing_size]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", LIES)
def test_tensors_that_cannot_be(kind, change):
    p, g = random((4, 4)), random((4, 4), seed=1)
    foreign = producer(p, kind, change=change)
    with refused(TYPED, "params", untouched=[p, g]):
        step(foreign, g)
    gc.collect()
    assert foreign.settled()


class Failing:
    """A producer that raises `error`, from __dlpack_device__ or from __dlpack__."""

    def __init__(self, error, where):
        self.error, self.where, self.calls = error, where, 0

    def __dlpack_device__(self):
        if self.where == "device":
            raise self.error
        return (1, 0)

    def __dlpack__(self, **options):
        self.calls += 1
        raise self.error


def chain(error):
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("where", ["device", "capsule"])
@pytest.mark.parametrize(
    "error", [RuntimeError, TypeError, BufferError, KeyError, OSError, KeyboardInterrupt]
)
def test_a_producer_that_raises(where, error):
    """Its own words reach the caller, directly or as the cause."""
    p, g = random(4), random(4, seed=1)
    failing = Failing(error("the shop is closed"), where)
    with refused(BaseException, untouched=[p, g]) as caught:
        step([p, failing], [g, g])
    assert any("the shop is closed" in str(e) for e in chain(caught.value))
    if error is KeyboardInterrupt:
        assert isinstance(caught.value, KeyboardInterrupt)
    assert failing.calls <= 2


class Returning:
    def __init__(self, value):
        self.value = value

    def __dlpack_device__(self):
        return (1, 0)

    def __dlpack__(self, **options):
        return self.value


@pytest.mark.parametrize("value", [None, 5, b"dltensor", [], {}], ids=repr)
def test_a_producer_that_returns_no_capsule(value):
    g = random(4)
    with refused(TypeError, "params", "capsule", untouched=[g]):
        step(Returning(value), g)


@pytest.mark.parametrize("name", [b"something_else", b"used_dltensor", b"used_dltensor_versioned"])
def test_a_capsule_of_another_name(name):
    """Among them one that somebody else consumed: its memory is not ours to read."""
    g, memory = random(4), ctypes.create_string_buffer(256)
    capsule = new_capsule(ctypes.addressof(memory), name, None)
    with refused(TYPED, "params", "capsule", untouched=[g]):
        step(Returning(capsule), g)


class NoDevice:
    def __dlpack_device__(self):
        return "cpu"

    def __dlpack__(self, **options):
        raise AssertionError("the device was not understood")


def test_a_device_that_is_no_pair():
    g = random(4)
    with refused(TypeError, "params", untouched=[g]):
        step(NoDevice(), g)


@pytest.mark.parametrize("kind", KINDS)
def test_good_capsules_beside_a_bad_array_are_given_back(kind):
    call = AdamWCall()
    foreign = [producer(a, kind) for a in call.params]
    plain, call.params = call.params, foreign
    call.exp_avg_sq[3] = np.ones((5, 3), np.float32)
    with refused(ValueError, "exp_avg_sq[3]", untouched=[plain, call.streams()[1:]]):
        call.step()
    gc.collect()
    assert all(f.settled() for f in foreign)
