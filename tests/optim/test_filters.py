"""GrokFast against its definition in float64, what its memory forgets, and what is kept of it."""

import copy
import pickle

import numpy as np
import pytest
from steepest import optim
from steepest.optim.filters import GrokFastEMA, GrokFastMA

from .devices import both
from .support import copies, make_grads, make_params, same_bits

ABSENT = {2: (1,), 3: (0, 2), 5: (0, 1, 2, 3), 8: (3,)}


def grads_of(t, dtype=np.float64):
    return [None if i in ABSENT.get(t, ()) else g for i, g in enumerate(make_grads(t, dtype))]


def ema(seen, alpha, lamb):
    """The last of some gradients, filtered."""
    m = seen[0]
    for g in seen[1:]:
        m = alpha * m + (1 - alpha) * g
    return seen[-1] + lamb * m


def ma(seen, window, lamb, reduction, warmup):
    last = seen[-window:]
    if warmup and len(seen) < window:
        return seen[-1]
    return seen[-1] + lamb * (np.mean if reduction == "mean" else np.sum)(last, axis=0)


@pytest.mark.parametrize(("alpha", "lamb"), [(0.98, 2.0), (0.5, 0.0), (0.0, 1.0)])
def test_ema(alpha, lamb):
    grokfast = GrokFastEMA(make_params(np.float64), alpha, lamb)
    check(grokfast, lambda seen: ema(seen, alpha, lamb))


@pytest.mark.parametrize("window", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("warmup", [True, False])
def test_ma(window, reduction, warmup):
    """Over several windows, which the parameters reach at different times."""
    options = {"reduction": reduction, "warmup": warmup}
    grokfast = GrokFastMA(make_params(np.float64), window, 0.5, **options)
    check(grokfast, lambda seen: ma(seen, window, 0.5, **options))


def check(grokfast, wanted):
    seen = [[] for _ in range(4)]
    for t in range(1, 31):
        grads = grads_of(t)
        given = copies(grads)
        filtered = grokfast(grads)
        assert same_bits([g for g in grads if g is not None], [g for g in given if g is not None])
        for each, g, f in zip(seen, grads, filtered, strict=True):
            assert (g is None) == (f is None)
            if g is not None:
                each.append(g)
                np.testing.assert_allclose(f, wanted(each), rtol=1e-13, atol=1e-13)


def test_nothing_stays_longer_than_the_window():
    """Huge numbers, a NaN and an infinity: once they have left, the bits are those of a memory that
    has never seen them."""
    params = [np.zeros(5, np.float32)]
    for window in (1, 2, 3, 4, 7):
        for bad in (1e30, np.nan, np.inf):
            for when in range(1, 2 * window + 1):
                spoilt, clean = (GrokFastMA(params, window, warmup=False) for _ in range(2))
                for t in range(1, 5 * window + 1):
                    g = make_grads(t)[1][:5]
                    clean_out = clean([g])[0].copy()
                    out = spoilt([np.full(5, bad, np.float32) if t == when else g])[0]
                    if t < when or t >= when + window:
                        assert same_bits(out, clean_out)
                    else:
                        assert not same_bits(out, clean_out)


@pytest.mark.parametrize("make", [GrokFastEMA, lambda p: GrokFastMA(p, 3)])
def test_nonfinite_gradients_can_be_kept_out(make):
    params = make_params()
    grokfast, twin = make(params), make(params)
    for t in (1, 2, 3, 4):
        grokfast(make_grads(t))
        twin(make_grads(t))
    bad = make_grads(5)
    bad[3][0, 1, 2] = np.inf
    before = copies(params)
    opt = optim.AdamW(params)
    returned = grokfast(bad, skip_nonfinite=True)
    assert all(r is b for r, b in zip(returned, bad, strict=True))
    assert opt.step(returned, skip_nonfinite=True) is False and same_bits(params, before)
    assert same_bits(grokfast.state_dict(), twin.state_dict())
    assert same_bits(grokfast(make_grads(6)), twin(make_grads(6)))


@pytest.mark.parametrize("make", [GrokFastEMA, lambda p: GrokFastMA(p, 2)])
def test_the_memory_has_the_unit_of_unscaled_gradients(make):
    params = make_params()
    grokfast, scaled = make(params), make(params)
    for t in range(1, 6):
        scale = 2.0 ** (t % 3)
        out = grokfast(make_grads(t))
        assert same_bits(scaled([g * scale for g in make_grads(t)], grad_scale=scale), out)


@pytest.mark.parametrize("make", [GrokFastEMA, lambda p: GrokFastMA(p, 3)])
@pytest.mark.parametrize("way", ["dict", "pickle", "deepcopy"])
def test_filtering_goes_on_with_the_same_bits(make, way):
    params = make_params()
    grokfast = make(params)
    for t in range(1, 5):
        grokfast(grads_of(t, np.float32))
    if way == "pickle":
        other = pickle.loads(pickle.dumps(grokfast))
    elif way == "deepcopy":
        other = copy.deepcopy(grokfast)
    else:
        other = make(params)
        other.load_state_dict(copy.deepcopy(grokfast.state_dict()))
    for t in range(5, 12):
        one, two = grokfast(grads_of(t, np.float32)), other(grads_of(t, np.float32))
        assert same_bits([g for g in one if g is not None], [g for g in two if g is not None])
    assert same_bits(grokfast.state_dict(), other.state_dict())


def test_structures_and_optimizers():
    """The gradients come back as the optimizer of the same parameters wants them."""
    w, b = make_params()[:2]
    gw, gb = make_grads(1)[:2]
    for params, grads in (
        (w, gw),
        ([w, b], [gw, gb]),
        ([w, b], (gw, None)),
        ({"w": w, "b": b}, {"w": gw, "b": gb}),
        ([{"params": w}, {"params": [b]}], [gw, gb]),
        ([("w", w), ("b", b)], {"w": gw, "b": gb}),
    ):
        filtered = GrokFastEMA(params, lamb=2.0)(grads)
        assert optim.SGD(params, lr=0.1).step(filtered)
        first = filtered if params is w else next(iter(as_list(filtered)))
        np.testing.assert_allclose(first, 3 * gw, rtol=1e-6)


def as_list(grads):
    return list(grads.values()) if isinstance(grads, dict) else grads


def test_gradients_of_torch():
    torch = pytest.importorskip("torch")
    params = [torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(2))]
    params[0].grad = torch.full((3,), 2.0)
    first, second = GrokFastEMA(params)()
    assert first.tolist() == [6.0] * 3 and second is None
    assert params[0].grad.tolist() == [2.0] * 3


@pytest.mark.parametrize("make", [GrokFastEMA, lambda p: GrokFastMA(p, 2, warmup=False)])
def test_on_other_kinds_of_arrays(make, kind):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    dtypes = (np.float32, np.float64, ml_dtypes.bfloat16, np.float16)

    def scenario(kind):
        arrays = [p.astype(d) for p, d in zip(make_params(), dtypes, strict=True)]
        grokfast = make(kind.arrays(arrays))
        outs = []
        for t in range(1, 6):
            grads = [g.astype(d) for g, d in zip(make_grads(t), dtypes, strict=True)]
            given = [None if i in ABSENT.get(t, ()) else g for i, g in enumerate(grads)]
            outs += [kind.numpy(g) for g in grokfast(kind.arrays(given)) if g is not None]
        return outs

    both(kind, scenario)


def test_a_slow_part_is_found_in_noise():
    """Of two directions the one whose gradients agree is amplified by 1 + lamb, the other less."""
    rng = np.random.default_rng(0)
    p = np.zeros(2)
    grokfast = GrokFastEMA(p, 0.98, 2.0)
    kept = []
    for _ in range(2000):
        g = np.array([0.1, rng.standard_normal()])
        kept.append((g, grokfast(g).copy()))
    given, filtered = (np.array(each) for each in zip(*kept, strict=True))
    assert filtered[-1, 0] == pytest.approx(0.3)
    assert np.std(filtered[200:, 1]) < 1.2 * np.std(given[200:, 1])


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda p: GrokFastEMA(p, 1.0), ValueError, "alpha: 1.0 given"),
        (lambda p: GrokFastEMA(p, lamb=-1.0), ValueError, "lamb: -1.0 given"),
        (lambda p: GrokFastMA(p, 0), ValueError, "window: 0 given"),
        (lambda p: GrokFastMA(p, 2.0), TypeError, "window: float given"),
        (lambda p: GrokFastMA(p, reduction="max"), ValueError, "reduction: 'max' given"),
        (lambda p: GrokFastMA(p, warmup=1), TypeError, "warmup: int given"),
        (lambda p: GrokFastEMA([p[0], p[0]]), ValueError, "the same array twice"),
        (lambda p: GrokFastEMA([{"lr": 1.0}]), TypeError, 'missing the key "params"'),
        (lambda p: GrokFastEMA(p)(make_grads(1)[:3]), ValueError, "grads: 3 given, expected 4"),
        (lambda p: GrokFastEMA(p)(make_grads(1)[::-1]), ValueError, "grads"),
        (lambda p: GrokFastEMA(p)(), TypeError, "no .grad"),
    ],
)
def test_what_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call(make_params())


def test_states_that_do_not_fit_are_refused():
    params = make_params()
    grokfast = GrokFastMA(params, 2)
    grokfast(make_grads(1))
    saved = copy.deepcopy(grokfast.state_dict())
    for key, value, error in (
        ("steps", [1, 1], ValueError),
        ("steps", [1, 1, 1, -1], ValueError),
        ("prefix", saved["prefix"][:3], ValueError),
        ("window", [a.astype(float) for a in saved["window"]], TypeError),
    ):
        with pytest.raises(error, match=key):
            grokfast.load_state_dict({**saved, key: value})
        with pytest.raises(ValueError, match=f"missing '{key}'"):
            grokfast.load_state_dict({k: v for k, v in saved.items() if k != key})
    assert same_bits(grokfast.state_dict(), saved)
