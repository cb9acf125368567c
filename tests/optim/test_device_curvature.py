"""Optimizers on curvature on other kinds of arrays, chosen by --arrays: the bits of NumPy.

Callbacks compute in NumPy, so that all kinds get the same products; they refuse what is not of the
kind.
"""

import ml_dtypes
import numpy as np
import pytest
from steepest import _arrays, curvature, optim

from .devices import HOST, OnDevice, both, plain
from .support import random, same_bits

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
SHAPES = ((6, 4), (5,), (), (4, 3, 2, 2), (130, 70))
STEPS = 4
PROBING = (optim.AdaHessian, optim.SophiaH, optim.OASIS)


def arrays(seed, dtype=np.float32):
    """The first one in F order."""
    made = [random(shape, seed + i, dtype) for i, shape in enumerate(SHAPES)]
    return [np.asfortranarray(made[0]), *made[1:]]


def curvature_of(a, p):
    return a * a * (1 - np.tanh(a * p) ** 2) + 0.1


class Bowl:
    """The gradient and the Hessian's diagonal of sum(log cosh(a p) + p^2 / 20), and a product with
    a little beside the diagonal, of arrays of a kind."""

    def __init__(self, kind, k, dtype):
        self.kind, self.dtype = kind, dtype
        self.a = [1 + np.tanh(x) ** 2 for x in arrays(50 * k + 7, np.float64)]

    def read(self, given):
        assert all((_arrays.device_of(x) is not None) == self.kind.on_device for x in given)
        return [x.astype(np.float64) for x in self.kind.arrays_of(given)]

    def made(self, values, like):
        return self.kind.arrays(
            [np.asarray(v, p.dtype, order="C") for v, p in zip(values, like, strict=True)]
        )

    def gradient(self, params):
        like = self.kind.arrays_of(params)
        at = self.read(params)
        return self.made(
            [a * np.tanh(a * p) + 0.1 * p for a, p in zip(self.a, at, strict=True)], like
        )

    def product(self, params):
        at = self.read(params)

        def times(z):
            like = self.kind.arrays_of(z)
            found = []
            for a, p, v in zip(self.a, at, self.read(z), strict=True):
                found.append(curvature_of(a, p) * v + 1e-3 * v.sum())
            return self.made(found, like)

        return times

    def diagonal(self, params):
        at = self.read(params)
        found = [curvature_of(a, p) for a, p in zip(self.a, at, strict=True)]
        return self.kind.arrays([np.asarray(x, self.dtype, order="C") for x in found])


def in_order(kind, grads):
    """The gradients in the layouts of the parameters, as steps want them: the first in F order."""
    first, *others = kind.arrays_of(grads)
    return kind.arrays([np.asfortranarray(first), *others])


def stepped(kind, cls, dtype=np.float32, none_at=(1, 1), **options):
    """Some steps by products, one of them without a gradient of one parameter; what is left."""
    params = kind.arrays(arrays(1, dtype))
    opt = cls(params, **options)
    for t in range(STEPS):
        bowl = Bowl(kind, t, dtype)
        grads = in_order(kind, bowl.gradient(params))
        grads = [None if (t, i) == none_at else g for i, g in enumerate(grads)]
        given = {"previous_grads": bowl.gradient} if cls is optim.OASIS else {}
        assert opt.step(grads, bowl.product(params), grad_scale=2.0, **given) is True
    rates = [[group[name] for name in ("lr", "theta") if name in group]
             for group in opt.param_groups]  # fmt: skip
    return kind.arrays_of(params), plain(kind, opt), rates


AVERAGES = [
    {"average": "none"},
    {"average": "spatial"},
    {"average": "rows"},
    {"average": "block", "block": [4, 5, 1, 6, 4550]},
    {"average": "spatial", "absolute": False, "probes": 3, "hessian_update_interval": 2},
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("options", AVERAGES, ids=str)
def test_adahessian(options, dtype, device):
    both(device, lambda kind: stepped(kind, optim.AdaHessian, dtype, lr=0.1, **options))


@pytest.mark.parametrize("distribution", ["gaussian", "rademacher"])
def test_sophia_h(distribution, device):
    options = {"hessian_update_interval": 3, "distribution": distribution, "maximize": True}
    both(device, lambda kind: stepped(kind, optim.SophiaH, lr=0.01, **options))


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize(
    "options",
    [{}, {"hessian_update_interval": 2, "weight_decay": 0.1}, {"adaptive": False}],
    ids=str,
)
def test_oasis(options, dtype, device):
    given = {"alpha": 0.1, "warmup_probes": 3, "beta2": 0.9, **options}
    *_, rates = both(device, lambda kind: stepped(kind, optim.OASIS, dtype, lr=1e-3, **given))
    assert (rates[0][0] != 1e-3) == options.get("adaptive", True)


@pytest.mark.parametrize("dtype", [BFLOAT16, np.dtype(np.float16)], ids=str)
@pytest.mark.parametrize("cls", PROBING)
def test_half_precision_with_masters_and_states_in_bfloat16(cls, dtype, device):
    options = {"master_weights": True, "state_dtype": "bfloat16", "hessian_update_interval": 1}
    both(device, lambda kind: stepped(kind, cls, dtype, lr=0.01, **options))


@pytest.mark.parametrize("given_dtype", [np.float64, np.float32, BFLOAT16, np.float16], ids=str)
@pytest.mark.parametrize("cls", [*PROBING, optim.SophiaG])
def test_diagonals_that_are_given(cls, given_dtype, device):
    def scenario(kind):
        params = kind.arrays(arrays(1))
        opt = cls(params, hessian_update_interval=1)
        for t in range(2):
            bowl = Bowl(kind, t, given_dtype)
            grads = in_order(kind, bowl.gradient(params))
            others = {"previous_grads": bowl.gradient(params)} if cls is optim.OASIS else {}
            opt.step(grads, hessian=bowl.diagonal(params), **others)
        return kind.arrays_of(params), plain(kind, opt)

    both(device, scenario)


@pytest.mark.parametrize("given_dtype", [np.float64, np.float32, BFLOAT16, np.float16], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_sophia_g(dtype, given_dtype, device):
    def scenario(kind):
        params = kind.arrays(arrays(1, dtype))
        opt = optim.SophiaG(params, lr=0.01, hessian_update_interval=2)
        for t in range(STEPS):
            grads = kind.arrays(arrays(20 * t + 30, dtype))
            sampled = [x.astype(given_dtype) for x in arrays(20 * t + 40)]
            opt.step(grads, lambda s=sampled: kind.arrays(s), batch_size=12)
        return kind.arrays_of(params), plain(kind, opt)

    both(device, scenario)


# ---- What is refused


def nan_in(kind, i):
    made = arrays(60)
    made[i][...] = np.nan
    return kind.arrays(made)


@pytest.mark.parametrize("cls", PROBING)
def test_products_that_are_not_finite_change_nothing(cls, device):
    with device.running():
        params = device.arrays(arrays(1))
        opt = cls(params, hessian_update_interval=1)
        bowl = Bowl(device, 0, np.float32)
        given = {"previous_grads": bowl.gradient} if cls is optim.OASIS else {}
        opt.step(device.arrays(arrays(20)), bowl.product(params), **given)
        before = device.arrays_of(params), plain(device, opt)
        with pytest.raises(ValueError, match=r"hvp's result\[3\]: a NaN or an infinity"):
            opt.step(device.arrays(arrays(20)), lambda z: nan_in(device, 3), **given)
        with pytest.raises(ValueError, match=r"hessian\[1\]: a NaN or an infinity"):
            opt.step(device.arrays(arrays(20)), hessian=nan_in(device, 1), **given)
        bad = device.arrays(arrays(20))
        bad[2] = nan_in(device, 2)[2]
        assert not opt.step(bad, bowl.product(params), skip_nonfinite=True, **given)
        same(before, (device.arrays_of(params), plain(device, opt)))


def same(a, b):
    """To the bit, NaN payloads aside."""
    assert str(a) == str(b)


@pytest.mark.parametrize("cls", [*PROBING, optim.SophiaG])
def test_arrays_in_host_memory_are_refused(cls, device):
    with device.running():
        params = device.arrays(arrays(1))
        opt = cls(params, hessian_update_interval=1)
        given = device.arrays(arrays(20))
        with pytest.raises((TypeError, ValueError), match=r"^hessian\[0\]: "):
            opt.step(given, hessian=arrays(30))
        if cls in PROBING:
            with pytest.raises((TypeError, ValueError), match=r"^hvp's result\[0\]: "):
                opt.step(given, lambda z: arrays(30))
        else:
            with pytest.raises((TypeError, ValueError), match=r"^sampled_grads\[0\]: "):
                opt.step(given, arrays(30), batch_size=2)
        assert opt.step(given, hessian=device.arrays(arrays(30))) is True


def test_parameters_in_different_places_are_refused(device):
    with device.running():
        there = device.arrays(arrays(1))[:1]
        opt = optim.AdaHessian([{"params": there}, {"params": [np.zeros(3, np.float32)]}])
        with pytest.raises(ValueError, match=r"params\[1\]: array in host memory given"):
            opt.step([*device.arrays(arrays(2))[:1], np.ones(3, np.float32)], lambda z: z)


def test_training_goes_on_from_another_kind(device):
    """NumPy states into the kind, and back."""
    host = OnDevice(HOST)

    def go(kind, opt, params, first):
        for t in range(first, first + 2):
            bowl = Bowl(kind, t, np.float32)
            grads = in_order(kind, bowl.gradient(params))
            opt.step(grads, bowl.product(params), previous_grads=bowl.gradient)

    params = arrays(1)
    opt = optim.OASIS(params, alpha=0.1)
    go(host, opt, params, 0)
    with device.running():
        moved = device.arrays(params)
        other = optim.OASIS(moved, alpha=0.1)
        other.load_state_dict(opt.state_dict())
        go(device, other, moved, 2)
        found = device.arrays_of(moved), plain(device, other)
    go(host, opt, params, 2)
    assert str(found) == str((params, plain(host, opt)))


# ---- Kronecker factors


def network(dtype):
    """A weight and a bias, a kernel, and a matrix of no layer."""
    shapes = ((6, 4), (6,), (5, 3, 2, 2), (3, 70))
    return [random(shape, 3 + i, dtype) for i, shape in enumerate(shapes)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, BFLOAT16], ids=str)
@pytest.mark.parametrize("cls", [optim.AdaFisher, optim.AdaFisherW])
def test_adafisher(cls, dtype, device):
    def scenario(kind):
        params = kind.arrays(network(dtype))
        masters = {"master_weights": True} if dtype == BFLOAT16 else {}
        opt = cls(params, lr=0.05, factor_update_interval=2, weight_decay=0.1, **masters)
        for t in range(STEPS):
            grads = kind.arrays([random(p.shape, 40 * t + i, dtype) for i, p in enumerate(params)])
            x, s = random((8, 2, 4), t, dtype), random((8, 2, 6), t + 1, dtype)
            factors = curvature.linear_factors(*kind.arrays([x, s]))
            other = [np.square(random((n,), t + n, np.float32)) for n in (5, 12)]
            opt.step(grads, [*factors, tuple(kind.arrays(other)), None])
        return kind.arrays_of(params), plain(kind, opt)

    both(device, scenario)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, BFLOAT16, np.float16], ids=str)
@pytest.mark.parametrize(
    "options", [{}, {"bias": False}, {"normalize": False}, {"eps": 0.0}], ids=str
)
def test_factors_of_linear_layers(options, dtype, device):
    def scenario(kind):
        x, s = random((30, 3, 9), 1, dtype), np.full((30, 3, 70), 0.5, dtype)
        found = curvature.linear_factors(*kind.arrays([x, s]), **options)
        for f in found:
            assert (_arrays.device_of(f.output) is not None) == kind.on_device
            assert (_arrays.device_of(f.input) is not None) == kind.on_device
        return [kind.arrays_of(f) for f in found]

    both(device, scenario)


def test_bad_factors_are_named_and_change_nothing(device):
    good = [np.ones(n, np.float32) for n in (6, 4)]
    with device.running():
        params = device.arrays(network(np.float32))[:1]
        opt = optim.AdaFisher(params)
        grads = device.arrays([random((6, 4), 8)])
        before = device.arrays_of(params), plain(device, opt)
        for bad, error, words in [
            (np.full(6, np.nan, np.float32), ValueError, "a NaN or an infinity"),
            (-good[0], ValueError, "-1.0 given, expected numbers of at least 0"),
            (np.ones(5, np.float32), ValueError, r"shape \(5,\) given"),
        ]:
            with pytest.raises(error, match=rf"^statistics\[0\], output: {words}"):
                opt.step(grads, [device.arrays([bad, good[1]])])
        with pytest.raises(ValueError, match=r"^statistics\[0\], output: array in host memory"):
            opt.step(grads, [good])
        same(before, (device.arrays_of(params), plain(device, opt)))
        assert opt.step(grads, [device.arrays(good)]) is True


def mkor(kind, dtype, **options):
    params = kind.arrays(network(dtype))
    opt = optim.MKOR(
        params, 0.05, momentum=0.9, layers=[(0, 1), 2], inverse_update_interval=2, **options
    )
    for t in range(STEPS):
        grads = kind.arrays([random(p.shape, 40 * t + i, dtype) for i, p in enumerate(params)])
        sizes = ((4, 6), (12, 5))
        given = [
            tuple(kind.arrays([random((n,), 7 * t + n, np.float32) for n in pair]))
            for pair in sizes
        ]
        if dtype == np.float64:
            given = [tuple(kind.arrays([kind.numpy(v).astype(dtype) for v in p])) for p in given]
        assert opt.step(grads, given, grad_scale=2.0) is True
    return kind.arrays_of(params), plain(kind, opt)


@pytest.mark.parametrize("rescale", [True, False])
@pytest.mark.parametrize("clip", [0.5, None])
def test_mkor(clip, rescale, device):
    """In double: the products, of at most 13 terms, are within (13 + 6) of its rounding of each
    other per side and factor, which four steps of momentum pass on."""
    host, states = mkor(OnDevice(HOST), np.float64, clip=clip, rescale=rescale)
    with device.running():
        ours, there = mkor(device, np.float64, clip=clip, rescale=rescale)
    for got, want in zip(ours, host, strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-11)
    for got, want in zip(there, states, strict=True):
        for name in ("left_inverse", "right_inverse"):
            assert same_bits(got.get(name, 0), want.get(name, 0))


def test_inverses_are_where_the_weights_are_and_are_put_back(device):
    with device.running():
        params = device.arrays(network(np.float32))[:1]
        opt = optim.MKOR(params, 0.05, inverse_update_interval=1)
        good = [np.ones(n, np.float32) for n in (4, 6)]
        opt.step(device.arrays([random((6, 4), 8)]), [device.arrays(good)])
        states = opt.state_dict()["state"][0]
        for name in ("left_inverse", "right_inverse"):
            assert type(states[name]) is type(params[0])
        before = device.arrays_of(params), plain(device, opt)
        grads = random((6, 4), 9)
        grads[2, 3] = np.inf
        opt.param_groups[0]["lr"] = 0.05
        with pytest.raises(ValueError, match="array in host memory given"):
            opt.step(device.arrays([random((6, 4), 9)]), [good])
        assert not opt.step(device.arrays([grads]), [device.arrays(good)], skip_nonfinite=True)
        same(before, (device.arrays_of(params), plain(device, opt)))
        other = optim.MKOR(device.arrays(network(np.float32))[:1], 0.05)
        other.load_state_dict(opt.state_dict())
        same(plain(device, opt), plain(device, other))


# ---- Damped systems


def natural(kind, dtype, solver, **options):
    params = kind.arrays(arrays(1, dtype)[:4])
    opt = optim.NaturalGradient(params, 0.1, damping=0.5, solver=solver, momentum=0.5, **options)
    for t in range(STEPS):
        rows = [random((5, *p.shape), 50 * t + i, dtype) for i, p in enumerate(params)]
        fisher = kind.arrays(rows)
        if solver != "woodbury":
            flat = np.concatenate([r.reshape(5, -1) for r in rows], axis=1).astype(np.float64) / 5

            def fisher(v, flat=flat):
                given = kind.arrays_of(v)
                u = np.concatenate([np.ravel(p) for p in given]).astype(np.float64)
                found = np.split(flat.T @ (flat @ u), np.cumsum([p.size for p in given])[:-1])
                return kind.arrays(
                    [np.asarray(f.reshape(p.shape), p.dtype)
                     for f, p in zip(found, given, strict=True)]
                )  # fmt: skip

        grads = in_order(kind, kind.arrays([np.asarray(r.mean(0)) for r in rows]))
        grads = [None if (t, i) == (1, 1) else g for i, g in enumerate(grads)]
        assert opt.step(grads, fisher, max_grad_norm=2.0) is True
    return kind.arrays_of(params), plain(kind, opt)


@pytest.mark.parametrize(
    ("solver", "options"),
    [
        ("cg", {"tol": 1e-12, "check_symmetry": True}),
        ("cg", {"max_iter": 3, "weight_decay": 0.1, "kl_clip": 1e-3}),
        ("euler", {"time_step": 0.05, "max_iter": 20}),
        ("woodbury", {}),
        ("woodbury", {"kl_clip": 1e-3, "maximize": True}),
    ],
)
def test_natural_gradients(solver, options, device):
    """In double, up to the rounding of sums."""
    host, _ = natural(OnDevice(HOST), np.float64, solver, **options)
    with device.running():
        ours, _ = natural(device, np.float64, solver, **options)
    for got, want in zip(ours, host, strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-10)


def fitted(kind, scaling):
    t = np.linspace(0, 4, 40)
    y = 2.5 * np.exp(-1.3 * t)
    params = kind.arrays([np.array(1.0), np.array([0.5])])
    opt = optim.LevenbergMarquardt(params, scaling=scaling)

    def residuals(p):
        a, b = kind.arrays_of(p)
        return kind.array(a * np.exp(-b * t) - y)

    def jacobian(p):
        a, b = kind.arrays_of(p)
        e = np.exp(-b * t)
        return kind.arrays([e, (-t * a * e)[:, None]])

    steps = 0
    while steps < 50 and opt.step(residuals, jacobian):
        steps += 1
    return kind.arrays_of(params), steps


@pytest.mark.parametrize("scaling", [None, "marquardt"])
def test_levenberg_marquardt(scaling, device):
    with device.running():
        (a, b), steps = fitted(device, scaling)
    assert 3 < steps < 50 and abs(a - 2.5) < 1e-12 and abs(b[0] - 1.3) < 1e-12
