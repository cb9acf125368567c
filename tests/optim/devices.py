"""The kinds of arrays that tests of devices run on, and what these tests share."""

import contextlib
from types import SimpleNamespace

import numpy as np
import standin
from kinds import KINDS
from steepest import _arrays, _core

from . import support
from .support import same_bits

HOST = KINDS["numpy"]


class OnDevice:
    """CuPy arrays or torch tensors; under emulation the stand-in for CuPy."""

    def __init__(self, kind):
        self.kind = kind
        self.name = kind.name
        self.on_device = kind is not HOST

    @contextlib.contextmanager
    def running(self):
        """The optimizers of this kind are made and stepped in here."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.kind.running())
            if self.name == "emulated":
                stack.enter_context(standin.installed())
            yield

    @contextlib.contextmanager
    def off(self):
        """The CPU again, among calls of this kind."""
        before = _core.emulate_device(False) if self.name == "emulated" else None
        try:
            yield
        finally:
            if before is not None:
                _core.emulate_device(before)

    def array(self, array):
        if self.name == "emulated":
            return standin.ndarray(array.copy(order="K"))
        return self.kind.array(array)

    def arrays(self, arrays):
        return [None if a is None else self.array(a) for a in arrays]

    def numpy(self, array):
        return self.kind.numpy(array)

    def arrays_of(self, arrays):
        """In NumPy."""
        return [self.numpy(a) for a in arrays]

    def write(self, to, array):
        """The values of a NumPy array into one of this kind."""
        _arrays.assign(to, _arrays.as_numpy(array))

    def capture(self, step):
        """A function that replays what `step` enqueues."""
        if self.name == "torch-cuda":
            import torch

            torch.cuda.synchronize()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                step()
            return graph.replay
        import cupy

        cupy.cuda.Device().synchronize()
        stream = cupy.cuda.Stream(non_blocking=True)
        with stream:
            stream.begin_capture()
            step()
            graph = stream.end_capture()

        def replay():
            cupy.cuda.Device().synchronize()
            graph.launch(stream)
            stream.synchronize()

        return replay


def both(kind, scenario):
    """Runs the scenario on NumPy arrays and on the kind; compares what it returns."""
    wanted = scenario(OnDevice(HOST))
    with kind.running():
        got = scenario(kind)
    assert same_bits(got, wanted)
    return got


def momentum(cls):
    return {"momentum": 0.9} if cls.rule.name == "sgd" else {}


def plain(kind, opt):
    """The states of an optimizer with NumPy arrays."""
    return [
        {k: v if k == "step" else kind.numpy(v) for k, v in state.items()}
        for state in opt.state_dict()["state"].values()
    ]


def make_params(dtype=np.float32):
    """The matrix among them in F order."""
    return [np.array(a, order="F" if a.ndim == 2 else "C") for a in support.make_params(dtype)]


def make_grads(step, dtype=np.float32):
    return [np.array(a, order="F" if a.ndim == 2 else "C") for a in support.make_grads(step, dtype)]


def train(kind, opt, steps, dtype=np.float32, **options):
    for t in steps:
        opt.step(kind.arrays(make_grads(t, dtype)), **options)


def some_streams(device):
    """Objects and numbers that are streams, and what waits for them."""
    if device.name == "emulated":  # where they only are passed on
        return (SimpleNamespace(ptr=64), 64, 1), lambda: None
    if device.name == "torch-cuda":
        import torch

        stream = torch.cuda.Stream()
        return (stream, stream.cuda_stream, 1), torch.cuda.synchronize
    import cupy

    stream = cupy.cuda.Stream(non_blocking=True)
    return (stream, stream.ptr, 1), lambda: cupy.cuda.Device().synchronize()
