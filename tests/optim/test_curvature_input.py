"""What callbacks of the optimizers on curvature may not return: refused by name, and nothing has
changed. Natural gradients and Levenberg-Marquardt have files of their own."""

import pickle

import numpy as np
import pytest
import standin
from callbacks import RESULTS
from steepest import DeviceError, optim

F32 = np.float32
PROBING = [optim.AdaHessian, optim.SophiaH, optim.OASIS]


def arrays(seed):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(F32) for shape in ((3, 4), (5,))]


def itself(z):
    return [x.copy() for x in z]


def refused(opt, params, error, words, **given):
    """The step raises and changes nothing; without the fault it is taken."""
    before = pickle.dumps((params, opt.state_dict()))
    with standin.installed(), pytest.raises(error, match=words):
        opt.step(arrays(3), **given)
    assert pickle.dumps((params, opt.state_dict())) == before


@pytest.mark.parametrize("case", RESULTS)
@pytest.mark.parametrize("cls", PROBING)
def test_results_of_products(cls, case):
    params, (callback, error, words) = arrays(0), RESULTS[case]
    opt = cls(params, hessian_update_interval=1)
    opt.step(arrays(1), itself)
    others = {"previous_grads": arrays(2)} if cls is optim.OASIS else {}
    refused(opt, params, error, f"^hvp's {words}", hvp=callback, **others)
    assert opt.step(arrays(3), itself, **others) is True


@pytest.mark.parametrize("cls", PROBING)
def test_a_product_that_fails_at_its_second_probe(cls):
    params, calls = arrays(0), []
    opt = cls(params, hessian_update_interval=1, probes=3)
    opt.step(arrays(1), itself)
    others = {"previous_grads": arrays(2)} if cls is optim.OASIS else {}

    def late(z):
        calls.append(1)
        return itself(z) if len(calls) < 2 else [np.nan * x for x in z]

    refused(opt, params, ValueError, r"hvp's result\[0\]: a NaN", hvp=late, **others)
    assert len(calls) == 2


def with_second(value):
    return lambda *_: [arrays(5)[0], value]


#: Of what may be of any smaller float dtype.
GRADIENTS = {
    "nothing": (lambda *_: None, TypeError, ": NoneType given, expected a list"),
    "a dict": (lambda *_: {"a": 1}, TypeError, ": dict given, expected a list"),
    "one array": (lambda *_: arrays(5)[:1], ValueError, ": 1 arrays given, expected 2"),
    "None in it": (with_second(None), TypeError, r"\[1\]: NoneType given"),
    "a list in it": (with_second([1.0] * 5), TypeError, r"\[1\].*: .* given, expected an array"),
    "a shape": (with_second(np.zeros(4, F32)), ValueError, r"\[1\]: shape \(4,\) given"),
    "integers": (with_second(np.zeros(5, int)), TypeError, r"\[1\]: dtype int64"),
    "complex": (with_second(np.zeros(5, "c8")), TypeError, r"\[1\]: dtype complex64"),
    "a NaN": (with_second(np.full(5, np.nan, F32)), ValueError, r"\[1\]: a NaN or an infinity"),
    "infinity": (with_second(np.full(5, np.inf, F32)), ValueError, r"\[1\]: a NaN or an infinity"),
    "a device": (
        lambda *_: [arrays(5)[0], standin.zeros((5,), F32)],
        DeviceError,
        r"\[1\]: array on a device given, expected one in host memory",
    ),
}


@pytest.mark.parametrize("case", GRADIENTS)
def test_previous_gradients(case):
    params, (callback, error, words) = arrays(0), GRADIENTS[case]
    opt = optim.OASIS(params)
    opt.step(arrays(1), itself)
    options = {"hvp": itself, "previous_grads": callback}
    refused(opt, params, error, f"^previous_grads{words}", **options)
    assert opt.step(arrays(3), itself, previous_grads=arrays(2)) is True


@pytest.mark.parametrize("case", GRADIENTS)
def test_sampled_gradients(case):
    params, (callback, error, words) = arrays(0), GRADIENTS[case]
    opt = optim.SophiaG(params, hessian_update_interval=1)
    opt.step(arrays(1), arrays(2), batch_size=4)
    options = {"sampled_grads": callback, "batch_size": 4}
    refused(opt, params, error, f"^sampled_grads{words}", **options)
    assert opt.step(arrays(3), arrays(4), batch_size=4) is True


@pytest.mark.parametrize("case", GRADIENTS)
@pytest.mark.parametrize("cls", [*PROBING, optim.SophiaG])
def test_diagonals_that_are_given(cls, case):
    params, (callback, error, words) = arrays(0), GRADIENTS[case]
    opt = cls(params, hessian_update_interval=1)
    opt.step(arrays(1), hessian=arrays(2))
    if case == "nothing":
        return
    others = {"previous_grads": arrays(2)} if cls is optim.OASIS else {}
    refused(opt, params, error, f"^hessian{words}", hessian=callback(), **others)


VECTORS = {
    "nothing in it": (lambda v: None, TypeError, "NoneType given, expected an array"),
    "a list": (lambda v: v.tolist(), TypeError, "list given, expected an array"),
    "a shape": (lambda v: v[:2], ValueError, r"shape \(2,\) given, expected"),
    "integers": (lambda v: v.astype(int), TypeError, "int64 given, expected float32"),
    "a NaN": (lambda v: v * F32(np.nan), ValueError, "a NaN or an infinity given"),
    "infinity": (lambda v: v + F32(np.inf), ValueError, "a NaN or an infinity given"),
    "a device": (lambda v: standin.zeros(v.shape, F32), DeviceError, "array on a device given"),
}


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("case", VECTORS)
def test_statistics_of_layers(case, place):
    params, (make, error, words) = arrays(0), VECTORS[case]
    opt = optim.MKOR(params, 0.1, inverse_update_interval=1)
    good = [np.ones(4, F32), np.ones(3, F32)]
    opt.step(arrays(1), [tuple(good)])
    bad = [make(v) if i == place else v for i, v in enumerate(good)]
    name = "ag"[place]
    words = rf"^{name} of the statistics of params\[0\]: .*{words}"
    refused(opt, params, error, words, statistics=[tuple(bad)])
    assert opt.step(arrays(3), [tuple(good)]) is True


@pytest.mark.parametrize("case", RESULTS)
def test_products_of_natural_gradients(case):
    params, (callback, error, words) = arrays(0), RESULTS[case]
    opt = optim.NaturalGradient(params, solver="cg")
    opt.step(arrays(1), itself)
    refused(opt, params, error, f"^fisher's {words}", fisher=callback)
    assert opt.step(arrays(3), itself) is True
