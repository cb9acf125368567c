"""Scion and TrustRegion against float64 references of their steps, and themselves on parts."""

import pickle

import numpy as np
import pytest
import standin
from reference import polar as reference
from steepest import optim, polar

from .support import copies, random, same_bits

SHAPES = ((6, 4), (4, 9), (8, 3, 3, 3), (5,))
UNIT = np.finfo(np.float64).eps
CLASSES = (optim.Scion, optim.TrustRegion)


def arrays(seed, dtype=np.float64, shapes=SHAPES):
    return [random(shape, seed + i, dtype) for i, shape in enumerate(shapes)]


def direction(norm, options=None):
    """The library's own oracle: the spectral ones are no exact polar factors."""
    return lambda m: polar.oracle(np.ascontiguousarray(m), norm, **(options or {}))


def bound(values, steps):
    """Each step rounds a few times at the size of what it adds up; a normalised direction passes
    roundings of the momentum on by a slope of at most that of five Polar Express steps, 1000,
    relative to the norm."""
    return steps * UNIT * 1000 * max(1.0, *(np.abs(v).max() for v in values))


@pytest.mark.parametrize("unconstrained", [False, True])
@pytest.mark.parametrize("momentum", [1.0, 0.3])
@pytest.mark.parametrize("norm", ["Auto", "Sign", "Euclidean"])
def test_scion_steps_as_the_reference_does(norm, momentum, unconstrained):
    params = arrays(1)
    wanted, states = copies(params), [{"momentum_buffer": 0 * p} for p in params]
    options = {"lr": 0.1, "momentum": momentum, "unconstrained": unconstrained}
    opt = optim.Scion(params, norm=norm, scale=3.0, **options)
    for k in range(3):
        grads = arrays(20 * (k + 1))
        opt.step(grads)
        for i, g in enumerate(grads):
            wanted[i], states[i] = reference.scion(
                wanted[i], g, states[i], scale=3.0, oracle=direction(norm), **options
            )
    for p, want in zip(params, wanted, strict=True):
        assert np.abs(p - want).max() <= bound([want], 3)


def test_constrained_scion_stays_in_the_ball():
    """From inside, p is a convex combination of points of the ball of radius 2 in the sign norm."""
    p = random((6, 4), 1, np.float64)
    p /= np.abs(p).max()
    opt = optim.Scion([p], lr=0.3, norm="Sign", norm_options={"normalized": False}, scale=2.0)
    for k in range(30):
        opt.step([random((6, 4), k, np.float64)])
        assert np.abs(p).max() <= 2 * (1 + 4 * UNIT)
    assert np.abs(p).max() > 1.5


@pytest.mark.parametrize("extrapolation", [False, True])
@pytest.mark.parametrize("norm", ["Auto", "Sign", "Euclidean", "RowNorm"])
def test_trust_region_steps_as_the_paper_does(norm, extrapolation):
    shapes = SHAPES[:2] if norm == "RowNorm" else SHAPES
    params = arrays(1, shapes=shapes)
    opt = optim.TrustRegion(
        params, lr=0.1, momentum=0.8, norm=norm, weight_decay=0.2, extrapolation=extrapolation
    )
    x, m = copies(params), [0 * p for p in params]
    for k in range(4):
        grads = arrays(20 * (k + 1), shapes=shapes)
        opt.step(grads)
        for i, g in enumerate(grads):
            m[i] = 0.8 * m[i] + 0.2 * g
            new = x[i] * (1 - 0.1 * 0.2) - 0.1 * direction(norm)(m[i])
            ahead = new + 0.8 / (1 - 0.8) * (new - x[i]) if extrapolation else new
            x[i] = new
            assert np.abs(params[i] - ahead).max() <= bound([ahead], 4) * 10
    for have, want in zip(opt.iterates(), x, strict=True):
        assert np.abs(have - want).max() <= bound([want], 4)


def test_signs_and_norms_give_sign_and_normalised_sgd():
    p, g = random((6, 4), 1, np.float64), random((6, 4), 2, np.float64)
    signed, scaled = p.copy(), p.copy()
    plain = {"normalized": False}
    optim.TrustRegion([signed], lr=0.1, norm="Sign", norm_options=plain).step([g])
    optim.TrustRegion([scaled], lr=0.1, norm="Euclidean").step([g])
    assert np.abs(signed - (p - 0.1 * np.sign(g))).max() <= 4 * UNIT * np.abs(p).max()
    want = p - 0.1 * g / np.linalg.norm(g)
    assert np.abs(scaled - want).max() <= 8 * UNIT * np.abs(p).max()


def test_gradients_ahead_of_the_iterate_are_transported():
    """On a quadratic the momentum of gradients at the extrapolated points is the gradient at the
    iterate, but for that of the start: 1 - momentum weighs the first one too little."""
    a = np.diag(np.arange(1.0, 6.0))
    p = random((5,), 1, np.float64)
    opt = optim.TrustRegion([p], lr=0.01, momentum=0.5, norm="Euclidean", extrapolation=True)
    for _ in range(60):
        opt.step([a @ p])
        x_before = opt.iterates()[0].copy()
    buffer = opt.state_dict()["state"][0]["momentum_buffer"]
    # The last gradient was taken ahead of the iterate before the last step.
    before = x_before + 0.01 * buffer / np.linalg.norm(buffer)
    assert np.abs(buffer - a @ before).max() <= 0.5**50 + 1e3 * UNIT * np.abs(a @ before).max()


@pytest.mark.parametrize("cls", CLASSES)
def test_a_list_steps_as_each_alone(cls):
    params = arrays(1, np.float32)
    alone = copies(params)
    opt = cls(params, lr=0.05)
    each = [cls([p], lr=0.05) for p in alone]
    for k in range(3):
        grads = arrays(20 * k + 50, np.float32)
        opt.step(grads)
        for o, g in zip(each, grads, strict=True):
            o.step([g])
    assert same_bits(params, alone)


@pytest.mark.parametrize("cls", CLASSES)
def test_zero_none_and_skipped_gradients(cls):
    params = arrays(1, np.float32)
    before = copies(params)
    options = {"unconstrained": True} if cls is optim.Scion else {}
    opt = cls(params, **options)
    opt.step([np.zeros_like(p) for p in params])
    assert same_bits(params, before)
    grads = arrays(50, np.float32)
    grads[3][1] = np.nan
    assert opt.step(grads, skip_nonfinite=True) is False
    assert same_bits(params, before)
    opt.step([None, *arrays(60, np.float32)[1:]])
    assert same_bits(params[0], before[0]) and not same_bits(params[1], before[1])


@pytest.mark.parametrize("how", ["state_dict", "pickle"])
@pytest.mark.parametrize(
    ("cls", "options"),
    [(optim.Scion, {"momentum": 0.2}), (optim.TrustRegion, {"extrapolation": True})],
)
def test_a_restored_optimizer_goes_on_to_the_bit(cls, options, how):
    params = arrays(1, np.float32)
    opt = cls(params, **options)
    for k in range(3):
        opt.step(arrays(20 * k + 50, np.float32))
    if how == "pickle":
        other = pickle.loads(pickle.dumps(opt))
        twins = [p for group in other.param_groups for p in group["params"]]
    else:
        twins = copies(params)
        other = cls(twins, **options)
        other.load_state_dict(opt.state_dict())
    for o in (opt, other):
        o.step(arrays(99, np.float32))
    assert same_bits(params, twins)
    assert same_bits(
        list(opt.state_dict()["state"].values()), list(other.state_dict()["state"].values())
    )


@pytest.mark.parametrize(
    ("cls", "options", "word"),
    [
        (optim.Scion, {"norm": "Nuclear"}, "norm"),
        (optim.Scion, {"scale": 0.0}, "scale"),
        (optim.Scion, {"momentum": 0.0}, "momentum"),
        (optim.Scion, {"lr": -1.0}, "lr"),
        (optim.TrustRegion, {"norm": "Spectral"}, "matrix"),
        (optim.TrustRegion, {"weight_decay": -1.0}, "weight_decay"),
        (optim.TrustRegion, {"lr": [0.1]}, "lr"),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_a_bad_option_is_named_and_changes_nothing(cls, options, word, late):
    params = arrays(1, np.float32)
    before = copies(params)
    with pytest.raises(ValueError, match=word):
        opt = cls(params, **({} if late else options))
        opt.param_groups[0].update(options)
        opt.step(arrays(50, np.float32))
    assert same_bits(params, before)


def test_lanton_refuses_arrays_on_a_device_at_once():
    with standin.installed(), pytest.raises(ValueError, match="expected one in host memory"):
        optim.LANTON([standin.zeros((3, 4), np.float32)])


@pytest.mark.parametrize("cls", CLASSES)
def test_least_squares_comes_to_its_solution(cls):
    a, solution = random((40, 8), 1, np.float64), random((8, 6), 2, np.float64)
    x = np.zeros((8, 6))
    options = {"unconstrained": True} if cls is optim.Scion else {}
    opt = cls([x], lr=0.1, momentum=0.5, **options)
    start = np.linalg.norm(a @ (x - solution))
    for k in range(300):
        opt.lr = 0.1 * (1 - k / 300)
        opt.step([a.T @ (a @ (x - solution)) / 40])
    assert np.linalg.norm(a @ (x - solution)) <= 0.02 * start
