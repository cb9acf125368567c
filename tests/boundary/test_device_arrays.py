"""Device arrays on any machine: exporters whose device memory is host memory, under the emulation
of device code. What real devices do is in test_cuda_arrays.py."""

import gc
import re

import numpy as np
import pytest
import steepest
from steepest import _core, steps

from .device_fakes import (
    KINDS,
    CudaStream,
    CupyStream,
    Interface,
    ProtocolStream,
    by_dlpack,
    emulation,
)
from .producer import Producer
from .support import AdamWCall, bits, random, refused, run_ok, same_bits


def without_address(value):
    """A name of a test that processes which share out the tests agree on."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


@pytest.fixture
def emulated():
    with emulation():
        yield


@pytest.fixture
def not_emulated():
    with emulation(False):
        yield


def device_lists(call, kind):
    return [[KINDS[kind](a) for a in stream] for stream in call.streams()]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"max_grad_norm": 0.1},
        {"grad_scale": 4.0},
        {"max_tensor_norm": 0.1, "grad_scale": 4.0},
        {"max_tensor_norm": 0.5, "max_grad_norm": 0.7, "max_grad_value": 0.01},
    ],
    ids=str,
)
def test_the_same_bits_as_on_the_host(emulated, kind, options):
    shapes = [(3, 5), (), (4099,), (0,), (33, 7)]
    there, here = AdamWCall(shapes), AdamWCall(shapes)
    assert steps.adamw(*device_lists(there, kind), step=3, **options) is True
    _core.emulate_device(False)
    assert here.step(step=3, **options) is True
    assert same_bits(there.streams(), here.streams())


@pytest.mark.parametrize("count", [400, 401])
@pytest.mark.parametrize("options", [{}, {"max_grad_norm": 0.1}], ids=str)
def test_gradients_that_are_too_many_for_the_arguments_of_a_kernel(emulated, count, options):
    """Up to 400 addresses travel as arguments; more lie in device memory, from call to call."""
    shapes, kind = [(1 + i % 7,) for i in range(count)], "cuda_array_interface"
    there, here = AdamWCall(shapes), AdamWCall(shapes)
    params, grads, exp_avg, exp_avg_sq = device_lists(there, kind)
    plan = steps.Plan("adamw", params, exp_avg=exp_avg, exp_avg_sq=exp_avg_sq)
    assert plan(grads, step=1, **options) is True
    there.grads = [random(shape, seed=i) for i, shape in enumerate(shapes)]
    assert plan([KINDS[kind](g) for g in there.grads], step=2, **options) is True
    _core.emulate_device(False)
    assert here.step(step=1, **options) is True
    here.grads = there.grads
    assert here.step(step=2, **options) is True
    assert same_bits(there.streams(), here.streams())


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_whose_list_of_gradients_changes(emulated, kind):
    there, here = AdamWCall(), AdamWCall()
    params, _, exp_avg, exp_avg_sq = device_lists(there, kind)
    plan = steps.Plan("adamw", params, exp_avg=exp_avg, exp_avg_sq=exp_avg_sq)
    missing = [(), (1,), (1, 3), (0, 1, 2, 3), ()]
    for t, none in enumerate(missing, 1):
        grads = [None if i in none else random((3, 5), seed=9 * t + i) for i in range(4)]
        assert plan([None if g is None else KINDS[kind](g) for g in grads], step=t) is True
        here.grads = grads
        with emulation(False):
            here.step(step=t)
    there.grads = here.grads
    assert same_bits(there.streams(), here.streams())


def test_host_arrays_under_emulation(emulated):
    """They are stepped by device code too; options stay what they are on the host."""
    there, here = AdamWCall(), AdamWCall()
    flag = there.step(step=np.arange(1, 5), lr=np.full(4, 0.5), skip_nonfinite=True)
    assert flag is True
    _core.emulate_device(False)
    here.step(step=np.arange(1, 5), lr=np.full(4, 0.5), skip_nonfinite=True)
    assert same_bits(there.streams(), here.streams())


# ---- Steps, rates and scales on the device


@pytest.mark.parametrize("kind", KINDS)
def test_counter_and_rate_on_the_device(emulated, kind):
    make = KINDS[kind]
    there, here = AdamWCall(), AdamWCall()
    counter, rate = np.zeros(1, np.int64), np.array(0.5, np.float32)
    params, grads, exp_avg, exp_avg_sq = device_lists(there, kind)
    states = {"exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}
    plan = steps.Plan("adamw", params, **states, step=make(counter), lr=make(rate))
    for t in range(1, 4):
        rate[...] = 0.1 * t
        assert plan(grads) is True and counter[0] == t
        with emulation(False):
            here.step(step=t, lr=float(rate))
    assert same_bits(there.streams(), here.streams())


def test_one_counter_and_rate_per_tensor(emulated):
    there, here = AdamWCall(), AdamWCall()
    counters = [np.array(t, np.int64) for t in (0, 9, 99)]
    rates = [np.array(r) for r in (0.5, 0.25)]
    step = [*map(by_dlpack, counters), 7]
    steps.adamw(*device_lists(there, "dlpack"), step=step, lr=[*map(by_dlpack, rates), 1.0, 2.0])
    assert [int(c) for c in counters] == [1, 10, 100]
    _core.emulate_device(False)
    here.step(step=[1, 10, 100, 7], lr=[0.5, 0.25, 1.0, 2.0])
    assert same_bits(there.streams(), here.streams())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_grad_scale_on_the_device(emulated, dtype):
    there, here = AdamWCall(), AdamWCall()
    scale = Interface(np.array([8], dtype))
    bounds = {"max_grad_norm": 0.5, "max_tensor_norm": 0.3, "max_grad_value": 0.1}
    steps.adamw(*device_lists(there, "dlpack"), step=1, grad_scale=scale, **bounds)
    _core.emulate_device(False)
    here.step(grad_scale=8.0, **bounds)
    assert same_bits(there.streams(), here.streams())


def test_a_flag_answers_for_the_latest_call(emulated):
    call, counter = AdamWCall(), np.zeros(1, np.int64)
    params, grads, exp_avg, exp_avg_sq = device_lists(call, "dlpack")
    states = {"exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}
    plan = steps.Plan("adamw", params, **states, step=by_dlpack(counter), skip_nonfinite=True)
    flag = plan(grads)
    assert isinstance(flag, steps.DeviceFlag) and bool(flag) is True and counter[0] == 1
    assert "DeviceFlag" in repr(flag)
    before, call.grads[2][0, 0] = bits(call.params), np.inf
    again = plan(grads)
    assert not again and not flag and counter[0] == 1 and bits(call.params) == before
    del plan
    gc.collect()
    assert not again, "a flag holds what it reads"


@pytest.mark.parametrize("keyword, value, error, word", [
    ("step", np.zeros(2, np.int64), ValueError, "(2,)"),
    ("step", np.zeros(1, np.float32), TypeError, "int64"),
    ("lr", np.zeros((1, 2)), ValueError, "(1, 2)"),
    ("lr", np.zeros(1, np.float16), TypeError, "float32 or float64"),
    ("lr", np.zeros(1, np.int64), TypeError, "float32"),
    ("grad_scale", np.zeros(0, np.float32), ValueError, "(0,)"),
])  # fmt: skip
@pytest.mark.parametrize("kind", KINDS)
def test_device_values_that_are_none(emulated, kind, keyword, value, error, word):
    call = AdamWCall()
    with refused(error, keyword, word, untouched=call.streams()):
        steps.adamw(*device_lists(call, kind), **{"step": 1, keyword: KINDS[kind](value)})


def test_device_values_must_lie_with_the_arrays(emulated):
    call = AdamWCall()
    lists = device_lists(call, "dlpack")
    with refused(ValueError, "lr", "device 1", "device 0", untouched=call.streams()):
        steps.adamw(*lists, step=1, lr=by_dlpack(np.ones(1), device=1))
    with refused(BufferError, "step", "read-only"):
        read_only = Interface(np.zeros(1, np.int64), data=(np.zeros(1).ctypes.data, True))
        steps.adamw(*lists, step=read_only)
    with refused(ValueError, "lr", "params[1]", untouched=call.streams()):
        one = by_dlpack(call.params[1].reshape(-1)[:1])
        steps.adamw(*lists, step=1, lr=one)


# ---- Arrays in different places


@pytest.mark.parametrize("kind", KINDS)
def test_host_and_device_arrays(emulated, kind):
    call = AdamWCall()
    lists = device_lists(call, kind)
    expected = "in host memory given, expected one on CUDA device 0 as params"
    with refused(ValueError, "grads[0]", expected, untouched=call.streams()):
        steps.adamw(lists[0], call.grads, *lists[2:], step=1)
    with refused(ValueError, "params[1]", expected + "[0]"):
        steps.adamw([lists[0][0], *call.params[1:]], *lists[1:], step=1)
    expected = "on CUDA device 0 given, expected one in host memory as params"
    with refused(ValueError, "exp_avg[0]", expected, untouched=call.streams()):
        steps.adamw(*call.streams()[:2], *lists[2:], step=1)
    plan = steps.Plan("sgd", call.params)
    with refused(ValueError, "grads[0]", expected, untouched=call.streams()):
        plan(lists[1], step=1)
    with refused(ValueError, "grads[1]", expected.replace("params", "grads")):
        steps.grad_norm([call.grads[0], lists[1][1]])


def test_two_devices(emulated):
    call = AdamWCall()
    lists = device_lists(call, "dlpack")
    lists[0][3] = by_dlpack(call.params[3], device=1)
    expected = "array on CUDA device 1 given, expected one on CUDA device 0 as params[0]"
    with refused(ValueError, "params[3]", expected, untouched=call.streams()):
        steps.adamw(*lists, step=1)
    plans = [steps.Plan("sgd", [by_dlpack(call.params[i], device=i)]) for i in range(2)]
    calls = [(plan, [by_dlpack(g, i)], {"step": 1}) for i, (plan, g) in
             enumerate(zip(plans, call.grads, strict=False))]  # fmt: skip
    with refused(ValueError, "CUDA device 1", "first plan", untouched=call.streams()):
        _core.run(calls)


def test_a_device_that_is_not_the_announced_one(emulated):
    p, g = random(4), random(4, seed=1)

    def move(tensor):
        tensor.device.device_id = 1

    foreign = by_dlpack(p, change=move)
    with refused(BufferError, "params", "device 1", "announced", untouched=[p, g]):
        steps.sgd(foreign, by_dlpack(g), step=1)
    gc.collect()
    assert foreign.settled()


@pytest.mark.skipif(_core.has_cuda(), reason="with CUDA kernels they are accepted")
@pytest.mark.parametrize("kind", KINDS)
def test_a_build_without_cuda(not_emulated, kind):
    p = random(4)
    for call in (lambda a: steps.sgd(a, p, step=1), lambda a: steps.sgd(p, a, step=1),
                 steps.grad_norm):  # fmt: skip
        with refused(steepest.DeviceError, "device", "this build has no", untouched=[p]):
            call(KINDS[kind](random(4, seed=1)))
    assert _core.device_count() == 0


# ---- __cuda_array_interface__


@pytest.mark.parametrize("entry, value, error, word", [
    ("version", 1, ValueError, "version"),
    ("version", Interface.MISSING, ValueError, "version"),
    ("version", "3", ValueError, "version"),
    ("typestr", ">f4", TypeError, ">f4"),
    ("typestr", "<i4", TypeError, "<i4"),
    ("typestr", "<V2", TypeError, "<V2"),
    ("typestr", 4, ValueError, "typestr"),
    ("typestr", Interface.MISSING, ValueError, "typestr"),
    ("shape", [4], ValueError, "shape"),
    ("shape", (-4,), ValueError, "shape"),
    ("shape", (2**62, 2**62), ValueError, "shape"),
    ("shape", (4.0,), ValueError, "shape"),
    ("strides", (4, 4), ValueError, "strides"),
    ("strides", (6,), ValueError, "strides"),
    ("strides", "4", ValueError, "strides"),
    ("data", None, ValueError, "data"),
    ("data", (0, False), ValueError, "data"),
    ("data", (-1, False), ValueError, "data"),
    ("data", ("address", False), ValueError, "data"),
    ("data", (1, 2, 3), ValueError, "data"),
    ("mask", Interface(np.zeros(4, bool)), ValueError, "mask"),
    ("stream", 0, ValueError, "stream"),
    ("stream", -2, ValueError, "stream"),
    ("stream", "default", ValueError, "stream"),
], ids=without_address)  # fmt: skip
def test_interfaces_that_cannot_be(emulated, entry, value, error, word):
    p, g = random(4), random(4, seed=1)
    for name, arrays in {
        "params": (Interface(p, **{entry: value}), Interface(g)),
        "grads": (Interface(p), Interface(g, **{entry: value})),
    }.items():
        with refused(error, name, word, untouched=[p, g]):
            steps.sgd(*arrays, step=1)


def test_an_interface_that_is_no_dict(emulated):
    foreign = Interface(random(4))
    foreign.entries = [1, 2]
    with refused(TypeError, "params", "dict"):
        steps.sgd(foreign, Interface(random(4)), step=1)


@pytest.mark.parametrize("changes", [
    {"version": 2}, {"strides": None}, {"strides": Interface.MISSING}, {"stream": None},
    {"stream": 1}, {"stream": 2}, {"stream": 2**40}, {"mask": None}, {"descr": [("", "<f4")]},
], ids=without_address)  # fmt: skip
def test_liberties_of_the_interface(emulated, changes):
    p, g = np.ones((2, 3), np.float32), np.ones((2, 3), np.float32)
    steps.sgd(Interface(p, **changes), Interface(g, **changes), step=1, lr=0.5)
    assert (p == 0.5).all()


def test_read_only_interfaces(emulated):
    p, g = np.ones(4, np.float32), np.ones(4, np.float32)
    with refused(BufferError, "params", "read-only", untouched=[p]):
        steps.sgd(Interface(p, data=(p.ctypes.data, True)), Interface(g), step=1)
    steps.sgd(Interface(p), Interface(g, data=(g.ctypes.data, True)), step=1, lr=1.0)
    assert (p == 0).all()


def test_layouts_of_interfaces(emulated):
    base = np.ones((4, 8), np.float32)
    with refused(ValueError, "params", "gaps"):
        steps.sgd(Interface(base[:, ::2]), Interface(base[:, :4]), step=1)
    p, g = np.asfortranarray(random((3, 4))), np.asfortranarray(random((3, 4), seed=1))
    wanted = p - g
    steps.sgd(Interface(p), Interface(g), step=1, lr=1.0)
    np.testing.assert_array_equal(p, wanted)


# ---- stream=


@pytest.mark.parametrize("stream", [
    True, 1.0, "1", object(), CudaStream(None), CupyStream("1"), ProtocolStream(1.5),
], ids=lambda s: type(s).__name__)  # fmt: skip
def test_streams_of_a_wrong_kind(emulated, stream):
    p = random(4)
    with refused(TypeError, "stream", untouched=[p]):
        steps.sgd(by_dlpack(p), by_dlpack(random(4)), step=1, stream=stream)


@pytest.mark.parametrize("stream", [
    -1, 2**64, 2**64 - 1, CudaStream(-5), ProtocolStream(1, version=1),
], ids=without_address)  # fmt: skip
def test_streams_that_cannot_be(emulated, stream):
    p = random(4)
    for call in (lambda a, **k: steps.sgd(a, a, step=1, **k), steps.grad_norm,
                 lambda a, **k: steps.Plan("sgd", a, **k)):  # fmt: skip
        with refused(ValueError, "stream", untouched=[p]):
            call(by_dlpack(p), stream=stream)


def test_a_stream_protocol_that_gives_no_pair(emulated):
    stream = ProtocolStream(1)
    stream.answer = 1
    with refused(TypeError, "stream", "__cuda_stream__"):
        steps.grad_norm(by_dlpack(random(4)), stream=stream)


def test_a_stream_of_a_protocol_that_raises(emulated):
    class Broken:
        @property
        def cuda_stream(self):
            raise RuntimeError("the shop is closed")

    with pytest.raises(RuntimeError, match="the shop is closed"):
        steps.grad_norm(by_dlpack(random(4)), stream=Broken())


@pytest.mark.parametrize("stream, told", [
    (None, 1), (0, 1), (1, 1), (2, 2), (2**40, 2**40), (CudaStream(0), 1), (CudaStream(64), 64),
    (CupyStream(96), 96), (ProtocolStream(128), 128),
], ids=lambda s: s if isinstance(s, int) else type(s).__name__)  # fmt: skip
@pytest.mark.parametrize("old", [False, True])
def test_exporters_are_told_the_stream(emulated, stream, told, old):
    p, g = by_dlpack(random(4)), by_dlpack(random(4, seed=1), versioned=not old)
    steps.sgd(p, g, step=1, stream=stream)
    assert [r["stream"] for r in p.requests + g.requests] == [told, told]
    plan = steps.Plan("sgd", p, stream=stream)
    plan(g, step=1)
    plan(g, step=1, stream=160)
    plan(g, step=1, stream=None)
    assert [r["stream"] for r in g.requests[1:]] == [told, 160, 1]


def test_host_exporters_are_told_nothing():
    p, g = Producer(random(4)), Producer(random(4, seed=1))
    steps.sgd(p, g, step=1)
    assert [r["stream"] for r in p.requests + g.requests] == [None, None]


def test_streams_are_for_devices(not_emulated):
    p = random(4)
    with refused(ValueError, "stream", "host memory", untouched=[p]):
        steps.sgd(p, random(4), step=1, stream=1)
    plan = steps.Plan("sgd", p)
    for call in (lambda: plan(random(4), step=1, stream=1),
                 lambda: _core.run([(plan, random(4), {"step": 1})], stream=1),
                 lambda: steps.grad_norm(p, stream=1)):  # fmt: skip
        with refused(ValueError, "stream", "host memory", untouched=[p]):
            call()
    assert steps.sgd(p, random(4), step=1, stream=None) is True


def test_one_stream_for_plans_that_run_together(emulated):
    arrays = [random(4, seed=i) for i in range(4)]
    plans = [steps.Plan("sgd", by_dlpack(a), step=1) for a in arrays[:2]]
    grads = [by_dlpack(a) for a in arrays[2:]]
    calls = [(plan, grad, {}) for plan, grad in zip(plans, grads, strict=True)]
    assert _core.run(calls, stream=64) is True
    assert [g.requests[-1]["stream"] for g in grads] == [64, 64]
    calls[1] = (plans[1], grads[1], {"stream": 96})
    with refused(ValueError, "stream", untouched=arrays):
        _core.run(calls, stream=64)


# ---- Norms


@pytest.mark.parametrize("kind", KINDS)
def test_norms_of_device_arrays(emulated, kind):
    arrays = [random(n, seed=n) for n in (1, 4099, 70_001)]
    there = steps.grad_norm([KINDS[kind](a) for a in arrays] + [None])
    _core.emulate_device(False)
    here = steps.grad_norm([*arrays, None])
    assert there.total == here.total and there.finite is here.finite is True
    assert same_bits([there.per_tensor], [here.per_tensor])


def test_the_environment_variable():
    code = "from steepest import _core; print(_core.emulate_device(False))"
    assert run_ok(code, STEEPEST_EMULATE_DEVICE="1").strip() == "True"
    assert run_ok(code, STEEPEST_EMULATE_DEVICE=None).strip() == "False"
