"""What single rules promise beside their formulas: states that may be left out, one random number
for all tensors, a gradient to compare with, first steps."""

import numpy as np
import pytest
from kinds import steps
from reference.steps import random_scaling

from .support import Tensors, random_params

# Rule, options, and the states that these options do not need.
LEFT_OUT = [
    ("rmsprop", {}, ("momentum_buffer", "grad_avg")),
    ("rmsprop", {"momentum": 0.9}, ("grad_avg",)),
    ("rmsprop", {"centered": True}, ("momentum_buffer",)),
    ("signum", {"momentum": 0.0}, ("momentum_buffer",)),
    ("sm3", {}, ("momentum_buffer",)),
    ("lars", {"momentum": 0.0}, ("momentum_buffer",)),
    ("ademamix", {"betas": (0.0, 0.99, 0.999)}, ("exp_avg",)),
    ("sgdp", {"delta": 1.0}, ("momentum_buffer",)),
]


@pytest.mark.parametrize(("rule", "options", "names"), LEFT_OUT)
def test_states_that_options_do_not_need_may_be_left_out(rule, options, names):
    rng = np.random.default_rng(1)
    full = Tensors(rule, random_params(rng, [(300,), (5, 7)], np.float32))
    sparing = full.copy()
    for name in names:
        sparing.states[name] = [None, None]
    for t in range(1, 4):
        grads = random_params(rng, [(300,), (5, 7)], np.float32)
        full.step(grads, step=t, **options)
        sparing.step(grads, step=t, **options)
    for p, q in zip(full.params, sparing.params, strict=True):
        assert p.tobytes() == q.tobytes()


@pytest.mark.parametrize(("rule", "options", "names"), LEFT_OUT)
def test_states_that_options_need_may_not(rule, options, names):
    needed = {
        "rmsprop": [({"momentum": 0.5}, "momentum_buffer"), ({"centered": True}, "grad_avg")],
        "signum": [({}, "momentum_buffer")],
        "sm3": [({"momentum": 0.5}, "momentum_buffer")],
        "lars": [({}, "momentum_buffer")],
        "ademamix": [({}, "exp_avg")],
        "sgdp": [({"momentum": 0.9}, "momentum_buffer")],
    }[rule]
    for with_option, name in needed:
        tensors = Tensors(rule, [np.ones(3, np.float32)])
        tensors.states[name] = [None]
        with pytest.raises(ValueError, match=name):
            tensors.step([np.ones(3, np.float32)], step=1, **with_option)
        assert np.array_equal(tensors.params[0], np.ones(3))


def drawn(step, seed, scaling, count=1, dtype=np.float64):
    """The factor, as the parameters show it: p = 0 + s (2 - 0) / 2."""
    params = [np.zeros(4, dtype) for _ in range(count)]
    deltas = [np.full(4, 2, dtype) for _ in range(count)]
    grads = [np.zeros(4, dtype) for _ in range(count)]
    steps.random_sgdm(params, grads, deltas, step=step, seed=seed, beta=0.5, scaling=scaling)
    assert all((p == params[0][0]).all() for p in params), "not one number for all"
    return float(params[0][0])


@pytest.mark.parametrize("scaling", ["exponential", "uniform", "none"])
@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_the_random_factor_is_that_of_seed_and_step(seed, scaling):
    """Philox and the logarithm, to the 2 units of the library's and the 1 of NumPy's."""
    for step in (1, 2, 1000, 2**31, 2**32 - 1, 2**32, 2**40 + 3):
        wanted = random_scaling.scale(seed, step, scaling)
        assert abs(drawn(step, seed, scaling, count=3) - wanted) <= 3 * 2.0**-52 * wanted


@pytest.mark.parametrize("scaling", ["exponential", "uniform"])
def test_the_random_factors_are_distributed_as_told(scaling):
    """Kolmogorov and Smirnov's largest distance, over steps of several seeds: chance takes it above
    1.95 / sqrt(n) once in a thousand times."""
    runs = [drawn(step, seed, scaling) for seed in range(4) for step in range(1, 1001)]
    s, n = np.sort(runs), len(runs)
    expected = -np.expm1(-s) if scaling == "exponential" else s / 2
    ranks = np.arange(n + 1) / n
    distance = max(np.abs(expected - ranks[1:]).max(), np.abs(expected - ranks[:-1]).max())
    assert distance < 1.95 / np.sqrt(n)
    assert s[0] > 0


def test_random_adamw_is_adamw_at_the_drawn_rate():
    rng = np.random.default_rng(2)
    ours = Tensors("random_adamw", random_params(rng, [(70,), (3, 3)], np.float64))
    plain = Tensors("adamw", [p.copy() for p in ours.params])
    for t in range(1, 6):
        grads = random_params(rng, [(70,), (3, 3)], np.float64)
        s = random_scaling.scale(5, t, "exponential")
        ours.step(grads, step=t, seed=5, lr=0.01, weight_decay=0.1)
        plain.step(grads, step=t, lr=0.01 * s, weight_decay=0.1)
    for p, q in zip(ours.params, plain.params, strict=True):
        np.testing.assert_allclose(p, q, rtol=0, atol=100 * 2.0**-53 * np.abs(q).max())


def test_mars_in_its_exact_form_reads_and_keeps_the_given_gradient():
    """With the last step's gradient given, it is the approximate form."""
    rng = np.random.default_rng(3)
    exact = Tensors("mars", random_params(rng, [(50,)], np.float32))
    approximate = exact.copy()
    last = None
    for t in range(1, 5):
        grads = random_params(rng, [(50,)], np.float32)
        exact.states["last_grad"][0][...] = grads[0] if last is None else last
        given = exact.states["last_grad"][0].copy()
        exact.step(grads, step=t, approximate=False)
        approximate.step(grads, step=t)
        assert np.array_equal(exact.states["last_grad"][0], given)
        assert np.array_equal(approximate.states["last_grad"][0], grads[0])
        assert exact.params[0].tobytes() == approximate.params[0].tobytes()
        last = grads[0]


def test_first_steps():
    """Adan's change is 0 whatever the last gradient holds; ADOPT only starts its second moment;
    Rprop moves by lr."""
    g = np.float32([1, -2, 0, 4])
    tensors = Tensors("adan", [np.zeros(4, np.float32)])
    tensors.states["last_grad"][0][:] = 1e3
    tensors.step([g], step=1)
    assert not tensors.states["exp_avg_diff"][0].any()
    tensors = Tensors("adopt", [np.ones(4, np.float32)])
    tensors.states["exp_avg_sq"][0][:] = 1e3
    tensors.step([g], step=1)
    assert np.array_equal(tensors.params[0], np.ones(4))
    assert np.array_equal(tensors.states["exp_avg_sq"][0], g * g)
    tensors = Tensors("rprop", [np.zeros(4, np.float32)])
    tensors.step([g], step=1, lr=0.5)
    assert np.array_equal(tensors.params[0], -0.5 * np.sign(g))


def test_the_momentum_product_of_late_steps_is_soon_nothing():
    """At momentum_decay 0 all factors are beta1 / 2: their product is a power, and at a late step
    the parts of g and of m are those without corrections."""
    g, m, v = (np.float64([x]) for x in (3.0, 2.0, 4.0))
    p = np.zeros(1)
    steps.nadam([p], [g], [m], [v], step=2**40, lr=1.0, betas=(0.8, 0.0), eps=0.0, momentum_decay=0)
    assert abs(p[0] + (0.6 * 3 + 0.4 * (0.8 * 2 + 0.2 * 3)) / 3) <= 8 * 2.0**-53


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zero_gradients_leave_the_parameters_where_nothing_damps(dtype):
    """A quotient of two zeros would be a NaN."""
    p, zeros = np.ones((2, 3), dtype), np.zeros((2, 3), dtype)
    row, column = np.zeros((2, 1), dtype), np.ones((1, 3), dtype)
    steps.adafisher(p, zeros, zeros.copy(), row, column, step=1, damping=0.0)
    steps.oasis(p, zeros, zeros.copy(), zeros.copy(), step=1, alpha=0.0)
    assert (p == 1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sm3_bounds_adagrad_and_is_it_for_vectors(dtype):
    """The bound of each element is no less than its sum of squares, and the same for a vector."""
    rng = np.random.default_rng(4)
    ours = Tensors("sm3", random_params(rng, [(300,), (40, 70), (3, 7, 5)], dtype))
    ours.params[1] = np.asfortranarray(ours.params[1])
    ours.states["momentum_buffer"] = [None] * 3
    exact = Tensors("adagrad", [p.copy(order="K") for p in ours.params])
    exact.states["sum"][1] = np.asfortranarray(exact.states["sum"][1])
    for t in range(1, 6):
        grads = random_params(rng, [(300,), (40, 70), (3, 7, 5)], dtype)
        grads[1] = np.asfortranarray(grads[1])
        ours.step(grads, lr=0.1)
        exact.step([g.copy(order="K") for g in grads], step=t, lr=0.1)
    assert ours.params[0].tobytes() == exact.params[0].tobytes()
    assert ours.states["row_max"][0].tobytes() == exact.states["sum"][0].tobytes()
    for i in (1, 2):
        row, column, total = (
            ours.states["row_max"][i],
            ours.states["col_max"][i],
            exact.states["sum"][i],
        )
        assert (np.minimum(row, column) >= total * (1 - 1e-6)).all()
        assert (row.max(axis=-2) == column.max(axis=-1)).all()


def test_sm3_keeps_a_nan_in_its_row_and_column():
    tensors = Tensors("sm3", [np.ones((70, 300), np.float32)])
    grad = np.ones((70, 300), np.float32)
    grad[65, 200] = np.nan
    tensors.step([grad])
    row, column = np.isnan(tensors.states["row_max"][0]), np.isnan(tensors.states["col_max"][0])
    assert row[65, 0] and column[0, 200] and row.sum() == column.sum() == 1
    assert np.isnan(tensors.params[0]).sum() == 1


@pytest.mark.parametrize("nesterov", [False, True])
def test_lars_without_a_ratio_is_sgd(nesterov):
    """With lr outside of the momentum, as in torch."""
    rng = np.random.default_rng(4)
    lars = Tensors("lars", random_params(rng, [(70,), (3, 3)], np.float32))
    sgd = lars.copy()
    sgd.rule = "sgd"
    options = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1, "nesterov": nesterov}
    for t in range(1, 5):
        grads = random_params(rng, [(70,), (3, 3)], np.float32)
        lars.step(grads, ratio="none", lr_in_momentum=False, **options)
        sgd.step(grads, step=t, **options)
    for p, q in zip(lars.params, sgd.params, strict=True):
        assert p.tobytes() == q.tobytes()


@pytest.mark.parametrize("ratio", ["separate", "joint", "clipped"])
def test_lars_without_a_norm_steps_at_lr(ratio):
    """From parameters of 0 nothing could start otherwise; squares that underflow count as 0."""
    g = np.full(8, 2, np.float64)
    p = np.zeros(8)
    steps.lars([p], [g], [None], lr=0.25, momentum=0.0, ratio=ratio)
    assert np.array_equal(p, np.full(8, -0.5))
    p = np.ones(8)
    tiny = np.full(8, 2.0**-700)
    steps.lars([p], [tiny], [None], lr=0.5, momentum=0.0, ratio=ratio, weight_decay=0.0)
    assert np.array_equal(p, np.ones(8))
    steps.lars([p], [tiny], [None], lr=2.0**698, momentum=0.0, ratio=ratio, weight_decay=0.0)
    assert np.array_equal(p, np.full(8, 0.75))


def test_lars_keeps_infinite_parameters_out_of_gradients_without_decay():
    p = np.float32([np.inf, 1])
    steps.lars([p], [np.ones(2, np.float32)], [None], momentum=0.0, ratio="none", weight_decay=0.0)
    assert p[0] == np.inf and p[1] == 0


def test_exadam_moves_on_where_squares_overflow():
    """An infinite second moment stops an element, as in Adam, and makes no NaN of it."""
    p = np.ones(2, np.float32)
    m, v = np.zeros(2, np.float32), np.zeros(2, np.float32)
    with np.errstate(over="ignore"):
        steps.exadam([p], [np.float32([1e30, 1])], [m], [v], step=1)
    assert p[0] == 1 and p[1] < 1 and v[0] == np.inf
