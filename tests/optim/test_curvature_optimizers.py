"""AdaHessian and Sophia against float64 references of their papers, and what their steps refuse."""

import pickle
import re

import numpy as np
import pytest
from reference.curvature import optimizers as reference
from steepest import curvature, optim

from .support import copies, random, same_bits

SHAPES = ((6, 4), (5,), (), (4, 3, 2, 2))
CLASSES = (optim.AdaHessian, optim.SophiaH, optim.SophiaG)
PROBING = CLASSES[:2]
UNIT = 2.0**-53


def arrays(seed, dtype=np.float64):
    return [random(shape, seed + i, dtype) for i, shape in enumerate(SHAPES)]


class Operator:
    """The symmetric matrix A + A^T over all elements together, that counts its calls."""

    def __init__(self, seed=0):
        size = sum(int(np.prod(shape)) for shape in SHAPES)
        a = random((size, size), seed, np.float64)
        self.matrix, self.calls = a + a.T, 0

    def __call__(self, z):
        self.calls += 1
        flat = self.matrix @ np.concatenate([np.ravel(part).astype(np.float64) for part in z])
        ends = np.cumsum([int(np.prod(shape)) for shape in SHAPES])[:-1]
        return [
            np.asarray(part.reshape(like.shape), like.dtype)
            for part, like in zip(np.split(flat, ends), z, strict=True)
        ]


def products(hvp, like, seed, probe, distribution=curvature.rademacher):
    z = distribution(like, seed, probe)
    return [a * b for a, b in zip(z, hvp(z), strict=True)]


def give(cls, hvp):
    """The second argument of step, as a keyword."""
    if cls is optim.SophiaG:
        return {"sampled_grads": lambda: arrays(7, np.float32), "batch_size": 10}
    return {"hvp": hvp}


def close(got, wanted, steps, scale):
    """Within `steps` times the roundings of a step of that size: 40 of them and, in double, the
    cancellation in 1 - beta2^t, of 1 / (1 - beta2) = 1000 more."""
    for a, b in zip(got, wanted, strict=True):
        bound = steps * (40 + 1000) * UNIT * (np.abs(b).max() + scale)
        assert np.abs(a - b).max() <= bound


@pytest.mark.parametrize(
    ("options", "average"),
    [
        ({"average": "none"}, lambda d: d),
        ({"average": "spatial"}, reference.spatial),
        ({"average": "rows"}, reference.rows),
        ({"average": "block", "block": [4, 5, 1, 6]}, None),
    ],
)
@pytest.mark.parametrize("absolute", [True, False])
def test_adahessian_steps_as_its_paper_does(options, average, absolute):
    params, hvp = arrays(1), Operator()
    wanted = reference.AdaHessian(copies(params), 0.1, power=0.5, decay=0.2)
    opt = optim.AdaHessian(
        params, 0.1, hessian_power=0.5, weight_decay=0.2, absolute=absolute, seed=3, **options
    )
    for k in range(4):
        grads = arrays(20 * (k + 1))
        assert opt.step(grads, hvp) is True
        signed = products(hvp, params, 3, k)
        diagonals = [np.abs(d) if absolute else d for d in signed]
        if average is None:
            sizes = options["block"]
            diagonals = [reference.blocks(d, n) for d, n in zip(diagonals, sizes, strict=True)]
        else:
            diagonals = [average(d) for d in diagonals]
        wanted.step(grads, diagonals)
    close(params, wanted.params, 4, 0.1 * 10)


def test_probes_are_averaged_and_refreshed_lazily():
    params, hvp = arrays(1), Operator()
    opt = optim.AdaHessian(params, 0.1, probes=3, hessian_update_interval=2, average="none", seed=5)
    wanted = reference.AdaHessian(copies(params), 0.1)
    for k in range(4):
        grads = arrays(20 * (k + 1))
        assert opt.hessian_due == (k % 2 == 0)
        opt.step(grads, hvp)
        if k % 2 == 0:
            samples = [products(Operator(), params, 5, 3 * k + s) for s in range(3)]
            diagonals = [np.abs(np.mean(parts, axis=0)) for parts in zip(*samples, strict=True)]
        wanted.step(grads, diagonals)
    assert hvp.calls == 6
    close(params, wanted.params, 4, 0.1 * 10)


@pytest.mark.parametrize("distribution", ["gaussian", "rademacher"])
def test_sophia_h_steps_as_its_paper_does(distribution):
    params, hvp = arrays(1), Operator()
    options = {"betas": (0.9, 0.8), "rho": 0.5, "weight_decay": 0.2}
    wanted = reference.Sophia(copies(params), 0.1, options["betas"], 0.5, 0.2)
    opt = optim.SophiaH(
        params, 0.1, distribution=distribution, hessian_update_interval=3, seed=3, **options
    )
    draw = getattr(curvature, distribution)
    for k in range(7):
        grads = arrays(20 * (k + 1))
        opt.step(grads, hvp)
        due = k % 3 == 0
        wanted.step(grads, products(Operator(), params, 3, k, draw) if due else None)
    assert hvp.calls == 3
    close(params, wanted.params, 7, 0.1 * 10)
    assert any((h < 0).any() for h in wanted.h) and any((h > 0).any() for h in wanted.h)


def test_sophia_g_steps_as_its_paper_does():
    params, calls = arrays(1), []
    wanted = reference.Sophia(copies(params), 0.1, (0.965, 0.99), 0.04, 0.1)
    opt = optim.SophiaG(params, 0.1, hessian_update_interval=2)

    def sampled():
        calls.append(len(calls))
        return arrays(500 + 10 * calls[-1])

    for k in range(5):
        grads = arrays(20 * (k + 1))
        opt.step(grads, sampled, batch_size=64)
        estimate = [64 * g * g for g in arrays(500 + 10 * (k // 2))] if k % 2 == 0 else None
        wanted.step(grads, estimate)
    assert calls == [0, 1, 2]
    close(params, wanted.params, 5, 0.1 * 10)


@pytest.mark.parametrize("cls", CLASSES)
def test_a_diagonal_that_is_given_is_taken_as_it_is(cls):
    params, twins = arrays(1, np.float32), arrays(1, np.float32)
    opt = cls(params, hessian_update_interval=1, weight_decay=0.0)
    diagonal = arrays(40, np.float32)
    opt.step(arrays(20, np.float32), hessian=diagonal)
    states = opt.state_dict()["state"]
    assert same_bits([states[i]["hessian"] for i in range(4)], diagonal)
    other = cls(twins, hessian_update_interval=1, weight_decay=0.0)
    other.step(arrays(20, np.float32), hessian=[d.astype(np.float64) for d in diagonal])
    assert same_bits(params, twins)


def test_maximizing_goes_up_what_minimizing_the_negative_goes_down():
    up, down, hvp = arrays(1), arrays(1), Operator()
    first = optim.SophiaH(up, 0.1, maximize=True, hessian_update_interval=1)
    second = optim.SophiaH(down, 0.1, hessian_update_interval=1)
    for k in range(3):
        grads = arrays(20 * (k + 1))
        first.step(grads, hvp)
        second.step([-g for g in grads], lambda z: [-part for part in hvp(z)])
    assert same_bits(up, down)


@pytest.mark.parametrize("cls", PROBING)
def test_probes_are_zero_where_no_estimate_is_taken(cls):
    params, seen = arrays(1, np.float32), []

    def hvp(z):
        seen.append(copies(z))
        return [part.copy() for part in z]

    opt = cls(params, hessian_update_interval=2)
    grads = arrays(20, np.float32)
    opt.step([*grads[:2], None, grads[3]], hvp)
    assert [bool(np.any(z)) for z in seen[-1]] == [True, True, False, True]
    opt.step(grads, hvp)  # the first step of the third, the second of the others
    assert [bool(np.any(z)) for z in seen[-1]] == [False, False, True, False]
    assert len(seen) == 2
    assert [s["step"] for s in opt.state_dict()["state"].values()] == [2, 2, 1, 2]


def test_groups_and_names_keep_the_structure_of_the_parameters():
    params, hvp = arrays(1, np.float32), Operator()
    listed, named, grouped = (copies(params) for _ in range(3))
    grads, names = arrays(20, np.float32), "abcd"
    optim.AdaHessian(listed, average="none").step(grads, hvp)

    def by_name(z):
        assert isinstance(z, dict)
        return dict(zip(names, hvp([z[name] for name in names]), strict=True))

    opt = optim.AdaHessian(dict(zip(names, named, strict=True)), average="none")
    opt.step(dict(zip(names, grads, strict=True)), by_name)
    opt = optim.AdaHessian(
        [{"params": grouped[:2]}, {"params": grouped[2:], "average": "spatial"}], average="none"
    )
    opt.step(grads, hvp)
    assert same_bits(listed, named)
    assert same_bits(listed[:3], grouped[:3]) and not same_bits(listed[3], grouped[3])
    single, once = random((6, 4), 1), random((6, 4), 1)
    optim.AdaHessian(single).step(random((6, 4), 2), lambda z: 2 * z)
    optim.AdaHessian([once]).step([random((6, 4), 2)], lambda z: [2 * z[0]])
    assert same_bits(single, once)


@pytest.mark.parametrize("how", ["state_dict", "pickle"])
@pytest.mark.parametrize("cls", CLASSES)
def test_a_restored_optimizer_goes_on_to_the_bit(cls, how):
    params, hvp = arrays(1, np.float32), Operator()
    opt = cls(params, hessian_update_interval=2)
    for k in range(3):
        opt.step(arrays(20 * k + 50, np.float32), **give(cls, hvp))
    if how == "pickle":
        other = pickle.loads(pickle.dumps(opt))
        twins = [p for group in other.param_groups for p in group["params"]]
    else:
        twins = copies(params)
        other = cls(twins, 7.0)
        other.load_state_dict(opt.state_dict())
    for o in (opt, other):
        for k in range(3):
            o.step(arrays(20 * k + 90, np.float32), **give(cls, hvp))
    assert same_bits(params, twins)
    assert same_bits(
        list(opt.state_dict()["state"].values()), list(other.state_dict()["state"].values())
    )


def wrong_hvp(change):
    def hvp(z):
        result = Operator()(z)
        return change(result) or result

    return hvp


def put(i, make):
    def change(result):
        result[i] = make(result[i])

    return change


def broken(z):
    raise KeyError("of the callback")


FLOAT64_HVP = wrong_hvp(put(1, lambda a: a.astype(np.float64)))
BAD_STEPS = [
    ({"hvp": wrong_hvp(lambda r: r[:3])}, ValueError, "hvp's result: 3 arrays"),
    ({"hvp": wrong_hvp(tuple)}, None, ""),
    ({"hvp": lambda z: z[0]}, TypeError, "hvp's result"),
    ({"hvp": wrong_hvp(put(0, lambda a: a.T))}, ValueError, r"hvp's result\[0\]: shape"),
    ({"hvp": FLOAT64_HVP}, TypeError, r"hvp's result\[1\]: dtype"),
    ({"hvp": wrong_hvp(put(1, lambda a: a * np.nan))}, ValueError, r"hvp's result\[1\]: a NaN"),
    ({"hvp": wrong_hvp(put(3, lambda a: a + np.inf))}, ValueError, r"hvp's result\[3\]: a NaN"),
    ({"hvp": broken}, KeyError, "callback"),
    ({"hvp": 3}, TypeError, "hvp: int"),
    ({}, ValueError, "hvp: None"),
    ({"hvp": Operator(), "hessian": arrays(5)}, ValueError, "hessian: given beside"),
    ({"hessian": arrays(5)[:2]}, ValueError, "hessian: 2 arrays"),
    ({"hessian": [*arrays(5)[:3], np.zeros(3)]}, ValueError, r"hessian\[3\]: shape"),
    ({"hessian": [None, *arrays(5)[1:]]}, TypeError, r"hessian\[0\]"),
    ({"hessian": [a.astype(np.int64) for a in arrays(5)]}, TypeError, r"hessian\[0\]: dtype"),
    ({"hessian": [a * 1e300 for a in arrays(5)]}, ValueError, r"hessian\[0\]: a NaN"),
]


@pytest.mark.parametrize(("given", "error", "message"), BAD_STEPS)
@pytest.mark.parametrize("cls", PROBING)
def test_a_bad_estimate_is_named_and_changes_nothing(cls, given, error, message):
    params = arrays(1, np.float32)
    opt = cls(params, hessian_update_interval=1)
    opt.step(arrays(20, np.float32), Operator())
    before = pickle.dumps((params, opt.state_dict()))
    if error is None:  # a tuple for a list is no error
        assert opt.step(arrays(30, np.float32), **given)
        return
    with pytest.raises(error, match=message):
        opt.step(arrays(30, np.float32), **given)
    assert pickle.dumps((params, opt.state_dict())) == before


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({}, ValueError, "sampled_grads: None"),
        ({"sampled_grads": arrays(5)}, ValueError, "batch_size: None"),
        ({"sampled_grads": arrays(5), "batch_size": 0}, ValueError, "batch_size: 0"),
        ({"sampled_grads": arrays(5), "batch_size": "8"}, TypeError, "batch_size"),
        ({"sampled_grads": arrays(5)[1:], "batch_size": 8}, ValueError, "sampled_grads: 3"),
        ({"sampled_grads": arrays(5), "hessian": arrays(5)}, ValueError, "hessian: given beside"),
        (
            {"sampled_grads": [a * 1e25 for a in arrays(5)], "batch_size": 8},
            ValueError,
            r"sampled_grads\[0\]: a NaN or an infinity",
        ),
    ],
)
def test_bad_sampled_gradients_are_named_and_change_nothing(given, error, message):
    params = arrays(1, np.float32)
    opt = optim.SophiaG(params)
    before = pickle.dumps((params, opt.state_dict()))
    with pytest.raises(error, match=message):
        opt.step(arrays(30, np.float32), **given)
    assert pickle.dumps((params, opt.state_dict())) == before


@pytest.mark.parametrize("cls", CLASSES)
def test_refused_and_skipped_steps_put_the_estimate_back(cls):
    params, hvp = arrays(1, np.float32), Operator()
    opt = cls(params, hessian_update_interval=1)
    opt.step(arrays(20, np.float32), **give(cls, hvp))
    before = pickle.dumps((params, opt.state_dict()))
    grads = arrays(30, np.float32)
    grads[1][2] = np.inf
    assert opt.step(grads, **give(cls, hvp), skip_nonfinite=True) is False
    assert pickle.dumps((params, opt.state_dict())) == before
    with pytest.raises(ValueError, match=r"grads\[3\]"):
        opt.step([*arrays(30, np.float32)[:3], np.zeros(2, np.float32)], **give(cls, hvp))
    with pytest.raises(ValueError, match="grads: 2 given"):
        opt.step(arrays(30, np.float32)[:2], **give(cls, hvp))
    opt.param_groups[0]["betas"] = (1.5, 0.9)
    with pytest.raises(ValueError, match="betas"):
        opt.step(arrays(30, np.float32), **give(cls, hvp))
    opt.param_groups[0]["betas"] = opt.defaults["betas"]
    assert pickle.dumps((params, opt.state_dict())) == before


@pytest.mark.parametrize("cls", CLASSES)
def test_a_diagonal_between_estimates_is_refused(cls):
    params = arrays(1, np.float32)
    opt = cls(params, hessian_update_interval=2)
    opt.step(arrays(20, np.float32), hessian=arrays(5))
    assert not opt.hessian_due
    with pytest.raises(ValueError, match="hessian: given at a step that takes no estimate"):
        opt.step(arrays(20, np.float32), hessian=arrays(5))
    assert opt.step(arrays(20, np.float32)) is True


@pytest.mark.parametrize(
    ("cls", "options", "word"),
    [
        (optim.AdaHessian, {"average": "columns"}, "average"),
        (optim.AdaHessian, {"average": "block"}, "block"),
        (optim.AdaHessian, {"average": "block", "block": 5}, "block: 5"),
        (optim.AdaHessian, {"average": "block", "block": [2, 5]}, "block: 2 numbers"),
        (optim.AdaHessian, {"average": "rows", "block": 2}, "block"),
        (optim.AdaHessian, {"absolute": "yes"}, "absolute"),
        (optim.AdaHessian, {"hessian_power": 1.5}, "hessian_power"),
        (optim.AdaHessian, {"probes": 0}, "probes"),
        (optim.SophiaH, {"distribution": "uniform"}, "distribution"),
        (optim.SophiaH, {"denominator": "product"}, "denominator"),
        (optim.SophiaH, {"hessian_update_interval": 0}, "hessian_update_interval"),
        (optim.SophiaG, {"hessian_update_interval": 2.5}, "hessian_update_interval"),
        (optim.SophiaG, {"rho": -1.0}, "rho"),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_a_bad_option_is_named_and_changes_nothing(cls, options, word, late):
    params = arrays(1, np.float32)
    before = copies(params)
    with pytest.raises((TypeError, ValueError), match=re.escape(word)):
        opt = cls(params, **({} if late else options))
        opt.param_groups[0].update(options)
        opt.step(arrays(50, np.float32), **give(cls, Operator()))
    assert same_bits(params, before)


@pytest.mark.parametrize("cls", CLASSES)
def test_half_precision_with_masters_steps_as_single_does(cls):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    low = [a.astype(ml_dtypes.bfloat16) for a in arrays(1)]
    full = [a.astype(np.float32) for a in low]
    one, two = cls(low, 0.01, master_weights=True), cls(full, 0.01)
    diagonal = [a.astype(ml_dtypes.bfloat16) for a in arrays(40)]
    grads = arrays(20, np.float32)
    one.step(grads, hessian=diagonal)
    two.step(grads, hessian=[a.astype(np.float32) for a in diagonal])
    assert same_bits([one.state_dict()["state"][i]["master"] for i in range(4)], full)
    assert same_bits(low, [a.astype(ml_dtypes.bfloat16) for a in full])


def test_torch_products_by_automatic_differentiation():
    torch = pytest.importorskip("torch")
    params = [torch.nn.Parameter(torch.tensor(a)) for a in arrays(1, np.float32)[:2]]
    twins = [p.detach().numpy().copy() for p in params]

    def product(z):
        loss = sum((p**4).sum() for p in params)
        grads = torch.autograd.grad(loss, params, create_graph=True)
        return torch.autograd.grad(grads, params, z)

    grads = arrays(20, np.float32)[:2]
    optim.AdaHessian(params).step([torch.tensor(g) for g in grads], product)
    optim.AdaHessian(twins).step(grads, hessian=[12 * p * p for p in twins])
    for p, twin in zip(params, twins, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), twin, rtol=1e-5, atol=1e-6)
