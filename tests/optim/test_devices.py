"""The optimizers on other kinds of arrays, chosen by --arrays: the bits of NumPy, states in kind.

Each scenario runs on NumPy arrays and on the chosen kind, and what it returns must be the same.
"""

import numpy as np
import pytest
from steepest import _arrays, optim

from .devices import HOST, OnDevice, both, make_grads, make_params, momentum, plain, train
from .support import CLASSES, random, same_bits

ml_dtypes = pytest.importorskip("ml_dtypes")
bfloat16 = np.dtype(ml_dtypes.bfloat16)
STEPS = 3


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class(cls, kind):
    def scenario(kind):
        params = kind.arrays(make_params())
        opt = cls(params, lr=0.1, weight_decay=0.1, **momentum(cls))
        for t in range(1, STEPS + 1):
            grads = [g if (i, t) != (1, 2) else None for i, g in enumerate(make_grads(t))]
            assert opt.step(kind.arrays(grads), grad_scale=2.0, max_grad_norm=1.5) is True
        return kind.arrays_of(params), plain(kind, opt)

    both(kind, scenario)


@pytest.mark.parametrize("dtype", [bfloat16, np.dtype(np.float16)], ids=str)
@pytest.mark.parametrize("cls", CLASSES)
def test_master_weights_and_bfloat16_states(cls, dtype, kind):
    def scenario(kind):
        params = kind.arrays(make_params(dtype))
        opt = cls(params, lr=0.01, state_dtype="bfloat16", master_weights=True, **momentum(cls))
        train(kind, opt, range(1, STEPS + 1), dtype)
        return kind.arrays_of(params), plain(kind, opt)

    _, states = both(kind, scenario)
    assert all("master" in state for state in states)


def test_states_are_in_kind(kind):
    params = kind.arrays([*make_params(bfloat16), np.zeros((0, 3), np.float32)])
    with kind.running():
        opt = optim.Adafactor(params[:4], master_weights=True)
        states = list(opt.state_dict()["state"].values())
        opt = optim.AdamW(params, state_dtype={"exp_avg": "bfloat16"})
        states += opt.state_dict()["state"].values()
        for param, state in zip([*params[:4], *params], states, strict=True):
            for name in set(state) - {"step"}:
                assert type(state[name]) is type(param)
                assert _arrays.device_of(state[name]) == _arrays.device_of(param)
                if tuple(state[name].shape) == tuple(param.shape):
                    width = kind.numpy(state[name]).itemsize / kind.numpy(param).itemsize
                    same = [s * width for s in strides(param)]
                    assert strides(state[name]) == same or 0 in param.shape
        assert (_arrays.device_of(params[0]) is not None) == kind.on_device


def strides(array):
    if hasattr(array, "strides"):
        return list(array.strides)
    return [s * array.element_size() for s in array.stride()]


def test_parameters_of_all_dtypes(kind):
    dtypes = [np.float32, np.float64, bfloat16, np.float16]

    def scenario(kind):
        params = kind.arrays([random((3, 4), 1, dtype) for dtype in dtypes])
        opt = optim.LAMB(params, lr=0.1)
        opt.step(kind.arrays([random((3, 4), 2, dtype) for dtype in dtypes]))
        return kind.arrays_of(params), plain(kind, opt)

    both(kind, scenario)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_start_values(dtype, kind):
    def scenario(kind):
        params = kind.arrays(make_params())
        opt = optim.Adagrad(params, initial_accumulator_value=0.7, state_dtype=dtype)
        before = plain(kind, opt)
        train(kind, opt, [1])
        saved = opt.state_dict()
        opt.load_state_dict({**saved, "state": {}})
        return before, plain(kind, opt)

    before, after = both(kind, scenario)
    assert same_bits(before, after)


def test_masters_follow_parameters_that_were_written_to(kind):
    def scenario(kind):
        param = kind.array(np.ones(4, bfloat16))
        opt = optim.SGD(param, lr=0.5, master_weights=True)
        kind.write(param, np.full(4, 3, bfloat16))
        opt.copy_params_to_masters()
        opt.step(kind.array(np.ones(4, np.float32)))
        return kind.numpy(param)

    assert same_bits(both(kind, scenario), np.full(4, 2.5, bfloat16))


def test_groups_and_names(kind):
    def scenario(kind):
        params = kind.arrays(make_params())
        named = [
            {"params": {"a": params[0], "b": params[1]}, "lr": 0.5},
            {"params": {"c": params[2], "d": params[3]}, "weight_decay": 0.5},
        ]
        opt = optim.CLion(named, lr=0.1, rounding="stochastic", state_dtype="bfloat16")
        for t in range(1, STEPS + 1):
            grads = kind.arrays(make_grads(t))
            opt.step(dict(zip("abcd", grads, strict=True)), max_grad_norm=0.1)
        return kind.arrays_of(params), plain(kind, opt)

    both(kind, scenario)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_skipped_step_is_not_counted(value, kind):
    def scenario(kind):
        params = kind.arrays(make_params())
        opt = optim.AdamW([{"params": params[:2]}, {"params": params[2:]}], lr=0.1)
        train(kind, opt, [1])
        grads = make_grads(2)
        grads[3][0, 1, 2] = value
        assert opt.step(kind.arrays(grads), skip_nonfinite=True) is False
        assert opt.step(kind.arrays(make_grads(2)), skip_nonfinite=True) is True
        return kind.arrays_of(params), plain(kind, opt)

    _, states = both(kind, scenario)
    assert [state["step"] for state in states] == [2] * 4


@pytest.mark.parametrize("cls", CLASSES)
def test_training_goes_on_from_another_kind(cls, kind):
    """NumPy states into the kind, the kind's own into itself, and back into NumPy."""
    options = {"state_dtype": "bfloat16", **momentum(cls)}
    host, params = OnDevice(HOST), make_params(bfloat16)
    opt = cls(params, lr=0.1, master_weights=True, **options)
    train(host, opt, [1, 2], bfloat16)
    with kind.running():
        moved = kind.arrays(params)
        first = cls(moved, master_weights=True, **options)
        first.load_state_dict(opt.state_dict())
        second = cls(moved, master_weights=True, **options)
        second.load_state_dict(first.state_dict())
        train(kind, second, [3], bfloat16)
        third = cls(kind.arrays_of(moved), master_weights=True, **options)
        third.load_state_dict(second.state_dict())
        got, last = plain(kind, second), kind.arrays_of(moved)
    train(host, opt, [3], bfloat16)
    assert same_bits(got, plain(host, opt)) and same_bits(got, plain(host, third))
    assert same_bits(last, params)


def test_a_broken_state_dict_changes_nothing(kind):
    with kind.running():
        opt = optim.AdamW(kind.arrays(make_params()))
        saved = opt.state_dict()
        saved["state"][2]["exp_avg"] = kind.array(np.zeros(2, np.float32))
        with pytest.raises(ValueError, match=r"state\[2\]\['exp_avg'\]"):
            opt.load_state_dict(saved)
        saved["state"][2]["exp_avg"] = kind.array(np.zeros((), np.float64))
        with pytest.raises(TypeError, match=r"state\[2\]\['exp_avg'\].*float64"):
            opt.load_state_dict(saved)


@pytest.mark.parametrize("set_to_none", [True, False])
def test_zero_grad(set_to_none, device):
    if device.name != "torch-cuda":
        pytest.skip("these arrays have no .grad")
    import torch

    params = [torch.nn.Parameter(p) for p in device.arrays(make_params(bfloat16))]
    for p, g in zip(params[:3], device.arrays(make_grads(1, bfloat16)), strict=False):
        p.grad = g
    opt = optim.AdamW(params)
    opt.step()
    opt.zero_grad(set_to_none=set_to_none)
    for p in params[:3]:
        assert p.grad is None if set_to_none else bool((p.grad == 0).all())
    assert params[3].grad is None
