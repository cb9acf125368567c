"""DOT against its definition in float64, parameters with one gradient, what its steps refuse."""

import pickle

import ml_dtypes
import numpy as np
import pytest
from reference.curvature import models
from steepest import _core, optim, steps

from .digits import accuracy, made, train
from .support import copies, make_grads, make_params, random, same_bits

UNIT = 2.0**-53


class Definition:
    """Zhao et al. (2307.08436) with the authors' treatment of parameters that lack a gradient."""

    def __init__(self, params, lr, momentum, delta, weight_decay=0.0):
        self.params = params
        self.v = [np.zeros_like(p) for p in params]
        self.v_kd = [np.zeros_like(p) for p in params]
        self.lr, self.momentum, self.delta, self.decay = lr, momentum, delta, weight_decay

    def step(self, grads, kd_grads):
        for i, (p, g, k) in enumerate(zip(self.params, grads, kd_grads, strict=True)):
            if g is None and k is None:
                continue
            if g is None or k is None:
                only = (k if g is None else g) + self.decay * p
                self.v[i] = self.momentum * self.v[i] + only
                self.params[i] = p - self.lr * self.v[i]
                continue
            self.v[i] = (self.momentum - self.delta) * self.v[i] + (g + self.decay * p)
            self.v_kd[i] = (self.momentum + self.delta) * self.v_kd[i] + k
            self.params[i] = p - self.lr * (self.v[i] + self.v_kd[i])


def everything(opt, params):
    return pickle.dumps((params, opt.state_dict()))


@pytest.mark.parametrize("missing", [(), (1,), (0, 3)])
@pytest.mark.parametrize("options", [{}, {"momentum": 0.5, "delta": 0.3, "weight_decay": 0.1}])
def test_steps_as_the_paper_has_them(options, missing):
    """A momentum is rounded twice a step on either side, and what it holds is at most 1 / (1 -
    0.975) gradients; 10 steps of 4 parameters add at most 40 roundings of their own."""
    params = make_params(np.float64)
    opt = optim.DOT(params, 0.05, **options)
    settings = {"momentum": 0.9, "delta": 0.075, **options}
    wanted = Definition(copies(params), 0.05, **settings)
    for t in range(1, 11):
        grads, kd_grads = make_grads(t, np.float64), make_grads(t + 50, np.float64)
        for i in missing:
            (grads if (i + t) % 2 else kd_grads)[i] = None
        assert opt.step(grads, kd_grads) is True
        wanted.step(grads, kd_grads)
    for p, q in zip(params, wanted.params, strict=True):
        np.testing.assert_allclose(p, q, rtol=0, atol=10 * 40 * 4 * UNIT * np.abs(q).max())
    for i, state in opt.state_dict()["state"].items():
        assert state["step"] == 10
        np.testing.assert_allclose(state["momentum_buffer"], wanted.v[i], rtol=0, atol=1e-13)
        np.testing.assert_allclose(state["momentum_kd_buffer"], wanted.v_kd[i], rtol=0, atol=1e-13)


def test_one_pass_of_the_rule():
    """Options of either side of the call, per-parameter ones among them."""
    stepped, called = make_params(), make_params()
    rates = [0.1, 0.2, 0.0, 0.05]
    options = {"momentum": 0.8, "delta": 0.1, "weight_decay": 0.1, "maximize": True}
    opt = optim.DOT(stepped, rates, **options)
    v, v_kd = ([np.zeros_like(p) for p in called] for _ in range(2))
    for t in range(1, 4):
        grads, kd_grads = make_grads(t), make_grads(t + 50)
        opt.step(grads, kd_grads, grad_scale=3.0)
        steps.dot(
            called, grads, v, v_kd, kd_grads, lr=rates, grad_scale=3.0, kd_scale=-3.0, **options
        )
        assert same_bits(stepped, called)
        assert same_bits(kd_grads, make_grads(t + 50))


def test_a_parameter_with_one_gradient_is_stepped_by_sgd():
    params, others = make_params(), make_params()
    opt = optim.DOT(params, 0.1, weight_decay=0.1)
    sgd = optim.SGD(others, 0.1, momentum=0.9, weight_decay=0.1)
    nothing = [None] * 4
    for t in range(1, 4):
        grads = make_grads(t)
        opt.step([grads[0], None, grads[2], None], [None, grads[1], None, None])
        sgd.step([*grads[:3], None])
    assert same_bits(params, others)
    assert [s["step"] for s in opt.state_dict()["state"].values()] == [3, 3, 3, 0]
    assert opt.step(nothing, nothing) is True
    assert same_bits(params, others)


def test_clipping_bounds_the_norm_of_both_together():
    grads, kd_grads = make_grads(1, np.float64), make_grads(2, np.float64)
    total = np.sqrt(sum((g * g).sum() for g in [*grads, *kd_grads]))
    for bound, factor in ((2 * total, 1.0), (total / 4, 0.25)):
        params, others = make_params(np.float64), make_params(np.float64)
        optim.DOT(params, 0.1).step(grads, kd_grads, grad_scale=1.0, max_grad_norm=bound)
        scaled = ([np.array(factor * g) for g in gs] for gs in (grads, kd_grads))
        optim.DOT(others, 0.1).step(*scaled)
        for p, q in zip(params, others, strict=True):
            # The guard of 1e-6 beside a norm of more than 4.
            np.testing.assert_allclose(p, q, rtol=0, atol=1e-6)


@pytest.mark.parametrize("missing", [(), (1,)])
@pytest.mark.parametrize(
    "bounds",
    [
        {"max_tensor_norm": 1.0},
        {"max_grad_value": 0.25},
        {"max_grad_norm": 2.0, "max_tensor_norm": 0.9, "max_grad_value": 0.3},
    ],
)
def test_bounds_of_parameters_and_elements(bounds, missing):
    """As on gradients that were clipped by NumPy before: an element is off by the roundings of a
    norm, a quotient and a product, a step by one of those of each gradient."""
    params, others = make_params(np.float64), make_params(np.float64)
    opt, plain = optim.DOT(params, 0.1, weight_decay=0.1), optim.DOT(others, 0.1, weight_decay=0.1)
    cut = 0
    for t in range(1, 4):
        grads, kd_grads = make_grads(t, np.float64), make_grads(t + 50, np.float64)
        for i in missing:
            (grads if t % 2 else kd_grads)[i] = None
        before = copies([g for g in (*grads, *kd_grads) if g is not None])
        assert opt.step(grads, kd_grads, grad_scale=2.0, **bounds) is True
        assert same_bits(before, [g for g in (*grads, *kd_grads) if g is not None])
        clipped, changed = clip_pairs(grads, kd_grads, 2.0, **bounds)
        plain.step(*clipped)
        cut += changed
    assert cut > 0
    for p, q in zip(params, others, strict=True):
        np.testing.assert_allclose(p, q, rtol=0, atol=1e-14)


def clip_pairs(
    grads, kd_grads, scale, max_grad_norm=np.inf, max_tensor_norm=np.inf, max_grad_value=np.inf
):
    """Both gradients of a parameter as one vector, and how many elements the last bound changed or
    parameters those on norms."""
    pairs = [
        [None if g is None else g / scale for g in pair]
        for pair in zip(grads, kd_grads, strict=True)
    ]
    squares = [sum((g * g).sum() for g in pair if g is not None) for pair in pairs]
    changed = 0
    for pair, square in zip(pairs, squares, strict=True):
        factor = min(
            1.0,
            max_grad_norm / (np.sqrt(sum(squares)) + 1e-6),
            max_tensor_norm / (np.sqrt(square) + 1e-6),
        )
        changed += factor < 1
        for k, g in enumerate(pair):
            if g is not None:
                changed += (np.abs(factor * g) > max_grad_value).sum()
                pair[k] = np.array(np.clip(factor * g, -max_grad_value, max_grad_value))
    return [list(side) for side in zip(*pairs, strict=True)], changed


def test_bounds_in_other_types():
    """Gradients in bfloat16 are clipped in single."""
    params, others = make_params(), make_params()
    grads, kd_grads = make_grads(1, ml_dtypes.bfloat16), make_grads(2, ml_dtypes.bfloat16)
    optim.DOT(params, 0.1).step(grads, kd_grads, max_grad_value=0.25)
    bound = np.float32(0.25)
    single = [[np.array(np.clip(g.astype(np.float32), -bound, bound)) for g in side]
              for side in (grads, kd_grads)]  # fmt: skip
    optim.DOT(others, 0.1).step(*single)
    assert same_bits(params, others)


def test_all_copies_are_made_in_one_call(monkeypatch):
    """Each over the scale of its own parameter: a quotient in single, whatever the others have."""
    made = []
    real = _core.clip_copies
    monkeypatch.setattr(
        _core, "clip_copies", lambda out, *a, **k: made.append(out) or real(out, *a, **k)
    )
    grads, kd_grads = ([t * g for t, g in enumerate(make_grads(s), 1)] for s in (1, 2))
    kd_grads[1] = None
    bound = 0.5
    optim.DOT(make_params()).step(grads, kd_grads, max_tensor_norm=bound)
    assert len(made) == 1
    copies_of = [made[0][:4], made[0][4:]]
    assert copies_of[1][1] is None
    for i, pair in enumerate(zip(grads, kd_grads, strict=True)):
        square = sum(np.sum(np.square(g, dtype=np.float64)) for g in pair if g is not None)
        scale = max(1.0, (np.sqrt(square) + 1e-6) / bound)
        for side, g in zip(copies_of, pair, strict=True):
            if g is not None:
                # The scale in single may be the neighbour of its own rounding.
                np.testing.assert_allclose(side[i], g / scale, rtol=3 * 2.0**-24)


@pytest.mark.parametrize("name", ["max_grad_norm", "max_tensor_norm", "max_grad_value"])
def test_bounds_that_are_none(name):
    opt = optim.DOT(make_params())
    for wrong, error in ((0.0, ValueError), (-1.0, ValueError), ("1", TypeError)):
        with pytest.raises(error, match=name):
            opt.step(make_grads(1), make_grads(2), **{name: wrong})


@pytest.mark.parametrize("which", [0, 1])
def test_a_gradient_that_is_not_finite(which):
    params = make_params()
    opt = optim.DOT(params)
    opt.step(make_grads(1), make_grads(2))
    given = [make_grads(3), make_grads(4)]
    given[which][0][2, 3] = np.nan
    before = everything(opt, params)
    assert opt.step(*given, skip_nonfinite=True) is False
    assert everything(opt, params) == before
    assert opt.step(*given, max_grad_norm=1.0) is True
    assert np.isnan(params[0][2, 3]) and np.isnan(params[0]).sum() == 1


def test_groups_names_and_pickles():
    first = optim.DOT(
        [{"params": {"w": random((3, 4), 1)}, "lr": 0.1}, {"params": {"b": random((4,), 2)}}]
    )
    grads = {"w": random((3, 4), 3), "b": random((4,), 4)}
    kd_grads = {"b": random((4,), 5), "w": None}
    first.step(grads, kd_grads)
    second = pickle.loads(pickle.dumps(first))
    for opt in (first, second):
        opt.step(grads, kd_grads)
    assert same_bits(first.state_dict()["state"], second.state_dict()["state"])
    third = optim.DOT([{"params": {"w": random((3, 4), 1)}}, {"params": {"b": random((4,), 2)}}])
    third.load_state_dict(first.state_dict())
    assert third.param_groups[0]["lr"] == 0.1


def test_storage_in_other_types():
    """Masters, bfloat16 states and gradients, stochastic rounding: as the rule has them."""
    bfloat16 = ml_dtypes.bfloat16
    params, masters = make_params(bfloat16), make_params(bfloat16)
    masters = [p.astype(np.float32) for p in masters]
    copied = make_params(bfloat16)
    opt = optim.DOT(params, 0.1, master_weights=True, state_dtype="bfloat16", rounding="stochastic")
    v, v_kd = ([np.zeros(p.shape, bfloat16) for p in copied] for _ in range(2))
    for t in range(1, 4):
        grads, kd_grads = make_grads(t, bfloat16), make_grads(t + 50, bfloat16)
        opt.step(grads, kd_grads)
        rounding = {"working_copy": copied, "rounding": "stochastic", "seed": 0, "step": t}
        steps.dot(masters, grads, v, v_kd, kd_grads, lr=0.1, **rounding)
    assert same_bits(params, copied)
    assert same_bits([s["master"] for s in opt.state_dict()["state"].values()], masters)


REFUSED = [
    (TypeError, "kd_grads", lambda g, k: (g, None), {}),
    (ValueError, "kd_grads", lambda g, k: (g, k[:3]), {}),
    (ValueError, "grads", lambda g, k: (g[:3], k), {}),
    (ValueError, "kd_grad", lambda g, k: (g, [k[0].T.copy(), *k[1:]]), {}),
    (ValueError, "shared", lambda g, k: (g, [g[0], *k[1:]]), {}),
    (TypeError, "float16", lambda g, k: (g, [k[0].astype(np.float16), *k[1:]]), {}),
    (ValueError, "grads", lambda g, k: ([g[0].T.copy(), *g[1:]], k), {}),
    (ValueError, "grad_scale", lambda g, k: (g, k), {"grad_scale": 0.0}),
    (ValueError, "max_grad_norm", lambda g, k: (g, k), {"max_grad_norm": 0.0}),
]


@pytest.mark.parametrize(("error", "match", "change", "options"), REFUSED)
def test_an_error_leaves_everything_as_it_was(error, match, change, options):
    params = make_params()
    opt = optim.DOT(params)
    opt.step(make_grads(1), make_grads(2))
    before = everything(opt, params)
    with pytest.raises(error, match=match):
        opt.step(*change(make_grads(3), make_grads(4)), **options)
    assert everything(opt, params) == before


def test_a_gradient_that_may_not_be_written_is_refused():
    kd_grads = make_grads(2)
    kd_grads[1].flags.writeable = False
    with pytest.raises(BufferError, match="kd_grad"):
        optim.DOT(make_params()).step(make_grads(1), kd_grads)


@pytest.mark.parametrize(
    "wrong", [{"delta": 0.2}, {"momentum": 0.05}, {"momentum": 1.0}, {"delta": -0.1}, {"lr": -1.0}]
)
def test_options_out_of_range_are_refused_at_once(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong)) if "lr" in wrong else "momentum|delta"):
        optim.DOT(make_params(), **wrong)


def test_torch_parameters():
    torch = pytest.importorskip("torch")
    params = make_params()
    tensors = [torch.nn.Parameter(torch.from_numpy(p.copy())) for p in params]
    ours, theirs = optim.DOT(params, 0.1), optim.DOT(tensors, 0.1)
    for t in range(1, 3):
        grads, kd_grads = make_grads(t), make_grads(t + 50)
        for tensor, g in zip(tensors, grads, strict=True):
            tensor.grad = torch.from_numpy(g.copy())
        ours.step(grads, kd_grads)
        theirs.step(kd_grads=[torch.from_numpy(k) for k in kd_grads])
    assert same_bits(params, [t.detach().numpy() for t in tensors])


@pytest.mark.parametrize("kind", [models.WideLogistic, models.WideNetwork])
def test_digits_are_learned_from_labels_and_a_teacher(kind):
    """The distillation loss is that on the classes which a teacher tells."""
    teacher, x, y = made(kind)
    taught = [p.astype(np.float32) for p in models.initial(teacher.shapes)]
    teacher_opt = optim.AdamW(taught, 0.03)
    train(teacher, taught, teacher_opt, 15, teacher_opt.step)
    model, x, y = made(kind)
    params = [p.astype(np.float32) for p in models.initial(model.shapes)]
    assert accuracy(model, params, x, y) < 0.3
    opt = optim.DOT(params, 0.3 if kind is models.WideLogistic else 0.03)

    def step(grads):
        labels = model.y
        model.y = model.logits(taught).argmax(axis=1)
        kd_grads = [g.astype(np.float32) for g in model.gradient(params)]
        model.y = labels
        opt.step(grads, kd_grads)

    train(model, params, opt, 15, step)
    assert accuracy(model, params, x, y) >= 0.85
    assert accuracy(model, params, model.x, model.y) >= 0.96
