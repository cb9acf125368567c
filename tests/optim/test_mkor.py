"""MKOR against a float64 reference of its paper, on digits, and what its steps refuse."""

import pickle

import numpy as np
import pytest
from reference.curvature import mkor as reference
from reference.curvature import models
from steepest import optim

from .support import copies, random, same_bits

SHAPES = ((6, 4), (6,), (3, 6), (3,), (5,))
LAYERS = [(0, 1), (2, 3)]
UNIT = 2.0**-53


def arrays(seed, dtype=np.float64):
    return [random(shape, seed + i, dtype) for i, shape in enumerate(SHAPES)]


def statistics(seed, dtype=np.float64):
    sizes = ((4, 6), (6, 3))
    return [tuple(random((n,), seed + 7 * i + n, dtype) for n in pair) for i, pair in
            enumerate(sizes)]  # fmt: skip


def together(grads):
    """Weight and bias of each layer in one matrix."""
    return [np.column_stack([grads[w], grads[b]]) for w, b in LAYERS]


def with_ones(pairs):
    return [None if pair is None else (np.append(pair[0], 1.0), pair[1]) for pair in pairs]


def apart(matrices, grads):
    made = list(grads)
    for (w, b), p in zip(LAYERS, matrices, strict=True):
        made[w], made[b] = np.ascontiguousarray(p[:, :-1]), np.ascontiguousarray(p[:, -1])
    return made


def bound(wanted, steps, scale):
    """Of float64 steps whose directions have the norm `scale`. A product of k terms rounds k + 6
    times and an update n + 8 times, here at most 20 together, twice since the reference rounds too;
    each inverse of at most `steps` updates; errors of P grow by the amplification; momentum
    sums up to `steps` directions."""
    return steps * steps * scale * wanted.amplification * 2 * 20 * (steps + 2) * UNIT


@pytest.mark.parametrize("variant", ["code", "textbook", "paper"])
@pytest.mark.parametrize("rescale", [True, False])
def test_steps_as_the_paper_has_them(variant, rescale):
    params = arrays(1)
    options = {"decay": 0.9, "variant": variant, "threshold": 1.5, "zeta": 0.2}
    opt = optim.MKOR(params, 0.1, momentum=0.5, layers=LAYERS, inverse_update_interval=3,
                     warmup_steps=2, rescale=rescale, **options)  # fmt: skip
    wanted = reference.Layers([(6, 5), (3, 7)], stabilizer="blend", **options)
    at, buffers, scale = copies(params), None, 0.0
    for k in range(8):
        grads, given = arrays(30 * (k + 1)), statistics(400 * (k + 1))
        assert opt.inverse_due == (k in (0, 1, 3, 6))
        if k in (0, 1, 3, 6):
            wanted.update(with_ones(given))
        assert opt.step(grads, given) is True
        directions = apart(wanted.precondition(together(grads), rescale), grads)
        scale = max(scale, *(np.linalg.norm(d) for d in directions))
        buffers = directions if buffers is None else [
            0.5 * m + d for m, d in zip(buffers, directions, strict=True)
        ]  # fmt: skip
        at = [p - 0.1 * m for p, m in zip(at, buffers, strict=True)]
    slack = bound(wanted, 8, scale)
    assert slack < 1e-7
    for got, p in zip(params, at, strict=True):
        assert np.abs(got - p).max() <= slack
    state = opt.state_dict()["state"]
    for index, (left, right) in zip((0, 2), wanted.inverses, strict=True):
        assert np.allclose(state[index]["left_inverse"], left, atol=1e-12, rtol=1e-12)
        assert np.array_equal(state[index]["right_inverse"], state[index]["right_inverse"].T)
        assert np.allclose(state[index]["right_inverse"], right, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("name", ["SGD", "AdamW", "LAMB", "Lion"])
def test_it_is_the_optimizer_on_preconditioned_gradients(name):
    params, twins = arrays(1), arrays(1)
    opt = optim.MKOR(params, 0.01, optimizer=name, layers=LAYERS, weight_decay=0.1)
    twin = getattr(optim, name)(twins, 0.01, weight_decay=0.1)
    wanted = reference.Layers([(6, 5), (3, 7)], 0.95)
    for k in range(4):
        grads, given = arrays(30 * (k + 1)), statistics(400 * (k + 1))
        if k == 0:
            wanted.update(with_ones(given))
        opt.step(grads, given)
        twin.step(apart(wanted.precondition(together(grads)), grads))
    for a, b in zip(params, twins, strict=True):
        # Adam's quotients pass relative errors of P on, a few times; no sign is near to turning.
        assert np.abs(a - b).max() <= 4 * 100 * 0.01 * wanted.amplification * 40 * UNIT
    assert same_bits(params[4], twins[4])


def test_without_statistics_it_is_the_optimizer():
    for options in ({"layers": []}, {"rescale": False}, {"layers": LAYERS, "rescale": False}):
        params, twins = arrays(1, np.float32), arrays(1, np.float32)
        opt, twin = (
            optim.MKOR(params, 0.1, momentum=0.9, **options),
            optim.SGD(twins, 0.1, momentum=0.9),
        )
        for k in range(3):
            grads = arrays(20 * (k + 1), np.float32)
            opt.step(grads), twin.step(grads)
        assert all(same_bits(a, b) for a, b in zip(params, twins, strict=True)), options


def test_layers_of_all_matrices_and_kernels_by_name():
    named = {"conv": random((3, 2, 2, 2), 1), "bias": random((3,), 2), "w": random((4, 3), 3)}
    opt = optim.MKOR(named, 0.1)
    assert opt.inverse_due
    opt.step({k: np.ones_like(p) for k, p in named.items()}, {"w": (np.ones(3), np.ones(4))})
    state = opt.state_dict()["state"]
    assert state[0]["right_inverse"].shape == (8, 8) and "left_inverse" not in state[1]
    assert np.array_equal(state[0]["left_inverse"], np.eye(3, dtype=np.float32))
    assert not np.array_equal(state[2]["left_inverse"], np.eye(4, dtype=np.float32))
    opt.add_param_group({"params": [("more", random((2, 2), 4))]})
    assert opt.state_dict()["state"][3]["left_inverse"].shape == (2, 2)


def test_missing_gradients_and_statistics():
    params = arrays(1)
    opt = optim.MKOR(params, 0.1, layers=LAYERS, inverse_update_interval=2)
    before = copies(params)
    grads = arrays(30)
    opt.step([None, None, *grads[2:]], [statistics(1)[0], None])
    assert same_bits(params[:2], before[:2]) and not same_bits(params[2], before[2])
    state = opt.state_dict()["state"]
    assert np.array_equal(state[0]["left_inverse"], np.eye(6)), "a layer without gradient waits"
    assert state[0]["step"] == 0 and state[2]["step"] == 1
    opt.step(grads, statistics(9))
    assert not np.array_equal(opt.state_dict()["state"][0]["left_inverse"], np.eye(6))
    assert np.array_equal(opt.state_dict()["state"][2]["left_inverse"], np.eye(3)), "not due"


def test_scaled_gradients_and_clipped_statistics():
    results = []
    for scale, factor in ((None, 1.0), (8.0, 8.0)):  # a power of two: exact
        params = arrays(1)
        opt = optim.MKOR(params, 0.1, layers=LAYERS, clip=0.5)
        given = [(a, factor * g) for a, g in statistics(3)]
        opt.step([factor * g for g in arrays(30)], given, grad_scale=scale, max_grad_norm=1.0)
        results.append(params)
    assert all(np.allclose(a, b, rtol=1e-13, atol=0) for a, b in zip(*results, strict=True))
    wanted = reference.Layers([(6, 5), (3, 7)], 0.95)
    wanted.update(with_ones([tuple(np.clip(x, -0.5, 0.5) for x in p) for p in statistics(3)]))
    got = opt.state_dict()["state"][0]["right_inverse"]
    assert np.allclose(got, wanted.inverses[0][1], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", ["float32", "bfloat16", "torch"])
def test_kinds_agree_with_double(kind):
    """Rounded at every step to 2^-8 or 2^-24, of directions and parameters of size 2."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    dtype = np.dtype(ml_dtypes.bfloat16) if kind == "bfloat16" else np.dtype(np.float32)
    params = [p.astype(dtype) for p in arrays(1)]
    doubles = [p.astype(np.float64) for p in params]
    grads = [g.astype(dtype) for g in arrays(30)]
    exact = [g.astype(np.float64) for g in grads]
    if kind == "torch":
        torch = pytest.importorskip("torch")
        params = [torch.from_numpy(p) for p in params]
        grads = [torch.from_numpy(g) for g in grads]
    opt = optim.MKOR(params, 0.1, layers=LAYERS)
    twin = optim.MKOR(doubles, 0.1, layers=LAYERS)
    for k in range(3):
        given = statistics(k, np.float32)
        opt.step(grads, given)
        twin.step(exact, given)
    unit = 2.0**-8 if kind == "bfloat16" else 2.0**-24
    for a, b in zip(params, doubles, strict=True):
        assert np.abs(np.asarray(a).astype(np.float64) - b).max() <= 3 * 4 * unit + 200 * 2.0**-24


def test_a_skipped_or_failed_step_changes_nothing():
    params = arrays(1)
    opt = optim.MKOR(params, 0.1, momentum=0.9, layers=LAYERS, inverse_update_interval=1)
    opt.step(arrays(30), statistics(5))
    before, state = copies(params), pickle.dumps(opt.state_dict())
    grads = arrays(60)
    bad = arrays(60)
    bad[0][1, 1] = np.nan
    assert opt.step(bad, statistics(6), skip_nonfinite=True) is False
    assert pickle.dumps(opt.state_dict()) == state
    given = statistics(6)
    infinite = [(given[0][0], given[0][1] * np.inf), given[1]]
    wrong = [
        (ValueError, "grads", ([*grads[:4], grads[4][:2]], given), {}),
        (ValueError, "grads", (grads[:3], given), {}),
        (ValueError, "shape", ([grads[0].T, *grads[1:]], given), {}),
        (TypeError, "float32", ([grads[0].astype("f"), *grads[1:]], given), {}),
        (ValueError, "only one gradient", ([grads[0], None, *grads[2:]], given), {}),
        (ValueError, "statistics: 1 given", (grads, given[:1]), {}),
        (TypeError, "statistics: a dict", (grads, {"a": given[0]}), {}),
        (TypeError, "pair", (grads, [given[0][0], given[1]]), {}),
        (ValueError, "a of the statistics", (grads, [given[1], given[0]]), {}),
        (ValueError, "g of the statistics.*NaN", (grads, infinite), {}),
        (TypeError, "int64", (grads, [(np.arange(4), np.ones(6)), None]), {}),
        (ValueError, "grad_scale", (grads, given), {"grad_scale": 0.0}),
        (ValueError, "max_grad_norm", (grads, given), {"max_grad_norm": -1.0}),
    ]
    for error, words, args, keywords in wrong:
        with pytest.raises(error, match=words), np.errstate(invalid="ignore"):
            opt.step(*args, **keywords)
        assert pickle.dumps(opt.state_dict()) == state, words
    opt.param_groups[0]["lr"] = -1.0
    with pytest.raises(ValueError, match="lr"):
        opt.step(grads, given)
    opt.param_groups[0]["lr"] = 0.1
    assert pickle.dumps(opt.state_dict()) == state and same_bits(params, before)


def test_an_indefinite_inverse_is_told():
    params = arrays(1)
    opt = optim.MKOR(params, 0.1, layers=LAYERS)
    saved = opt.state_dict()
    saved["state"][2]["right_inverse"] = -9 * np.eye(7)
    opt.load_state_dict(saved)
    before = copies(params)
    with pytest.raises(ValueError, match=r"right_inverse of params\[2\].*positive definite"):
        opt.step(arrays(30), [(np.ones(4), np.ones(6)), (3 * np.ones(6), np.ones(3))])
    state = opt.state_dict()["state"]
    assert np.array_equal(state[0]["left_inverse"], np.eye(6)) and same_bits(params, before)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"optimizer": "Muon"}, ValueError, "optimizer: 'Muon'"),
        ({"layers": [(0, 1), 0]}, ValueError, "in another"),
        ({"layers": [1]}, ValueError, "two axes"),
        ({"layers": [(0, 3)]}, ValueError, "bias of shape"),
        ({"layers": [9]}, ValueError, "position 9"),
        ({"layers": ["w"]}, ValueError, "name"),
        ({"layers": [0.5]}, TypeError, "position"),
        ({"layers": 3}, TypeError, "layers"),
        ({"decay": 0.0}, ValueError, "decay"),
        ({"decay": 1.5}, ValueError, "decay"),
        ({"zeta": -1.0}, ValueError, "zeta"),
        ({"threshold": 0.0}, ValueError, "threshold"),
        ({"clip": 0.0}, ValueError, "clip"),
        ({"variant": "x"}, ValueError, "variant"),
        ({"stabilizer": "x"}, ValueError, "stabilizer"),
        ({"inverse_update_interval": 0}, ValueError, "inverse_update_interval"),
        ({"warmup_steps": -1}, ValueError, "warmup_steps"),
        ({"rescale": 1}, TypeError, "rescale"),
        ({"hybrid": "x"}, TypeError, "hybrid"),
        ({"hybrid_window": 0}, ValueError, "hybrid_window"),
        ({"betas": (0.9, 0.9)}, TypeError, "betas"),
    ],
)
def test_wrong_options(options, error, words):
    with pytest.raises(error, match=words):
        optim.MKOR(arrays(1), **options)


@pytest.mark.parametrize("way", ["state_dict", "pickle", "safetensors"])
def test_a_restored_optimizer_goes_on(way, tmp_path):
    params = arrays(1, np.float32)
    options = {"momentum": 0.9, "layers": LAYERS, "inverse_update_interval": 2, "hybrid": 0.1,
               "hybrid_window": 3}  # fmt: skip
    opt = optim.MKOR(params, 0.1, **options)
    losses = [9.0, 8.0, 7.0, 4.0, 4.0, 4.0, 3.9, 3.9, 3.9, 1.0]

    def go(optimizer, first, last):
        for k in range(first, last):
            grads, given = arrays(30 * (k + 1), np.float32), statistics(40 * k, np.float32)
            optimizer.step(grads, given, loss=losses[k])

    go(opt, 0, 5)
    if way == "pickle":
        other = pickle.loads(pickle.dumps(opt))
        twins = other.param_groups[0]["params"]
    else:
        twins = copies(params)
        other = optim.MKOR(twins, 0.1, **options)
        if way == "safetensors":
            pytest.importorskip("safetensors")
            opt.save_safetensors(tmp_path / "state")
            other.load_safetensors(tmp_path / "state")
        else:
            other.load_state_dict(opt.state_dict())
    go(opt, 5, 10), go(other, 5, 10)
    assert opt.first_order and other.first_order
    assert all(same_bits(a, b) for a, b in zip(params, twins, strict=True))
    assert same_bits(opt.state_dict()["state"], other.state_dict()["state"])


def test_wrong_state_dicts_change_nothing():
    opt = optim.MKOR(arrays(1), 0.1, layers=LAYERS)
    opt.step(arrays(30), statistics(5))
    state = pickle.dumps(opt.state_dict())

    def without(key):
        return lambda d: d["state"][0].pop(key)

    changes = [
        (without("left_inverse"), r"state\[0\]\['left_inverse'\]"),
        (lambda d: d["state"][2].update(right_inverse=np.eye(6)), "shape"),
        (lambda d: d["param_groups"][0].pop("mkor"), "mkor"),
        (lambda d: d["param_groups"][0]["mkor"].update(switch={}), "switch"),
        (lambda d: d["param_groups"][0].pop("momentum"), "momentum"),
        (lambda d: d.pop("state"), "state"),
    ]
    for change, words in changes:
        saved = pickle.loads(state)
        change(saved)
        with pytest.raises(ValueError, match=words):
            opt.load_state_dict(saved)
        assert pickle.dumps(opt.state_dict()) == state
    saved = pickle.loads(state)
    saved["state"][0]["left_inverse"] = np.eye(6, dtype=np.float32)
    with pytest.raises(TypeError, match="float32"):
        opt.load_state_dict(saved)


def test_the_hybrid_falls_back_when_the_loss_flattens():
    params, twins = arrays(1), None
    opt = optim.MKOR(params, 0.1, layers=LAYERS, hybrid=0.05, hybrid_window=2)
    # Means 10, 8, 7.8: 20 % and then 2.5 % less.
    for k, loss in enumerate([11.0, 9.0, 8.5, 7.5, 7.9, 7.7]):
        assert not opt.first_order
        opt.step(arrays(30 * (k + 1)), statistics(k), loss=loss)
    assert opt.first_order and not opt.inverse_due
    twins = copies(params)
    optim.SGD(twins, 0.1).step(arrays(999))
    opt.step(arrays(999), statistics(1))  # plain, and no loss is needed any more
    assert all(same_bits(a, b) for a, b in zip(params, twins, strict=True))
    opt.use_first_order(False)
    assert not opt.first_order
    with pytest.raises(ValueError, match="loss"):
        opt.step(arrays(1))
    with pytest.raises(ValueError, match="loss"):
        opt.step(arrays(1), loss=np.nan)
    by_hand = optim.MKOR(arrays(1), 0.1)
    assert not by_hand.first_order
    by_hand.use_first_order()
    assert by_hand.first_order


def means(model, params):
    """(a, g) of both layers of a network, and its gradients."""
    w1, b1, w2, b2 = [p.astype(np.float64) for p in params]
    active = np.tanh(model.x @ w1.T + b1)
    delta = models.errors(models.softmax(active @ w2.T + b2), model.y)
    inner = (delta @ w2) * (1 - active * active)
    return [
        (model.x.mean(axis=0), inner.sum(axis=0)),
        (active.mean(axis=0), delta.sum(axis=0)),
    ]


@pytest.mark.parametrize("options", [
    {"variant": "code"}, {"variant": "textbook"},
    {"hybrid": 0.3, "hybrid_window": 14, "lr": 0.1},
    {"optimizer": "AdamW", "lr": 1e-2, "momentum": None},
], ids=["code", "textbook", "hybrid", "adamw"])  # fmt: skip
def test_it_learns_the_digits(options):
    pytest.importorskip("sklearn")
    x, y = models.images(1797)
    model, rng = models.WideNetwork(), np.random.default_rng(3)
    params = [p.astype(np.float32) for p in models.initial(model.shapes)]
    options = {"lr": 0.3, "momentum": 0.9, "layers": LAYERS, **options}
    if options["momentum"] is None:
        del options["momentum"]
    opt = optim.MKOR(params, **options)
    for _ in range(10):
        order = rng.permutation(1400)
        for rows in np.split(order, 14):
            model.x, model.y = x[rows], y[rows]
            p = models.softmax(model.logits(params))[np.arange(100), model.y]
            grads = [g.astype(np.float32) for g in model.gradient(params)]
            opt.step(grads, means(model, params), loss=-np.log(p).mean())
    model.x = x
    found = model.logits(params).argmax(axis=1) == y
    assert found[:1400].mean() >= 0.99 and found[1400:].mean() >= 0.9
    assert opt.first_order == ("hybrid" in options)
