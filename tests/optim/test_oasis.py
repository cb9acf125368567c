"""OASIS against a float64 reference of its paper, its adaptive rate, and what its steps refuse."""

import itertools
import math
import pickle

import ml_dtypes
import numpy as np
import pytest
from reference.curvature import models
from reference.curvature import optimizers as reference
from steepest import curvature, optim

from .support import copies, random, same_bits
from .test_curvature_convergence import BATCH, accuracy, loss, made, minimum, product

SHAPES = ((6, 4), (5,), (), (4, 3, 2, 2))
UNIT = 2.0**-53


def arrays(seed, dtype=np.float64):
    return [random(shape, seed + i, dtype) for i, shape in enumerate(SHAPES)]


class Batch:
    """The gradient and the Hessian of sum(cosh(a p)) over the elements, a step's own a."""

    def __init__(self, k):
        self.a, self.calls = [1 + np.tanh(x) ** 2 for x in arrays(50 * k + 7)], 0

    def gradient(self, params):
        self.calls += 1
        with np.errstate(over="ignore"):
            return [
                np.asarray(a * np.sinh(a * np.asarray(p, np.float64)), p.dtype)
                for a, p in zip(self.a, params, strict=True)
            ]

    def diagonal(self, params):
        return [a * a * np.cosh(a * p) for a, p in zip(self.a, params, strict=True)]

    def product(self, params):
        return lambda z: [
            np.asarray(d * v, v.dtype) for d, v in zip(self.diagonal(params), z, strict=True)
        ]


def step(opt, params, k, **options):
    batch = Batch(k)
    return opt.step(
        batch.gradient(params), batch.product(params), previous_grads=batch.gradient, **options
    )


def run(opt, params, steps, first=0):
    for k in range(first, first + steps):
        assert step(opt, params, k) is True


def everything(opt, params):
    return pickle.dumps((params, opt.state_dict()))


def norm(parts, weights):
    return math.sqrt(sum(float(np.sum(w * x * x)) for w, x in zip(weights, parts, strict=True)))


@pytest.mark.parametrize("interval", [1, 2, 3])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_steps_are_those_of_the_paper(interval, decay):
    """Both sides get the gradients of one place. The relative error of a rate is at most twice that
    of the one before it, which it is a multiple of and whose step it measures, and what its sums
    and differences lose."""
    params = arrays(1)
    opt = optim.OASIS(
        params, 0.01, beta2=0.5, alpha=2.0, hessian_update_interval=interval, weight_decay=decay
    )
    wanted = reference.OASIS(copies(params), 0.01, 0.5, 2.0, decay)
    rates, bound = [], 0.0
    for k in range(10):
        batch = Batch(k)
        grads, last = batch.gradient(params), batch.gradient(opt.previous_params)
        estimate = batch.diagonal(params) if k % interval == 0 else None
        here, before = copies(params), copies(opt.previous_params)
        opt.step(grads, hessian=estimate, previous_grads=last)
        wanted.step(grads, last, estimate)
        group = opt.param_groups[0]
        if k > 0:
            sizes = wanted.sizes()
            weights = [1 / size for size in sizes]
            large = [abs(g) + decay * abs(p) for g, p in zip(grads, here, strict=True)]
            turn = [
                g - h + decay * (p - q)
                for g, h, p, q in zip(grads, last, here, before, strict=True)
            ]
            moves = [p - q for p, q in zip(here, before, strict=True)]
            lost = norm(here, sizes) / norm(moves, sizes) + norm(large, weights) / norm(
                turn, weights
            )
            bound = 2 * bound + (100 + 8 * lost) * UNIT
        assert abs(group["lr"] - wanted.lr) <= bound * wanted.lr
        if k > 0:
            assert abs(group["theta"] - wanted.theta) <= 2 * bound * wanted.theta
        for p, q in zip(params, wanted.params, strict=True):
            assert np.abs(p - q).max() <= (2 * bound + 100 * UNIT) * max(1, np.abs(q).max())
        rates.append((group["lr"], group["theta"]))
    growing = [
        math.isclose(b, a * math.sqrt(1 + t)) for (a, t), (b, _) in itertools.pairwise(rates)
    ]
    assert any(growing) and not all(growing)


def test_the_first_diagonal_is_the_mean_of_the_warmup():
    params = arrays(1)
    matrix = random((24, 24), 3, np.float64)
    matrix += matrix.T
    seen = []

    def hvp(z):
        seen.append(z[0].copy())
        return [np.reshape(matrix @ z[0].ravel(), (6, 4)), *(v.copy() for v in z[1:])]

    opt = optim.OASIS(params, 1e-3, adaptive=False, warmup_probes=4, probes=2, seed=9)
    for _ in range(3):
        opt.step(arrays(30), hvp)
    drawn = [curvature.rademacher(params, 9, n)[0] for n in range(8)]
    assert same_bits(seen, drawn)
    last = np.mean([z * np.reshape(matrix @ z.ravel(), (6, 4)) for z in drawn[6:]], axis=0)
    np.testing.assert_allclose(opt.state_dict()["state"][0]["hessian"], last, rtol=0, atol=1e-13)


def rate(opt):
    return opt.param_groups[0]["lr"], opt.param_groups[0]["theta"]


def test_a_rate_without_a_bound_is_kept_and_with_one_grows():
    params, ones = arrays(1), [np.ones(shape) for shape in SHAPES]
    opt = optim.OASIS(params, 0.25)
    for _ in range(2):  # gradients that do not turn, theta still infinite
        opt.step(ones, hessian=ones, previous_grads=ones)
        assert rate(opt) == (0.25, math.inf)
    opt.param_groups[0]["theta"] = 3.0
    opt.step(ones, hessian=ones, previous_grads=ones)
    assert rate(opt) == (0.5, 2.0)
    zeros = [np.zeros(shape) for shape in SHAPES]
    opt.step(zeros, hessian=ones, previous_grads=[0 * g - 1e9 for g in ones])
    shrunk = rate(opt)
    assert shrunk[0] < 1e-6
    opt.step(ones, hessian=ones, previous_grads=arrays(4))  # the last step moved nothing
    assert rate(opt) == shrunk


def test_ratios_of_squares_beyond_the_range_of_double_are_rates():
    params, ones = [np.zeros(4)], [np.ones(4)]
    opt = optim.OASIS(params, 1e-100, alpha=1e-5)
    opt.step(ones, hessian=ones)
    opt.step(ones, hessian=ones, previous_grads=[-1e100 * g for g in ones])
    assert math.isclose(opt.lr, 0.5e-200, rel_tol=1e-12)


def test_maximizing_goes_up_what_minimizing_the_negative_goes_down():
    up, down = arrays(1), arrays(1)
    first = optim.OASIS(up, maximize=True, weight_decay=0.2, alpha=1e-2)
    second = optim.OASIS(down, weight_decay=0.2, alpha=1e-2)
    for k in range(4):
        batch = Batch(k)

        def negative(at, batch=batch):
            return [-g for g in batch.gradient(at)]

        first.step(negative(up), batch.product(up), previous_grads=negative)
        second.step(batch.gradient(down), batch.product(down), previous_grads=batch.gradient)
    assert same_bits(up, down) and rate(first) == rate(second)


def test_the_scale_of_the_gradients_is_taken_out():
    plain, scaled = arrays(1), arrays(1)
    first, second = optim.OASIS(plain), optim.OASIS(scaled)
    run(first, plain, 4)
    for k in range(4):
        batch = Batch(k)

        def times8(at, batch=batch):
            return [8 * g for g in batch.gradient(at)]

        second.step(times8(scaled), batch.product(scaled), previous_grads=times8, grad_scale=8.0)
    assert same_bits(plain, scaled) and rate(first) == rate(second)


def test_previous_gradients_are_asked_for_only_where_they_are_needed():
    params, batch = arrays(1, np.float32), Batch(0)
    opt = optim.OASIS(params)
    grads, ones = arrays(20, np.float32), [np.ones(shape, np.float32) for shape in SHAPES]
    opt.step(grads, hessian=ones)  # no previous gradient at a first step
    before = copies(params)
    none = [None] * 3
    opt.step([grads[0], *none], hessian=ones, previous_grads=[ones[0], *none])
    assert same_bits(opt.previous_params[0], before[0])
    opt.step([None] * 4, previous_grads=batch.gradient)
    assert batch.calls == 0
    fixed = optim.OASIS(arrays(1, np.float32), adaptive=False)
    for _ in range(2):
        fixed.step(grads, hessian=ones)
    assert "previous_param" not in fixed.state_dict()["state"][0]


def test_each_group_has_its_own_rate():
    params = arrays(1)
    opt = optim.OASIS(
        [
            {"params": params[:1]},
            {"params": params[1:2], "lr": 1e-3},
            {"params": params[2:], "adaptive": False, "lr": [1e-3, 1e-4]},
        ]
    )
    run(opt, params, 3)
    rates = [group["lr"] for group in opt.param_groups]
    assert rates[2] == [1e-3, 1e-4]
    twins = arrays(1)
    alone = optim.OASIS(twins[:1])
    for k in range(3):
        batch = Batch(k)
        batch.a = batch.a[:1]
        alone.step(
            batch.gradient(twins[:1]), batch.product(twins[:1]), previous_grads=batch.gradient
        )
    assert rates[0] == alone.lr != rates[1] and same_bits(params[0], twins[0])


def test_a_group_that_becomes_adaptive_again_remembers_no_old_place():
    params = arrays(1)
    opt = optim.OASIS(params)
    run(opt, params, 3)
    group = opt.param_groups[0]
    group["adaptive"] = False
    run(opt, params, 2, 3)
    assert "previous_param" not in opt.state_dict()["state"][0]
    group["adaptive"], kept = True, rate(opt)
    run(opt, params, 1, 5)
    assert rate(opt) == kept  # it has not seen a step
    run(opt, params, 1, 6)
    assert rate(opt) != kept


@pytest.mark.parametrize("how", ["state_dict", "pickle", "safetensors"])
def test_a_restored_optimizer_goes_on_to_the_bit(how, tmp_path):
    params = arrays(1, np.float32)
    opt = optim.OASIS(params, hessian_update_interval=2, alpha=1e-2)
    run(opt, params, 3)
    twins = copies(params)
    other = optim.OASIS(twins, 7.0)
    if how == "pickle":
        other = pickle.loads(pickle.dumps(opt))
        twins = [p for group in other.param_groups for p in group["params"]]
    elif how == "safetensors":
        pytest.importorskip("safetensors")
        opt.save_safetensors(tmp_path / "opt")
        other.load_safetensors(tmp_path / "opt")
    else:
        other.load_state_dict(opt.state_dict())
    assert rate(opt) == rate(other) and rate(opt)[1] != math.inf
    run(opt, params, 3, 3)
    run(other, twins, 3, 3)
    assert same_bits(params, twins) and rate(opt) == rate(other)
    assert same_bits(
        list(opt.state_dict()["state"].values()), list(other.state_dict()["state"].values())
    )


def test_a_state_without_the_previous_parameters_is_refused():
    params = arrays(1, np.float32)
    opt = optim.OASIS(params)
    run(opt, params, 2)
    given, before = pickle.loads(pickle.dumps(opt.state_dict())), everything(opt, params)
    del given["state"][1]["previous_param"]
    with pytest.raises(ValueError, match=r"state\[1\]: missing state 'previous_param'"):
        opt.load_state_dict(given)
    given = pickle.loads(pickle.dumps(opt.state_dict()))
    given["state"][0]["previous_param"] = np.zeros((6, 4))
    with pytest.raises(TypeError, match=r"state\[0\]\['previous_param'\]: given float64"):
        opt.load_state_dict(given)
    assert everything(opt, params) == before
    with pytest.raises(ValueError, match="no state 'previous_param'"):
        optim.OASIS(params, state_dtype={"previous_param": "bfloat16"})


@pytest.mark.parametrize("master_weights", [False, True])
@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16])
def test_half_precision_remembers_the_rounded_parameters(dtype, master_weights):
    params = arrays(1, dtype)
    opt = optim.OASIS(params, 0.05, alpha=1.0, master_weights=master_weights)
    for k in range(3):
        before = copies(params)
        run(opt, params, 1, k)
        assert same_bits(opt.previous_params, before)
    assert rate(opt)[0] != 0.05 and not same_bits(params, before)
    assert np.isfinite(rate(opt)).all()


def test_other_memory_orders_step_alike():
    plain = arrays(1)
    turned = [np.asfortranarray(p) if p.ndim == 2 else p.copy() for p in plain]
    first, second = optim.OASIS(plain), optim.OASIS(turned)
    run(first, plain, 3)
    for k in range(3):
        batch = Batch(k)

        def gradient(at, batch=batch):
            return [np.asfortranarray(g) if g.ndim == 2 else g for g in batch.gradient(at)]

        second.step(gradient(turned), batch.product(turned), previous_grads=gradient)
    assert same_bits(plain, turned) and rate(first) == rate(second)


def test_torch_parameters_step_as_numpy_arrays_do():
    torch = pytest.importorskip("torch")
    params, seen = arrays(1, np.float32), []
    tensors = [torch.nn.Parameter(torch.from_numpy(p.copy())) for p in params]
    opt, other = optim.OASIS(params), optim.OASIS(tensors)
    run(opt, params, 3)

    def to(a):
        return [torch.from_numpy(np.array(x)) for x in a]

    for k in range(3):
        batch = Batch(k)
        hvp = batch.product([t.detach().numpy() for t in tensors])

        def gradient(at, batch=batch):
            seen.extend(t.requires_grad_() for t in at)  # of use to a user, no harm to the states
            return to(batch.gradient([t.detach().numpy() for t in at]))

        grads = to(batch.gradient([t.detach().numpy() for t in tensors]))
        other.step(grads, lambda z, h=hvp: to(h([v.numpy() for v in z])), previous_grads=gradient)
    assert same_bits(params, [t.detach().numpy() for t in tensors]) and rate(opt) == rate(other)
    assert seen and not any(
        state["previous_param"].requires_grad for state in other.state_dict()["state"].values()
    )


def broken(_):
    raise KeyError("of the callback")


def with_one(i, value):
    given = arrays(60, np.float32)
    given[i] = value
    return given


NAN = np.full(5, np.nan, np.float32)
BAD_GRADS = [
    (None, ValueError, "previous_grads: None"),
    (broken, KeyError, "callback"),
    (arrays(60, np.float32)[:3], ValueError, "previous_grads: 3 arrays"),
    ({"a": 1}, TypeError, "previous_grads: dict"),
    (with_one(1, np.zeros(4, np.float32)), ValueError, r"previous_grads\[1\]: shape"),
    (with_one(1, np.zeros(5)), TypeError, r"previous_grads\[1\]: dtype float64"),
    (with_one(1, np.zeros(5, np.int32)), TypeError, r"previous_grads\[1\]: dtype int32"),
    (with_one(1, None), TypeError, r"previous_grads\[1\]: NoneType"),
    (with_one(1, NAN), ValueError, r"previous_grads\[1\]: a NaN or an infinity"),
    (lambda at: with_one(1, np.inf * NAN), ValueError, r"previous_grads\[1\]: a NaN"),
]


@pytest.mark.parametrize(("given", "error", "message"), BAD_GRADS)
def test_bad_previous_gradients_are_named_and_change_nothing(given, error, message):
    params = arrays(1, np.float32)
    opt = optim.OASIS(params)
    run(opt, params, 2)
    before, batch = everything(opt, params), Batch(2)
    with pytest.raises(error, match=message):
        opt.step(batch.gradient(params), batch.product(params), previous_grads=given)
    assert everything(opt, params) == before
    run(opt, params, 1, 2)


def test_refused_and_skipped_steps_put_everything_back():
    params = arrays(1, np.float32)
    opt = optim.OASIS(params)
    run(opt, params, 2)
    before, batch = everything(opt, params), Batch(2)
    hvp = batch.product(params)

    def bad(i, value):
        grads = batch.gradient(params)
        grads[i] = value
        return grads

    for previous in (batch.gradient, lambda at: bad(1, NAN)):
        assert not opt.step(bad(1, NAN), hvp, previous_grads=previous, skip_nonfinite=True)
        assert everything(opt, params) == before
    for grads, options, error, message in [
        (bad(3, np.zeros(2, np.float32)), {}, ValueError, r"grads\[3\]: shape"),
        (bad(3, np.zeros(SHAPES[3])), {}, TypeError, r"grads\[3\]: dtype float64"),
        (bad(1, None)[:2], {}, ValueError, "grads: 2 given"),
        (batch.gradient(params), {"grad_scale": 0.0}, ValueError, "grad_scale: 0"),
        # These are found once the new rates are set.
        (batch.gradient(params), {"max_grad_norm": -1.0}, ValueError, "max_grad_norm"),
        (bad(0, np.zeros((4, 6), np.float32).T), {}, ValueError, r"grads\[0\]: strides"),
    ]:
        with pytest.raises(error, match=message):
            opt.step(grads, hvp, previous_grads=batch.gradient, **options)
        assert everything(opt, params) == before


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("lr", 0.0, ValueError),
        ("lr", [0.1] * 4, TypeError),
        ("theta", -1.0, ValueError),
        ("theta", math.nan, ValueError),
        ("adaptive", 1, TypeError),
        ("beta2", 1.0, ValueError),
        ("alpha", -1.0, ValueError),
        ("alpha", math.inf, ValueError),
        ("warmup_probes", 0, ValueError),
        ("hessian_update_interval", 0, ValueError),
        ("weight_decay", -0.1, ValueError),
        ("weight_decay", [0.1], ValueError),
        ("weight_decay", "much", TypeError),
    ],
)
def test_a_bad_option_is_named_and_changes_nothing(name, value, error, late):
    params = arrays(1, np.float32)
    if not late:
        with pytest.raises(error, match=name):
            optim.OASIS(params, **{name: value})
        return
    opt = optim.OASIS(params)
    run(opt, params, 2)
    kept, before = opt.param_groups[0][name], everything(opt, params)
    opt.param_groups[0][name] = value
    with pytest.raises(error, match=name):
        step(opt, params, 2)
    opt.param_groups[0][name] = kept
    assert everything(opt, params) == before


@pytest.mark.parametrize("lr", [1e-6, 1e-4, 1e-2])
@pytest.mark.parametrize("kind", [models.WideLogistic, models.WideNetwork])
def test_digits_are_learned_whatever_the_first_rate(kind, lr):
    """The images that are held out are by other writers."""
    model, x, y = made(kind)
    params = [p.astype(np.float32) for p in models.initial(model.shapes)]
    assert accuracy(model, params, x, y) < 0.3
    every_x, every_y, rng = model.x, model.y, np.random.default_rng(3)
    opt = optim.OASIS(params, lr, alpha=1e-2, beta2=0.999)

    def gradient(at):
        return [g.astype(np.float32) for g in model.gradient(at)]

    for _ in range(15):
        order = rng.permutation(len(every_x))
        for first in range(0, len(order), BATCH):
            rows = order[first : first + BATCH]
            model.x, model.y = every_x[rows], every_y[rows]
            opt.step(gradient(params), product(model, params), previous_grads=gradient)
    model.x, model.y = every_x, every_y
    assert accuracy(model, params, x, y) >= 0.85
    assert accuracy(model, params, model.x, model.y) >= 0.95


@pytest.mark.parametrize("lr", [1e-6, 1e-2])
def test_a_convex_loss_comes_to_its_minimum(lr):
    """With no rate given but the first; gradients of the whole sample."""
    pytest.importorskip("sklearn")
    model = models.Logistic()
    params = models.initial(model.shapes)
    least, start = loss(model, minimum(model)), loss(model, params[0])
    opt = optim.OASIS(params, lr, alpha=1e-3, beta2=0.999)
    for _ in range(400):
        opt.step(model.gradient(params), product(model, params), previous_grads=model.gradient)
    assert loss(model, params[0]) - least <= 1e-2 * (start - least)
