"""Random calls: each one either raises a documented error and writes nothing, or is right.

Values are multiples of 1/8 so that every storage type holds them exactly. The reference is the
formula of the rule per element, in float64, on copies taken before the call.
"""

import hypothesis
import ml_dtypes
import numpy as np
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided
from steepest import steps

BF16 = np.dtype(ml_dtypes.bfloat16)
EPS = {np.dtype("f4"): 2.0**-23, np.dtype("f8"): 2.0**-52, BF16: 2.0**-7, np.dtype("f2"): 2.0**-10}
ERRORS = (TypeError, ValueError, BufferError)
SHAPES = [(), (1,), (5,), (17,), (0,), (2, 3), (3, 2), (1, 4), (4, 1, 2), (2, 3, 4), (3, 0)]

profile = hypothesis.settings.get_profile("boundary")
shapes = st.one_of(st.sampled_from(SHAPES), st.integers(30, 200).map(lambda n: (n,)))


def fill(array, draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    array[...] = (rng.integers(-16, 17, array.shape) / 8).astype(array.dtype)
    return array


@st.composite
def dense_array(draw, shape, dtype, order="C"):
    """Contiguous, at a random address; `order` is "C", "F" or a permutation of the axes."""
    axes = tuple(range(len(shape))) if order == "C" else order
    axes = tuple(reversed(range(len(shape)))) if order == "F" else axes
    offset = draw(st.integers(0, 3)) * dtype.itemsize
    raw = np.zeros(int(np.prod(shape)) * dtype.itemsize + offset + 8, np.uint8)
    stored = raw[offset : offset + int(np.prod(shape)) * dtype.itemsize].view(dtype)
    array = stored.reshape([shape[a] for a in axes]).transpose(np.argsort(axes).astype(int))
    return fill(array, draw)


@st.composite
def valid_call(draw, states, fewest=0):
    """Entries (param, grad, states...) that a step must accept."""
    entries = []
    double = draw(st.booleans())
    for _ in range(draw(st.integers(fewest, 4))):
        shape = draw(shapes)
        order = draw(st.one_of(st.just("C"), st.permutations(range(len(shape))).map(tuple)))
        wide = st.sampled_from([np.dtype("f4"), BF16])
        narrow = st.sampled_from([np.dtype("f4"), BF16, np.dtype("f2")])
        dtypes = [np.dtype("f8")] * (2 + states)
        if not double:
            dtypes = [draw(narrow), draw(narrow)] + [draw(wide) for _ in range(states)]
        entry = [draw(dense_array(shape, dtype, order)) for dtype in dtypes]
        if draw(st.integers(0, 9)) == 0:
            entry[1] = None
        entries.append(entry)
    return entries


@st.composite
def disturbed_call(draw, states):
    """A valid call with some arrays replaced by views that are odd in one way or another."""
    entries = draw(valid_call(states, fewest=1))
    arrays = [a for entry in entries for a in entry if a is not None]
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        e = draw(st.integers(0, len(entries) - 1))
        k = draw(st.integers(0, 1 + states))
        old = entries[e][k] if entries[e][k] is not None else entries[e][0]
        entries[e][k] = draw(st.sampled_from(DISTURBANCES))(draw, old, arrays)
    return entries


def aliased(draw, old, arrays):
    """Another array of the call, of the same kind where there is one."""
    alike = [a for a in arrays if a.shape == old.shape and a.dtype == old.dtype and a is not old]
    return draw(st.sampled_from(alike or arrays))


def window(draw, old, arrays):
    """The shape asked for, laid over a larger array of the call where there is one."""
    larger = [a for a in arrays if a.size > old.size and a.dtype == old.dtype]
    if not larger:
        return aliased(draw, old, arrays)
    base = draw(st.sampled_from(larger)).reshape(-1)
    start = draw(st.integers(0, base.size - old.size))
    return base[start : start + old.size].reshape(old.shape)


def reordered(draw, old, arrays):
    return np.array(old, order=draw(st.sampled_from("CF")))


def converted(draw, old, arrays):
    kinds = ["f4", "f8", "f2", ">f4", "i4", "u2", "c8", "?"]
    return old.real.astype(draw(st.sampled_from([*map(np.dtype, kinds), BF16])))


def frozen(draw, old, arrays):
    view = old.view()
    view.flags.writeable = False
    return view


def reshaped(draw, old, arrays):
    return np.ascontiguousarray(old).reshape(draw(st.sampled_from([(-1,), (*old.shape, 1)])))


def gapped(draw, old, arrays):
    wide = np.zeros((*old.shape, 2), old.dtype)
    wide[..., 0] = old
    return wide[..., 0]


def reversed_axis(draw, old, arrays):
    return old[::-1] if old.ndim else old


def stretched(draw, old, arrays):
    cell = np.ones(1, old.dtype)
    return as_strided(cell, old.shape, (0,) * old.ndim)


DISTURBANCES = [
    aliased, window, reordered, converted, frozen, reshaped, gapped, reversed_axis, stretched,
]  # fmt: skip


def columns(entries, states):
    return [[entry[k] for entry in entries] for k in range(2 + states)]


def owners(entries):
    """The memory behind every array, gaps included."""
    for entry in entries:
        for array in entry:
            while isinstance(getattr(array, "base", None), np.ndarray):
                array = array.base
            if isinstance(array, np.ndarray):
                yield array


def close(result, wanted, size, dtype):
    """Within a few roundings of `size`, the sum of the magnitudes that were added."""
    arithmetic = EPS[np.dtype("f8" if dtype == np.dtype("f8") else "f4")]
    unit = EPS[dtype] + 8 * arithmetic
    return np.abs(np.asarray(result, np.float64) - wanted) <= unit * size


def check_sgd(before, after, lr, decay):
    for (p, g), (result, _) in zip(before, after, strict=True):
        if g is None:
            assert result.tobytes() == p.tobytes()
            continue
        p64, g64 = p.astype(np.float64), g.astype(np.float64)
        size = np.abs(p64) * (1 + lr * decay) + lr * np.abs(g64)
        assert close(result, p64 - lr * (g64 + decay * p64), size, p.dtype).all()


def check_lion(before, after, lr, decay):
    for (p, g, m), (result, _, momentum) in zip(before, after, strict=True):
        if g is None:
            assert result.tobytes() == p.tobytes() and momentum.tobytes() == m.tobytes()
            continue
        p64, g64, m64 = (a.astype(np.float64) for a in (p, g, m))
        c = 0.75 * m64 + 0.25 * g64
        wanted = p64 * (1 - lr * decay) - lr * np.sign(c)
        assert close(result, wanted, np.abs(p64) + lr, p.dtype).all()
        size = np.abs(m64) + np.abs(g64)
        assert close(momentum, 0.5 * m64 + 0.5 * g64, size, m.dtype).all()


RULES = {
    "sgd": (0, check_sgd, {"step": 1}),
    "lion": (1, check_lion, {"betas": (0.75, 0.5)}),
}


def run(rule, entries, lr, decay, may_refuse):
    states, check, options = RULES[rule]
    before = [[None if a is None else np.array(a) for a in entry] for entry in entries]
    memory = list(owners(entries))
    image = [a.tobytes() for a in memory]
    options = dict(options, lr=lr, weight_decay=decay)
    try:
        assert getattr(steps, rule)(*columns(entries, states), **options) is True
    except ERRORS as error:
        if not may_refuse:
            raise AssertionError(f"a valid call was refused: {error}") from error
        assert [a.tobytes() for a in memory] == image, f"written before: {error}"
        assert str(error).strip()
        return False
    written = [a for entry in entries for k, a in enumerate(entry) if k != 1]
    assert all(a.flags.writeable for a in written), "a read-only array was written"
    check(before, entries, lr, decay)
    return True


rates = st.sampled_from([0.0, 0.125, 0.1, 1.0])


@profile
@hypothesis.given(st.data(), st.sampled_from(list(RULES)), rates, rates)
def test_valid_calls_are_right(data, rule, lr, decay):
    assert run(rule, data.draw(valid_call(RULES[rule][0])), lr, decay, may_refuse=False)


@profile
@hypothesis.given(st.data(), st.sampled_from(list(RULES)), rates, rates)
def test_any_call_is_refused_whole_or_right(data, rule, lr, decay):
    run(rule, data.draw(disturbed_call(RULES[rule][0])), lr, decay, may_refuse=True)
