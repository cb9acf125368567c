"""Products, spectra and solvers on arrays on a device: emulated, with the stand-in for CuPy, and on
CuPy arrays and torch tensors where there is a device."""

import numpy as np
import pytest
from optim.devices import OnDevice
from steepest import _arrays, curvature

from .support import SEED, same_bits, symmetric

N = 24
DTYPES = [np.float32, np.float64]
by_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])


@pytest.fixture
def device(kind):
    made = OnDevice(kind)
    with made.running():
        yield made


def split(x):
    """Of two shapes, (4, 5) and (4,)."""
    return [x[:20].reshape(4, 5), x[20:]]


def flat(parts):
    return np.concatenate([np.ravel(p) for p in parts])


class Matrix:
    """Positive definite, as a callback on both kinds of arrays."""

    def __init__(self, device, dtype):
        a = symmetric(N)
        self.device, self.dtype = device, dtype
        self.a = a @ a / N + np.diag(np.arange(1.0, N + 1))

    def here(self, z):
        return [p.astype(self.dtype) for p in split(self.a @ flat(z).astype(np.float64))]

    def there(self, z):
        assert all(_arrays.device_of(x) is not None for x in z)
        return self.device.arrays(self.here(self.device.arrays_of(z)))

    def like(self):
        return [np.ones((4, 5), self.dtype), np.ones(4, self.dtype)]


def error_of(dtype):
    """Of products that are rounded to the dtype, some of them one after the other."""
    return 1e3 * np.finfo(dtype).eps


@by_dtype
def test_finite_differences_have_the_bits_of_the_cpu(device, dtype):
    def gradient(p):
        return [np.asarray(np.sinh(x.astype(np.float64)), dtype) for x in p]

    rng = np.random.default_rng(0)
    params = [rng.standard_normal(s).astype(dtype) for s in ((4, 5), (4,), ())]
    v = [rng.standard_normal(s).astype(dtype) for s in ((4, 5), (4,), ())]
    there = device.arrays(params)
    product = curvature.finite_difference_hvp(
        lambda p: device.arrays(gradient(device.arrays_of(p))), there
    )
    found = device.arrays_of(product(device.arrays(v)))
    assert all(map(same_bits, device.arrays_of(there), params))
    with device.off():
        wanted = curvature.finite_difference_hvp(gradient, params)(v)
    assert all(map(same_bits, found, map(np.asarray, wanted)))
    with pytest.raises(ValueError, match=r"grad_fn's result\[1\]: a NaN"):
        curvature.finite_difference_hvp(
            lambda p: device.arrays([params[0], np.full(4, np.nan, dtype), params[2]]), there
        )(device.arrays(v))
    assert all(map(same_bits, device.arrays_of(there), params))


@by_dtype
def test_empirical_fisher_products(device, dtype):
    rng = np.random.default_rng(1)
    grads = [rng.standard_normal((7, *s)).astype(dtype) for s in ((4, 5), (4,))]
    v = [rng.standard_normal(s).astype(dtype) for s in ((4, 5), (4,))]
    found = curvature.empirical_fisher_product(device.arrays(grads))(device.arrays(v))
    rows = np.concatenate([g.reshape(7, -1) for g in grads], axis=1).astype(np.float64)
    wanted = rows.T @ (rows @ flat(v).astype(np.float64)) / 7
    bound = (N + 6 + 7 + 6) * np.finfo(dtype).eps * (abs(rows).T @ (abs(rows) @ abs(flat(v)))) / 7
    assert np.all(abs(flat(device.arrays_of(found)) - wanted) <= bound)
    with pytest.raises(ValueError, match=r"v\[0\]: a NaN"):
        curvature.empirical_fisher_product(device.arrays(grads))(
            device.arrays([np.full((4, 5), np.nan, dtype), v[1]])
        )


@by_dtype
def test_gauss_newton_products(device, dtype):
    m = Matrix(device, dtype)
    product = curvature.gauss_newton_product(m.there, m.there, m.there)
    z = device.arrays(m.like())
    wanted = m.here(m.here(m.here(m.like())))
    assert all(map(same_bits, device.arrays_of(product(z)), wanted))
    bad = curvature.gauss_newton_product(
        m.there, lambda u: device.arrays([np.full((4, 5), np.inf, dtype), np.ones(4, dtype)])
    )
    with pytest.raises(ValueError, match=r"vjp's result\[0\]: a NaN or an infinity"):
        bad(z)
    with pytest.raises((TypeError, ValueError), match=r"vjp's result\[0\]: "):
        curvature.gauss_newton_product(m.there, lambda u: m.like())(z)


@by_dtype
def test_hutchpp(device, dtype):
    m = Matrix(device, dtype)
    found = curvature.hutchpp_trace(m.there, device.arrays(m.like()), 30, SEED)
    with device.off():
        wanted = curvature.hutchpp_trace(m.here, m.like(), 30, SEED)
    assert found.products == wanted.products and found.probes == wanted.probes
    scale = np.abs(m.a).sum()
    assert abs(found.value - wanted.value) <= error_of(dtype) * scale
    assert abs(found.stderr - wanted.stderr) <= error_of(dtype) * scale
    whole = curvature.hutchpp_trace(m.there, device.arrays(m.like()), 3 * N, SEED)
    assert whole.stderr == 0 and abs(whole.value - np.trace(m.a)) <= error_of(dtype) * scale


def test_hutchpp_of_dependent_products(device):
    u = np.random.default_rng(3).standard_normal((2, N))

    def product(z):
        return device.arrays(split(u.T @ (u @ flat(device.arrays_of(z)))))

    like = device.arrays([np.ones((4, 5)), np.ones(4)])
    found = curvature.hutchpp_trace(product, like, 30, SEED)
    assert abs(found.value - np.sum(u * u)) <= 1e-9 * np.sum(u * u)
    nothing = curvature.hutchpp_trace(
        lambda z: device.arrays([np.zeros((4, 5)), np.zeros(4)]), like, 9, SEED
    )
    assert nothing.value == 0


@by_dtype
def test_lanczos_and_spectra(device, dtype):
    m = Matrix(device, dtype)
    found = curvature.lanczos(m.there, device.arrays(m.like()), N, SEED)
    basis = device.numpy(found.basis)
    assert type(found.basis) is type(device.array(np.ones(3))) and basis.shape[0] == N
    np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), rtol=0, atol=1e-10)
    size = np.linalg.norm(m.a, 2)
    values = np.linalg.eigvalsh(m.a)
    np.testing.assert_allclose(found.eigen()[0], values, rtol=0, atol=error_of(dtype) * size)
    ends = curvature.extreme_eigenvalues(m.there, device.arrays(m.like()), 1, 1, SEED)
    assert abs(ends.top[0] - values[-1]) <= ends.top_error[0] + error_of(dtype) * size
    with device.off():
        wanted = curvature.spectral_density(m.here, m.like(), 8, 3, SEED)
    density = curvature.spectral_density(m.there, device.arrays(m.like()), 8, 3, SEED)
    np.testing.assert_allclose(
        density.nodes, wanted.nodes, rtol=0, atol=1e3 * error_of(dtype) * size
    )


def test_operators_that_are_not_symmetric_are_refused(device):
    a = np.triu(np.ones((N, N)))

    def product(z):
        return device.arrays(split(a @ flat(device.arrays_of(z))))

    with pytest.raises(ValueError, match="not symmetric"):
        curvature.lanczos(product, device.arrays([np.ones((4, 5)), np.ones(4)]), 4)


@by_dtype
@pytest.mark.parametrize("scale", [1.0, 1e-25])
def test_conjugate_gradients(device, dtype, scale):
    m = Matrix(device, dtype)
    rng = np.random.default_rng(5)
    b = [(scale * rng.standard_normal(p.shape)).astype(dtype) for p in m.like()]
    tol = 1e-4 if dtype == np.float32 else 1e-12
    found = curvature.conjugate_gradient(
        m.there, device.arrays(b), damping=0.5, tol=tol, check_symmetry=True
    )
    assert found.converged
    x = flat(device.arrays_of(found.x)).astype(np.float64)
    rest = flat(b) - m.a @ x - 0.5 * x
    assert np.linalg.norm(rest) <= 2 * tol * np.linalg.norm(flat(b).astype(np.float64))
    zero = curvature.conjugate_gradient(m.there, device.arrays([0 * p for p in b]))
    assert zero.converged and not flat(device.arrays_of(zero.x)).any()
    with pytest.raises(curvature.NotPositiveDefiniteError):
        curvature.conjugate_gradient(
            lambda z: device.arrays([-p for p in m.here(device.arrays_of(z))]), device.arrays(b)
        )


@by_dtype
@pytest.mark.parametrize("side", ["samples", "parameters"])
def test_systems_of_samples(device, dtype, side):
    rng = np.random.default_rng(6)
    grads = [rng.standard_normal((7, *s)).astype(dtype) for s in ((4, 5), (4,))]
    rows = np.concatenate([g.reshape(7, -1) for g in grads], axis=1).astype(np.float64)
    found = curvature.fisher_solve(device.arrays(grads), damping=0.1, side=side)
    wanted = np.linalg.solve(rows.T @ rows / 7 + 0.1 * np.eye(N), rows.mean(0))
    x = flat(device.arrays_of(found.x))
    np.testing.assert_allclose(x, wanted, rtol=0, atol=10 * error_of(dtype) * abs(wanted).max())
    r = rng.standard_normal(7).astype(dtype)
    for scaling in (None, "marquardt"):
        step = curvature.levenberg_marquardt_solve(
            device.arrays(grads), device.array(r), 0.1, scaling=scaling, side=side
        )
        diagonal = np.ones(N) if scaling is None else (rows * rows).sum(0)
        wanted = -np.linalg.solve(rows.T @ rows + 0.1 * np.diag(diagonal), rows.T @ r)
        d = flat(device.arrays_of(step.step))
        np.testing.assert_allclose(d, wanted, rtol=0, atol=10 * error_of(dtype) * abs(wanted).max())
    with pytest.raises(ValueError, match="r: array in host memory given"):
        curvature.levenberg_marquardt_solve(device.arrays(grads), r, 0.1)
