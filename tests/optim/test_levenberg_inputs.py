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
    assert same_bits(flat(listed), whole) and not same_bits(whole, PROBLEM.start)
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
