"""What functions that clip in place refuse, and arrays that they take from elsewhere."""

import numpy as np
import pytest
from steepest import _core, steps

from .device_fakes import KINDS, emulation
from .support import refused

CALLS = {
    "norm": lambda grads, **options: steps.clip_norm_(grads, 1.0, **options),
    "value": lambda grads, **options: steps.clip_value_(grads, 0.5, **options),
}
by_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def read_only(a):
    a.flags.writeable = False
    return a


@by_call
def test_arrays_that_are_refused(call):
    good = np.ones((4, 6), np.float32)
    with refused(BufferError, "grads[1]", untouched=[good]):
        call([good, read_only(np.ones(3, np.float32))])
    with refused(ValueError, "grads", "gaps", untouched=[good]):
        call(good[:, ::2])
    with refused(ValueError, "grads[1]", "grads[0]", untouched=[good]):
        call([good, good[2:]])
    with refused(TypeError, "grads[1]", untouched=[good]):
        call([good, np.ones(3, np.int32)])
    with refused(TypeError, "grads", untouched=[good]):
        call("grads")
    with refused(ValueError, "stream", untouched=[good]):
        call(good, stream=2)


@by_call
@pytest.mark.parametrize("kind", KINDS)
def test_arrays_on_a_device(call, kind):
    rng = np.random.default_rng(3)
    here = [np.asarray(rng.standard_normal(s), np.float32) for s in [(4099,), (3, 5), ()]]
    there = [g.copy() for g in here]
    with emulation():
        found = call([KINDS[kind](g) for g in there])
    with emulation(False):
        wanted = call(here)
    assert all(np.array_equal(a, b) for a, b in zip(here, there, strict=True))
    if wanted is not None:
        assert (found.total, found.finite) == (wanted.total, wanted.finite)
        assert np.array_equal(found.per_tensor, wanted.per_tensor)


def test_flags_are_bools():
    for name in ("per_tensor", "skip_nonfinite"):
        with pytest.raises(TypeError):
            steps.clip_norm_(np.ones(3), 1.0, **{name: "yes"})
    assert _core.clip(np.ones(3), max_value=1.0) is None


def test_adaptive_clipping_refuses():
    g, p = np.ones((4, 6), np.float32), np.ones((4, 6), np.float32)
    arrays = [g, p]
    with refused(BufferError, "grads", untouched=arrays):
        steps.clip_adaptive_(read_only(np.ones((4, 6))), p)
    with refused(ValueError, "params", "grads", untouched=arrays):
        steps.clip_adaptive_(g, g)
    with refused(ValueError, "params[0]", "grads[0]", untouched=arrays):
        steps.clip_adaptive_([g[:2]], [g[1:3]])
    with refused(ValueError, "params", "2", untouched=arrays):
        steps.clip_adaptive_([g], [p, p])
    with refused(ValueError, "params[1]", "None", untouched=arrays):
        steps.clip_adaptive_([g, np.ones(3)], [p, None])
    with refused(TypeError, "params", "list", untouched=arrays):
        steps.clip_adaptive_([g], p)
    with refused(ValueError, "params", "shape", untouched=arrays):
        steps.clip_adaptive_(g, p.reshape(6, 4))
    with refused(ValueError, "params", "strides", untouched=arrays):
        steps.clip_adaptive_(g, np.asfortranarray(p))
    with refused(ValueError, "grads", "axis 1", untouched=arrays):
        steps.clip_adaptive_(g, p, axis=1)
    with refused(TypeError, "factor", untouched=arrays):
        steps.clip_adaptive_(g, p, "0.1")
    steps.clip_adaptive_(g, read_only(np.ones((4, 6), np.float32)))
    assert (g < 0.1).all(), "parameters are only read"


@pytest.mark.parametrize("kind", KINDS)
def test_adaptive_clipping_on_a_device(kind):
    rng = np.random.default_rng(4)
    shapes = [(3, 5000), (40, 7), (), (9,)]
    here = [np.asarray(rng.standard_normal(shape), np.float32) for shape in shapes]
    params = [np.asarray(rng.standard_normal(shape), np.float32) for shape in shapes]
    there = [g.copy() for g in here]
    make = KINDS[kind]
    with emulation():
        steps.clip_adaptive_([*map(make, there)], [*map(make, params)], 0.3)
    with emulation(False):
        steps.clip_adaptive_(here, params, 0.3)
    assert all(np.array_equal(a, b) for a, b in zip(here, there, strict=True))
