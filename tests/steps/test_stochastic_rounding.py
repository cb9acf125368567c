"""Stochastic rounding: one of the two neighbours, with the right probability, the same for the same
seed, step and tensor."""

import ml_dtypes
import numpy as np
import pytest
from kinds import steps
from reference import storage
from steepest import cpu

from .mixes import BF16, F16, F32, Case, Mix, bits, ordinary
from .test_storage import FORMATS, by_format, singles, working_copy_of

# A fixed seed makes every test repeatable; at 6 standard deviations each of some 10^3 comparisons
# would fail for 2e-9 of the seeds.
SIGMAS = 6
PARAMS_PURPOSE = 0x100  # of draws that round parameters: part of the library's definition of a draw


def rounded(x, dtype, step=1, **options):
    """x (float32) stored in `dtype` as a parameter that was -0 and moves by exactly x."""
    params = np.full(x.shape, -0.0).astype(dtype)
    steps.sgd(params, x, None, step=step, lr=1.0, maximize=True, rounding="stochastic", **options)
    return params


def philox(counter, key):
    return " ".join(f"{word:08x}" for word in storage.philox4x32(counter, key))


def test_philox_known_answers():
    """The vectors published with the paper's library, Random123 (kat_vectors)."""
    ones = 0xFFFFFFFF
    pi = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344]
    assert philox([0] * 4, [0] * 2) == "6627e8d5 e169c58d bc57ac4c 9b00dbd8"
    assert philox([ones] * 4, [ones] * 2) == "408f276d 41c83b0e a20bc7c6 6d5451fd"
    assert philox(pi, [0xA4093822, 0x299F31D0]) == "d16cfe09 94fdcceb 5001e420 24126ea1"


@pytest.mark.parametrize("seed", [0, 1, 2**32 + 5, 2**63 - 1])
@pytest.mark.parametrize(("step", "tensor"), [(1, 0), (7, 3), (2**31 - 1, 2**32 - 1)])
def test_bits_of_the_draws(seed, step, tensor, every_target):
    """A bfloat16 is rounded away from zero when the 16 bits cut off and the 16 bits drawn carry."""
    x = ordinary(np.random.default_rng(0), (5000,), F32)
    draws = storage.rounding_bits(x.size, seed, PARAMS_PURPOSE, step, tensor)
    wanted = (x.view(np.uint32).astype(np.uint64) + draws >> np.uint64(16)).astype(np.uint16)
    for target in every_target:
        cpu.use(target)
        got = rounded(x, BF16, step=step, seed=seed, tensor_ids=tensor)
        assert np.array_equal(got.view(np.uint16), wanted)


@by_format
def test_one_of_the_neighbours(name, every_target):
    dtype, fmt = FORMATS[name]
    x = singles(fmt)
    low, high, _ = storage.neighbours(x, fmt)
    for target in every_target:
        cpu.use(target)
        for seed in range(3):
            copy = working_copy_of(x, dtype, rounding="stochastic", seed=seed)
            got = copy.astype(np.float64)
            assert np.array_equal(np.isnan(got), np.isnan(x))
            wrong = ~((got == low) | (got == high) | np.isnan(x))
            assert not wrong.any(), (x[wrong][0], got[wrong][0], low[wrong][0], high[wrong][0])
            sign = np.signbit(got) == np.signbit(x)
            assert (sign | np.isnan(x)).all()


def rounding_cases(fmt):
    """Values with all sorts of distances to their neighbours: normal, denormal, at a power of
    two."""
    rng = np.random.default_rng(1)
    bases = [1.0, 1.9921875, -3.0, 2.0**fmt.lowest_exponent, 700.0]
    bases += [2.0 ** (fmt.lowest_exponent - 2), -(2.0 ** (fmt.lowest_exponent - fmt.digits + 1))]
    parts = [0.5, 0.25, 0.75, 1 / 8192, 1 - 1 / 8192, *rng.random(5)]
    values = [b + np.copysign(f * storage.ulp(np.float64(b), fmt), b) for b in bases for f in parts]
    return np.unique(np.float32(values))


@by_format
def test_unbiased(name):
    """Of n draws a share of q goes away from zero: a binomial of standard deviation sqrt(q (1-q) /
    n). The share itself may be off by the resolution of the draw: 16 bits for bfloat16 (all that is
    cut off), at least 13 for a half."""
    dtype, fmt = FORMATS[name]
    n = 2**16
    resolution = 0.0 if dtype == BF16 else 2.0**-16
    for i, x in enumerate(rounding_cases(fmt)):
        low, high, q = storage.neighbours(np.float64(x), fmt)
        copy = working_copy_of(np.full(n, x), dtype, rounding="stochastic", seed=11, tensor_ids=i)
        share = np.mean(copy.astype(np.float64) == high) if high != low else 0.0
        bound = SIGMAS * np.sqrt(max(q * (1 - q), 1 / n) / n) + resolution
        assert abs(share - q) <= bound, (x, share, q)


def halfway(n=2**15):
    """Every element rounds by the toss of a coin."""
    return np.full(n, 1 + 2.0**-8, np.float32)


def agreement(a, b):
    """Share of equal elements, less that of independent coins, in standard deviations."""
    return (np.mean(a == b) - 0.5) * 2 * np.sqrt(a.size)


def test_draws_are_repeated_for_the_same_coordinates():
    x = halfway()
    first = rounded(x, BF16, step=5, seed=9, tensor_ids=4)
    assert np.array_equal(first, rounded(x, BF16, step=5, seed=9, tensor_ids=4))


@pytest.mark.parametrize(
    "other",
    [{"step": 6}, {"seed": 10}, {"seed": 9 + 2**32}, {"tensor_ids": 5}],
    ids=["step", "seed", "high half of the seed", "tensor"],
)
def test_draws_are_independent_for_other_coordinates(other):
    x, same = halfway(), {"step": 5, "seed": 9, "tensor_ids": 4}
    a, b = rounded(x, BF16, **same), rounded(x, BF16, **{**same, **other})
    assert abs(agreement(a, b)) <= SIGMAS


@pytest.mark.parametrize("lag", [1, 2, 8, 64, 128, 256, 1024, 4096])
def test_draws_are_independent_along_a_tensor(lag):
    a = rounded(halfway(), BF16, seed=2)
    assert abs(agreement(a[lag:], a[:-lag])) <= SIGMAS


def test_draws_of_the_streams_are_independent():
    """Parameter, state and working copy of one tensor hold the same values, up to the sign."""
    x = halfway()
    zero = np.zeros(x.shape, BF16)
    params, buffer, copy = zero.copy(), zero.copy(), zero.copy()
    steps.sgd(
        params,
        x,
        buffer,
        step=1,
        lr=1.0,
        momentum=0.9,
        working_copy=copy,
        rounding="stochastic",
        seed=1,
    )
    a, b, c = (np.abs(y.astype(np.float64)) for y in (params, buffer, copy))
    for one, other in ((a, b), (a, c), (b, c)):
        assert abs(agreement(one, other)) <= SIGMAS


def test_tensor_ids_are_positions_unless_given():
    x = halfway(1000)
    params = [np.full(x.shape, -0.0).astype(BF16) for _ in range(3)]
    steps.sgd(params, [x] * 3, None, step=1, lr=1.0, maximize=True, rounding="stochastic", seed=7)
    for i, p in enumerate(params):
        assert np.array_equal(p, rounded(x, BF16, seed=7, tensor_ids=i))


def test_rounding_per_stream():
    """Only the streams named round stochastically."""
    mix = Mix(BF16, F32, (BF16,))
    nearest, stochastic, one = (Case("adamw", mix, [(5000,)]) for _ in range(3))
    nearest.run()
    stochastic.run(rounding="stochastic")
    one.run(rounding={"exp_avg_sq": "stochastic", "exp_avg": "nearest"})
    results = [case.results() for case in (nearest, stochastic, one)]
    for name, like in (("params", 0), ("exp_avg", 0), ("exp_avg_sq", 1)):
        assert np.array_equal(bits(results[2][name][0]), bits(results[like][name][0]))
        assert not np.array_equal(bits(results[0][name][0]), bits(results[1][name][0]))


def test_a_second_moment_stalls_with_nearest_but_not_with_stochastic():
    """v = 1 and g^2 = 2: a step adds (1 - beta2) (2 - v) <= 1e-3, less than half the spacing 2^-7,
    so nearest keeps v = 1 for ever. Stochastic follows v_t = 2 - beta2^t in the mean: a rounding
    has a variance of at most 2^-14 / 4, t of them t times that, and the mean over n elements 1/n of
    it. fp32 adds at most 3 roundings a step."""
    n, count, beta2 = 2**12, 300, 0.999
    ends = {}
    for rounding in ("nearest", "stochastic"):
        params, m = np.zeros(n, np.float32), np.zeros(n, np.float32)
        v = np.ones(n, ml_dtypes.bfloat16)
        grads = np.full(n, np.sqrt(2), np.float32)
        for t in range(1, count + 1):
            steps.adam(params, grads, m, v, step=t, betas=(0.9, beta2), rounding=rounding, seed=5)
        ends[rounding] = v.astype(np.float64)
    assert (ends["nearest"] == 1).all()
    noise = SIGMAS * np.sqrt(count * 2.0**-14 / 4 / n)
    expected = 2 - beta2**count
    assert ends["stochastic"].max() < 2, "the spacing assumed above"
    assert abs(ends["stochastic"].mean() - expected) <= noise + count * 3 * 2.0**-24 * 2
    assert noise < 0.05 * (expected - 1), "the test could not tell a stalled moment"


def test_half_parameters_drift_by_small_steps():
    """Steps of 2^-6 units: lost to nearest, kept in the mean by stochastic."""
    n, count = 2**14, 64
    unit = 2.0**-10
    grads = np.full(n, unit / 64, np.float32)
    params = {mode: np.ones(n, F16) for mode in ("nearest", "stochastic")}
    for t in range(1, count + 1):
        for mode, p in params.items():
            steps.sgd(p, grads, None, step=t, lr=1.0, maximize=True, rounding=mode, seed=6)
    assert (params["nearest"] == 1).all()
    moved = params["stochastic"].astype(np.float64).mean() - 1
    noise = SIGMAS * np.sqrt(count * unit**2 / 4 / n)
    assert abs(moved - unit) <= noise
