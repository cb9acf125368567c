"""Fira, GaLore and GradNormLoRP against float64 references of their papers, step by step."""

import pickle

import ml_dtypes
import numpy as np
import pytest
from reference.steps import low_rank as reference
from steepest import _core, optim, polar

from .low_rank import CLASSES, RANK, SHAPES, Reference, arrays, as_matrix, compare
from .support import copies, random, same_bits

DOUBLE, SINGLE = 2.0**-53, 2.0**-24
FORMS = [(optim.GaLore, {}), (optim.Fira, {}), (optim.Fira, {"alpha": 0.25, "limiter": None})]
FORMS += [(optim.GradNormLoRP, {"form": form}) for form in ("paper", "code")]


@pytest.mark.parametrize(("cls", "options"), FORMS)
@pytest.mark.parametrize("update_gap", [1, 3])
def test_steps_are_those_of_the_papers(cls, options, update_gap):
    gradients = [arrays(100 * k) for k in range(1, 8)]
    compare(cls, arrays(1), gradients, DOUBLE, update_gap=update_gap, **options)


@pytest.mark.parametrize(("cls", "options"), FORMS)
def test_single_precision_is_within_its_own_bound(cls, options):
    gradients = [arrays(100 * k, np.float32) for k in range(1, 5)]
    compare(cls, arrays(1, np.float32), gradients, SINGLE, update_gap=2, **options)


@pytest.mark.parametrize("cls", CLASSES)
def test_projectors_are_renewed_at_their_steps_only(cls):
    params, seen = arrays(1), []
    opt = cls(params, rank=RANK, update_gap=3, seed=5)
    for k in range(7):
        opt.step(arrays(10 * k + 2))
        seen.append([opt.state_dict()["state"][i]["projector"].tobytes() for i in range(4)])
    for i in range(4):
        kept = [seen[k + 1][i] == seen[k][i] for k in range(6)]
        assert kept == [True, True, False, True, True, False]


def test_a_projector_is_the_leading_subspace_of_that_step_s_gradient():
    params = arrays(1)
    opt = optim.Fira(params, rank=RANK, update_gap=2, seed=7)
    for k in range(3):
        grads = arrays(10 * k + 2)
        opt.step(grads)
    for i, g in enumerate(grads):
        wanted = polar.leading_subspace(as_matrix(g), RANK, seed=7, probe=2, tensor=i)
        assert same_bits(opt.state_dict()["state"][i]["projector"], wanted)


def test_the_exact_decomposition_is_there_by_name():
    params = arrays(1)
    grads = arrays(2)
    opt = optim.GaLore(params, rank=RANK, projection="svd")
    opt.step(grads)
    for i, g in enumerate(grads):
        wanted = polar.leading_subspace(as_matrix(g), RANK, method="svd")
        assert same_bits(opt.state_dict()["state"][i]["projector"], wanted)


def test_fira_without_its_rest_is_galore():
    """A gradient in the span of P has no rest."""
    rng = np.random.default_rng(1)
    gradients = [rng.standard_normal((8, 2)) @ rng.standard_normal((2, 13)) for _ in range(3)]
    for turned in (False, True):
        a, b = random((8, 13), 1, np.float64), random((8, 13), 1, np.float64)
        if turned:
            a, b = a.T.copy(), b.T.copy()
        one, other = (
            optim.Fira(a, rank=4, update_gap=1),
            optim.GaLore(b, rank=4, alpha=1, update_gap=1),
        )
        for g in gradients:
            one.step(g.T.copy() if turned else g)
            other.step(g.T.copy() if turned else g)
        # S is a rounding of G, 20 terms, times phi of at most 1 / 0.03 in the smallest column.
        assert np.abs(a - b).max() <= 3 * 1e-3 * 3.2 * 64 * 26 * DOUBLE * 100


def test_the_limiter_bounds_the_growth_of_the_rest():
    """The fourth gradient is 1000 times as large as those before; without a limit S then grows by
    more than either limit allows."""
    norms = {}
    for limiter in (1.01, 1.5, None):
        w = random((6, 9), 1, np.float64)
        opt = optim.Fira(w, rank=2, limiter=limiter, betas=(0.0, 0.999))
        norms[limiter] = []
        for k in range(6):
            opt.step(random((6, 9), 10 + k, np.float64) * (1e-3 if k < 3 else 1.0))
            norms[limiter].append(opt.state_dict()["state"][0]["residual_norm"].item())
    for limiter in (1.01, 1.5):
        growth = np.divide(norms[limiter][1:], norms[limiter][:-1])
        assert growth.max() <= limiter * (1 + 1e-6)  # 1e-8 beside norms above 1e-2
        assert growth.max() >= limiter * (1 - 1e-6)
    assert norms[None][3] > 1.5 * norms[None][2]


@pytest.mark.parametrize("cls", CLASSES)
def test_zero_gradients(cls):
    """The first step leaves parameters as they are; later ones follow the moments."""
    params = arrays(1)
    before = copies(params)
    opt = cls(params, rank=RANK)
    opt.step([np.zeros_like(p) for p in params])
    # A weight that is magnitude times direction is made anew from them: 4 roundings.
    bound = 4 * DOUBLE * 4 if cls is optim.GradNormLoRP else 0
    for p, q in zip(params, before, strict=True):
        assert np.abs(p - q).max() <= bound
        assert np.isfinite(p).all()
    opt.step(arrays(2))
    moved = copies(params)
    opt.step([np.zeros_like(p) for p in params])
    for p, q in zip(params, moved, strict=True):
        assert np.isfinite(p).all() and np.abs(p - q).max() > 1e-5


def test_after_a_zero_gradient_the_rest_is_not_limited():
    w = random((5, 8), 1, np.float64)
    wanted = Reference(optim.Fira, w, lr=0.1, rank=2)
    opt = optim.Fira(w, 0.1, rank=2)
    for k in range(4):
        g = random((5, 8), k, np.float64) * (k != 1)
        opt.step(g)
        wanted.step(g, opt.state_dict()["state"][0]["projector"])
        state = opt.state_dict()["state"][0]
        # Sums of 40 squares of numbers with an error of 14 units, times the condition of phi.
        assert abs(state["residual_norm"].item() - wanted.state["residual_norm"]) <= 1e-12
        assert (state["residual_norm"].item() == 0) == (k == 1)


@pytest.mark.parametrize("cls", CLASSES)
def test_the_whole_rank_is_adam_in_a_rotated_basis(cls):
    """With rank >= min(rows, cols) nothing is left for the rest, up to rounding."""
    params = arrays(1)
    opt = cls(params, rank=1000)
    opt.step(arrays(2))
    for i, p in enumerate(params):
        state = opt.state_dict()["state"][i]
        short = min(as_matrix(p).shape)
        assert state["projector"].shape == (short, short)
        assert state["exp_avg"].shape == as_matrix(p).shape
        if cls is optim.Fira:
            assert state["residual_norm"].item() <= 1e-13


@pytest.mark.parametrize("cls", CLASSES)
def test_vectors_and_groups_without_rank_are_adamw_s(cls):
    shapes = ((6, 4), (5,), (), (3, 2, 2))
    ours, theirs = arrays(1, shapes=shapes), arrays(1, shapes=shapes)
    groups = [{"params": ours[:1], "rank": None}, {"params": ours[1:3]}]
    opt = cls([*groups, {"params": ours[3:], "rank": None}], weight_decay=0.1)
    adamw = optim.AdamW(theirs, weight_decay=0.1, eps=1e-6)
    for k in range(3):
        grads = arrays(10 * k, shapes=shapes)
        for o in (opt, adamw):
            o.step(grads if k else [None, *grads[1:]])
    assert same_bits(ours, theirs)
    assert set(opt.state_dict()["state"][0]) == {"step", "exp_avg", "exp_avg_sq"}
    assert opt.state_dict()["state"][0]["step"] == 2


@pytest.mark.parametrize(("cls", "options"), FORMS)
def test_scale_clip_and_ascent_are_those_of_the_gradient(cls, options):
    """A power of two as the scale and no clip: the same bits; a clip: the same to rounding."""
    a, b, c, d = (arrays(1) for _ in range(4))
    make = {"rank": RANK, "update_gap": 2, **options}
    one, other = cls(a, **make), cls(b, **make, maximize=True)
    clipped, before = cls(c, **make), cls(d, **make)
    for k in range(4):
        grads = arrays(10 * k + 3)
        one.step(grads)
        other.step([-4 * g for g in grads], grad_scale=4.0, max_grad_norm=1e6)
        norm = np.sqrt(sum((g * g).sum() for g in grads))
        clipped.step([2 * g for g in grads], grad_scale=2.0, max_grad_norm=0.5)
        before.step([g * (0.5 / (norm + 1e-6)) for g in grads])
    for x, y in zip(a, b, strict=True):
        assert np.abs(x - y).max() <= 1e-13
    for x, y in zip(c, d, strict=True):
        assert np.abs(x - y).max() <= 1e-11 and not np.array_equal(x, a[0])


@pytest.mark.parametrize(("cls", "options"), FORMS)
def test_bounds_of_each_gradient_are_those_of_native_steps(cls, options):
    """In double the copies that are clipped first lose nothing."""
    make = {"rank": RANK, "update_gap": 2, **options}
    a, b = [*arrays(1), np.ones(3)], [*arrays(1), np.ones(3)]
    one, other = cls(a, **make), cls(b, **make)
    for k in range(4):
        grads = [*arrays(10 * k + 3), np.ones(3)]
        given = {"max_tensor_norm": 2.0, "max_grad_value": 0.5, "grad_scale": 2.0}
        one.step([2 * g for g in grads], skip_nonfinite=True, **given)
        short = [g * min(1.0, 2.0 / (np.sqrt((g * g).sum()) + 1e-6)) for g in grads]
        other.step([np.clip(g, -0.5, 0.5) for g in short])
    for x, y in zip(a, b, strict=True):
        assert np.abs(x - y).max() <= 1e-11 and np.isfinite(x).all()


@pytest.mark.parametrize("cls", CLASSES)
def test_steps_are_skipped_whole(cls):
    params = arrays(1)
    opt = cls([*params, np.ones(3)], rank=RANK)
    opt.step([*arrays(2), np.ones(3)])
    before = pickle.dumps((params, opt.state_dict()))
    for where in range(5):
        grads = [*arrays(3), np.ones(3)]
        grads[where].reshape(-1)[1] = np.nan
        assert opt.step(grads, skip_nonfinite=True) is False
        assert pickle.dumps((params, opt.state_dict())) == before
        with pytest.raises(ValueError, match="max_grad_norm: gradients whose norm is not finite"):
            opt.step(grads, max_grad_norm=1.0)
        with pytest.raises(ValueError, match="max_tensor_norm: gradients whose norm is not finite"):
            opt.step(grads, max_tensor_norm=1.0)
        assert pickle.dumps((params, opt.state_dict())) == before
    assert opt.step([*arrays(3), np.ones(3)], skip_nonfinite=True) is True


@pytest.mark.parametrize("cls", CLASSES)
def test_a_parameter_without_gradient_stays_and_keeps_its_turn(cls):
    together, apart = arrays(1), arrays(1)
    opt = cls(together, rank=RANK, update_gap=2)
    alone = cls(apart, rank=RANK, update_gap=2)
    for k in range(5):
        grads = arrays(10 * k)
        opt.step([grads[0], None, *grads[2:]])
        alone.step([grads[0], grads[1] if k < 0 else None, *grads[2:]])
    assert same_bits(together, apart) and opt.state_dict()["state"][1]["step"] == 0
    opt.step(arrays(99))
    assert np.abs(opt.state_dict()["state"][1]["projector"]).max() > 0


@pytest.mark.parametrize(("cls", "options"), FORMS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, ml_dtypes.bfloat16])
def test_a_state_dict_goes_on_bit_for_bit(cls, options, dtype):
    straight, resumed = arrays(1, dtype), arrays(1, dtype)
    make = {"rank": RANK, "update_gap": 2, "rounding": "stochastic", "state_dtype": "bfloat16"}
    opts = [cls(p, **make, **options) for p in (straight, resumed)]
    for k in range(3):
        for opt in opts:
            opt.step(arrays(10 * k, dtype))
    again = cls(resumed, **make, **options)
    again.load_state_dict(pickle.loads(pickle.dumps(opts[1].state_dict())))
    for k in range(3, 6):
        opts[0].step(arrays(10 * k, dtype))
        again.step(arrays(10 * k, dtype))
    assert same_bits(straight, resumed)
    assert same_bits(opts[0].state_dict()["state"], again.state_dict()["state"])
    pickled = pickle.loads(pickle.dumps(opts[0]))
    assert same_bits(pickled.state_dict()["state"], opts[0].state_dict()["state"])


@pytest.mark.parametrize("cls", CLASSES)
def test_masters_and_low_precision_gradients(cls):
    """Masters of bfloat16 parameters step as float32 parameters do on the same gradients."""
    half = arrays(1, ml_dtypes.bfloat16)
    full = [p.astype(np.float32) for p in half]
    opt = cls(half, rank=RANK, update_gap=2, master_weights=True)
    like = cls(full, rank=RANK, update_gap=2)
    for k in range(4):
        grads = arrays(10 * k, ml_dtypes.bfloat16 if k % 2 else np.float16)
        opt.step(grads)
        like.step([g.astype(np.float32) for g in grads])
    masters = [opt.state_dict()["state"][i]["master"] for i in range(len(half))]
    assert same_bits(masters, [as_matrix(p) for p in full])
    assert same_bits(half, [p.astype(ml_dtypes.bfloat16) for p in full])


@pytest.mark.parametrize("cls", CLASSES)
def test_torch_and_numpy_have_the_same_bits(cls):
    torch = pytest.importorskip("torch")
    params = [*arrays(1, np.float32), np.ones(3, np.float32)]
    tensors = [torch.nn.Parameter(torch.tensor(p)) for p in params]
    ours, theirs = cls(params, rank=RANK, update_gap=2), cls(tensors, rank=RANK, update_gap=2)
    for k in range(3):
        grads = [*arrays(10 * k, np.float32), np.ones(3, np.float32)]
        ours.step(grads)
        for tensor, g in zip(tensors, grads, strict=True):
            tensor.grad = torch.tensor(g)
        theirs.step()
    assert same_bits(params, [t.detach().numpy() for t in tensors])
    assert isinstance(theirs.state_dict()["state"][0]["exp_avg"], torch.Tensor)


@pytest.mark.parametrize("cls", CLASSES)
def test_threads_and_splits_into_groups_do_not_matter(cls):
    threads, found = _core.get_num_threads(), []
    try:
        for count in (1, 2):
            _core.set_num_threads(count)
            params = arrays(1, np.float32, ((150, 300), (260, 90)))
            given = params if count == 1 else [{"params": [p]} for p in params]
            opt = cls(given, rank=10, update_gap=2)
            for k in range(3):
                opt.step(arrays(10 * k, np.float32, ((150, 300), (260, 90))))
            found.append(params)
    finally:
        _core.set_num_threads(threads)
    assert same_bits(*found)


@pytest.mark.parametrize("cls", CLASSES)
def test_the_memory_order_of_a_matrix_changes_nothing_but_roundings(cls):
    params = [random((6, 11), 1, np.float64), np.asfortranarray(random((6, 11), 1, np.float64))]
    for p in params:
        opt = cls(p, rank=RANK, update_gap=2)
        for k in range(3):
            opt.step(
                np.asarray(random((6, 11), k, np.float64), order="F" if p is params[1] else "C")
            )
    assert np.abs(params[0] - params[1]).max() <= 1e-12


def test_gradnorm_lorp_s_gradients_are_those_of_the_normalised_weight():
    """Against central differences of a function of v and delta."""
    rng = np.random.default_rng(3)
    v, target = rng.standard_normal((4, 6)), rng.standard_normal((4, 6))
    delta = np.linalg.norm(v, axis=1, keepdims=True)

    def loss(v, delta):
        w = delta * v / np.linalg.norm(v, axis=1, keepdims=True)
        return ((w - target) ** 2 * np.arange(1, 25).reshape(4, 6)).sum()

    g = 2 * (v - target) * np.arange(1, 25).reshape(4, 6)
    state = {"direction": v, "magnitude": delta}
    found = reference.direction_gradient(g, state, "paper")
    h = 1e-6
    for i in range(4):
        for j in range(6):
            e = np.zeros((4, 6))
            e[i, j] = h
            slope = (loss(v + e, delta) - loss(v - e, delta)) / (2 * h)
            assert abs(slope - found[i, j]) <= 1e-6 * np.abs(g).max()
    assert np.abs((found * v).sum(axis=1)).max() <= 1e-12 * np.abs(g).max()


def test_shapes_of_states():
    for cls in CLASSES:
        opt = cls(arrays(1), rank=RANK)
        for i, shape in enumerate(SHAPES):
            rows, cols = shape[0], int(np.prod(shape[1:]))
            state = opt.state_dict()["state"][i]
            small = (RANK, cols) if rows < cols else (rows, RANK)
            assert state["projector"].shape == (min(rows, cols), RANK)
            assert state["exp_avg"].shape == state["exp_avg_sq"].shape == small
