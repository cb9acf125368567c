"""Levenberg-Marquardt over structures and kinds of parameters, and its state_dict."""

import math
import pickle

import numpy as np
import pytest
from steepest import optim

from .levenberg import F32, PROBLEM, TIMES, flat, jacobian, parts, residuals
from .support import copies, same_bits


def test_lists_dicts_groups_and_single_arrays_are_one_system():
    whole = PROBLEM.start.copy()
    listed, grouped = parts(), parts()
    named = dict(zip("ab", parts(), strict=True))
    single = optim.LevenbergMarquardt(whole)
    others = [
        optim.LevenbergMarquardt(listed),
        optim.LevenbergMarquardt([{"params": [p]} for p in grouped]),
    ]
    by_name = optim.LevenbergMarquardt(named)
    for _ in range(5):
        single.step(PROBLEM.residuals, PROBLEM.jacobian)
        for opt in others:
            opt.step(residuals, jacobian)
        by_name.step(
            lambda p: residuals([p["a"], p["b"]]),
            lambda p: dict(zip("ab", jacobian([p["a"], p["b"]]), strict=True)),
        )
    assert same_bits(listed, grouped) and same_bits(listed, list(named.values()))
    # The sums of one array and of its parts are rounded differently, a few times a step (steps are
    # corrected by residuals), and the steps that follow shrink errors.
    assert np.abs(flat(listed) - whole).max() <= 5 * 8 * 2.0**-53 * np.abs(whole).max()
    assert not same_bits(whole, PROBLEM.start)
    assert others[1].param_groups[0]["damping"] == others[1].param_groups[1]["damping"]


def test_functions_may_look_at_the_parameters_where_they_are():
    params, twins = parts(), parts()
    optim.LevenbergMarquardt(params).step(residuals, jacobian)
    opt = optim.LevenbergMarquardt(twins)
    assert opt.step(lambda _: residuals(twins), lambda _: jacobian(twins)) is True
    assert same_bits(params, twins)


def test_parameters_whose_derivatives_are_none_stay():
    params = parts()
    kept = params[0].copy()
    opt = optim.LevenbergMarquardt(params)
    while opt.step(residuals, lambda p: [None, jacobian(p)[1]]):
        pass
    assert same_bits(params[0], kept)
    steps = [state["step"] for state in opt.state_dict()["state"].values()]
    assert steps[0] == 0 and steps[1] > 3
    left = np.stack([-TIMES * np.exp(-params[1][0] * TIMES), np.ones_like(TIMES)], axis=1)
    assert np.linalg.norm(left.T @ residuals(params)) < 1e-6


def test_float32_parameters_come_to_their_precision():
    params = parts(F32)

    def single(p):
        return residuals(p).astype(F32)

    opt = optim.LevenbergMarquardt(params)
    while opt.step(single, lambda p: [x.astype(F32) for x in jacobian(p)]):
        pass
    exact = parts()
    other = optim.LevenbergMarquardt(exact)
    while other.step(residuals, jacobian):
        pass
    r, least = residuals(params), residuals(exact)
    excess = 40 * 2.0**-23 * (least @ least)  # the rounding of a sum of 40 squares
    assert r @ r - least @ least <= excess
    curved = np.linalg.svd(PROBLEM.jacobian(flat(exact)), compute_uv=False)[-1]
    assert np.linalg.norm(flat(params) - flat(exact)) <= 2 * math.sqrt(excess) / curved


def test_torch_parameters_step_as_numpy_arrays_do():
    torch = pytest.importorskip("torch")
    params = parts()
    tensors = [torch.nn.Parameter(torch.from_numpy(p.copy())) for p in params]
    opt, other = optim.LevenbergMarquardt(params), optim.LevenbergMarquardt(tensors)
    for _ in range(4):
        opt.step(residuals, jacobian)
        other.step(
            lambda p: torch.from_numpy(residuals([x.numpy() for x in p])),
            lambda p: [torch.from_numpy(x) for x in jacobian([x.numpy() for x in p])],
        )
    assert same_bits(params, [t.detach().numpy() for t in tensors])


@pytest.mark.parametrize("how", ["state_dict", "pickle"])
def test_a_restored_optimizer_goes_on_to_the_bit(how):
    params = parts()
    opt = optim.LevenbergMarquardt(params, damping=1e-6, update="nielsen")
    for _ in range(2):
        opt.step(residuals, jacobian)
    twins = copies(params)
    other = optim.LevenbergMarquardt(twins, scaling=None)
    if how == "pickle":
        other = pickle.loads(pickle.dumps(opt))
        twins = other.param_groups[0]["params"]
    else:
        other.load_state_dict(opt.state_dict())
    for _ in range(3):
        assert opt.step(residuals, jacobian) == other.step(residuals, jacobian)
        assert opt.report == other.report
    assert same_bits(params, twins) and opt.state_dict() == other.state_dict()


def tensors():
    torch = pytest.importorskip("torch")
    return torch, [torch.nn.Parameter(torch.from_numpy(p)) for p in parts()]


def numpys(p):
    return [x.detach().numpy() for x in p]


def stayed(own, given):
    """Leaves the memory of the parameters."""


def moved_own(own, given):
    """Gives the parameters other memory of the same values, as frameworks of flat vectors do."""
    from torch.nn import utils

    utils.vector_to_parameters(utils.parameters_to_vector(own).detach().clone(), own)


def moved_given(own, given):
    """The same of the arrays that a function gets, which stand for the parameters."""
    moved_own(given, given)


@pytest.mark.parametrize("looks", ["own", "given"])
@pytest.mark.parametrize("move", [moved_own, moved_given])
@pytest.mark.parametrize("where", ["residuals", "jacobian"])
def test_torch_parameters_may_get_other_memory_in_the_functions(where, move, looks):
    """Steps that are taken, and others that are taken back, are those without it, to the bit."""
    torch, plain = tensors()
    _, moving = tensors()
    reports = []
    for own, in_residuals, in_jacobian in (
        (plain, stayed, stayed),
        (moving, *((move, stayed) if where == "residuals" else (stayed, move))),
    ):

        def r(given, own=own, in_residuals=in_residuals):
            in_residuals(own, given)
            return torch.from_numpy(residuals(numpys(own if looks == "own" else given)))

        def j(given, own=own, in_jacobian=in_jacobian):
            in_jacobian(own, given)
            derivatives = jacobian(numpys(own if looks == "own" else given))
            return [torch.from_numpy(x) for x in derivatives]

        opt = optim.LevenbergMarquardt(own, damping=1e-9, max_tries=1)
        with torch.no_grad():
            reports.append([(opt.step(r, j), opt.report) for _ in range(9)])
    assert reports[0] == reports[1]
    assert {accepted for accepted, _ in reports[0]} == {False, True}
    assert same_bits(numpys(plain), numpys(moving)) and not same_bits(numpys(plain), parts())


def test_a_trial_that_fails_is_taken_back_where_the_parameters_are_then():
    torch, params = tensors()
    opt, calls = optim.LevenbergMarquardt(params), []

    def failing(p):
        calls.append(numpys(params)[1].copy())
        if len(calls) == 2:
            moved_own(params, p)
            raise KeyError("of the function")
        return torch.from_numpy(residuals(numpys(p)))

    with pytest.raises(KeyError, match="of the function"):
        opt.step(failing, lambda p: [torch.from_numpy(x) for x in jacobian(numpys(p))])
    assert not same_bits(calls[0], calls[1])
    assert same_bits(numpys(params), parts())


def test_a_shape_that_changes_at_a_trial_is_named_and_other_parameters_are_put_back():
    torch, params = tensors()
    opt, calls = optim.LevenbergMarquardt([{"params": [p]} for p in params]), []

    def changing(p):
        calls.append(1)
        if len(calls) == 2:
            assert params[0] != 1.0
            params[1].data = torch.zeros(3, dtype=torch.float64)
        return torch.from_numpy(len(calls) * residuals(numpys(p)))  # the trial does not pay

    with pytest.raises(RuntimeError, match=r"params\[1\]: its shape, dtype, device have changed"):
        opt.step(changing, lambda p: [torch.from_numpy(x) for x in jacobian(numpys(p))])
    assert params[0] == 1.0 and len(calls) == 2


@pytest.mark.parametrize("update", ["nielsen", "marquardt"])
def test_a_group_that_is_added_later_has_the_present_damping(update):
    params = parts()
    opt = optim.LevenbergMarquardt(params[:1], damping=0.5, update=update)
    later = PROBLEM.start[1:].copy()
    opt.step(
        lambda p: residuals([p[0], later]),
        lambda p: jacobian([p[0], later])[:1],
    )
    first = opt.param_groups[0]
    assert first["damping"] != 0.5
    opt.add_param_group({"params": params[1:]})
    assert [opt.param_groups[1][k] for k in ("damping", "growth")] == [
        first[k] for k in ("damping", "growth")
    ]
    before = copies(params)
    assert opt.step(residuals, jacobian) is True
    assert not any(same_bits(p, q) for p, q in zip(params, before, strict=True))
    opt.add_param_group({"params": [np.ones(1)], "damping": 7.0, "growth": 4.0})
    assert (opt.param_groups[2]["damping"], opt.param_groups[2]["growth"]) == (7.0, 4.0)
    with pytest.raises(TypeError, match="group: given list"):
        opt.add_param_group([np.ones(1)])
