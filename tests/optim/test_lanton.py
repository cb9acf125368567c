"""LANTON against a float64 reference of its steps, and what it promises of layers and errors."""

import pickle

import ml_dtypes
import numpy as np
import pytest
from reference import polar as reference
from steepest import optim, polar

from .support import copies, random, same_bits

MATRICES = ((6, 4), (4, 9), (5, 5))
MIXED = ((6, 4), (4, 9), (8, 3, 3, 3), (5,), (7,))
UNIT = np.finfo(np.float64).eps


def arrays(seed, dtype=np.float64, shapes=MIXED):
    return [random(shape, seed + i, dtype) for i, shape in enumerate(shapes)]


def fresh(params):
    return [{"B": 0 * p, "H": 0.0} for p in params]


def bound(values, steps):
    """Roundings of a step at the size of what it adds up, passed on by a normalised direction with
    a slope of at most that of five Polar Express steps, 1000; ratios are between 0 and 1, and a
    dual norm passes on the roundings of its direction, once more."""
    return 2 * steps * UNIT * 1000 * max(1.0, *(np.abs(v).max() for v in values))


ORACLES = {
    "Sign": lambda m: reference.sign(m, normalized=False),
    "Euclidean": reference.euclidean,
    # The spectral ones are no exact polar factors: here the library's own oracle.
    "Spectral": lambda m: polar.oracle(np.ascontiguousarray(m), "Spectral"),
}


@pytest.mark.parametrize("against", ["previous", "independent"])
@pytest.mark.parametrize("form", ["damped", "eps"])
@pytest.mark.parametrize("norm", list(ORACLES))
def test_steps_as_the_reference_does(norm, form, against):
    params = arrays(1, shapes=MATRICES)
    wanted, states, last = copies(params), fresh(params), [None] * len(params)
    options = {"lr": 0.1, "betas": (0.8, 0.7), "alpha": 3.0, "form": form, "weight_decay": 0.2}
    norm_options = {"normalized": False} if norm == "Sign" else None
    opt = optim.LANTON(params, norm=norm, norm_options=norm_options, **options)
    scales = (1.0, 5.0, 0.2)
    for k in range(4):
        grads = [s * g for s, g in zip(scales, arrays(20 * (k + 1), shapes=MATRICES), strict=True)]
        others = arrays(500 + 20 * k, shapes=MATRICES) if against == "independent" else None
        opt.step(grads, other_grads=others)
        wanted, states, ratios = reference.lanton(
            wanted, grads, others or last, states, oracle=ORACLES[norm], **options
        )
        last = grads
        assert np.abs(np.subtract(opt.ratios(), ratios)).max() <= 4 * 1000 * UNIT
    assert max(ratios) == 1.0 and min(ratios) < 0.9
    for p, want in zip(params, wanted, strict=True):
        assert np.abs(p - want).max() <= bound([want], 4)
    for i, state in opt.state_dict()["state"].items():
        assert state["noise"].shape == (1, 1)
        assert state["noise"].item() == pytest.approx(states[i]["H"], rel=1e4 * UNIT)
        assert same_bits(state["previous_gradient"], last[i])


def test_layers_are_compared_with_those_of_their_group_and_norm():
    """With "Auto" matrices, kernels and vectors are apart; and so are parameter groups."""
    params, others = arrays(1), arrays(8)
    opt = optim.LANTON([{"params": params}, {"params": others, "form": "eps"}])
    for k in range(3):
        loud = [100 * g for g in arrays(300 + 10 * k)]
        opt.step([*arrays(100 + 10 * k), *loud])
    ratios = opt.ratios()
    kinds = ((0, 1), (2,), (3, 4))
    for offset in (0, len(params)):
        for kind in kinds:
            assert max(ratios[offset + i] for i in kind) == 1.0
    assert min(ratios) < 1


def test_without_noise_the_steps_are_those_of_trust_region():
    """A constant gradient has no noise, and all layers take the whole learning rate."""
    params, twins = arrays(1, np.float32), arrays(1, np.float32)
    grads = arrays(50, np.float32)
    opt = optim.LANTON(params, lr=0.05, betas=(0.9, 0.9))
    twin = optim.TrustRegion(twins, lr=0.05, momentum=0.9)
    for _ in range(3):
        opt.step(grads)
        twin.step(grads)
    assert opt.ratios() == [1.0] * len(params)
    assert same_bits(params, twins)


def test_the_noisier_layer_takes_the_smaller_steps():
    """Gaussian noise of sizes 1 and 10 on gradients of one size: with a small alpha the ratio of
    learning rates is that of the sizes, to the power 1/2; H of an independent gradient is twice the
    variance in the dual norm, here the Frobenius norm."""
    rng = np.random.default_rng(3)
    params = [np.zeros((30, 40)), np.zeros((30, 40))]
    mean = [random((30, 40), i, np.float64) for i in range(2)]
    opt = optim.LANTON(params, norm="Euclidean", betas=(0.9, 0.9), alpha=1e-3)
    for _ in range(60):
        first, second = (
            [m + s * rng.standard_normal(m.shape) for m, s in zip(mean, (1, 10), strict=True)]
            for _ in range(2)
        )
        opt.step(first, other_grads=second)
    # ||D||^2 is 2 s^2 chi^2 with 1200 degrees of freedom: standard deviation sqrt(2 / 1200), and
    # of its mean over a horizon of (1 + 0.9) / (1 - 0.9) steps sqrt(19) less; five of these, and
    # 0.9^60 that the mean lacks of its start at zero.
    slack = 5 * np.sqrt(2 / 1200 / 19) + 0.9**60
    state = opt.state_dict()["state"]
    for i, size in enumerate((1, 10)):
        assert abs(state[i]["noise"].item() / (2 * size**2 * 1200) - 1) <= slack
    assert opt.ratios()[0] == 1.0
    assert abs(opt.ratios()[1] / np.sqrt(0.1) - 1) <= slack


def test_scale_and_clipping_reach_the_noise():
    scaled, plain = arrays(1), arrays(1)
    one, two = optim.LANTON(scaled), optim.LANTON(plain)
    for k in range(3):
        grads = arrays(50 + 10 * k)
        norm = np.sqrt(sum(np.sum(g**2) for g in grads))
        one.step([8 * g for g in grads], grad_scale=8.0, max_grad_norm=2.0)
        two.step([g * (2.0 / norm) for g in grads])
    a, b = one.state_dict()["state"], two.state_dict()["state"]
    for i in a:
        for name in ("noise", "previous_gradient"):
            # torch's clipping divides by the norm plus 1e-6.
            assert np.allclose(a[i][name], b[i][name], rtol=4e-6, atol=0)


def test_none_and_skipped_gradients_change_nothing():
    params = arrays(1, np.float32)
    opt = optim.LANTON(params)
    opt.step(arrays(20, np.float32))
    before = copies(params), pickle.dumps(opt.state_dict())
    grads = arrays(50, np.float32)
    grads[3][1] = np.nan
    assert opt.step(grads, skip_nonfinite=True) is False
    good = arrays(60, np.float32)
    assert opt.step(good, other_grads=grads, skip_nonfinite=True) is False
    assert same_bits(params, before[0]) and pickle.dumps(opt.state_dict()) == before[1]
    opt.step([None, *good[1:]])
    state = opt.state_dict()["state"]
    assert same_bits(params[0], before[0][0]) and not same_bits(params[1], before[0][1])
    assert same_bits(state[0], pickle.loads(before[1])["state"][0])
    assert state[1]["noise"].item() > 0


def test_a_nan_stays_in_its_layer():
    params, twins = arrays(1), arrays(1)
    opt, twin = optim.LANTON(params, norm="Euclidean"), optim.LANTON(twins, norm="Euclidean")
    grads = arrays(20)
    grads[1][0, 0] = np.nan
    for k in range(3):
        opt.step(grads)
        twin.step([grads[0], None, *grads[2:]])
        grads = arrays(40 + 10 * k)
    assert np.isnan(params[1]).all()
    assert same_bits(params[0], twins[0]) and same_bits(params[2:], twins[2:])


def test_nothing_of_a_nan_is_left_once_states_are_loaded_again():
    params, twins = arrays(1), arrays(1)
    opt, twin = optim.LANTON(params), optim.LANTON(twins)
    for o in (opt, twin):
        o.step(arrays(20))
    opt.step([g * np.nan for g in arrays(30)])
    for p, t in zip(params, twins, strict=True):
        p[...] = t
    opt.load_state_dict(twin.state_dict())
    for o in (opt, twin):
        o.step(arrays(40), other_grads=arrays(60))
    assert same_bits(params, twins) and opt.ratios() == twin.ratios()


@pytest.mark.parametrize("form", ["damped", "eps"])
@pytest.mark.parametrize("tiny", [1e-200, 5e-324])
def test_ratios_of_extreme_noise_are_numbers(form, tiny):
    """Noise of 0, which alone takes the whole rate, and more than its float32 holds."""
    params = [random((3, 4), i, np.float32) for i in range(3)]
    options = {"alpha": tiny, "eps": tiny, "form": form, "weight_decay": 0.1}
    opt = optim.LANTON(params, norm="Euclidean", **options)
    for k in range(3):
        opt.step([random((3, 4), 9, np.float32) * np.float32(s**k) for s in (1, 2, 1e19)])
    assert opt.ratios()[0] == 1.0
    assert all(0 < ratio < 1e-10 for ratio in opt.ratios()[1:])
    assert np.isinf(opt.state_dict()["state"][2]["noise"].item())
    assert all(np.isfinite(p).all() for p in params)


def test_masters_step_as_float32_parameters_do():
    rounded = arrays(1, ml_dtypes.bfloat16)
    single = [p.astype(np.float32) for p in rounded]
    opt, twin = optim.LANTON(rounded, master_weights=True), optim.LANTON(single)
    for k in range(3):
        grads = arrays(20 + 10 * k, ml_dtypes.bfloat16)
        opt.step(grads)
        twin.step([g.astype(np.float32) for g in grads])
    masters = [state["master"] for state in opt.state_dict()["state"].values()]
    assert same_bits(masters, single) and opt.ratios() == twin.ratios()
    assert same_bits(rounded, [p.astype(ml_dtypes.bfloat16) for p in single])


def test_torch_parameters_and_their_gradients():
    torch = pytest.importorskip("torch")
    params = arrays(1, np.float32)
    tensors = [torch.nn.Parameter(torch.from_numpy(p.copy())) for p in params]
    one, two = optim.LANTON(params), optim.LANTON(tensors)
    for k in range(3):
        grads = arrays(20 + 10 * k, np.float32)
        for t, g in zip(tensors, grads, strict=True):
            t.grad = torch.from_numpy(g)
        others = arrays(200 + 10 * k, np.float32) if k == 2 else None
        one.step(grads, other_grads=others)
        two.step(other_grads=None if others is None else [torch.from_numpy(g) for g in others])
    assert same_bits(params, [t.detach().numpy() for t in tensors])
    assert one.ratios() == two.ratios()


@pytest.mark.parametrize("how", ["state_dict", "pickle"])
def test_a_restored_optimizer_goes_on_to_the_bit(how):
    params = arrays(1, np.float32)
    opt = optim.LANTON(params, state_dtype="bfloat16")
    for k in range(3):
        opt.step(arrays(20 * k + 50, np.float32))
    if how == "pickle":
        other = pickle.loads(pickle.dumps(opt))
        twins = [p for group in other.param_groups for p in group["params"]]
    else:
        twins = copies(params)
        other = optim.LANTON(twins, state_dtype="bfloat16")
        other.load_state_dict(opt.state_dict())
    for o in (opt, other):
        o.step(arrays(99, np.float32))
    assert same_bits(params, twins) and opt.ratios() == other.ratios()
    states = [list(o.state_dict()["state"].values()) for o in (opt, other)]
    assert same_bits(*states)
    assert states[0][0]["momentum_buffer"].dtype.name == "bfloat16"
    assert states[0][0]["noise"].dtype == np.float32


def test_groups_dicts_and_iterators_of_gradients():
    names = [f"w{i}" for i in range(len(MIXED))]
    listed, named = arrays(1), dict(zip(names, arrays(1), strict=True))
    one, two = optim.LANTON(listed), optim.LANTON(named)
    for k in range(2):
        grads, others = arrays(20 + 10 * k), arrays(80 + 10 * k)
        one.step(iter(grads), other_grads=iter(others))
        two.step(
            dict(zip(names, grads, strict=True)), other_grads=dict(zip(names, others, strict=True))
        )
    assert same_bits(listed, list(named.values()))


@pytest.mark.parametrize(
    ("options", "error", "word"),
    [
        ({"norm": "Nuclear"}, ValueError, "norm"),
        ({"betas": (0.9, 1.0)}, ValueError, r"betas\[1\]"),
        ({"betas": 0.9}, ValueError, "betas"),
        ({"alpha": 0.0}, ValueError, "alpha"),
        ({"eps": -1.0}, ValueError, "eps"),
        ({"form": "sqrt"}, ValueError, "form"),
        ({"lr": -1.0}, ValueError, "lr"),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_a_bad_option_is_named_and_changes_nothing(options, error, word, late):
    params = arrays(1, np.float32)
    opt = optim.LANTON(params)
    opt.step(arrays(20, np.float32))
    before = copies(params), pickle.dumps(opt.state_dict()["state"])
    with pytest.raises(error, match=word):
        if not late:
            optim.LANTON(params, **options).step(arrays(50, np.float32))
        opt.param_groups[0].update(options)
        opt.step(arrays(50, np.float32))
    assert same_bits(params, before[0])
    assert pickle.dumps(opt.state_dict()["state"]) == before[1]


@pytest.mark.parametrize(
    ("change", "error", "word"),
    [
        (lambda g: g[:-1], ValueError, "other_grads: 4 given, expected 5"),
        (lambda g: [None, *g[1:]], ValueError, r"other_grads\[0\]: None given"),
        (lambda g: [g[0].T.copy(), *g[1:]], ValueError, "shape"),
        (lambda g: [g[0].astype(np.int32), *g[1:]], TypeError, "int32"),
        (lambda g: 1.0, TypeError, "list"),
    ],
)
def test_other_gradients_are_checked_before_anything_is_written(change, error, word):
    params = arrays(1, np.float32)
    opt = optim.LANTON(params)
    opt.step(arrays(20, np.float32))
    before = copies(params), pickle.dumps(opt.state_dict())
    with pytest.raises(error, match=word):
        opt.step(arrays(50, np.float32), other_grads=change(arrays(70, np.float32)))
    assert same_bits(params, before[0]) and pickle.dumps(opt.state_dict()) == before[1]


@pytest.mark.parametrize("name", ["noise", "previous_gradient"])
def test_the_noise_is_kept_in_float32(name):
    with pytest.raises(ValueError, match=name):
        optim.LANTON(arrays(1, np.float32), state_dtype={name: "bfloat16"})


def test_least_squares_comes_to_its_solution():
    """Gradients of the second of two problems are noisy, by a tenth of what they are at the start,
    and alpha is of the size of the noise's dual norm: both come to their solutions."""
    rng = np.random.default_rng(5)
    a, solution = random((40, 8), 1, np.float64), random((8, 6), 2, np.float64)
    xs = [np.zeros((8, 6)), np.zeros((8, 6))]
    opt = optim.LANTON(xs, lr=0.1, betas=(0.5, 0.9), alpha=3.0)
    start = np.linalg.norm(a @ solution)
    for k in range(300):
        opt.lr = 0.1 * (1 - k / 300)
        grads = [a.T @ (a @ (x - solution)) / 40 for x in xs]
        opt.step([grads[0], grads[1] + 0.1 * rng.standard_normal((8, 6))])
    assert opt.ratios()[0] == 1.0 and 0.5 < opt.ratios()[1] < 1.0
    assert np.linalg.norm(a @ (xs[0] - solution)) <= 0.02 * start
    # Gradients are about as long as errors, and below the noise that momentum leaves, a third of
    # its variance in each of 48 elements, the direction is one of noise.
    floor = np.linalg.norm(a, 2) * 0.1 * np.sqrt(48 / 3)
    assert floor < 0.1 * start
    assert np.linalg.norm(a @ (xs[1] - solution)) <= floor
