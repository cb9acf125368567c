"""Schedule-Free SGD and AdamW: the points x, y and z of the paper, the weights of the average, the
switch between training and evaluation, and what is kept of it all."""

import copy
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from reference.curvature import models
from steepest import optim

from .devices import both, plain
from .digits import accuracy, made, train
from .support import copies, make_grads, make_params, same_bits

CLASSES = (optim.ScheduleFreeSGD, optim.ScheduleFreeAdamW)
RATES = {optim.ScheduleFreeSGD: 0.5, optim.ScheduleFreeAdamW: 0.05}
by_class = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)


class Paper:
    """Algorithm 1 of 2405.15682 with all three points, or equations 1 to 3 where beta2 is None."""

    def __init__(
        self, p, beta1, beta2, eps=1e-8, decay=0.0, warmup=0, r=0.0, power=2.0, cautious=False
    ):
        self.x, self.z, self.v = p.copy(), p.copy(), np.zeros_like(p)
        self.beta1, self.beta2, self.eps, self.decay = beta1, beta2, eps, decay
        self.warmup, self.r, self.power, self.cautious = warmup, r, power, cautious
        self.step, self.sum, self.peak = 0, 0.0, 0.0

    @property
    def y(self):
        return (1 - self.beta1) * self.z + self.beta1 * self.x

    def take(self, g, lr):
        self.step += 1
        rate, d = lr * min(1.0, self.step / max(self.warmup, 1)), g
        if self.beta2 is not None:
            rate *= np.sqrt(1 - self.beta2**self.step)
            self.v = self.beta2 * self.v + (1 - self.beta2) * g**2
            d = g / (np.sqrt(self.v) + self.eps)
        decays = np.ones_like(g) if not self.cautious else self.y * g >= 0  # 2510.12402
        self.z = self.z - rate * (d + self.decay * decays * self.y)
        self.peak = max(self.peak, rate)
        weight = self.step**self.r * self.peak**self.power
        self.sum += weight
        share = weight / self.sum if self.sum else 0.0
        self.x = (1 - share) * self.x + share * self.z


def opened(cls, params, **options):
    return cls(params, RATES[cls], **options)


def trained(cls, params, **options):
    """Three steps, one parameter without a gradient at the second."""
    opt = opened(cls, params, **options)
    for t in (1, 2, 3):
        opt.step([g if (i, t) != (1, 2) else None for i, g in enumerate(make_grads(t))])
    return opt


def close(actual, wanted):
    """A few roundings per step of numbers near 1, twenty steps."""
    for a, w in zip(actual, wanted, strict=True):
        np.testing.assert_allclose(a, w, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"warmup_steps": 5, "weight_decay": 0.1},
        {"warmup_steps": 5, "r": 1.0, "weight_lr_power": 1.0},
        {"weight_lr_power": 0.0, "weight_decay": 0.3},
        {"weight_decay": 0.3, "cautious_weight_decay": True},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
@by_class
def test_the_points_are_those_of_the_paper(cls, options):
    """float64; lr falls to a half and rises again, which the weights must follow as told."""
    adam = cls is optim.ScheduleFreeAdamW
    params = make_params(np.float64)
    beta2 = 0.99 if adam else None
    names = {"warmup_steps": "warmup", "weight_decay": "decay", "weight_lr_power": "power"}
    names["cautious_weight_decay"] = "cautious"
    told = {names.get(name, name): value for name, value in options.items()}
    papers = [Paper(p, 0.8, beta2, **told) for p in params]
    own = {"betas": (0.8, 0.99)} if adam else {"momentum": 0.8}
    opt = cls(params, 0.1, **own, **options)
    for t in range(1, 21):
        opt.lr = 0.1 * {8: 0.5, 9: 0.5, 15: 2.0}.get(t, 1.0)
        grads = [g + p for g, p in zip(make_grads(t, np.float64), params, strict=True)]
        opt.step(grads)
        for paper, g in zip(papers, grads, strict=True):
            paper.take(g, opt.lr)
        close(params, [paper.y for paper in papers])
        if t in (1, 7, 20):
            opt.eval()
            close(params, [paper.x for paper in papers])
            opt.train()
            close(params, [paper.y for paper in papers])
    state = opt.state_dict()["state"]
    close([state[i]["z"] for i in range(4)], [paper.z for paper in papers])
    for i, paper in enumerate(papers):
        assert state[i]["weight_sum"][0] == pytest.approx(paper.sum, rel=1e-14)
        assert state[i]["lr_max"][0] == pytest.approx(paper.peak, rel=1e-15)


def test_the_plain_average_is_that_of_all_iterates():
    p = np.zeros(3)
    opt = optim.ScheduleFreeSGD(p, 1.0)
    iterates, z = [], np.zeros(3)
    for t in range(1, 9):
        g = make_grads(t, np.float64)[3][0, 0, :3].copy()
        opt.step(g)
        z = z - g
        iterates.append(z)
    opt.eval()
    np.testing.assert_allclose(p, np.mean(iterates, axis=0), rtol=1e-14, atol=1e-14)


@by_class
def test_capturable_weighs_all_iterates_alike(cls, device):
    """The steps of a group that counts on the device, to the bit, to the average and back; and
    what it saves is taken up in host memory."""
    options = {"weight_lr_power": 0.0, "warmup_steps": 2, "weight_decay": 0.1}

    def scenario(kind):
        params = kind.arrays(make_params())
        opt = opened(cls, params, **options, **({"capturable": True} if kind.on_device else {}))
        for t in (1, 2, 3):
            opt.step(kind.arrays(make_grads(t)), max_grad_norm=1.0)
        opt.eval()
        average = copies(kind.arrays_of(params))
        opt.train()
        saved = plain(kind, opt)
        assert [state["weight_sum"][0] for state in saved] == [3.0] * 4
        for state in saved:
            state.pop("lr_max")
        return average, kind.arrays_of(params), saved

    both(device, scenario)


@by_class
def test_capturable_refuses_weights_of_the_steps(cls, device):
    with device.running():
        params = device.arrays(make_params())
        for name, options in (("r", {"weight_lr_power": 0.0, "r": 1.0}), ("weight_lr_power", {})):
            with pytest.raises(ValueError, match=f"{name}: .* capturable is True"):
                opened(cls, params, capturable=True, **options)


@by_class
def test_parameters_step_weigh_and_switch_by_themselves(cls):
    """None for some, so that their shares differ: the bits of an optimizer for each."""
    params, apart = make_params(), make_params()
    opt = opened(cls, params, warmup_steps=3)
    alone = [opened(cls, p, warmup_steps=3) for p in apart]
    absent = {1: (1,), 2: (0, 2), 4: (0, 1, 2, 3), 5: (3,)}
    for t in range(1, 7):
        grads = [None if i in absent.get(t, ()) else g for i, g in enumerate(make_grads(t))]
        assert opt.step(grads)
        for own, grad in zip(alone, grads, strict=True):
            if grad is not None:
                own.step(grad)
        assert same_bits(params, apart)
        for each in (opt, *alone):
            each.eval()
        assert same_bits(params, apart)
        for each in (opt, *alone):
            each.train()
    assert [state["step"] for state in opt.state_dict()["state"].values()] == [4] * 4
    assert same_bits(params, apart)


@by_class
def test_rates_per_parameter(cls):
    params, apart = make_params(), make_params()
    rates = [0.1, 0.2, 0.3, 0.05]
    opt = cls(params, rates, weight_decay=[0.1, 0.0, 0.2, 0.3])
    alone = [
        cls(p, lr, weight_decay=decay)
        for p, lr, decay in zip(apart, rates, [0.1, 0.0, 0.2, 0.3], strict=True)
    ]
    for t in range(1, 8):
        if t == 4:
            opt.lr = [0.1, 0.4, 0.3, 0.01]
            for own, lr in zip(alone, opt.lr, strict=True):
                own.lr = lr
        opt.step(make_grads(t))
        for own, grad in zip(alone, make_grads(t), strict=True):
            own.step(grad)
    assert same_bits(params, apart)
    with pytest.raises(ValueError, match="lr: 2 values given"):
        opt.lr = [0.1, 0.2]
        opt.step(make_grads(9))


@by_class
@pytest.mark.parametrize("evaluated", [False, True])
@pytest.mark.parametrize("way", ["dict", "pickle", "deepcopy", "file"])
def test_training_goes_on_with_the_same_bits(cls, way, evaluated, tmp_path):
    params = make_params()
    opt = trained(cls, params, warmup_steps=4, r=0.5)
    if evaluated:
        opt.eval()
    restored = copies(params)
    if way == "pickle":
        restored, other = pickle.loads(pickle.dumps((params, opt)))
    elif way == "deepcopy":
        restored, other = copy.deepcopy((params, opt))
    else:
        other = cls(restored)
        if way == "file":
            pytest.importorskip("safetensors")
            opt.save_safetensors(tmp_path / "opt.safetensors")
            other.load_safetensors(tmp_path / "opt.safetensors")
        else:
            other.load_state_dict(copy.deepcopy(opt.state_dict()))
    assert type(other) is cls
    for each in (opt, other):
        each.train()
        for t in (4, 5):
            each.step(make_grads(t))
        each.eval()
    assert same_bits(params, restored)
    assert same_bits(opt.state_dict()["state"], other.state_dict()["state"])
    assert opt.state_dict()["param_groups"] == other.state_dict()["param_groups"]


@by_class
def test_a_state_that_is_missing_starts_afresh(cls):
    params = make_params()
    opt = trained(cls, params)
    saved = opt.state_dict()
    state = {i: s for i, s in saved["state"].items() if i != 2}
    alone = opened(cls, fresh := params[2].copy())
    opt.load_state_dict({**saved, "state": state})
    for t in (1, 2):
        opt.step(make_grads(t))
        alone.step(make_grads(t)[2])
    assert same_bits(params[2], fresh)


@by_class
def test_the_switch(cls):
    params = make_params()
    before = copies(params)
    opt = opened(cls, params)
    opt.eval()
    opt.train()
    opt.train(False)
    assert same_bits(params, before), "nothing has been stepped"
    with pytest.raises(RuntimeError, match=r"call train\(\)"):
        opt.step(make_grads(1))
    opt.train()
    for t in (1, 2, 3):
        opt.step(make_grads(t))
    y = copies(params)
    opt.train()
    assert same_bits(params, y), "it was there already"
    opt.eval()
    x = copies(params)
    assert not same_bits(x, y)
    opt.eval()
    assert same_bits(params, x)
    opt.train()
    z = [state["z"] for state in opt.state_dict()["state"].values()]
    for p, wanted, iterate in zip(params, y, z, strict=True):
        # Three roundings of each of the two, at the sizes of the points.
        bound = 8 * 2.0**-24 * (np.abs(wanted) + np.abs(iterate))
        assert (np.abs(p - wanted) <= bound).all()


@by_class
def test_master_weights_are_switched_and_the_parameters_are_their_rounding(cls):
    bfloat16 = np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    params = make_params(bfloat16)
    masters = [p.astype(np.float32) for p in params]
    opt = opened(cls, params, master_weights=True)
    wide = opened(cls, masters)
    for mode in (True, False, True):
        opt.train(mode)
        wide.train(mode)
        for t in (1, 2) if mode else ():
            opt.step(make_grads(t, bfloat16))
            wide.step(make_grads(t, bfloat16))
        held = [state["master"] for state in opt.state_dict()["state"].values()]
        assert same_bits(held, masters)
        assert same_bits(params, [m.astype(bfloat16) for m in masters])


@by_class
def test_a_skipped_step_weighs_nothing(cls):
    params = make_params()
    opt = trained(cls, params)
    before = copy.deepcopy((params, opt.state_dict()["state"]))
    bad = make_grads(4)
    bad[3][0, 1, 2] = np.nan
    assert opt.step(bad, skip_nonfinite=True) is False
    assert same_bits(params, before[0])
    assert same_bits(opt.state_dict()["state"], before[1])


@by_class
def test_a_rate_of_zero_leaves_the_average(cls):
    params = make_params()
    before = copies(params)
    opt = cls(params, 0.0)
    opt.step(make_grads(1))
    assert same_bits(params, before)
    opt.lr = 0.1
    opt.step(make_grads(2))
    opt.lr = 0.0
    opt.step(make_grads(3))
    opt.eval()
    assert all(np.isfinite(p).all() for p in params) and not same_bits(params, before)


@pytest.mark.parametrize("state_dtype", ["float32", "bfloat16"])
@by_class
def test_on_other_kinds_of_arrays(cls, state_dtype, kind):
    pytest.importorskip("ml_dtypes")

    def scenario(kind):
        params = kind.arrays(make_params())
        opt = opened(cls, params, state_dtype=state_dtype, rounding="stochastic", warmup_steps=2)
        for t in (1, 2, 3):
            grads = [g if (i, t) != (1, 2) else None for i, g in enumerate(make_grads(t))]
            assert opt.step(kind.arrays(grads), max_grad_norm=1.0)
        opt.eval()
        x = kind.arrays_of(params)
        opt.train()
        scalars = ("step", "weight_sum", "lr_max")
        states = [
            {k: v if k in scalars else kind.numpy(v) for k, v in state.items()}
            for state in opt.state_dict()["state"].values()
        ]
        return x, kind.arrays_of(params), states

    both(kind, scenario)


def test_states_of_a_device_are_saved(device):
    with device.running():
        params = device.arrays(make_params())
        opt = optim.ScheduleFreeAdamW(params)
        opt.step(device.arrays(make_grads(1)))
        other = optim.ScheduleFreeAdamW(params)
        other.load_state_dict(opt.state_dict())
        assert plain_state(device, other) == plain_state(device, opt)


def plain_state(kind, opt):
    return [
        {k: np.asarray(v).tolist() for k, v in state.items()}
        for state in plain(SimpleNamespace(numpy=lambda a: to_numpy(kind, a)), opt)
    ]


def to_numpy(kind, array):
    return array if isinstance(array, np.ndarray) else kind.numpy(array)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda p: optim.ScheduleFreeSGD(p, momentum=0.0), ValueError, "momentum: 0.0 given"),
        (lambda p: optim.ScheduleFreeSGD(p, momentum=1.0), ValueError, "momentum: 1.0 given"),
        (lambda p: optim.ScheduleFreeAdamW(p, betas=(0.0, 0.9)), ValueError, r"betas\[0\]: 0.0"),
        (lambda p: optim.ScheduleFreeAdamW(p, betas=(0.9, 1.0)), ValueError, r"betas\[1\]: 1.0"),
        (lambda p: optim.ScheduleFreeSGD(p, warmup_steps=-1), ValueError, "warmup_steps: -1"),
        (lambda p: optim.ScheduleFreeSGD(p, r=-1.0), ValueError, "r: -1.0 given"),
        (lambda p: optim.ScheduleFreeSGD(p, train_mode=1), TypeError, "train_mode: int given"),
        (lambda p: optim.ScheduleFreeSGD(p, lr=-1.0), ValueError, "lr"),
        (lambda p: optim.ScheduleFreeSGD(p, share=0.5), TypeError, "share"),
    ],
)
def test_what_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make(make_params())


@pytest.mark.parametrize("kind_of_model", [models.WideLogistic, models.WideNetwork])
@by_class
def test_digits_are_learned_without_a_schedule(cls, kind_of_model):
    """The images that are held out are by other writers."""
    model, x, y = made(kind_of_model)
    params = [p.astype(np.float32) for p in models.initial(model.shapes)]
    wide = kind_of_model is models.WideNetwork
    lr = {optim.ScheduleFreeSGD: (5.0, 1.0), optim.ScheduleFreeAdamW: (0.1, 0.03)}[cls][wide]
    opt = cls(params, lr, warmup_steps=20)
    train(model, params, SimpleNamespace(lr=0.0), 15, opt.step)  # only its own rate
    opt.eval()
    assert accuracy(model, params, x, y) >= 0.85
    assert accuracy(model, params, model.x, model.y) >= 0.96
