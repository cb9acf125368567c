"""Arrays on a real CUDA device: the bits of the same call on the host, on any stream, from any kind
of exporter, and out of a replayed graph."""

from types import SimpleNamespace

import ml_dtypes
import numpy as np
import pytest
from steepest import _core, steps

from .device_fakes import Interface
from .support import AdamWCall, random, refused, same_bits

BF16 = ml_dtypes.bfloat16

pytestmark = pytest.mark.skipif(_core.device_count() == 0, reason="no CUDA device")


def torch_kind():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("torch has no CUDA device")

    def to_device(a):
        if a.dtype == BF16:
            return torch.from_numpy(a.view(np.int16).copy()).view(torch.bfloat16).cuda()
        return torch.from_numpy(a.copy()).cuda()

    def to_host(t):
        t = t.detach().cpu()
        return t.view(torch.int16).numpy().view(BF16) if t.dtype == torch.bfloat16 else t.numpy()

    return SimpleNamespace(
        to_device=to_device, to_host=to_host, new_stream=torch.cuda.Stream, array=torch.Tensor,
        on=torch.cuda.stream, address=lambda s: s.cuda_stream, wait=torch.cuda.synchronize,
    )  # fmt: skip


def cupy_kind():
    cupy = pytest.importorskip("cupy")
    return SimpleNamespace(
        to_device=cupy.array, to_host=cupy.asnumpy, new_stream=lambda: cupy.cuda.Stream(
            non_blocking=True), array=cupy.ndarray, on=lambda s: s, address=lambda s: s.ptr,
        wait=cupy.cuda.Device().synchronize,
    )  # fmt: skip


class Wrapped:
    """An array of CuPy's or torch's with nothing but __cuda_array_interface__."""

    def __init__(self, array):
        self.array = array

    @property
    def __cuda_array_interface__(self):
        return self.array.__cuda_array_interface__


class Exported:
    """An array with nothing but DLPack, of no framework that we know."""

    def __init__(self, array):
        self.array = array

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)


@pytest.fixture(params=["torch", "cupy"])
def kind(request):
    return {"torch": torch_kind, "cupy": cupy_kind}[request.param]()


WRAPPERS = {"plain": lambda a: a, "interface": Wrapped, "dlpack": Exported}
SHAPES = [(3, 5), (), (4099,), (0,), (257, 129)]


class DeviceCall:
    """The arrays of an AdamWCall on the device."""

    def __init__(self, kind, call):
        self.kind = kind
        self.lists = [[kind.to_device(a) for a in stream] for stream in call.streams()]

    def wrapped(self, wrap=WRAPPERS["plain"]):
        return [[wrap(a) for a in arrays] for arrays in self.lists]

    def plan(self, **options):
        params, _, exp_avg, exp_avg_sq = self.lists
        return steps.Plan("adamw", params, exp_avg=exp_avg, exp_avg_sq=exp_avg_sq, **options)

    def results(self):
        self.kind.wait()
        return [[self.kind.to_host(a) for a in arrays] for arrays in self.lists]


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize(
    "options",
    [{}, {"max_grad_norm": 0.1}, {"grad_scale": 4.0, "lr": [0.1, 0.2, 0.3, 0.4, 0.5]}],
    ids=["plain", "clipped", "scaled"],
)
def test_functions(kind, wrapper, options):
    here = AdamWCall(SHAPES)
    there = DeviceCall(kind, here)
    for t in range(1, 4):
        assert steps.adamw(*there.wrapped(WRAPPERS[wrapper]), step=t, **options) is True
        here.step(step=t, **options)
    assert same_bits(there.results(), here.streams())


def test_bfloat16_and_working_copies(kind):
    p, g = random((65, 33)), random((65, 33), BF16, seed=1)
    copied, momentum = np.zeros((65, 33), BF16), random((65, 33), BF16, seed=2)
    try:
        there = [kind.to_device(a) for a in (p, g, momentum, copied)]
    except (TypeError, ValueError):
        pytest.skip("this CuPy has no bfloat16")
    options = {"lr": 0.1, "rounding": "stochastic", "seed": 5, "step": 1}
    steps.lion(*there[:3], working_copy=there[3], **options)
    steps.lion(p, g, momentum, working_copy=copied, **options)
    kind.wait()
    assert same_bits([kind.to_host(a) for a in there], [p, g, momentum, copied])


def test_plans(kind):
    here = AdamWCall(SHAPES)
    there = DeviceCall(kind, here)
    plan = there.plan(weight_decay=0.1)
    for t, none in enumerate([(), (1,), (1, 3), (), (0, 1, 2, 3, 4), ()], 1):
        grads = [None if i in none else random(s, seed=7 * t + i) for i, s in enumerate(SHAPES)]
        on_device = [None if g is None else kind.to_device(g) for g in grads]
        assert plan(on_device, step=t, lr=0.01 * t) is True
        assert plan.last_none_count == len(none)
        streams = here.streams()
        steps.adamw(streams[0], grads, *streams[2:], step=t, lr=0.01 * t, weight_decay=0.1)
    results = there.results()
    assert same_bits([results[0], *results[2:]], [here.params, here.exp_avg, here.exp_avg_sq])


@pytest.mark.parametrize("given", ["current", "object", "address"])
def test_streams(kind, given):
    """Each call writes the next one's gradients on its stream, so any missing order shows."""
    shape = (2**22,)
    stream = kind.new_stream()
    p, g = kind.to_device(np.zeros(shape, np.float32)), kind.to_device(np.ones(shape, np.float32))
    kind.wait()
    plan = steps.Plan("sgd", [p], lr=1.0)
    if given == "current":
        with kind.on(stream):
            for t in range(1, 21):
                plan([g], step=t)
                g += 1
    else:
        keyword = stream if given == "object" else kind.address(stream)
        for t in range(1, 21):
            plan([g], step=t, stream=keyword)
            with kind.on(stream):
                g += 1
            plan([g * 0], step=t)  # on the current stream again
    kind.wait()
    np.testing.assert_array_equal(kind.to_host(p), np.float32(-sum(range(1, 21))))


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("on_other", [False, True])
def test_norms(kind, wrapper, on_other):
    arrays = [random(n, seed=n) for n in (1, 4099, 70_001, 0)]
    there = [WRAPPERS[wrapper](kind.to_device(a)) for a in arrays] + [None]
    kind.wait()
    norm = steps.grad_norm(there, stream=kind.new_stream() if on_other else None)
    kind.wait()
    here = steps.grad_norm([*arrays, None])
    if wrapper == "plain":
        assert all(isinstance(value, kind.array) for value in norm)
        assert norm.total.shape == norm.finite.shape == () and norm.per_tensor.shape == (5,)
        per_tensor = kind.to_host(norm.per_tensor)
    else:
        per_tensor = norm.per_tensor
    assert float(norm.total) == here.total and bool(norm.finite) is True
    assert same_bits([per_tensor], [here.per_tensor])


def test_device_flags(kind):
    here = AdamWCall(SHAPES)
    there = DeviceCall(kind, here)
    plan = there.plan(skip_nonfinite=True)
    flag = plan(there.lists[1], step=1)
    assert isinstance(flag, steps.DeviceFlag) and bool(flag) is True
    bad = random(4099)
    bad[4000] = np.nan
    grads = [*there.lists[1][:2], kind.to_device(bad), *there.lists[1][3:]]
    assert not plan(grads, step=2) and not flag
    assert not steps.adamw(there.lists[0], grads, *there.lists[2:], step=2, skip_nonfinite=True)
    here.step(step=1)
    assert same_bits(there.results(), here.streams())


@pytest.mark.parametrize("rate_type", [np.float32, np.float64])
def test_counter_rate_and_scale_on_the_device(kind, rate_type):
    here = AdamWCall(SHAPES)
    there = DeviceCall(kind, here)
    counter = kind.to_device(np.zeros(1, np.int64))
    rate, scale = (kind.to_device(np.array([x], rate_type)) for x in (0.5, 4.0))
    plan = there.plan(step=counter, lr=rate)
    for t in range(1, 4):
        plan(there.lists[1], grad_scale=scale, max_grad_norm=1.0)
        here.step(step=t, lr=0.5 * 2.0 ** (1 - t), grad_scale=4.0, max_grad_norm=1.0)
        rate *= 0.5
    assert same_bits(there.results(), here.streams())
    assert kind.to_host(counter)[0] == 3


def test_skipped_steps_do_not_count(kind):
    p, g = kind.to_device(random(9)), random(9, seed=1)
    counter, momentum = kind.to_device(np.array(5)), kind.to_device(np.zeros(9, np.float32))
    plan = steps.Plan("lion", p, exp_avg=momentum, skip_nonfinite=True)
    assert plan(kind.to_device(g), step=counter)
    g[3] = np.inf
    assert not plan(kind.to_device(g), step=counter)
    assert int(counter) == 6


def test_arrays_in_the_wrong_place(kind):
    here = AdamWCall(SHAPES)
    there = DeviceCall(kind, here)
    plan = there.plan()
    with refused(ValueError, "grads[0]", "in host memory", "CUDA device 0", "params"):
        plan(here.grads, step=1)
    with refused(ValueError, "exp_avg[0]", "CUDA device 0", "in host memory", "params"):
        steps.adamw(here.params, *there.lists[1:], step=1)
    assert plan(there.lists[1], step=1) is True
    here.step(step=1)
    assert same_bits(there.results(), here.streams())


def test_memory_that_no_device_knows():
    with refused(ValueError, "params", "data"):
        steps.sgd(Interface(random(4)), Interface(random(4)), step=1)


def test_a_stream_that_does_not_exist(kind):
    """Not a crash where CUDA can tell; most bad addresses it cannot."""
    p = kind.to_device(random(4))
    with refused(ValueError, "stream"):
        steps.sgd(p, p, step=1, stream=-7)


def test_torch_and_cupy_in_one_call():
    torch, cupy = torch_kind(), cupy_kind()
    p, g = random(5000), random(5000, seed=1)
    there, gradient = torch.to_device(p), cupy.to_device(g)
    plan = steps.Plan("sgd", there, lr=0.5)
    plan(gradient, step=1)
    plan(Wrapped(gradient), step=2)
    for t in (1, 2):
        steps.sgd(p, g, step=t, lr=0.5)
    torch.wait()
    assert same_bits([torch.to_host(there)], [p])


def test_torch_parameters_that_require_gradients():
    kind = torch_kind()
    import torch

    p, g = random(100), random(100, seed=1)
    parameter = torch.nn.Parameter(kind.to_device(p))
    steps.sgd([parameter], [kind.to_device(g)], step=1, lr=0.5)
    steps.sgd(p, g, step=1, lr=0.5)
    assert parameter.requires_grad and same_bits([kind.to_host(parameter)], [p])


def test_more_tensors_than_any_launch_table(kind):
    shapes = [(1 + i % 40,) for i in range(3000)]
    here = AdamWCall(shapes)
    there = DeviceCall(kind, here)
    steps.adamw(*there.lists, step=1, max_grad_norm=1.0)
    here.step(step=1, max_grad_norm=1.0)
    assert same_bits(there.results(), here.streams())


@pytest.mark.parametrize("options", [{}, {"max_grad_norm": 0.5}, {"skip_nonfinite": True}], ids=str)
def test_a_replayed_graph_gives_what_fresh_calls_give(options):
    kind = torch_kind()
    import torch

    here = AdamWCall(SHAPES)
    there = DeviceCall(kind, here)
    counter = torch.zeros(1, dtype=torch.int64, device="cuda")
    rate = torch.full((), 0.5, device="cuda")
    grads = there.lists[1]
    plan = there.plan(step=counter, lr=rate, **options)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        plan(grads)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        plan(grads)
    here.step(step=1, lr=0.5, **options)
    for t in range(2, 6):
        rate.fill_(0.25 * t)
        fresh = [random(s, seed=31 * t + i) for i, s in enumerate(SHAPES)]
        for old, new in zip(grads, fresh, strict=True):
            old.copy_(kind.to_device(new))
        graph.replay()
        here.grads = fresh
        here.step(step=t, lr=0.25 * t, **options)
    plan(grads)  # and afterwards a fresh call again
    here.step(step=6, lr=1.25, **options)
    assert same_bits(there.results(), here.streams())
    assert counter.item() == 6


def test_a_replayed_graph_skips_for_itself():
    kind = torch_kind()
    import torch

    p, g = kind.to_device(random(50)), kind.to_device(random(50, seed=1))
    counter = torch.zeros((), dtype=torch.int64, device="cuda")
    momentum = torch.zeros(50, device="cuda")
    plan = steps.Plan("lion", p, exp_avg=momentum, skip_nonfinite=True, step=counter)
    flag = plan(g)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        plan(g)
    before = p.clone()
    g[7] = torch.inf
    graph.replay()
    assert not flag and torch.equal(p, before) and counter.item() == 1
    g[7] = 0.5
    graph.replay()
    assert flag and not torch.equal(p, before) and counter.item() == 2
