"""What steps of Levenberg-Marquardt refuse: by name, and without a change."""

import math
import pickle

import ml_dtypes
import numpy as np
import pytest
import standin
from steepest import DeviceError, optim

from .levenberg import F32, jacobian, parts, residuals
from .support import same_bits


def everything(opt, params):
    return pickle.dumps((params, opt.state_dict()))


def refused(error, message, r=residuals, j=jacobian, start=parts):
    params = start()
    opt = optim.LevenbergMarquardt(params)
    opt.step(residuals, jacobian)
    before, report = everything(opt, params), opt.report
    with standin.installed(), pytest.raises(error, match=message):
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
        (lambda p: standin.zeros((40,), F32), DeviceError, "residuals' result: array on a device"),
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
        (giving(1, standin.zeros((40, 2), F32)), DeviceError, r"result\[1\]: array on a device"),
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
