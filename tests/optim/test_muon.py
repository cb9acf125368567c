"""Muon against float64 references of its stages, torch.optim.Muon, and itself on parts."""

import copy
import pickle

import numpy as np
import pytest
from reference.polar.optimizers import as_matrix, lr_ratio, muon
from steepest import optim, polar

from .support import copies, random, same_bits

EPS = np.finfo(np.float32).eps
SHAPES = ((6, 4), (4, 9), (8, 3, 3, 3), (5,), ())


def arrays(seed, dtype=np.float32, shapes=SHAPES):
    return [random(shape, seed + i, dtype) for i, shape in enumerate(shapes)]


def own_direction(matrix):
    """The library's direction of a float64 matrix: the iteration is no exact polar factor."""
    return polar.orthogonalize(np.ascontiguousarray(matrix), "jordan", 5)


def stepped(params, steps=3, start=50, **options):
    opt = optim.Muon(params, **options)
    for k in range(steps):
        opt.step(arrays(start + 10 * k, params[0].dtype, [p.shape for p in params]))
    return opt


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("adjust_lr", ["original", "match_rms_adamw"])
def test_matrices_step_as_the_reference_does(nesterov, adjust_lr):
    options = {"lr": 0.05, "momentum": 0.9, "nesterov": nesterov, "adjust_lr": adjust_lr}
    params = arrays(1, np.float64, SHAPES[:3])
    wanted, states = copies(params), [{"momentum_buffer": 0 * p} for p in params]
    opt = optim.Muon(params, weight_decay=0.2, **options)
    for k in range(4):
        grads = arrays(20 * (k + 1), np.float64, SHAPES[:3])
        opt.step(grads)
        for i, g in enumerate(grads):
            wanted[i], states[i] = muon(
                wanted[i], g, states[i], weight_decay=0.2, orthogonalizer=own_direction, **options
            )
    # Roundings of momentum reach the direction through five steps of slope at most 3.4445 each,
    # relative to the norm; the parameters take four such directions times lr.
    unit = np.finfo(np.float64).eps
    for got, want, state in zip(params, wanted, states, strict=True):
        ratio = lr_ratio(as_matrix(want).shape, adjust_lr)
        bound = 4 * unit * (20 * np.abs(want).max() + 0.05 * ratio * 3.4445**5 * 8)
        assert np.abs(got - want).max() <= bound
        assert state["momentum_buffer"].shape == got.shape


def test_torch_agrees_within_its_bfloat16():
    torch = pytest.importorskip("torch")
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("torch without Muon")
    ours = torch.nn.Parameter(torch.tensor(random((6, 4), 1)))
    theirs = torch.nn.Parameter(ours.detach().clone())
    first, second = optim.Muon([ours], lr=0.1), torch.optim.Muon([theirs], lr=0.1)
    for k in range(3):
        grad = torch.tensor(random((6, 4), 10 + k))
        ours.grad, theirs.grad = grad, grad.clone()
        first.step()
        second.step()
    # Three directions of singular values below 1.3, in bfloat16 (2^-9) through five steps whose
    # errors a slope near 1 carries on; lr times sqrt(6/4).
    assert (ours - theirs).abs().max().item() <= 3 * 0.1 * np.sqrt(1.5) * 1.3 * 2**-9 * 5 * 2
    assert not torch.equal(ours, torch.zeros_like(ours))


def test_a_checkpoint_of_torch_goes_on():
    torch = pytest.importorskip("torch")
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("torch without Muon")
    theirs = torch.nn.Parameter(torch.tensor(random((6, 4), 1)))
    settings = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.2}
    peer = torch.optim.Muon(
        [theirs],
        ns_coefficients=(2.0, -1.5, 0.5),
        ns_steps=4,
        adjust_lr_fn="match_rms_adamw",
        **settings,
    )

    def step(optimizers, params, k):
        for p in params:
            p.grad = torch.tensor(random((6, 4), 30 + k))
        for optimizer in optimizers:
            optimizer.step()

    for k in range(3):
        step([peer], [theirs], k)
    ours = torch.nn.Parameter(theirs.detach().clone())
    opt = optim.Muon([ours], lr=1.0, cautious_weight_decay=True)
    opt.load_state_dict(copy.deepcopy(peer.state_dict()))
    group = opt.param_groups[0]
    assert {name: group[name] for name in settings} == settings
    assert (group["steps"], group["adjust_lr"]) == (4, "match_rms_adamw")
    assert np.array_equal(group["coefficients"], [[2.0, -1.5, 0.5]])
    assert group["cautious_weight_decay"]  # torch has no say in it
    group["cautious_weight_decay"] = False
    step([opt, peer], [ours, theirs], 3)
    buffers = [o.state_dict()["state"][0]["momentum_buffer"] for o in (opt, peer)]
    # Numbers below 1, which torch interpolates with roundings of its own.
    assert (buffers[0] - buffers[1]).abs().max().item() <= 2 * 2**-24
    # One direction of singular values below 1.1, in bfloat16 (2^-9) through four steps of slopes up
    # to 2; lr times 0.2 sqrt(6).
    bound = 0.1 * 0.2 * np.sqrt(6) * 1.1 * 2**-9 * 2**4
    assert (ours - theirs).abs().max().item() <= bound


def test_vectors_and_marked_groups_step_by_adamw():
    params, shapes = arrays(1), SHAPES
    wanted = copies(params)
    opt = optim.Muon(
        [{"params": params[:1] + params[3:]}, {"params": params[1:3], "algorithm": "adamw"}],
        lr=0.1,
        adamw_lr=0.01,
        weight_decay=0.03,
    )
    adamw = optim.AdamW(wanted[1:], lr=0.01, weight_decay=0.03)
    for k in range(3):
        grads = arrays(30 + 10 * k, shapes=shapes)
        opt.step([grads[0], *grads[3:], *grads[1:3]])
        adamw.step(grads[1:])
    assert same_bits(params[1:], wanted[1:])
    assert set(opt.state_dict()["state"][0]) == {"step", "momentum_buffer"}
    assert set(opt.state_dict()["state"][3]) == {"step", "exp_avg", "exp_avg_sq"}


def test_a_list_steps_as_each_alone():
    params = arrays(1)
    alone = copies(params)
    stepped(params)
    for i, p in enumerate(alone):
        opt = optim.Muon([p])
        for k in range(3):
            opt.step([arrays(50 + 10 * k)[i]])
    assert same_bits(params, alone)


@pytest.mark.parametrize("layout", ["C", "F"])
@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"split": (4, 2, 6)}, [slice(0, 4), slice(4, 6), slice(6, 12)]),
        ({"split": 3}, [slice(0, 4), slice(4, 8), slice(8, 12)]),
    ],
)
def test_row_blocks_step_as_parameters_of_their_own(options, parts, layout):
    # Direction and ratio are those of the block's shape; a ratio may be rounded twice.
    whole = np.array(random((12, 3, 1), 1), order=layout)
    blocks = [whole[part].copy() for part in parts]
    opt = optim.Muon([whole], lr=0.1, **options)
    apart = optim.Muon(blocks, lr=0.1)
    for k in range(3):
        grad = random((12, 3, 1), 10 + k)
        opt.step([np.array(grad, order=layout)])
        apart.step([grad[part].copy() for part in parts])
    # lr sqrt(rows / columns) d with |d| <= 1.3 and lr, ratio and their product rounded, three times
    bound = 3 * 4 * EPS * (0.1 * np.sqrt(4 / 3) * 1.3 + np.abs(whole).max())
    assert np.abs(whole - np.concatenate(blocks)).max() <= bound


def test_leading_axes_stack_matrices():
    stack = random((3, 6, 4), 1)
    each = [m.copy() for m in stack]
    opt, apart = optim.Muon([stack], flatten=False), optim.Muon(each)
    for k in range(2):
        grad = random((3, 6, 4), 10 + k)
        opt.step([grad])
        apart.step([m.copy() for m in grad])
    assert same_bits(stack, np.stack(each))


def test_cautious_decay_is_only_where_the_direction_agrees():
    start, grad = random((6, 4), 1), random((6, 4), 2)
    free, decayed, cautious = (start.copy() for _ in range(3))
    optim.Muon([free], lr=0.1, weight_decay=0).step([grad])
    optim.Muon([decayed], lr=0.1, weight_decay=0.5).step([grad])
    optim.Muon([cautious], lr=0.1, weight_decay=0.5, cautious_weight_decay=True).step([grad])
    mask = (start - free) * start >= 0
    assert mask.any() and not mask.all()
    assert same_bits(cautious, np.where(mask, decayed, free))


def test_zero_gradients_leave_zero_directions():
    params = arrays(1)
    before = copies(params)
    optim.Muon(params, weight_decay=0).step([np.zeros_like(p) for p in params])
    assert same_bits(params, before)


def test_skipping_and_none_leave_everything():
    params = arrays(1)
    opt = stepped(params, 1)
    before = copies(params)
    saved = pickle.dumps(opt.state_dict())
    grads = arrays(80)
    grads[3][2] = np.nan  # a vector holds back the matrices too
    assert opt.step(grads, skip_nonfinite=True) is False
    assert same_bits(params, before) and pickle.dumps(opt.state_dict()) == saved
    opt.step([None, *arrays(90)[1:]])
    assert same_bits(params[0], before[0]) and not same_bits(params[1], before[1])
    assert [opt.state_dict()["state"][i]["step"] for i in range(2)] == [1, 2]


def test_clipping_counts_all_gradients_and_scale_divides():
    params, grads = arrays(1), arrays(50)
    halves = copies(params)
    norm = np.sqrt(sum(np.sum(np.square(g, dtype=np.float64)) for g in grads))
    one, two = optim.Muon(params, momentum=0.5), optim.Muon(halves, momentum=0.5)
    one.step(grads, max_grad_norm=norm / 4)
    two.step([np.asarray(g * np.float32(2)) for g in grads], grad_scale=8.0)
    for a, b in zip(*(o.state_dict()["state"].values() for o in (one, two)), strict=True):
        for name in a.keys() - {"step"}:
            np.testing.assert_allclose(a[name], b[name], rtol=8 * EPS, atol=0)


@pytest.mark.parametrize("how", ["state_dict", "pickle"])
@pytest.mark.parametrize("options", [{}, {"nesterov": False, "state_dtype": "bfloat16"}])
def test_a_restored_optimizer_goes_on_to_the_bit(how, options):
    if options:
        pytest.importorskip("ml_dtypes")
    params = arrays(1)
    opt = stepped(params, **options)
    if how == "pickle":
        other = pickle.loads(pickle.dumps(opt))
        twins = [p for group in other.param_groups for p in group["params"]]
    else:
        twins = copies(params)
        other = optim.Muon(twins, lr=7.0, **options)
        other.load_state_dict(opt.state_dict())
    for o in (opt, other):
        o.step(arrays(99))
    assert same_bits(params, twins)
    assert same_bits(
        list(opt.state_dict()["state"].values()), list(other.state_dict()["state"].values())
    )


def test_masters_keep_what_bfloat16_would_lose():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    start = random((6, 4), 1, ml_dtypes.bfloat16)
    low, full = start.copy(), start.astype(np.float32)
    opt = optim.Muon([low], lr=1e-4, master_weights=True)
    exact = optim.Muon([full], lr=1e-4)
    for k in range(3):
        grad = random((6, 4), k + 5)
        opt.step([grad])
        exact.step([grad])
    assert same_bits(opt.state_dict()["state"][0]["master"], full)
    assert same_bits(low, full.astype(ml_dtypes.bfloat16))


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"coefficients": "nobody's"}, "coefficients"),
        ({"adjust_lr": "guess"}, "adjust_lr"),
        ({"algorithm": "sgd"}, "algorithm"),
        ({"split": (4, 1, 2)}, "split"),
        ({"method": "magic"}, "method"),
        ({"compute": "int8"}, "compute"),
        ({"normalization": "bound"}, "normalization"),
        ({"split": (5, 2)}, "split"),
        ({"split": 4}, "split"),
        ({"variant": "nobody's"}, "variant"),
        ({"variant_eps": -1.0}, "variant_eps"),
        ({"lr": -1.0}, "lr"),
        ({"weight_decay": float("nan")}, "weight_decay"),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_a_bad_option_is_named_and_changes_nothing(options, word, late):
    params = [random((6, 4), 1), random((3,), 2)]
    before = copies(params)
    with pytest.raises(ValueError, match=word):
        if late:
            opt = optim.Muon(params)
            opt.param_groups[0].update(options)
        else:
            opt = optim.Muon(params, **options)
        opt.step([random((6, 4), 3), random((3,), 4)])
    assert same_bits(params, before)


def test_least_squares_comes_to_its_solution():
    a, solution = random((40, 8), 1, np.float64), random((8, 6), 2, np.float64)
    x = np.zeros((8, 6))
    opt = optim.Muon([x], lr=0.1, weight_decay=0.0)
    start = np.linalg.norm(a @ (x - solution))
    for k in range(300):
        opt.lr = 0.1 * (1 - k / 300)
        opt.step([a.T @ (a @ (x - solution)) / 40])
    assert np.linalg.norm(a @ (x - solution)) <= 0.02 * start


def test_the_algorithm_of_a_group_is_fixed():
    params = [random((6, 4), 1)]
    opt = optim.Muon(params)
    opt.param_groups[0]["algorithm"] = "adamw"
    with pytest.raises(ValueError, match="algorithm: changed"):
        opt.step([random((6, 4), 2)])


def test_blocks_of_stacked_matrices_step_as_each_matrix_does():
    stack = random((2, 6, 4), 1)
    each = [m.copy() for m in stack]
    opt = optim.Muon([stack], flatten=False, split=(4, 2))
    apart = optim.Muon(each, split=(4, 2))
    for k in range(2):
        grad = random((2, 6, 4), 10 + k)
        opt.step([grad])
        apart.step([m.copy() for m in grad])
    assert same_bits(stack, np.stack(each))
