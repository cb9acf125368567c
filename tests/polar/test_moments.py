"""The second-moment normalisers of NorMuon and AdaMuon against their equations in float64."""

import numpy as np
import pytest
from numpy.linalg import norm
from steepest import polar

from .arrays import by_dtype, draw


def restored(u, like):
    """u at the Frobenius norm of `like`; zero stays zero."""
    size = norm(u)
    return u * (norm(like) / size) if size > 0 else u


def normuon(o, v, beta2, eps):
    """Li et al. (2510.05491): a second moment per row."""
    v = beta2 * v + (1 - beta2) * np.mean(o**2, axis=-1, keepdims=True)
    size = np.sqrt(v) + eps
    return restored(np.divide(o, size, out=np.zeros_like(o), where=size > 0), o), v


def adamuon(o, v, beta2, eps):
    """Si et al. (2507.11005): one per element."""
    v = beta2 * v + (1 - beta2) * o**2
    size = np.sqrt(v) + eps
    return restored(np.divide(o, size, out=np.zeros_like(o), where=size > 0), o), v


UNIT = {"float64": 2.0**-53, "float32": 2.0**-24, "bfloat16": 2.0**-8, "float16": 2.0**-11}


@by_dtype
@pytest.mark.parametrize("moment", [np.float32, np.float64])
def test_normuon_over_steps(dtype, moment):
    rng = np.random.default_rng(1)
    v = np.zeros((9, 1), moment)
    for _ in range(4):
        o = draw(rng, (9, 40), dtype)
        wanted, moved = normuon(o.astype(np.float64), v.astype(np.float64), 0.9, 1e-8)
        ours = polar.normuon(o, v, beta2=0.9)
        # The moment is rounded once to its type, which its root halves; the result once to its
        # own; the rest is in double, here and there, over sums of 40 terms.
        unit = np.finfo(moment).eps + 100 * 2.0**-53
        assert np.abs(v - moved).max() <= unit * moved.max()
        bound = (UNIT[ours.dtype.name] + unit + 64 * 2.0**-53) * np.abs(wanted)
        tiny = 2.0**-24 if dtype == np.float16 else 0
        assert np.all(np.abs(ours.astype(np.float64) - wanted) <= bound + tiny)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adamuon_over_steps(dtype):
    rng = np.random.default_rng(2)
    v = np.zeros((9, 40), dtype)
    for _ in range(4):
        o = draw(rng, (9, 40), dtype)
        wanted, moved = adamuon(o.astype(np.float64), v.astype(np.float64), 0.9, 1e-8)
        ours = polar.adamuon(o, v, beta2=0.9)
        unit = np.finfo(dtype).eps
        assert np.abs(v - moved).max() <= 4 * unit * moved.max()
        # Moment (3 roundings, halved), root, sum, quotient, two factors: within 8 units.
        assert np.all(np.abs(ours - wanted) <= 8 * unit * np.abs(wanted))


@pytest.mark.parametrize("name", ["normuon", "adamuon"])
def test_the_norm_is_kept_and_zero_stays(name):
    o = draw(np.random.default_rng(3), (12, 30), np.float32)
    o[4] = 0
    v = np.zeros((12, 1 if name == "normuon" else 30), np.float32)
    ours = getattr(polar, name)(o, v)
    assert norm(ours) == pytest.approx(norm(o), rel=1e-6)
    assert not ours[4].any() and np.isfinite(ours).all()
    nothing = getattr(polar, name)(np.zeros_like(o), np.zeros_like(v), eps=0.0)
    assert not nothing.any()


@pytest.mark.parametrize("name", ["normuon", "adamuon"])
def test_in_place_lists_and_stacks(name):
    rng = np.random.default_rng(4)
    given = [draw(rng, shape, np.float32) for shape in ((6, 4), (3, 5, 7), (2, 9))]
    last = 1 if name == "normuon" else None
    moments = [np.zeros((*o.shape[:-1], last or o.shape[-1]), np.float32) for o in given]
    function = getattr(polar, name)
    alone = [function(o, v.copy()) for o, v in zip(given, moments, strict=True)]
    result = function(given, moments, out=given)
    assert all(a is b for a, b in zip(result, given, strict=True))
    for ours, wanted in zip(given, alone, strict=True):
        assert ours.tobytes() == wanted.tobytes()


@pytest.mark.parametrize(
    ("moment", "options", "error", "word"),
    [
        (np.zeros((5, 1), np.float32), {}, ValueError, "second_moment"),
        (np.zeros((6, 1), np.float16), {}, TypeError, "second_moment"),
        (np.zeros((6, 2), np.float32)[:, :1], {}, ValueError, "second_moment"),
        (np.zeros((6, 1), np.float32), {"beta2": 1.0}, ValueError, "beta2"),
        (np.zeros((6, 1), np.float32), {"eps": -1.0}, ValueError, "eps"),
        ([np.zeros((6, 1), np.float32)], {}, TypeError, "second_moment"),
    ],
)
def test_a_wrong_call_is_named_and_changes_nothing(moment, options, error, word):
    o = draw(np.random.default_rng(5), (6, 4), np.float32)
    before = o.copy()
    with pytest.raises(error, match=word):
        polar.normuon(o, moment, out=o, **options)
    assert np.array_equal(o, before)


@pytest.mark.parametrize(
    ("o", "moment", "error", "word"),
    [
        (np.zeros((6, 4), np.float16), np.zeros((6, 4), np.float32), TypeError, "O: dtype"),
        (np.ones((6, 4), np.float32), np.ones((6, 1), np.float32), ValueError, "second_moment: sh"),
        (np.ones((6, 4), np.float32), np.ones((6, 4), np.float16), TypeError, "second_moment"),
    ],
)
def test_wrong_calls_of_adamuon(o, moment, error, word):
    before = o.copy(), moment.copy()
    with pytest.raises(error, match=word):
        polar.adamuon(o, moment, out=o)
    assert np.array_equal(o, before[0]) and np.array_equal(moment, before[1])
