"""The optimizer: many workers in one process."""

import copy
import pickle

import numpy as np
import pytest
from reference.curvature import models
from reference.distributed import lion
from steepest import distributed, optim

from .support import BFLOAT16, arrays, bits, same

SHAPES = ((7,), (5, 9), (0,), (300,))
WORKERS = 5


def grads_of(worker, step, dtype=np.float64):
    return arrays(dtype, 1000 * step + worker, SHAPES)


def workers(count, **options):
    """Optimizers over copies of the same parameters."""
    dtype = options.pop("dtype", np.float64)
    return [
        optim.DistributedLion(arrays(dtype, 0, SHAPES), lr=0.01, weight_decay=0.1, **options)
        for _ in range(count)
    ]


def params_of(opt):
    return [p for group in opt.param_groups for p in group["params"]]


def run(opts, steps, dtype=np.float64, first=1):
    for step in range(first, first + steps):
        rows = np.stack(
            [opt.pack(grads_of(worker, step, dtype)) for worker, opt in enumerate(opts)]
        )
        votes = opts[0].vote(rows)
        for opt in opts:
            opt.apply(opt.received(votes.data, len(opts)))


@pytest.mark.parametrize("count", [1, 4, 5])
@pytest.mark.parametrize("reduction", ["majority", "mean"])
def test_workers_follow_the_paper(reduction, count):
    opts = workers(count, reduction=reduction, betas=(0.8, 0.95))
    p = np.concatenate([x.reshape(-1) for x in params_of(opts[0])])
    momenta = [np.zeros_like(p) for _ in opts]
    run(opts, 30)
    for step in range(1, 31):
        g = [np.concatenate([x.reshape(-1) for x in grads_of(w, step)]) for w in range(count)]
        p, momenta = lion.step(
            p, momenta, g, lr=0.01, weight_decay=0.1, betas=(0.8, 0.95), reduction=reduction
        )
    found = np.concatenate([x.reshape(-1) for x in params_of(opts[0])])
    # Thirty steps of at most five roundings each, of numbers below 8.
    np.testing.assert_allclose(found, p, rtol=0, atol=30 * 5 * 2**-53 * 8)


@pytest.mark.parametrize("dtype", [np.float32, BFLOAT16])
@pytest.mark.parametrize("reduction", ["majority", "mean"])
def test_parameters_stay_equal_and_momenta_stay_apart(reduction, dtype):
    opts = workers(WORKERS, dtype=dtype, reduction=reduction, master_weights=True)
    run(opts, 10, dtype)
    for opt in opts[1:]:
        assert same(params_of(opt), params_of(opts[0]))
        momenta = [
            [group.states["exp_avg"][i] for group in o._groups for i in (0, 1, 3)]
            for o in (opt, opts[0])
        ]
        assert not any(np.array_equal(a, b) for a, b in zip(*momenta, strict=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, BFLOAT16])
@pytest.mark.parametrize("masters", [False, True])
def test_one_worker_with_two_bits_is_lion_to_the_bit(dtype, masters):
    options = {"lr": 0.01, "weight_decay": 0.1, "rounding": "stochastic", "seed": 3}
    options |= {"state_dtype": "bfloat16", "master_weights": masters}
    ours = optim.DistributedLion(arrays(dtype, 0, SHAPES), bits=2, **options)
    theirs = optim.Lion(arrays(dtype, 0, SHAPES), **options)
    for step in range(1, 8):
        grads = arrays(dtype, step, SHAPES, zeros=0.3)
        ours.step(grads)
        theirs.step(grads)
        assert same(params_of(ours), params_of(theirs))
    a, b = ours.state_dict()["state"], theirs.state_dict()["state"]
    for i in b:
        assert a[i]["step"] == b[i]["step"] == 7
        assert np.array_equal(bits(a[i]["exp_avg"]), bits(b[i]["exp_avg"]))


@pytest.mark.parametrize("reduction", ["majority", "mean"])
@pytest.mark.parametrize("way", ["dict", "pickle", "copy"])
def test_states_survive_bit_for_bit(way, reduction):
    options = {"rounding": "stochastic", "dtype": BFLOAT16, "reduction": reduction, "tie": "first"}
    opts = workers(3, **options)
    run(opts, 3, BFLOAT16)
    if way == "dict":
        again = workers(3, **options)
        for old, new in zip(opts, again, strict=True):
            for a, b in zip(params_of(old), params_of(new), strict=True):
                b[...] = a
            new.load_state_dict(old.state_dict())
    else:
        again = [
            pickle.loads(pickle.dumps(opt)) if way == "pickle" else copy.deepcopy(opt)
            for opt in opts
        ]
    assert (again[0].bits, again[0].reduction, again[0].tie) == (1, reduction, "first")
    for some in (opts, again):
        run(some, 3, BFLOAT16, first=4)
    for old, new in zip(opts, again, strict=True):
        assert same(params_of(old), params_of(new))


def test_groups_have_their_own_options():
    a, b = arrays(np.float32, 0, ((9,), (11,)))
    expected = [a - np.float32(0.5), b + np.float32(0.25)]
    opt = optim.DistributedLion(
        [{"params": [a], "lr": 0.5}, {"params": {"b": b}, "lr": 0.25, "maximize": True}]
    )
    assert opt.message_size == 4
    opt.step([np.ones(9, np.float32), np.ones(11, np.float32)])
    assert same([a, b], expected)
    opt.lr = 0.0
    opt.step([np.ones(9, np.float32), np.ones(11, np.float32)])
    assert same([a, b], expected)


def test_the_exchange_may_be_a_function():
    alone = workers(1)[0]
    others = workers(3)
    rest = [opt.pack(grads_of(i + 1, 1)) for i, opt in enumerate(others[1:])]
    assert others[0].step(grads_of(0, 1), lambda message: np.stack([message, *rest]))
    rows = np.stack([alone.pack(grads_of(0, 1)), *rest])
    alone.apply(distributed.majority(rows))
    assert same(params_of(alone), params_of(others[0]))


def test_wrong_arguments_are_refused_and_nothing_changes():
    with pytest.raises(ValueError, match="tie: 'first' given, expected 'zero'"):
        workers(1, bits=2, tie="first")
    with pytest.raises(ValueError, match="reduction: 'median' given"):
        workers(1, reduction="median")
    with pytest.raises(TypeError, match="unknown option 'decoupled_weight_decay'"):
        optim.DistributedLion([{"params": [np.zeros(3)], "decoupled_weight_decay": False}])
    (opt,) = workers(1)
    before = copy.deepcopy(opt.state_dict()["state"])
    params = [p.copy() for p in params_of(opt)]
    grads = grads_of(0, 1)

    def refused(error, match, call):
        with pytest.raises(error, match=match):
            call()
        after = opt.state_dict()["state"]
        assert all(np.array_equal(before[i]["exp_avg"], after[i]["exp_avg"]) for i in before)
        assert same(params_of(opt), params)
        assert all(state["step"] == 0 for state in after.values())

    refused(
        TypeError, r"grads\[1\]: NoneType given", lambda: opt.pack([grads[0], None, *grads[2:]])
    )
    refused(ValueError, "grads: 3 given, expected 4", lambda: opt.pack(grads[:3]))
    refused(ValueError, "grad_scale: 0 given", lambda: opt.pack(grads, grad_scale=0.0))
    refused(ValueError, "out: 2 bytes given", lambda: opt.pack(grads, out=np.zeros(2, np.uint8)))
    refused(
        ValueError,
        "votes: 3 bytes given",
        lambda: opt.apply(opt.received(np.zeros(3, np.uint8), 1)),
    )
    refused(ValueError, "votes: 2 bytes given", lambda: opt.apply(np.zeros((3, 1), np.uint8)))
    refused(TypeError, "messages: list given", lambda: opt.apply([1, 2]))
    opt.param_groups[0]["lr"] = -1.0
    size = opt.message_size
    refused(ValueError, "lr: -1.0 given", lambda: opt.apply(np.zeros((3, size), np.uint8)))


def quarters(count):
    """Rows of a permutation in four parts: what four workers see."""
    return np.array_split(np.random.default_rng(0).permutation(count), 4)


@pytest.mark.parametrize("reduction", ["majority", "mean"])
def test_digits_are_learned_from_quarters_of_the_images(reduction):
    """One bit per parameter, worker and step; the images that are held out are by other writers."""
    pytest.importorskip("sklearn")
    x, y = models.images(1797)
    model, held_x, held_y = models.WideLogistic(), x[1400:], y[1400:]
    start = [p.astype(np.float32) for p in models.initial(model.shapes)]
    opts = [
        optim.DistributedLion([p.copy() for p in start], lr=0.02, reduction=reduction)
        for _ in range(4)
    ]
    for k in range(200):
        rows = []
        for opt, part in zip(opts, quarters(1400), strict=True):
            model.x, model.y = x[part], y[part]
            grads = model.gradient(params_of(opt))
            rows.append(opt.pack([g.astype(np.float32) for g in grads]))
        for opt in opts:
            opt.lr = 0.02 * (1 - k / 200)
            opt.apply(np.stack(rows))
    assert all(same(params_of(opt), params_of(opts[0])) for opt in opts)
    model.x = held_x
    assert (model.logits(params_of(opts[0])).argmax(axis=1) == held_y).mean() >= 0.85
