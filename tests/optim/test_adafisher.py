"""AdaFisher against a float64 reference of its paper, on digits, and what its steps refuse."""

import pickle

import ml_dtypes
import numpy as np
import pytest
from reference.curvature import adafisher as reference
from reference.curvature import models
from steepest import cpu, curvature, optim

from .support import copies, random, same_bits
from .test_curvature_convergence import BATCH, accuracy, made

# A linear layer with its bias, a convolution with its, a scalar, and the scale of a normalisation.
SHAPES = ((6, 4), (6,), (4, 3, 2, 2), (4,), (), (5,))
CLASSES = (optim.AdaFisher, optim.AdaFisherW)
UNIT = 2.0**-53


def arrays(seed, dtype=np.float64):
    return [random(shape, seed + i, dtype) for i, shape in enumerate(SHAPES)]


def statistics(seed):
    """Pairs of all parameters but the scalar."""
    pairs = [
        *curvature.linear_factors(random((9, 4), seed), random((9, 6), seed + 1)),
        *curvature.conv_factors(
            random((2, 3, 5, 4), seed + 2), random((2, 4, 2, 3), seed + 3), 2, stride=(2, 1)
        ),
        None,
    ]
    image = random((3, 5, 4, 4), seed + 4)
    return [*pairs, *curvature.norm_factors(image, image, bias=False)]


def everything(opt, params):
    return pickle.dumps((params, opt.state_dict()))


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(("average", "gammas"), [("code", (0.92, 0.008)), ("paper", (0.9, 0.3))])
@pytest.mark.parametrize("interval", [1, 3])
def test_steps_as_the_paper_has_them(cls, average, gammas, interval):
    """Of both sides of a step: m has an error of its sum, 4 roundings per step, that is weighed at
    most 1 / 0.1 by the correction, 1 - 0.9 itself with one of 10 units; the quotient adds those of
    the factors, 3 per renewal, and 5 more. So a step of at most `size` is within
    2 (4 k + 20 + 6 k + 5) units, and parameters add up steps, of at most 8 times the largest."""
    params = arrays(1)
    opt = cls(
        params,
        0.1,
        damping=0.05,
        gammas=gammas,
        average=average,
        factor_update_interval=interval,
        weight_decay=0.3,
    )
    wanted = reference.AdaFisher(
        copies(params), 0.1, 0.9, 0.05, gammas, average, 0.3, cls is optim.AdaFisherW
    )
    largest = max(np.abs(p).max() for p in params)
    for k in range(8):
        grads, pairs = arrays(20 * (k + 1)), statistics(400 * (k + 1))
        due = k % interval == 0
        assert opt.factors_due == due
        before = copies(wanted.params)
        wanted.step(grads, pairs if due else None)
        assert opt.step(grads, pairs if due else None) is True
        moves = zip(wanted.params, before, strict=True)
        largest = max(largest, *(np.abs(p - q).max() for p, q in moves))
    for got, p in zip(params, wanted.params, strict=True):
        assert np.abs(got - p).max() <= 8 * largest * 2 * (10 * 8 + 25) * UNIT
    states = opt.state_dict()["state"]
    for i, (s, h) in enumerate(zip(wanted.s, wanted.h, strict=True)):
        bound = 2 * 3 * 8 * UNIT
        np.testing.assert_allclose(states[i]["output_factor"].reshape(-1), s, rtol=bound)
        np.testing.assert_allclose(states[i]["input_factor"].reshape(-1), h, rtol=bound)
    assert (states[4]["output_factor"], states[4]["input_factor"]) == (1, 1)


def test_the_shapes_of_the_states_are_those_of_matrices():
    params = arrays(1, np.float32)
    opt = optim.AdaFisher(params)
    states = opt.state_dict()["state"]
    assert [states[i]["exp_avg"].shape for i in range(4)] == [(6, 4), (6,), (4, 12), (4,)]
    assert [states[i]["output_factor"].shape for i in range(5)] == [(6, 1), (6,), (4, 1), (4,), ()]
    assert [states[i]["input_factor"].shape for i in range(5)] == [(1, 4), (1,), (1, 12), (1,), ()]
    assert all((states[i]["input_factor"] == 1).all() for i in range(6))


def test_a_convolution_is_the_matrix_of_its_kernels():
    kernels = random((4, 3, 2, 2), 1)
    matrix = kernels.reshape(4, 12).copy()
    first, second = optim.AdaFisher([kernels]), optim.AdaFisher([matrix])
    for k in range(3):
        grad, pair = random((4, 3, 2, 2), 5 + k), statistics(3)[2]
        first.step([grad], [pair])
        second.step([grad.reshape(4, 12)], [pair])
    assert same_bits(kernels.reshape(4, 12), matrix)


def test_matrices_in_the_other_memory_order_step_alike():
    plain = [random((6, 4), 1, np.float32), random((3, 70), 2, np.float32)]
    turned = [np.asfortranarray(p) for p in plain]
    first, second = optim.AdaFisher(plain), optim.AdaFisher(turned)
    for k in range(3):
        grads = [random(p.shape, 7 + k, np.float32) for p in plain]
        pairs = [(np.abs(random(p.shape[:1], k)), np.abs(random(p.shape[1:], k))) for p in plain]
        first.step(grads, pairs)
        second.step([np.asfortranarray(g) for g in grads], pairs)
    assert same_bits(plain, [np.ascontiguousarray(p) for p in turned])


def test_the_same_bits_for_any_number_of_threads():
    results = []
    before = cpu.threads()
    try:
        for threads in (1, 2, 3):
            cpu.set_threads(threads)
            params = [random((300, 257), 1, np.float32), random((300,), 2, np.float32)]
            opt = optim.AdaFisher(params)
            pairs = curvature.linear_factors(random((8, 257), 3), random((8, 300), 4))
            for k in range(2):
                opt.step([random(p.shape, 9 + k, np.float32) for p in params], pairs)
            results.append(params)
    finally:
        cpu.set_threads(before)
    assert same_bits(results[0], results[1]) and same_bits(results[0], results[2])


def test_missing_gradients_and_statistics():
    params = arrays(1)
    opt = optim.AdaFisher(params, factor_update_interval=2)
    start, before, pairs = opt.state_dict(), copies(params), statistics(3)
    start = pickle.loads(pickle.dumps(start))["state"]
    opt.step([None, *arrays(30)[1:]], [*pairs[:5], None])
    states = opt.state_dict()["state"]
    assert same_bits(params[0], before[0]) and not same_bits(params[1], before[1])
    assert same_bits(states[0], start[0]), "a parameter without a gradient waits"
    assert same_bits(states[5]["output_factor"], start[5]["output_factor"]), "none given"
    assert not same_bits(states[1]["output_factor"], start[1]["output_factor"])
    kept = pickle.dumps(states[1]["output_factor"])
    opt.step(arrays(31), pairs)  # due for the first parameter only
    states = opt.state_dict()["state"]
    assert not same_bits(states[0]["output_factor"], start[0]["output_factor"])
    assert pickle.dumps(states[1]["output_factor"]) == kept


def test_statistics_by_name_and_groups():
    named = {"w": random((6, 4), 1), "b": random((6,), 2), "more": random((3, 2), 3)}
    twins = copies(list(named.values()))
    opt, twin = (
        optim.AdaFisher(named),
        optim.AdaFisher([{"params": twins[:1]}, {"params": twins[1:]}]),
    )
    pairs = statistics(3)[:2]
    grads = {name: random(p.shape, 4) for name, p in named.items()}
    opt.step(grads, dict(zip(("w", "b"), pairs, strict=True)))
    twin.step(list(grads.values()), [*pairs, None])
    assert same_bits(list(named.values()), twins)


def test_scaling_of_gradients_does_not_touch_the_statistics():
    plain, scaled = arrays(1), arrays(1)
    first, second = optim.AdaFisher(plain), optim.AdaFisher(scaled)
    for k in range(3):
        first.step(arrays(20 + k), statistics(3))
        second.step([8 * g for g in arrays(20 + k)], statistics(3), grad_scale=8.0)
    assert same_bits(plain, scaled)


@pytest.mark.parametrize("kind", ["float32", "bfloat16", "bfloat16 states", "master", "torch"])
def test_kinds_agree_with_double(kind):
    """Each step is below 1 and rounds its parameter once; bfloat16 factors are within 2^-8 of their
    own, twice in a product, at a renewal, and so are first moments at every step."""
    half = kind in ("bfloat16", "master")
    dtype = np.dtype(ml_dtypes.bfloat16) if half else np.dtype(np.float32)
    params = arrays(1, dtype)
    doubles = [p.astype(np.float64) for p in params]
    options = {"master_weights": kind == "master", "damping": 0.5}
    if kind == "bfloat16 states":
        options["state_dtype"] = "bfloat16"
    if kind == "torch":
        torch = pytest.importorskip("torch")
        params = [torch.nn.Parameter(torch.from_numpy(p)) for p in params]
    opt = optim.AdaFisher(params, 0.1, **options)
    twin = optim.AdaFisher(doubles, 0.1, damping=0.5)
    for k in range(3):
        grads = arrays(30 + k, dtype)
        twin.step([g.astype(np.float64) for g in grads], statistics(3))
        pairs = statistics(3)
        if kind == "torch":
            grads = [torch.from_numpy(g) for g in grads]
            pairs = [p and tuple(torch.from_numpy(x.copy()) for x in p) for p in pairs]
        opt.step(grads, pairs)
    unit = 2.0**-24 if kind in ("float32", "torch") else 2.0**-8
    for a, b in zip(params, doubles, strict=True):
        a = a.detach().numpy() if kind == "torch" else a.astype(np.float64)
        size = max(1, np.abs(b).max())
        rounded = 2.0**-8 * size if half else 0
        steps = 3 * size * (2.0**-24 if kind == "master" else unit)
        assert np.abs(a - b).max() <= rounded + 2 * steps


@pytest.mark.parametrize("way", ["state_dict", "pickle", "safetensors"])
@pytest.mark.parametrize("cls", CLASSES)
def test_a_restored_optimizer_goes_on_to_the_bit(cls, way, tmp_path):
    params = arrays(1, np.float32)
    options = {"factor_update_interval": 2, "gammas": (0.5, 0.25), "average": "paper"}
    opt = cls(params, 0.1, weight_decay=0.1, **options)

    def go(optimizer, first, last):
        for k in range(first, last):
            optimizer.step(arrays(30 * (k + 1), np.float32), statistics(40 * k))

    go(opt, 0, 3)
    if way == "pickle":
        other = pickle.loads(pickle.dumps(opt))
        twins = other.param_groups[0]["params"]
    else:
        twins = copies(params)
        other = cls(twins)
        if way == "safetensors":
            pytest.importorskip("safetensors")
            opt.save_safetensors(tmp_path / "state")
            other.load_safetensors(tmp_path / "state")
        else:
            other.load_state_dict(opt.state_dict())
    assert other.param_groups[0]["gammas"] == (0.5, 0.25)
    go(opt, 3, 6)
    go(other, 3, 6)
    assert same_bits(params, twins)
    assert same_bits(list(opt.state_dict()["state"].values()),
                     list(other.state_dict()["state"].values()))  # fmt: skip


def test_wrong_state_dicts_change_nothing():
    params = arrays(1, np.float32)
    opt = optim.AdaFisher(params)
    opt.step(arrays(30, np.float32), statistics(5))
    before = everything(opt, params)
    for change, words in (
        (lambda d: d["state"][0].pop("output_factor"), "missing state 'output_factor'"),
        (lambda d: d["state"][2].update(input_factor=np.ones((1, 3, 2, 2), "f")), "shape"),
        (lambda d: d["param_groups"][0].pop("gammas"), "gammas"),
    ):
        saved = pickle.loads(pickle.dumps(opt.state_dict()))
        change(saved)
        with pytest.raises(ValueError, match=words):
            opt.load_state_dict(saved)
        assert everything(opt, params) == before


def with_pair(i, pair):
    given = statistics(3)
    given[i] = pair
    return given


ONES = np.ones(6)
WRONG = [
    (ValueError, "statistics: None given", None),
    (ValueError, "statistics: 5 given, expected 6", statistics(3)[:5]),
    (TypeError, "statistics: a dict given", {"w": statistics(3)[0]}),
    (TypeError, "statistics: numpy.ndarray", ONES),
    (TypeError, r"statistics\[0\]: numpy.ndarray given, expected a pair", with_pair(0, ONES)),
    (TypeError, r"statistics\[0\], output: float", with_pair(0, (1.0, ONES))),
    (TypeError, r"statistics\[0\], output: int64", with_pair(0, (np.arange(6), ONES[:4]))),
    (ValueError, r"statistics\[0\], input: shape \(6,\)", with_pair(0, (ONES, ONES))),
    (ValueError, r"statistics\[1\], input: shape", with_pair(1, (ONES, ONES))),
    (ValueError, r"statistics\[2\], input: shape", with_pair(2, (ONES[:4], np.ones((3, 4))))),
    (ValueError, r"statistics\[5\], input: a NaN", with_pair(5, (ONES[:5], np.nan * ONES[:1]))),
    (ValueError, r"statistics\[5\], output: -1.0", with_pair(5, (-ONES[:5], ONES[:1]))),
    (ValueError, r"statistics\[5\], output: a NaN", with_pair(5, (1e300 * ONES[:5], ONES[:1]))),
]


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_wrong_statistics_are_named_and_change_nothing(case):
    error, message, given = WRONG[case]
    params = arrays(1, np.float32)
    opt = optim.AdaFisher(params)
    before = everything(opt, params)
    with pytest.raises(error, match=message):
        opt.step(arrays(30, np.float32), given)
    assert everything(opt, params) == before


def test_a_skipped_or_failed_step_changes_nothing():
    params = arrays(1, np.float32)
    opt = optim.AdaFisher(params, factor_update_interval=1)
    opt.step(arrays(20, np.float32), statistics(3))
    before, grads = everything(opt, params), arrays(30, np.float32)
    bad = copies(grads)
    bad[2][0, 0, 0, 0] = np.inf
    assert opt.step(bad, statistics(5), skip_nonfinite=True) is False
    assert everything(opt, params) == before
    wrong = [
        (ValueError, "grads: 5 given", grads[:5], {}),
        (ValueError, r"grads\[2\]: shape", [*grads[:2], grads[2][:3], *grads[3:]], {}),
        (ValueError, r"grads\[2\].*C order", [*grads[:2], grads[2].T.copy().T, *grads[3:]], {}),
        (ValueError, "grads", [grads[0].T, *grads[1:]], {}),
        (TypeError, "grads", [grads[0].astype(int), *grads[1:]], {}),
        (TypeError, "grads", ["g", *grads[1:]], {}),
        (ValueError, "max_grad_norm", grads, {"max_grad_norm": -1.0}),
    ]
    for error, words, given, keywords in wrong:
        with pytest.raises(error, match=words):
            opt.step(given, statistics(5), **keywords)
        assert everything(opt, params) == before, words
    group = opt.param_groups[0]
    for name, value in (("damping", -1.0), ("beta", 1.0), ("gammas", (2.0, 0.0)), ("average", "x"),
                        ("factor_update_interval", 0)):  # fmt: skip
        kept, group[name] = group[name], value
        with pytest.raises(ValueError, match=f"^{name}: "):
            opt.step(grads, statistics(5))
        group[name] = kept
        assert everything(opt, params) == before, name


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"gammas": 0.9}, TypeError, "gammas"),
        ({"gammas": (0.9, 1.5)}, ValueError, "gammas"),
        ({"gammas": np.array([0.9, 0.1])}, TypeError, "gammas: .*ndarray given, expected a tuple"),
        (
            {"average": "mean"},
            ValueError,
            "^average: 'mean' given, expected one of 'code', 'paper'",
        ),
        ({"average": 1}, TypeError, "^average: int"),
        ({"factor_update_interval": 0}, ValueError, "factor_update_interval"),
        ({"factor_update_interval": 1.5}, TypeError, "factor_update_interval"),
        ({"damping": -1.0}, ValueError, "damping"),
        ({"damping": 0.0}, ValueError, "damping: 0.0 given, expected more than 0"),
        ({"beta": 1.0}, ValueError, "beta"),
        ({"betas": (0.9, 0.9)}, TypeError, "betas"),
    ],
)
@pytest.mark.parametrize("cls", CLASSES)
def test_wrong_options(cls, options, error, words):
    with pytest.raises(error, match=words):
        cls(arrays(1), **options)


def test_parameters_in_other_memory_orders_are_refused():
    with pytest.raises(ValueError, match=r"params\[1\].*C order"):
        optim.AdaFisher([np.zeros(3), np.zeros((2, 3, 4)).T])


class Recording(models.WideNetwork):
    """With the inputs of both layers and the gradients at their outputs."""

    def factors(self, params):
        w1, b1, w2, b2 = (np.asarray(p, np.float64) for p in params)
        active = np.tanh(self.x @ w1.T + b1)
        delta = models.errors(models.softmax(active @ w2.T + b2), self.y)
        inner = (delta @ w2) * (1 - active * active)
        return [
            *curvature.linear_factors(self.x, inner),
            *curvature.linear_factors(active, delta),
        ]


@pytest.mark.parametrize(
    ("cls", "lr", "options"),
    [
        (optim.AdaFisher, 1e-3, {"factor_update_interval": 14}),
        (optim.AdaFisherW, 1e-3, {"weight_decay": 1e-2}),
        (optim.AdaFisher, 1.0, {"average": "paper", "gammas": (0.9, 0.9), "damping": 0.5,
                                "factor_update_interval": 5}),
    ],
)  # fmt: skip
def test_digits_are_learned(cls, lr, options):
    """The images that are held out are by other writers."""
    model, x, y = made(Recording)
    params = [p.astype(np.float32) for p in models.initial(model.shapes)]
    assert accuracy(model, params, x, y) < 0.3
    images, labels, rng = model.x, model.y, np.random.default_rng(3)
    opt, batches, epochs = cls(params, lr, **options), len(images) // BATCH, 20
    for k in range(epochs * batches):
        if k % batches == 0:
            order = rng.permutation(len(images))
        rows = order[k % batches * BATCH :][:BATCH]
        model.x, model.y = images[rows], labels[rows]
        opt.lr = lr * (1 - k / (epochs * batches))
        grads = [g.astype(np.float32) for g in model.gradient(params)]
        opt.step(grads, model.factors(params) if opt.factors_due else None)
    model.x, model.y = images, labels
    assert accuracy(model, params, x, y) >= 0.85
    assert accuracy(model, params, images, labels) >= 0.96
