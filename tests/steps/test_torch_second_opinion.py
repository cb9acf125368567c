"""torch.optim on the CPU where it has the rule: 50 steps in double and in single.

Both sides follow the same formulas and round on their own. Per step and side a parameter is rounded
at most 3 times at its own size: 300 roundings in all. A step comes from states that have been
rounded 3 times at each of up to 50 steps and from at most 20 roundings of its own: 2 * (150 + 20)
at its size. In double, 1 - beta2^t adds 1500 on either side, halved by the root (see
`uninformative` in compare.py).
"""

import numpy as np
import pytest
from kinds import steps

from .support import Tensors

torch = pytest.importorskip("torch")
optim = torch.optim

# rule, torch's optimizer, what both are given, what only we are given
CASES = {
    "sgd": ("sgd", optim.SGD, {"lr": 0.1}, {}),
    "sgd_l2": ("sgd", optim.SGD, {"lr": 0.1, "weight_decay": 0.1}, {}),
    "sgd_dampened": ("sgd", optim.SGD, {"lr": 0.01, "momentum": 0.9, "dampening": 0.2}, {}),
    "sgd_nesterov": ("sgd", optim.SGD, {"lr": 0.01, "momentum": 0.9, "nesterov": True}, {}),
    "sgd_maximize": ("sgd", optim.SGD, {"lr": 0.01, "momentum": 0.5, "maximize": True}, {}),
    "adam": ("adam", optim.Adam, {}, {}),
    "adam_l2": ("adam", optim.Adam, {"weight_decay": 0.1, "maximize": True}, {}),
    "adam_betas": ("adam", optim.Adam, {"betas": (0.8, 0.9), "eps": 1e-3}, {}),
    "adamw": ("adamw", optim.AdamW, {}, {}),
    "adamw_decay": ("adamw", optim.AdamW, {"lr": 0.01, "weight_decay": 0.5}, {}),
    "amsgrad": ("amsgrad", optim.Adam, {"weight_decay": 0.1}, {"amsgrad": True}),
    "amsgrad_w": (
        "amsgrad",
        optim.AdamW,
        {"lr": 1e-3, "weight_decay": 0.1},
        {"amsgrad": True, "decoupled_weight_decay": True},
    ),
    "adamax": ("adamax", optim.Adamax, {"weight_decay": 0.1}, {}),
    "adagrad": ("adagrad", optim.Adagrad, {"lr_decay": 0.1, "weight_decay": 0.1}, {}),
    "nadam": ("nadam", optim.NAdam, {"weight_decay": 0.1}, {}),
    "nadam_w": (
        "nadam",
        optim.NAdam,
        {"weight_decay": 0.1, "decoupled_weight_decay": True, "momentum_decay": 0.1},
        {},
    ),
    "radam": ("radam", optim.RAdam, {"weight_decay": 0.1}, {}),
    "radam_w": (
        "radam",
        optim.RAdam,
        {"weight_decay": 0.1, "decoupled_weight_decay": True, "betas": (0.8, 0.9)},
        {},
    ),
    "rmsprop": ("rmsprop", optim.RMSprop, {"weight_decay": 0.1}, {}),
    "rmsprop_momentum": ("rmsprop", optim.RMSprop, {"momentum": 0.9, "alpha": 0.9}, {}),
    "rmsprop_centered": ("rmsprop", optim.RMSprop, {"centered": True, "eps": 1e-3}, {}),
    "adadelta": ("adadelta", optim.Adadelta, {"weight_decay": 0.1}, {}),
    "rprop": ("rprop", optim.Rprop, {}, {}),
    "rprop_etas": ("rprop", optim.Rprop, {"lr": 0.1, "etas": (0.3, 1.5)}, {}),
    "adafactor": ("adafactor", optim.Adafactor, {"weight_decay": 0.1}, {}),
    "adafactor_d": ("adafactor", optim.Adafactor, {"d": 1.5, "beta2_decay": -0.6}, {}),
}
SHAPES = ((65,), (), (6, 5), (2, 3, 4))
PARAMETER_ROUNDINGS = 300
STEP_ROUNDINGS = {np.float32: 340, np.float64: 340 + 1500}


def torch_options(both, extra):
    return both | ({"amsgrad": True} if "amsgrad" in extra else {})


def our_options(both, extra):
    return both | {k: v for k, v in extra.items() if k != "amsgrad"}


@pytest.fixture
def scalars_in_double():
    """torch keeps NAdam's product of momenta in its default dtype, single, whatever the parameters
    are."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("scalars_in_double")
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=lambda d: d.__name__)
@pytest.mark.parametrize("case", CASES)
def test_fifty_steps(case, dtype):
    rule, optimizer, both, extra = CASES[case]
    rng = np.random.default_rng(6)
    start = [np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES]
    theirs = [torch.nn.Parameter(torch.tensor(p)) for p in start]
    opt = optimizer(theirs, **torch_options(both, extra))
    ours = Tensors(rule, [p.copy() for p in start])
    path = [np.zeros(shape) for shape in SHAPES]
    for t in range(1, 51):
        before = [p.detach().numpy().astype(np.float64) for p in theirs]
        for p in theirs:
            p.grad = torch.tensor(np.asarray(rng.standard_normal(p.shape) * 10, dtype))
        opt.step()
        ours.step([p.grad.numpy() for p in theirs], step=t, **our_options(both, extra))
        after = [p.detach().numpy().astype(np.float64) for p in theirs]
        path = [w + np.abs(a - b) for w, a, b in zip(path, after, before, strict=True)]
    for p, q, s, w in zip(ours.params, theirs, start, path, strict=True):
        # Signs change within a moment and Adafactor sums over the tensor: its largest path counts.
        roundings = PARAMETER_ROUNDINGS * (np.abs(s) + np.max(w)) + STEP_ROUNDINGS[dtype] * np.max(
            w
        )
        bound = roundings * np.finfo(dtype).eps / 2
        difference = np.abs(p.astype(np.float64) - q.detach().numpy())
        assert (difference <= bound).all(), (difference / bound).max()
        assert np.abs(p - s).max() > 100 * np.max(bound), "nothing moved: nothing tested"


@pytest.mark.parametrize("max_norm", [0.1, 100.0])
def test_clipping_is_torch_s(max_norm):
    """clip_grad_norm_ and then the step: two roundings and the norm's on each side."""
    rng = np.random.default_rng(7)
    grads = [rng.standard_normal(shape) for shape in SHAPES]
    params = [np.zeros_like(np.asarray(g)) for g in grads]
    theirs = [torch.zeros(shape, dtype=torch.float64) for shape in SHAPES]
    for p, g in zip(theirs, grads, strict=True):
        p.grad = torch.tensor(g)
    total = torch.nn.utils.clip_grad_norm_(theirs, max_norm)
    grads = [np.asarray(g) for g in grads]
    steps.sgd(params, grads, None, step=1, lr=1.0, max_grad_norm=max_norm)
    assert abs(steps.grad_norm(grads).total - float(total)) <= 64 * 2.0**-53 * float(total)
    for p, q in zip(params, theirs, strict=True):
        assert (np.abs(p + q.grad.numpy()) <= 64 * 2.0**-53 * np.abs(p)).all()


def test_clipping_in_place_is_torch_s():
    """Values to the last bit; norms within two roundings and the norm's on each side."""
    rng = np.random.default_rng(8)
    start = [np.asarray(rng.standard_normal(shape), np.float32) for shape in SHAPES]
    for per_tensor in (False, True):
        ours = [g.copy() for g in start]
        theirs = [torch.nn.Parameter(torch.zeros(shape)) for shape in SHAPES]
        for p, g in zip(theirs, start, strict=True):
            p.grad = torch.tensor(g)
        for part in [[p] for p in theirs] if per_tensor else [theirs]:
            torch.nn.utils.clip_grad_norm_(part, 0.7)
        steps.clip_norm_(ours, 0.7, per_tensor=per_tensor)
        for g, p in zip(ours, theirs, strict=True):
            assert (np.abs(g - p.grad.numpy()) <= 64 * 2.0**-24 * np.abs(g)).all()
        for p, g in zip(theirs, ours, strict=True):
            p.grad = torch.tensor(g)
        torch.nn.utils.clip_grad_value_(theirs, 0.05)
        steps.clip_value_(ours, 0.05)
        assert all(np.array_equal(g, p.grad.numpy()) for g, p in zip(ours, theirs, strict=True))
