"""Foreign arrays through DLPack: both ABIs, used without a copy, released exactly once."""

import gc

import ml_dtypes
import numpy as np
import pytest
from steepest import steps

from .producer import IS_COPIED, KINDS, READ_ONLY, Producer, producer
from .support import random, refused


def step(p, g, **options):
    return steps.sgd(p, g, step=1, lr=0.5, **options)


def half_step(p, g):
    """What `step` makes of small multiples of 1/8, exactly in every dtype."""
    return (p.astype(np.float64) - 0.5 * g.astype(np.float64)).astype(p.dtype)


def eighths(shape, dtype=np.float32, seed=0):
    return np.array(np.random.default_rng(seed).integers(-16, 16, shape) / 8, dtype)


@pytest.mark.parametrize("kind", KINDS)
def test_the_producer_itself_is_sound(kind):
    a = random((3, 4))
    foreign = producer(a, kind)
    seen = np.from_dlpack(foreign)
    assert seen.ctypes.data == a.ctypes.data and seen.shape == (3, 4)
    assert foreign.exports[0].consumed and foreign.exports[0].deleted == 0
    del seen
    gc.collect()
    assert foreign.exports[0].deleted == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, ml_dtypes.bfloat16, np.float16])
def test_every_dtype_in_both_abis(kind, dtype):
    p, g = eighths((3, 5), dtype), eighths((3, 5), dtype, seed=1)
    expected = half_step(p, g)
    foreign = [producer(a, kind) for a in (p, g)]
    assert step(*foreign) is True
    np.testing.assert_array_equal(p, expected)
    gc.collect()
    for f in foreign:
        assert f.exports[-1].consumed, "a capsule that was used keeps its name"
        assert [e.deleted for e in f.exports] == [1] * len(f.exports)


def test_a_version_is_asked_for():
    """Without max_version a producer must hand out the legacy form, which hides read-only flags."""
    p = Producer(eighths(4))
    step(p, eighths(4, seed=1))
    assert p.requests[0]["max_version"] is not None and p.requests[0]["max_version"][0] == 1
    assert p.requests[0]["copy"] is not True and len(p.exports) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_arrays_mix_in_one_call(kind):
    p, g = eighths((2, 3)), eighths((2, 3), seed=1)
    expected = half_step(p, g)
    step([producer(p, kind)], [g])
    np.testing.assert_array_equal(p, expected)
    step([p], [producer(g, kind)])
    np.testing.assert_array_equal(p, half_step(expected, g))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options",
    [{"byte_offset": 64}, {"null_strides": True}, {"has_deleter": False},
     {"null_strides": True, "byte_offset": 4}],
    ids=str,
)  # fmt: skip
def test_liberties_of_the_abi(kind, options):
    """An offset data pointer, absent strides (row-major), an absent deleter."""
    p, g = eighths((3, 4)), eighths((3, 4), seed=1)
    expected = half_step(p, g)
    foreign = [producer(a, kind, **options) for a in (p, g)]
    assert step(*foreign) is True
    np.testing.assert_array_equal(p, expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (1, 1, 5)])
def test_shapes(kind, shape):
    p, g = eighths(shape), eighths(shape, seed=1)
    expected = half_step(p, g)
    assert step(producer(p, kind), producer(g, kind)) is True
    np.testing.assert_array_equal(p, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_layouts(kind):
    p, g = np.asfortranarray(eighths((3, 4))), np.asfortranarray(eighths((3, 4), seed=1))
    expected = half_step(p, g)
    step(producer(p, kind), g)
    np.testing.assert_array_equal(p, expected)
    for bad in (eighths((6, 4))[::2], eighths((3, 8))[:, :4], eighths((3, 4))[::-1]):
        foreign = producer(bad, kind)
        with refused(ValueError, "params", ("stride", "layout", "dense"), untouched=[bad, g]):
            step(foreign, np.ones((3, 4), np.float32))
        gc.collect()
        assert foreign.settled()
    with refused(ValueError, "grads", ("stride", "layout"), untouched=[p]):
        step(p, producer(np.ones((3, 4), np.float32), kind))


@pytest.mark.parametrize("minor", [0, 1, 2, 99])
def test_newer_minor_versions_are_read(minor):
    p, g = eighths(6), eighths(6, seed=1)
    expected = half_step(p, g)
    step(Producer(p, version=(1, minor)), Producer(g, version=(1, minor)))
    np.testing.assert_array_equal(p, expected)


def test_newer_major_version_is_refused():
    """Its layout is unknown but for the deleter, so nothing else may be read."""
    p, g = eighths(6), eighths(6, seed=1)
    foreign = Producer(p, version=(2, 0))
    with refused((BufferError, ValueError), "params", "version", untouched=[p, g]):
        step(foreign, g)
    gc.collect()
    assert foreign.settled()


def test_flag_read_only():
    p, g = eighths(6), eighths(6, seed=1)
    foreign = Producer(p, flags=READ_ONLY)
    with refused(BufferError, "params", ("read-only", "writ"), untouched=[p, g]):
        step(foreign, g)
    gc.collect()
    assert foreign.settled()
    expected = half_step(p, g)
    assert step(p, Producer(g, flags=READ_ONLY)) is True
    np.testing.assert_array_equal(p, expected)


def test_flag_copied():
    """A step into a producer's private copy would be lost without a word."""
    p, g = eighths(6), eighths(6, seed=1)
    with refused((BufferError, ValueError), "params", "cop", untouched=[p, g]):
        step(Producer(p, flags=IS_COPIED), g)
    expected = half_step(p, g)
    assert step(p, Producer(g, flags=IS_COPIED)) is True
    np.testing.assert_array_equal(p, expected)


def test_overlap_is_seen_through_dlpack():
    base, g = eighths(12), eighths(8, seed=1)
    with refused(ValueError, "params[1]", "params[0]", untouched=[base, g]):
        step([Producer(base[:8]), base[4:]], [g, g])
    with refused(ValueError, "grads", "params", untouched=[base]):
        step(Producer(base), Producer(base))


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_keeps_its_capsules_until_it_goes(kind):
    p, g = eighths(6), eighths(6, seed=1)
    expected = half_step(p, g)
    parameter, gradient = producer(p, kind), producer(g, kind)
    plan = steps.Plan("sgd", [parameter], lr=0.5)
    assert parameter.exports[-1].consumed and parameter.exports[-1].deleted == 0
    plan([gradient], step=1)
    np.testing.assert_array_equal(p, expected)
    gc.collect()
    assert gradient.exports[-1].deleted == 1 and parameter.exports[-1].deleted == 0
    del plan
    gc.collect()
    assert [e.deleted for e in parameter.exports] == [1] * len(parameter.exports)
