"""Steps on curvature, on a stream that the caller gives."""

import contextlib

import numpy as np
import pytest
from kinds import KINDS
from steepest import _arrays, _core, optim

from .devices import HOST, OnDevice, plain, some_streams
from .support import random, same_bits

SHAPE = (6, 4)
STEPS = 3


def grad(t):
    return random(SHAPE, 10 + t)


def by_products(cls, **options):
    def make(kind, seen, params):
        opt = cls(params, 0.1, hessian_update_interval=1, **options)

        def times(z):
            seen()
            return kind.arrays([np.asarray(3 * kind.numpy(x), x.dtype) for x in z])

        return opt, lambda t, **given: opt.step(kind.arrays([grad(t)]), times, **given)

    return make


def sampled(kind, seen, params):
    opt = optim.SophiaG(params, 0.1, hessian_update_interval=1)

    def drawn(t):
        seen()
        return kind.arrays([grad(30 + t)])

    return opt, lambda t, **given: opt.step(
        kind.arrays([grad(t)]), lambda: drawn(t), batch_size=4, **given
    )


def natural(kind, seen, params):
    opt = optim.NaturalGradient(params, 0.1, solver="cg")

    def times(v):
        seen()
        return kind.arrays([np.asarray(2 * kind.numpy(x), x.dtype) for x in v])

    return opt, lambda t, **given: opt.step(kind.arrays([grad(t)]), times, **given)


def by_statistics(cls, **options):
    def make(kind, seen, params):
        opt = cls(params, 0.1, **options)

        def step(t, **given):
            output, inputs = np.abs(random((6,), t)), np.abs(random((4,), 9 + t))
            pair = (output, inputs) if cls is optim.AdaFisher else (inputs, output)
            return opt.step(kind.arrays([grad(t)]), [tuple(kind.arrays(list(pair)))], **given)

        return opt, step

    return make


def least_squares(kind, seen, params):
    opt = optim.LevenbergMarquardt(params)
    target = random((SHAPE[0] * SHAPE[1],), 5)

    def residuals(p):
        seen()
        return kind.array(np.tanh(kind.numpy(p[0]).reshape(-1)) - target / 8)

    def jacobian(p):
        slopes = 1 - np.tanh(kind.numpy(p[0]).reshape(-1)) ** 2
        return kind.arrays([np.diag(slopes).reshape(-1, *SHAPE)])

    return opt, lambda t, **given: opt.step(residuals, jacobian, **given)


CASES = {
    "AdaHessian": by_products(optim.AdaHessian),
    "SophiaH": by_products(optim.SophiaH),
    "OASIS": by_products(optim.OASIS, adaptive=False),
    "SophiaG": sampled,
    "NaturalGradient": natural,
    "AdaFisher": by_statistics(optim.AdaFisher),
    "MKOR": by_statistics(optim.MKOR, inverse_update_interval=1),
    "LevenbergMarquardt": least_squares,
}
by_case = pytest.mark.parametrize("case", CASES)


@by_case
def test_the_same_bits(case, device):
    """As without a stream, on the same device."""

    def trained(given):
        params = device.arrays([random(SHAPE, 1)])
        opt, step = CASES[case](device, lambda: None, params)
        for t, stream in enumerate(given):
            step(t, stream=stream)
            synchronize()
        return device.arrays_of(params), plain(device, opt)

    streams, synchronize = some_streams(device)
    with device.running():
        wanted = trained([None] * STEPS)
        assert same_bits(trained(streams[:STEPS]), wanted)
    assert not same_bits(wanted[0], [random(SHAPE, 1)])


@by_case
def test_the_whole_step_is_on_it(case, monkeypatch):
    """The functions of the caller and the native calls see it as the framework's current stream,
    which was put in order with the one before. Streams have addresses here that nothing uses."""
    kind = OnDevice(KINDS["emulated"])
    real, real_run, current, seen = _core.work_place, _core.run, [7], []

    def work_place(x, name, stream=None):
        return real(x, name)[0], current[-1] if stream is None else stream

    def run(*args, **keywords):
        seen.append(current[-1])
        return real_run(*args, **keywords)

    @contextlib.contextmanager
    def on_stream(like, address):
        assert _arrays.device_of(like) == 0
        current.append(address)
        try:
            yield
        finally:
            current.pop()

    with kind.running():
        params = kind.arrays([random(SHAPE, 1)])
        _, step = CASES[case](kind, lambda: seen.append(current[-1]), params)
        monkeypatch.setattr(_core, "work_place", work_place)
        monkeypatch.setattr(_arrays, "on_stream", on_stream)
        monkeypatch.setattr(_core, "run", run)
        step(0, stream=9)
        assert seen and set(seen) == {9}
        assert current == [7]


@by_case
def test_host_memory_has_no_stream(case):
    kind = OnDevice(HOST)
    params = [random(SHAPE, 1)]
    before, seen = params[0].copy(), []
    opt, step = CASES[case](kind, lambda: seen.append(1), params)
    states = plain(kind, opt)
    with pytest.raises(ValueError, match=r"^stream: given, expected None because params"):
        step(0, stream=9)
    assert not seen and same_bits(params[0], before) and same_bits(plain(kind, opt), states)
