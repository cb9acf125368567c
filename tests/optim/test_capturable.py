"""Step counts, learning rates and scales on the device, and steps captured in graphs."""

import copy

import numpy as np
import pytest
from steepest import optim

from .devices import (
    HOST,
    OnDevice,
    both,
    make_grads,
    make_params,
    momentum,
    plain,
    some_streams,
    train,
)
from .support import CLASSES, SHAPES, same_bits


def test_capturable_needs_a_device():
    with pytest.raises(ValueError, match=r"params\[0\].*capturable"):
        optim.AdamW(make_params(), capturable=True)


@pytest.mark.parametrize("cls", CLASSES)
def test_capturable_takes_the_same_steps(cls, device):
    def scenario(kind):
        params = kind.arrays(make_params())
        options = {"capturable": True} if kind.on_device else {}
        opt = cls(params, lr=0.1, **options, **momentum(cls))
        grads = make_grads(2)
        grads[1][0] = np.nan
        train(kind, opt, [1])
        assert not opt.step(kind.arrays(grads), skip_nonfinite=True)
        train(kind, opt, [2, 3], skip_nonfinite=True)
        return kind.arrays_of(params), plain(kind, opt)

    _, states = both(device, scenario)
    assert [state["step"] for state in states] == [3] * 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda d: d.__name__)
@pytest.mark.parametrize("per_parameter", [False, True])
def test_a_learning_rate_on_the_device(dtype, per_parameter, device):
    rates = [dtype(rate) for rate in (0.1, 0.05, 0.2)]

    def scenario(kind):
        params = kind.arrays(make_params())
        if not kind.on_device:
            opt = optim.AdamW(params)
        else:
            lr = [kind.array(np.ones(1, dtype)) for _ in SHAPES]
            opt = optim.AdamW(params, lr=lr if per_parameter else lr[0], capturable=True)
        for t, rate in enumerate(rates, 1):
            opt.lr = [float(rate)] * 4 if per_parameter else float(rate)
            train(kind, opt, [t])
        if kind.on_device:
            mine = opt.param_groups[0]["lr"]
            kept = mine if per_parameter else [mine]
            assert all(a is b for a, b in zip(kept, lr, strict=False))
        last = float(rates[-1])
        assert opt.state_dict()["param_groups"][0]["lr"] == ([last] * 4 if per_parameter else last)
        return kind.arrays_of(params), plain(kind, opt)

    both(device, scenario)


def test_gradient_scale_on_the_device(device):
    def scenario(kind):
        params = kind.arrays(make_params())
        opt = optim.AdamW(params)
        scale = kind.array(np.full(1, 8, np.float32)) if kind.on_device else 8.0
        train(kind, opt, [1, 2], grad_scale=scale)
        return kind.arrays_of(params)

    both(device, scenario)


def test_capturable_wants_every_gradient(device):
    with device.running():
        params = device.arrays(make_params())
        opt = optim.AdamW([{"params": params[:2]}, {"params": params[2:]}], capturable=True)
        grads = device.arrays(make_grads(1))
        with pytest.raises(ValueError, match=r"grads\[3\]: None given.*capturable"):
            opt.step([*grads[:3], None])
        assert [s["step"] for s in opt.state_dict()["state"].values()] == [0] * 4
        assert same_bits(device.arrays_of(params), make_params())


def test_capturable_loads_one_count(device):
    params = make_params()
    opt = optim.AdamW(params, lr=0.5)
    train(OnDevice(HOST), opt, [1, 2])
    saved = copy.deepcopy(opt.state_dict())
    with device.running():
        moved = device.arrays(params)
        lr = device.array(np.ones(1, np.float32))
        other = optim.AdamW(moved, lr=lr, capturable=True)
        other.load_state_dict(saved)
        assert other.param_groups[0]["lr"] is lr and device.numpy(lr)[0] == 0.5
        train(device, other, [3])
        got = plain(device, other)
        saved["state"][1]["step"] = 1
        with pytest.raises(ValueError, match=r"\[1, 2\].*capturable"):
            other.load_state_dict(saved)
        assert same_bits(plain(device, other), got)
    train(OnDevice(HOST), opt, [3])
    assert same_bits(got, plain(OnDevice(HOST), opt))


@pytest.mark.parametrize("cls", CLASSES)
def test_a_captured_step_is_replayed(cls, device):
    """Four replays with new gradients and learning rates; the graph knows their addresses."""
    if device.name == "emulated":
        pytest.skip("graphs need a device")
    rates = [0.1, 0.2, 0.05, 0.3, 0.1]
    params, moved = make_params(), device.arrays(make_params())
    opt = cls(params, **momentum(cls))
    grads = device.arrays(make_grads(1))
    lr = device.array(np.float32([rates[0]]))
    other = cls(moved, lr=lr, capturable=True, **momentum(cls))
    other.step(grads, max_grad_norm=1.0, skip_nonfinite=True)  # allocates
    replay = device.capture(lambda: other.step(grads, max_grad_norm=1.0, skip_nonfinite=True))
    for t, rate in enumerate(rates, 1):
        new = make_grads(t)
        if t == 3:
            new[0][0, 0] = np.inf
        opt.lr = float(np.float32(rate))
        opt.step(new, max_grad_norm=1.0, skip_nonfinite=True)
        if t > 1:
            other.lr = rate
            for grad, values in zip(grads, new, strict=True):
                device.write(grad, values)
            replay()
    assert same_bits(device.arrays_of(moved), params)
    assert same_bits(plain(device, other), plain(OnDevice(HOST), opt))


def test_another_stream(device):
    """torch and CuPy streams, and their numbers."""

    def scenario(kind):
        params = kind.arrays(make_params())
        opt = optim.AdamW(params)
        for t in (1, 2, 3):
            grads = kind.arrays(make_grads(t))
            opt.step(grads, **({"stream": streams[t - 1]} if kind.on_device else {}))
            synchronize()
        return kind.arrays_of(params)

    streams, synchronize = some_streams(device)
    both(device, scenario)
