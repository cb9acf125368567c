"""Optimizers on curvature on torch tensors that pass for tensors on a device: their memory is the
host's, on which the emulation runs. What they do with torch is what they do on CUDA."""

import contextlib

import numpy as np
import pytest
from kinds import KINDS
from steepest import _arrays, _core, curvature, optim

from .devices import HOST, OnDevice, both
from .support import random, same_bits
from .test_device_curvature import PROBING, fitted, mkor, natural, stepped

torch = pytest.importorskip("torch")


class Tensors(OnDevice):
    """torch tensors in host memory, called device memory while `running`."""

    def __init__(self):
        super().__init__(KINDS["emulated"])
        self.name = "torch"

    @contextlib.contextmanager
    def running(self):
        true, before = _arrays.device_of, _core.emulate_device(True)

        def device_of(x):
            return 0 if isinstance(x, torch.Tensor) else true(x)

        _arrays.device_of = device_of
        try:
            yield
        finally:
            _arrays.device_of = true
            _core.emulate_device(before)

    def array(self, array):
        strides = [s // array.itemsize for s in array.strides]
        made = torch.empty_strided(array.shape, strides, dtype=getattr(torch, array.dtype.name))
        made.copy_(torch.from_numpy(np.array(array)))
        return made

    def numpy(self, array):
        return array if isinstance(array, np.ndarray) else array.detach().numpy().copy()


@pytest.fixture
def tensors():
    if reason := KINDS["emulated"].missing():
        pytest.skip(reason)
    return Tensors()


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("cls", PROBING)
def test_steps_by_products(cls, dtype, tensors):
    both(tensors, lambda kind: stepped(kind, cls, dtype, lr=0.01, hessian_update_interval=1))


def test_sophia_g(tensors):
    def scenario(kind):
        params = kind.arrays([random((6, 4), 1)])
        opt = optim.SophiaG(params, lr=0.01, hessian_update_interval=1)
        for t in range(2):
            sampled = kind.arrays([random((6, 4), t + 5, np.float16)])
            opt.step(kind.arrays([random((6, 4), t + 2)]), sampled, batch_size=12)
        return kind.arrays_of(params)

    both(tensors, scenario)


@pytest.mark.parametrize("eps", [0.0, 1e-12])
def test_adafisher(eps, tensors):
    def scenario(kind):
        params = kind.arrays([random((6, 4), 1), random((6,), 2)])
        opt = optim.AdaFisher(params, lr=0.05, factor_update_interval=1)
        for t in range(3):
            x, s = kind.arrays([random((8, 4), t), random((8, 6), t + 1)])
            factors = curvature.linear_factors(x, s, eps=eps)
            opt.step(kind.arrays([random((6, 4), t + 3), random((6,), t + 4)]), factors)
        return kind.arrays_of(params)

    both(tensors, scenario)


def test_mkor(tensors):
    host, _ = mkor(OnDevice(HOST), np.float64, clip=0.5)
    with tensors.running():
        ours, _ = mkor(tensors, np.float64, clip=0.5)
    for got, want in zip(ours, host, strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-11)


@pytest.mark.parametrize("solver", ["cg", "woodbury"])
def test_natural_gradients(solver, tensors):
    host, _ = natural(OnDevice(HOST), np.float64, solver, tol=1e-12)
    with tensors.running():
        ours, _ = natural(tensors, np.float64, solver, tol=1e-12)
    for got, want in zip(ours, host, strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-10)


def test_levenberg_marquardt(tensors):
    with tensors.running():
        (a, b), steps = fitted(tensors, "marquardt")
    assert 3 < steps < 50 and abs(a - 2.5) < 1e-12 and abs(b[0] - 1.3) < 1e-12


def test_operators(tensors):
    diagonal = np.arange(1.0, 25.0)

    def product(z):
        return tensors.array(diagonal * tensors.numpy(z))

    with tensors.running():
        like = tensors.array(np.ones(24))
        trace = curvature.hutchpp_trace(product, like, 72)
        spectrum = curvature.lanczos(product, like, 24)
        solution = curvature.conjugate_gradient(product, like, tol=1e-12)
        hvp = curvature.finite_difference_hvp(product, like)
        found = tensors.numpy(hvp(tensors.array(np.ones(24))))
        fisher = curvature.empirical_fisher_product(tensors.array(np.diag(diagonal)))
        rows = tensors.numpy(fisher(like))
    assert abs(trace.value - 300) < 1e-8
    np.testing.assert_allclose(spectrum.eigen()[0], diagonal, rtol=0, atol=1e-10)
    np.testing.assert_allclose(tensors.numpy(solution.x), 1 / diagonal, rtol=0, atol=1e-11)
    np.testing.assert_allclose(rows, diagonal**2 / 24, rtol=1e-14, atol=0)
    here = curvature.finite_difference_hvp(lambda p: diagonal * p, np.ones(24))(np.ones(24))
    assert same_bits(found, here)
