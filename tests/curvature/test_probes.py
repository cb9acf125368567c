"""rademacher and gaussian: their bits, their statistics, their arguments."""

import mpmath
import numpy as np
import pytest
from reference.curvature import philox
from steepest import cpu
from steepest.curvature import gaussian, rademacher

from .support import BFLOAT16, DTYPES, SEED, same_bits

MAKERS = {"rademacher": rademacher, "gaussian": gaussian}
by_maker = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
by_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
COUNT = 1 << 18
FAR = 128 * 2**32  # where the number of the signs' block exceeds 32 bits; Gaussians' at 2^33


@by_dtype
@pytest.mark.parametrize("first", [0, 1, 63, 64, 127, 128, 1000, FAR - 777, 2**48 - 9000])
def test_signs_are_those_of_the_reference(dtype, first, every_target):
    wanted = philox.signs(first, 9000, SEED, 3, 5)
    for target in every_target:
        cpu.use(target)
        z = rademacher(np.empty(9000, dtype), SEED, 3, 5, offset=first)
        assert z.dtype == dtype and np.array_equal(z.astype(np.float64), wanted)


@pytest.mark.parametrize("first", [0, 1, 2**33 - 101, 2**48 - 2001])
def test_gaussians_are_those_of_the_reference(first):
    """The log's error is 2 units, halved by the root; sine, cosine and products add one each, and
    so do NumPy's functions."""
    z = gaussian(np.empty(2001), SEED, 3, 5, offset=first)
    wanted = philox.gaussians(first, 2001, SEED, 3, 5)
    u, _, _ = philox.uniforms(first, 2001, SEED, 3, 5)
    radius = np.repeat(np.sqrt(-2 * np.log(u)), 2)[first % 2 :][:2001]
    # NumPy's sine of an angle up to 2 pi sees the rounding of the angle, 4 units of 1.
    assert np.all(np.abs(z - wanted) <= 12 * 2**-53 * radius)


def test_gaussians_to_a_few_units_in_the_last_place():
    z = gaussian(np.empty(200), SEED).reshape(-1, 2)
    u, quadrant, place = philox.uniforms(0, 200, SEED)
    with mpmath.workdps(40):
        for pair, *exact in zip(z, u, quadrant, place, strict=True):
            radius = mpmath.sqrt(-2 * mpmath.log(mpmath.mpf(exact[0])))
            angle = (int(exact[1]) + mpmath.mpf(exact[2])) * mpmath.pi / 2
            for value, function in zip(pair, (mpmath.cos, mpmath.sin), strict=True):
                true = radius * function(angle)
                assert abs(mpmath.mpf(float(value)) - true) <= 8 * mpmath.mpf(2) ** -53 * abs(true)


@by_maker
@by_dtype
def test_the_same_bits_on_targets_with_threads_and_for_slices(make, dtype, every_target):
    n = 3 * 4096 + 77
    wanted = None
    for target in every_target:
        cpu.use(target)
        for threads in (1, 2, 5):
            cpu.set_threads(threads)
            z = make(np.empty(n, dtype), SEED, 1, 2)
            wanted = z if wanted is None else wanted
            assert same_bits(z, wanted)
        for first, last in ((0, 5), (5, 4101), (4101, n), (129, 130)):
            part = make(np.empty(last - first, dtype), SEED, 1, 2, offset=first)
            assert same_bits(part, wanted[first:last])


@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
@pytest.mark.parametrize("shift", [0, 1, 3])
def test_large_probes_go_past_the_caches_with_the_same_values(dtype, shift, every_target):
    """Signs from 32 MiB on; the ends are at no address that suits the wide stores."""
    n = (32 << 20) // dtype.itemsize + 3
    wanted = philox.signs(n - 5000, 5000, SEED)
    for target in every_target:
        cpu.use(target)
        for threads in (1, 2):
            cpu.set_threads(threads)
            buffer = np.zeros(n + 8, dtype)
            place = buffer[shift : shift + n]
            rademacher(place, SEED, out=place)
            assert not buffer[:shift].any() and not buffer[shift + n :].any()
            assert np.abs(place).min() == np.abs(place).max() == 1
            for first in (0, 131072 - 100, n // 2 - 3000):
                part = rademacher(np.empty(5000, dtype), SEED, offset=first)
                assert same_bits(part, place[first : first + 5000])
            assert np.array_equal(place[-5000:], wanted)


@by_maker
def test_dtypes_round_the_same_values(make):
    z = make(np.empty(5001), SEED)
    single = z.astype(np.float32)
    for dtype in DTYPES:
        wanted = z if dtype == np.float64 else single.astype(dtype)
        assert same_bits(make(np.empty(5001, dtype), SEED), wanted)


def test_signs_are_signs():
    z = rademacher(np.empty(COUNT), SEED)
    assert np.array_equal(z * z, np.ones(COUNT))
    assert {-1.0, 1.0} == set(np.unique(z))
    assert abs(z.mean()) <= 5 / np.sqrt(COUNT)


def test_gaussians_are_gaussian():
    """Moments to five standard deviations of theirs: variances 1, 2, 15, 96 of z^k."""
    z = gaussian(np.empty(COUNT), SEED)
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs(np.mean(z**power) - moment) <= 5 * np.sqrt(variance / COUNT)
    stats = pytest.importorskip("scipy.stats")
    assert stats.kstest(z, "norm").pvalue > 1e-3
    assert 4 < np.abs(z).max() < 8.5


@by_maker
def test_probes_tensors_seeds_and_elements_are_independent(make):
    def values(seed=SEED, probe=0, tensor=0, offset=0):
        return make(np.empty(COUNT), seed, probe, tensor, offset=offset)

    z = values()
    others = {
        "probe": values(probe=1),
        "last probe": values(probe=2**32 - 1),
        "tensor": values(tensor=1),
        "seed": values(seed=SEED + 1),
        "upper seed": values(seed=SEED ^ (1 << 63)),
        "far": values(offset=FAR),
        "four words on": values(offset=2**32),
    }
    others |= {f"lag {lag}": np.roll(z, lag) for lag in (1, 2, 31, 32, 64, 127, 128, 4096)}
    others |= {
        f"rademacher of {name}": rademacher(z, SEED, 0) for name in ["z"] if make is gaussian
    }
    for name, other in others.items():
        assert abs(np.mean(z * other)) <= 5 / np.sqrt(COUNT), name


def test_structures_and_tensor_numbers():
    like = {"w": np.zeros((3, 5), np.float32), "b": np.zeros(7)}
    made = rademacher(like, SEED, 2)
    assert list(made) == ["w", "b"] and made["w"].shape == (3, 5) and made["b"].dtype == np.float64
    for i, (name, array) in enumerate(like.items()):
        assert same_bits(made[name], rademacher(array, SEED, 2, i))
    listed = rademacher(list(like.values()), SEED, 2, 10)
    assert same_bits(listed[1], rademacher(like["b"], SEED, 2, 11))
    assert isinstance(rademacher(tuple(listed), SEED), tuple)
    assert rademacher(np.zeros(()), SEED).shape == () and rademacher(np.zeros((0, 3)), 0).size == 0
    fortran = np.zeros((4, 6), order="F")
    assert same_bits(rademacher(fortran, SEED), rademacher(np.zeros((4, 6)), SEED))


def test_torch():
    torch = pytest.importorskip("torch")
    for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.float16):
        name = str(dtype).removeprefix("torch.")
        wanted = gaussian(np.empty(100, BFLOAT16 if name == "bfloat16" else name), SEED)
        made = gaussian(torch.empty(100, dtype=dtype, requires_grad=True), SEED)
        assert made.dtype == dtype and not made.requires_grad
        assert np.array_equal(made.double().numpy(), wanted.astype(np.float64))
        out = torch.empty(100, dtype=dtype)
        assert gaussian(made, SEED, out=out) is out and torch.equal(out, made)


@by_maker
def test_wrong_calls_change_nothing(make):
    out = np.full((3, 4), 7.0)
    frozen = np.full(3, 7.0)
    frozen.flags.writeable = False
    wide = np.full((4, 3), 7.0)
    calls = [
        (TypeError, "seed", (out, 0.5), {"out": out}),
        (ValueError, "seed", (out, -1), {"out": out}),
        (ValueError, "seed", (out, 2**64), {"out": out}),
        (ValueError, "probe", (out, 0, 2**32), {"out": out}),
        (ValueError, "tensor", (out, 0, 0, 2**32), {"out": out}),
        (ValueError, "offset", (out, 0), {"out": out, "offset": 2**48}),
        (ValueError, "offset", ([out], 0), {"out": [out], "offset": 1}),
        (ValueError, "out: shape", (wide, 0), {"out": out}),
        (TypeError, "out: dtype", (out.astype(np.float32), 0), {"out": out}),
        (TypeError, "out", ([out], 0), {"out": out}),
        (ValueError, "out: array of another layout", (wide, 0), {"out": out.T}),
        (ValueError, r"out\[1\]: memory shared", ([out, out], 0), {"out": [out, out]}),
        (BufferError, "out: read-only", (frozen, 0), {"out": frozen}),
        (TypeError, "like: dtype int64", (np.zeros(3, int), 0), {}),
        (TypeError, "like", (3.0, 0), {}),
        (ValueError, "like", ([], 0), {}),
    ]
    for error, words, arguments, keywords in calls:
        with pytest.raises(error, match=words):
            make(*arguments, **keywords)
    assert np.all(out == 7) and np.all(frozen == 7)
