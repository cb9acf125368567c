"""torch parameters: stepped in place through .grad, with torch states; torch's own optimizers as
second opinion and as source of checkpoints."""

import copy

import numpy as np
import pytest
from steepest import optim

from .support import SHAPES, make_grads, make_params, same_bits

torch = pytest.importorskip("torch")

PEERS = {
    "SGD": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "Adam": (torch.optim.Adam, {"weight_decay": 0.1}),
    "AdamW": (torch.optim.AdamW, {}),
    "AMSGrad": (torch.optim.Adam, {"amsgrad": True}),
    "AdaMax": (torch.optim.Adamax, {}),
    "Adagrad": (torch.optim.Adagrad, {"initial_accumulator_value": 0.5}),
    "NAdam": (torch.optim.NAdam, {"momentum_decay": 0.01}),
    "RAdam": (torch.optim.RAdam, {"weight_decay": 0.1}),
    "RMSprop": (torch.optim.RMSprop, {"momentum": 0.9, "centered": True}),
    "Adadelta": (torch.optim.Adadelta, {"rho": 0.8}),
    "Rprop": (torch.optim.Rprop, {"etas": (0.4, 1.3)}),
}
if hasattr(torch.optim, "Adafactor"):
    PEERS["Adafactor"] = (torch.optim.Adafactor, {"weight_decay": 0.1})


# torch keeps the product of NAdam's momentum factors in float32: one rounding a step, of a number
# below 0.6, so that steps of at most 0.02 are off by less than 2^-24 each time.
ATOL = {"NAdam": 10 * 10 * 0.02 * 2**-24}


def make(dtype=torch.float32):
    return [torch.nn.Parameter(torch.from_numpy(p).to(dtype)) for p in make_params()]


def give_grads(params, step):
    for p, g in zip(params, make_grads(step), strict=True):
        p.grad = torch.from_numpy(g).to(p.dtype)


def ours(name, params):
    options = {k: v for k, v in PEERS[name][1].items() if k != "amsgrad"}
    return getattr(optim, name)(params, lr=0.01, **options)


@pytest.mark.parametrize("name", PEERS)
def test_steps_agree_with_torch(name):
    """Both in float64: the bound is some roundings per step."""
    mine, its = make(torch.float64), make(torch.float64)
    opt, peer = ours(name, mine), PEERS[name][0](its, lr=0.01, **PEERS[name][1])
    for t in range(1, 11):
        give_grads(mine, t)
        give_grads(its, t)
        opt.step()
        peer.step()
    for p, q in zip(mine, its, strict=True):
        torch.testing.assert_close(p, q, rtol=1e-12, atol=ATOL.get(name, 1e-12))


@pytest.mark.parametrize("name", PEERS)
def test_a_checkpoint_of_torch_goes_on(name):
    its = make(torch.float64)
    peer = PEERS[name][0](its, lr=0.02, **PEERS[name][1])
    for t in range(1, 4):
        give_grads(its, t)
        peer.step()
    mine = [torch.nn.Parameter(p.detach().clone()) for p in its]
    opt = ours(name, mine)
    opt.load_state_dict(copy.deepcopy(peer.state_dict()))
    assert opt.lr == 0.02
    for t in range(4, 8):
        give_grads(mine, t)
        give_grads(its, t)
        opt.step()
        peer.step()
    for p, q in zip(mine, its, strict=True):
        torch.testing.assert_close(p, q, rtol=1e-12, atol=ATOL.get(name, 1e-12))


def test_the_wrong_variant_of_torchs_adam_is_refused():
    peer = torch.optim.Adam(make(), amsgrad=True)
    with pytest.raises(ValueError, match="amsgrad"):
        optim.Adam(make()).load_state_dict(peer.state_dict())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_states_are_torch_tensors_with_the_bits_of_numpy(dtype):
    params, plain = make(dtype), make_params()
    if dtype == torch.bfloat16:
        plain = [p.astype(pytest.importorskip("ml_dtypes").bfloat16) for p in plain]
    opt = optim.AdamW(params, lr=0.1, state_dtype="bfloat16")
    same = optim.AdamW(plain, lr=0.1, state_dtype=torch.bfloat16)
    for t in range(1, 4):
        opt.step([torch.from_numpy(g) for g in make_grads(t)])
        same.step(make_grads(t))
    for p, q in zip(params, plain, strict=True):
        assert same_bits(p.detach().float().numpy(), q.astype(np.float32))
    pairs = zip(
        opt.state_dict()["state"].values(), same.state_dict()["state"].values(), strict=True
    )
    for state, want in pairs:
        assert state["exp_avg"].dtype == torch.bfloat16 and not state["exp_avg"].requires_grad
        assert same_bits(state["exp_avg"].float().numpy(), want["exp_avg"].astype(np.float32))


def test_checkpoints_move_between_torch_and_numpy():
    pytest.importorskip("ml_dtypes")
    params, plain = make(), make_params()
    opt = optim.Lion(params, lr=0.1, state_dtype="bfloat16")
    same = optim.Lion(plain, lr=0.1, state_dtype="bfloat16")
    for t in (1, 2):
        opt.step([torch.from_numpy(g) for g in make_grads(t)])
        same.step(make_grads(t))
    fresh = optim.Lion([p.detach().clone() for p in params], state_dtype="bfloat16")
    fresh.load_state_dict(same.state_dict())
    for a, b in zip(*(list(o.state_dict()["state"].values()) for o in (opt, fresh)), strict=True):
        assert torch.equal(a["exp_avg"], b["exp_avg"])
    optim.Lion(plain, state_dtype="bfloat16").load_state_dict(opt.state_dict())


def test_a_model_trains():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
    opt = optim.AdamW(model.parameters(), lr=0.01)
    x = torch.randn(64, 4)
    y = x.prod(dim=1, keepdim=True)
    losses = []
    for _ in range(200):
        loss = (model(x) - y).square().mean()
        opt.zero_grad()
        loss.backward()
        opt.step(max_grad_norm=1.0)
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_parameters_without_grad_are_skipped():
    params = make()
    before = [p.detach().clone() for p in params]
    give_grads(params, 1)
    params[2].grad = None
    opt = optim.AdamW(dict(zip("abcd", params, strict=True)), lr=0.1)
    opt.step()
    assert [bool((p != b).any()) for p, b in zip(params, before, strict=True)] == [
        True,
        True,
        False,
        True,
    ]
    assert [state["step"] for state in opt.state_dict()["state"].values()] == [1, 1, 0, 1]


@pytest.mark.parametrize("set_to_none", [True, False])
def test_zero_grad(set_to_none):
    params = make(torch.bfloat16)
    give_grads(params, 1)
    params[3].grad = None
    optim.AdamW(params).zero_grad(set_to_none=set_to_none)
    for p in params[:3]:
        assert p.grad is None if set_to_none else bool((p.grad == 0).all())
    assert params[3].grad is None


def test_new_memory_of_a_parameter_is_followed():
    params, same = make(), make()
    opt, other = optim.AdamW(params, lr=0.1), optim.AdamW(same, lr=0.1)
    for t in (1, 2):
        for own, given in ((opt, params), (other, same)):
            give_grads(given, t)
            own.step()
        for p in params:
            p.data = p.data.clone()
    assert all(torch.equal(p, q) for p, q in zip(params, same, strict=True))
    params[0].data = params[0].data.double()
    with pytest.raises(RuntimeError, match=r"params\[0\]"):
        opt.step([torch.zeros(shape) for shape in SHAPES])


def test_sparse_parameters_are_refused():
    with pytest.raises(TypeError, match=r"params\[0\].*sparse"):
        optim.SGD([torch.zeros(3, 3).to_sparse()])


@pytest.mark.filterwarnings("ignore:Using backward")
def test_gradients_that_are_part_of_a_graph():
    p = torch.nn.Parameter(torch.ones(3))
    (p**3).sum().backward(create_graph=True)
    optim.SGD([p], lr=1.0).step()
    assert p.detach().tolist() == [-2.0] * 3


def test_master_weights_and_memory_formats():
    image = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last).bfloat16()
    param = torch.nn.Parameter(image)
    opt = optim.AdamW([param], lr=0.1, master_weights=True)
    state = opt.state_dict()["state"][0]
    assert state["exp_avg"].stride() == param.stride() == state["master"].stride()
    assert torch.equal(state["master"], param.float())
    opt.step([torch.ones_like(param)])
    assert torch.equal(param, state["master"].bfloat16())
