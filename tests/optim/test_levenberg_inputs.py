"""Levenberg-Marquardt over structures, kinds and its state_dict, and what its steps refuse."""

import math
import pickle

import ml_dtypes
import numpy as np
import pytest
from steepest import optim

from .support import copies, same_bits
from .test_levenberg_marquardt import TIMES, Decay

PROBLEM = Decay()
F32 = np.float32


def parts(dtype=np.float64):
    """The parameters a, (k, c) as two arrays."""
    return [np.array(1.0, dtype), np.array([0.5, 0.0], dtype)]


def flat(p):
    return np.concatenate([np.asarray(x, np.float64).reshape(-1) for x in p])


def residuals(p):
    return PROBLEM.residuals(flat(p))


def jacobian(p):
    j = PROBLEM.jacobian(flat(p))
    return [j[:, 0], j[:, 1:]]


def everything(opt, params):
    return pickle.dumps((params, opt.state_dict()))


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


# ---- what is refused


def refused(error, message, r=residuals, j=jacobian, start=parts):
    params = start()
    opt = optim.LevenbergMarquardt(params)
    opt.step(residuals, jacobian)
    before, report = everything(opt, params), opt.report
    with pytest.raises(error, match=message):
        opt.step(r, j)
    assert everything(opt, params) == before and opt.report is report
    assert opt.step(residuals, jacobian) is True


def broken(_):
    raise KeyError("of the function")


NAN = np.full(40, np.nan)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (None, TypeError, "residuals: NoneType given"),
        (broken, KeyError, "of the function"),
        (lambda p: None, TypeError, "residuals' result: NoneType"),
        (lambda p: 1.0, TypeError, "residuals' result: float"),
        (lambda p: [1.0], TypeError, "residuals' result: list"),
        (lambda p: np.zeros(40, np.int64), TypeError, "residuals' result: dtype int64"),
        (lambda p: np.zeros(40, np.float16), TypeError, "residuals' result: dtype float16"),
        (lambda p: np.zeros((40, 1)), ValueError, r"residuals' result: shape \(40, 1\)"),
        (lambda p: np.zeros(0), ValueError, r"residuals' result: shape \(0,\)"),
        (lambda p: np.zeros(39), ValueError, "jacobian's result: 40 rows given, expected 39"),
        (lambda p: NAN, ValueError, "residuals' result: a NaN or an infinity"),
        (lambda p: np.inf * np.ones(40), ValueError, "residuals' result: a NaN or an infinity"),
    ],
)
def test_residuals_that_are_none(given, error, message):
    refused(error, message, r=given)


def giving(i, value):
    return lambda p: [value if k == i else x for k, x in enumerate(jacobian(p))]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (3, TypeError, "jacobian: int given"),
        (broken, KeyError, "of the function"),
        (lambda p: np.zeros((40, 3)), TypeError, "jacobian's result: numpy.ndarray given"),
        (lambda p: jacobian(p)[:1], ValueError, "jacobian's result: 1 arrays"),
        (lambda p: [None, None], ValueError, "jacobian's result: None for every parameter"),
        (giving(1, np.zeros((40, 3))), ValueError, r"result\[1\]: shape \(40, 3\) given, expected"),
        (giving(1, np.zeros((39, 2))), ValueError, r"expected \(40, 2\)"),
        (giving(0, np.zeros((40, 1))), ValueError, r"result\[0\]: shape \(40, 1\)"),
        (giving(1, np.zeros((40, 2), int)), TypeError, r"result\[1\]: dtype int64"),
        (giving(1, np.full((40, 2), np.nan)), ValueError, r"result\[1\]: a NaN or an infinity"),
        (giving(1, "text"), TypeError, r"result\[1\]: str given"),
    ],
)
def test_jacobians_that_are_none(given, error, message):
    refused(error, message, j=given)


@pytest.mark.parametrize(
    ("at_trial", "error", "message"),
    [
        (broken, KeyError, "of the function"),
        (lambda p: np.zeros(39), ValueError, r"shape \(39,\) given, expected \(40,\)"),
        (lambda p: np.zeros(40, np.int32), TypeError, "dtype int32"),
    ],
)
def test_residuals_that_fail_at_a_trial(at_trial, error, message):
    """The first trial does not pay; the error comes at the second, and takes both back."""
    calls = []

    def late(p):
        calls.append(1)
        if len(calls) == 2:
            return 1e3 * np.ones(40)
        return residuals(p) if len(calls) < 3 else at_trial(p)

    refused(error, message, r=late)
    assert len(calls) == 3


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("damping", 0.0, ValueError),
        ("damping", math.nan, ValueError),
        ("scaling", "more", ValueError),
        ("scaling", 2.0, TypeError),
        ("update", "fletcher", ValueError),
        ("growth", 1.0, ValueError),
        ("factor", 0.5, ValueError),
        ("min_damping", 0.0, ValueError),
        ("max_damping", 1e-20, ValueError),
        ("max_tries", 0, ValueError),
        ("max_tries", 1.5, TypeError),
        ("min_gain", 1.0, ValueError),
    ],
)
def test_options(name, value, error, late):
    params = parts()
    if not late:
        with pytest.raises(error, match=name):
            optim.LevenbergMarquardt(params, **{name: value})
        return
    opt = optim.LevenbergMarquardt(params)
    kept, before = opt.param_groups[0][name], everything(opt, params)
    opt.param_groups[0][name] = value
    with pytest.raises(error, match=name):
        opt.step(residuals, jacobian)
    opt.param_groups[0][name] = kept
    assert everything(opt, params) == before


def test_other_refusals():
    with pytest.raises(TypeError, match=r"params\[0\]: dtype float16 given, expected float32"):
        optim.LevenbergMarquardt(parts(np.float16))
    with pytest.raises(TypeError, match=r"params\[0\]: dtype bfloat16"):
        optim.LevenbergMarquardt(parts(ml_dtypes.bfloat16))
    params = parts()
    opt = optim.LevenbergMarquardt([{"params": [p]} for p in params])
    opt.param_groups[1]["damping"] = 7.0
    with pytest.raises(ValueError, match=r"damping: 7.0 given in group 1, expected 0.001"):
        opt.step(residuals, jacobian)
    with pytest.raises(AttributeError, match="no lr"):
        opt.lr = 0.1
    with pytest.raises(AttributeError, match="no lr"):
        _ = opt.lr
    assert same_bits(params, parts())
    fixed = np.ones(1)
    fixed.flags.writeable = False
    with pytest.raises(BufferError, match=r"params\[0\]"):
        optim.LevenbergMarquardt(fixed).step(lambda p: p.copy(), lambda p: np.eye(1))
