"""Averages of weights against float64, the swap, buffers, and what is kept of them."""

import copy
import pickle

import numpy as np
import pytest
from steepest import optim
from steepest.optim.averages import EMA, SWA

from .devices import both
from .support import copies, make_params, random, same_bits


def weights(t, dtype=np.float64):
    """The parameters after the t-th step of some training."""
    return [random(p.shape, 50 * t + i, dtype) for i, p in enumerate(make_params(dtype))]


def fill(params, t):
    for p, new in zip(params, weights(t, params[0].dtype), strict=True):
        p[...] = new


def ema(count, decay, warmup=None):
    mean = weights(1)
    for n in range(1, count):
        d = decay if warmup is None else min(decay, (1 + n) / (warmup + n))
        mean = [d * m + (1 - d) * w for m, w in zip(mean, weights(n + 1), strict=True)]
    return mean


def swa(count):
    return [np.mean(each, axis=0) for each in zip(*map(weights, range(1, count + 1)), strict=True)]


MAKERS = {
    "ema": (lambda p, **k: EMA(p, 0.9, **k), lambda n: ema(n, 0.9)),
    "warmed": (lambda p, **k: EMA(p, 0.9, warmup=10, **k), lambda n: ema(n, 0.9, 10)),
    "still": (lambda p, **k: EMA(p, 0.0, **k), weights),
    "swa": (lambda p, **k: SWA(p, **k), swa),
}
by_maker = pytest.mark.parametrize(("make", "wanted"), MAKERS.values(), ids=list(MAKERS))


@by_maker
def test_averages_of_float64(make, wanted):
    params = make_params(np.float64)
    average = make(params)
    for t in range(1, 13):
        fill(params, t)
        average.update()
        assert average.updates == t
        for a, w in zip(average.value, wanted(t), strict=True):
            np.testing.assert_allclose(a, w, rtol=1e-14, atol=1e-14)
        assert same_bits(params, weights(t)), "they are only read"
        if t == 1:
            assert same_bits(average.value, weights(1))


@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16"])
@by_maker
def test_averages_of_other_dtypes_are_in_single(make, wanted, name):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    dtype = np.dtype(getattr(ml_dtypes, name, name))
    params = make_params(dtype)
    average, double = make(params), make([p.astype(np.float64) for p in params])
    for t in range(1, 13):
        fill(params, t)
        for p, wide in zip(params, double._params.arrays, strict=True):
            wide[...] = p
        average.update()
        double.update()
    for a, w in zip(average.value, double.value, strict=True):
        assert a.dtype == np.float32
        # Twelve updates of three roundings, of numbers below 8.
        assert np.abs(a - w).max() <= 36 * 2.0**-24 * 8
    average.swap()
    assert same_bits(params, [a.astype(dtype) for a in average.value])


def test_a_small_weight_is_not_lost_in_16_bits():
    bfloat16 = np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    p = np.zeros(3, bfloat16)
    average = EMA(p, 0.999)
    average.update()
    p[...] = 1
    for _ in range(1000):
        average.update()
    assert np.abs(average.value - (1 - 0.999**1000)).max() < 1e-4


@by_maker
def test_the_swap_gives_back_every_bit(make, wanted):
    params = make_params()
    average = make(params)
    for t in (1, 2, 3):
        fill(params, t)
        average.update()
    before = copies(params)
    with average.applied():
        assert same_bits(params, average.value)
        with pytest.raises(RuntimeError, match="swap"):
            average.update()
    assert same_bits(params, before)
    with pytest.raises(KeyError), average.applied():
        raise KeyError
    assert same_bits(params, before)
    average.swap()
    average.swap()
    assert same_bits(params, before)
    with average.applied():
        average.swap()  # the user's own
    assert same_bits(params, before)
    average.update()


def test_without_an_update_there_is_no_average():
    params = make_params()
    average = SWA(params)
    for call in (average.swap, lambda: average.copy_to(make_params())):
        with pytest.raises(RuntimeError, match="no average yet"):
            call()
    with pytest.raises(RuntimeError, match="no average yet"), average.applied():
        raise AssertionError("not reached")


@pytest.mark.parametrize("averaged", [False, True])
def test_buffers(averaged):
    """Running statistics are copied, or averaged; counts are copied."""
    params, statistics, count = make_params(), random((5,), 7), np.array(3, np.int64)
    start = statistics.copy()
    average = SWA(params, buffers=[count, statistics], average_buffers=averaged)
    average.update()
    statistics += 1
    count += 4
    average.update()
    statistics += 1
    count += 1
    latest = statistics.copy()
    with average.applied():
        assert count == 7
        np.testing.assert_allclose(statistics, start + (0.5 if averaged else 1.0), rtol=1e-6)
    assert count == 8 and same_bits(statistics, latest)
    other = [np.zeros_like(p) for p in params], [np.zeros_like(count), np.zeros_like(statistics)]
    average.copy_to(*other)
    assert same_bits(other[0], average.value) and other[1][0] == 7
    np.testing.assert_allclose(other[1][1], start + (0.5 if averaged else 1.0), rtol=1e-6)
    assert count == 8 and same_bits(statistics, latest)


@pytest.mark.parametrize("way", ["dict", "pickle", "deepcopy"])
def test_averaging_goes_on_with_the_same_bits(way):
    params, buffer = make_params(), random((5,), 7)
    average = EMA(params, 0.9, warmup=10, buffers=buffer)
    for t in (1, 2, 3):
        fill(params, t)
        average.update()
    if way == "pickle":
        params, average, restored, other = pickle.loads(
            pickle.dumps((params, average, *copy.deepcopy((params, average))))
        )
    elif way == "deepcopy":
        restored, other = copy.deepcopy((params, average))
    else:
        restored = copies(params)
        other = EMA(restored, 0.9, warmup=10, buffers=buffer.copy())
        other.load_state_dict(copy.deepcopy(average.state_dict()))
    for t in (4, 5):
        for each, arrays in ((average, params), (other, restored)):
            fill(arrays, t)
            each.update()
    assert same_bits(average.state_dict(), other.state_dict())
    assert same_bits(average.value, other.value)


def test_structures():
    w, b = random((3, 4), 1), random((4,), 2)
    for given, wanted in (
        (w, w),
        ([w, b], [w, b]),
        ({"w": w, "b": b}, {"w": w, "b": b}),
        ([("w", w), ("b", b)], [w, b]),
    ):
        average = EMA(given)
        average.update()
        assert type(average.value) is type(wanted) and same_bits(average.value, wanted)


def test_layouts():
    p = np.asfortranarray(random((5, 7), 1))
    average = SWA(p)
    average.update()
    assert average.value.flags.f_contiguous and same_bits(average.value, p)


def test_any_optimizer_steps_the_parameters():
    p = np.array([4.0, -2.0])
    opt, average = optim.SGD(p, lr=0.9), EMA(p, 0.5)
    seen = []
    for _ in range(20):
        opt.step(p.copy())
        average.update()
        seen.append(p.copy())
    weight = 0.5 ** np.arange(20)[::-1] * np.r_[1.0, np.full(19, 0.5)]
    np.testing.assert_allclose(average.value, weight @ np.array(seen), rtol=1e-13, atol=1e-18)


def test_parameters_of_torch_may_move():
    torch = pytest.importorskip("torch")
    param = torch.nn.Parameter(torch.ones(3))
    average = SWA(param)
    average.update()
    param.data = torch.full((3,), 3.0)
    average.update()
    with average.applied():
        assert param.detach().tolist() == [2.0] * 3
    assert param.detach().tolist() == [3.0] * 3 and param.requires_grad


def test_on_other_kinds_of_arrays(kind):
    pytest.importorskip("ml_dtypes")

    def scenario(kind):
        params = kind.arrays(make_params())
        average = EMA(params, 0.9, buffers=kind.arrays([random((5,), 3)]))
        for t in (1, 2, 3):
            for p, new in zip(params, weights(t, np.float32), strict=True):
                kind.write(p, new)
            average.update()
        value = kind.arrays_of(average.value)
        average.swap()
        swapped = kind.arrays_of(params)
        average.swap()
        return value, swapped, kind.arrays_of(params)

    both(kind, scenario)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda p: EMA(p, 1.0), ValueError, "decay: 1.0 given"),
        (lambda p: EMA(p, warmup=0.5), ValueError, "warmup: 0.5 given"),
        (lambda p: EMA(p, average_buffers=1), TypeError, "average_buffers: int given"),
        (lambda p: SWA([p[0], p[0]]), ValueError, "the same array twice"),
        (lambda p: SWA([p[0], 3.0]), TypeError, r"params\[1\]: given float"),
        (lambda p: SWA(np.ones(3, np.int64)), TypeError, r"params\[0\]: int64 given"),
    ],
)
def test_what_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call(make_params())


def test_what_does_not_fit_is_refused_and_changes_nothing():
    params = make_params()
    average = SWA(params)
    average.update()
    saved = copy.deepcopy(average.state_dict())
    for key, value, error in (
        ("averages", saved["averages"][:3], ValueError),
        ("averages", [*saved["averages"][:3], np.zeros(2, np.float32)], ValueError),
        ("averages", [*saved["averages"][:3], saved["averages"][3].astype(float)], TypeError),
        ("buffers", [np.zeros(3)], ValueError),
        ("updates", -1, ValueError),
        ("updates", 1.5, TypeError),
    ):
        with pytest.raises(error, match=key):
            average.load_state_dict({**saved, key: value})
        with pytest.raises(ValueError, match=f"missing '{key}'"):
            average.load_state_dict({k: v for k, v in saved.items() if k != key})
    assert same_bits(average.state_dict(), saved)
    with pytest.raises(ValueError, match="params: 1 arrays given, expected 4"):
        average.copy_to(params[0])
    with pytest.raises(ValueError, match="buffers: 1 arrays given, expected 0"):
        average.copy_to(make_params(), np.zeros(3))
    params[1].flags.writeable = False
    before = copies(params)
    with pytest.raises(BufferError):
        average.swap()
    assert same_bits(params, before)
    average.update()  # it is not applied
