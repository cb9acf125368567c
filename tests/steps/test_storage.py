"""bfloat16 and half storage: every value decoded, rounded to nearest to the last bit, kept where
exact."""

import ml_dtypes
import numpy as np
import pytest
from kinds import steps
from reference import storage
from steepest import cpu

from .mixes import BF16, F16, F32, F64, MIXES, Case, Mix, assert_same_bits, bits, shapes_of
from .support import RULES

FORMATS = {"bf16": (BF16, storage.BF16), "f16": (F16, storage.F16)}
by_format = pytest.mark.parametrize("name", FORMATS)
by_rounding = pytest.mark.parametrize("rounding", ["nearest", "stochastic"])
ALL = np.arange(2**16, dtype=np.uint16)


def singles(fmt):
    """Every value of the format, every midpoint of two neighbours, the singles next to both, and
    random singles of all exponents; NaN, infinities, both zeros and what overflows among them."""
    values = storage.decode(ALL, fmt)
    values = np.sort(values[np.isfinite(values)])
    values = np.append(values, 2 * values[-1] - values[-2])  # what would follow the largest
    with np.errstate(over="ignore"):
        exact = np.concatenate([values, (values[1:] + values[:-1]) / 2]).astype(np.float32)
        around = [np.nextafter(exact, np.float32(s * np.inf)) for s in (-1, 1)]
    rng = np.random.default_rng(0)
    wild = np.frombuffer(rng.bytes(4 * 2**18), np.float32)
    special = np.float32([0.0, -0.0, np.inf, -np.inf, np.nan, np.finfo(np.float32).max])
    return np.concatenate([exact, *around, wild, special])


def working_copy_of(x, dtype, **options):
    """x, a float32 array, rounded by a step of learning rate 0, which must leave x alone."""
    params, copy = x.copy(), np.zeros(x.shape, dtype)
    steps.sgd(params, np.zeros_like(x), None, step=1, lr=0.0, working_copy=copy, **options)
    assert np.array_equal(bits(params), bits(x))
    return copy


def assert_values(got, wanted):
    """Equal as numbers and in the sign of zero; NaN where NaN."""
    got = got.astype(np.float64)
    nan = np.isnan(wanted)
    assert np.array_equal(np.isnan(got), nan)
    assert np.array_equal(got[~nan], wanted[~nan])
    assert np.array_equal(np.signbit(got[~nan]), np.signbit(wanted[~nan]))


@by_format
def test_every_value_is_decoded(name, every_target):
    """By what a gradient adds to zero, but for the sign of its zeros (see
    test_every_value_is_kept)."""
    dtype, fmt = FORMATS[name]
    grads = ALL.view(dtype)
    wanted = storage.decode(ALL, fmt)
    for target in every_target:
        cpu.use(target)
        params = np.zeros(ALL.shape, np.float32)
        steps.sgd(params, grads, None, step=1, lr=1.0, maximize=True)
        assert_values(params, wanted + 0.0)


@by_rounding
@by_format
def test_every_value_is_kept(name, rounding, every_target):
    """Load and store of a step that changes nothing."""
    dtype, _ = FORMATS[name]
    for target in every_target:
        cpu.use(target)
        params = ALL.view(dtype).copy()
        steps.sgd(params, np.zeros_like(params), None, step=1, lr=0.0, rounding=rounding, seed=3)
        assert np.array_equal(bits(params), bits(ALL.view(dtype)))


@by_format
def test_every_value_goes_from_master_to_copy(name, every_target):
    dtype, fmt = FORMATS[name]
    exact = storage.decode(ALL, fmt).astype(np.float32)
    for target in every_target:
        cpu.use(target)
        for rounding in ("nearest", "stochastic"):
            copy = working_copy_of(exact, dtype, rounding=rounding)
            assert np.array_equal(bits(copy), bits(ALL.view(dtype)))


@by_format
def test_nearest_is_nearest_even(name, every_target):
    dtype, fmt = FORMATS[name]
    x = singles(fmt)
    wanted = storage.nearest(x, fmt)
    for target in every_target:
        cpu.use(target)
        assert_values(working_copy_of(x, dtype), wanted)


@by_format
def test_nearest_of_every_length(name, every_target):
    """Vectors, what is left over, and nothing behind it."""
    dtype, fmt = FORMATS[name]
    rng = np.random.default_rng(1)
    lengths = range(1, 70)
    params = [rng.standard_normal(n).astype(np.float32) for n in lengths]
    grads = [np.zeros_like(x) for x in params]
    wanted = [storage.nearest(x, fmt) for x in params]
    for target in every_target:
        cpu.use(target)
        room = [np.full(n + 40, 7, dtype) for n in lengths]
        copies = [r[:n] for r, n in zip(room, lengths, strict=True)]
        steps.sgd(params, grads, None, step=1, lr=0.0, working_copy=copies)
        for r, n, w in zip(room, lengths, wanted, strict=True):
            assert_values(r[:n], w)
            assert (r[n:] == 7).all()


@by_format
def test_nan_stays_nan(name, every_target):
    """Those whose payload is cut off, and those that a carry would turn into a zero, too."""
    dtype, _ = FORMATS[name]
    low = np.uint32([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF])
    high = np.r_[0x7F80:0x8000, 0xFF80:0x10000].astype(np.uint32) << 16
    x = (high[:, None] | low).ravel().view(np.float32)
    x = x[np.isnan(x)]
    for target in every_target:
        cpu.use(target)
        assert np.isnan(working_copy_of(x, dtype).astype(np.float32)).all()


def test_working_copy_in_single_is_the_parameter():
    x = singles(storage.BF16)
    assert np.array_equal(bits(working_copy_of(x, np.float32)), bits(x))


@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
def test_rounding_mode_does_not_matter_at_full_precision(dtype):
    mix = Mix(dtype, dtype, (dtype,))
    nearest, stochastic = (Case("adamw", mix, [(1000,)]) for _ in range(2))
    nearest.run()
    stochastic.run(rounding="stochastic")
    assert_same_bits(
        stochastic.results(), nearest.results(), "stochastic rounding of full precision"
    )


def stored(case, options):
    """What a nearest step must leave: the float32 step of the decoded arrays, rounded by the
    reference."""
    wide = case.map(lambda a, k: a.astype(np.float32))
    wide.mix = Mix(F32, F32)
    if wide.copies is not None:
        wide.copies = [np.zeros(c.shape, np.float32) for c in case.copies]
    wide.run(**options)
    formats = {dtype: fmt for dtype, fmt in FORMATS.values()}
    wanted = {}
    for name, arrays in case.results().items():
        wanted[name] = []
        for i, like in enumerate(arrays):
            result = None if like is None else wide.results()[name][i]
            if like is not None and like.dtype in formats:
                with np.errstate(over="ignore"):
                    result = storage.nearest(result, formats[like.dtype]).astype(like.dtype)
            wanted[name].append(result)
    return wanted


@pytest.mark.parametrize("mix", [m for m in MIXES if MIXES[m].rounding == "nearest" and m != "f64"])
@pytest.mark.parametrize("rule", RULES)
def test_low_precision_is_single_stored_rounded(rule, mix):
    """Compute is float32 whatever is stored: nothing is rounded before the store."""
    options = {"weight_decay": 0.1, "grad_scale": 3.0, "max_grad_norm": 10.0}
    if rule == "adafactor":
        options["eps"] = (1e-3, 1e-3)  # by default that of the parameter's storage
    case = Case(rule, MIXES[mix], shapes_of(rule))
    wanted = stored(case, options)
    case.run(**options)
    assert_same_bits(case.results(), wanted, mix)


@pytest.mark.parametrize("dtype", [BF16, F16, F32, F64], ids=str)
def test_adafactor_epsilon_is_that_of_the_storage(dtype):
    epsilon = float(ml_dtypes.finfo(dtype).eps)
    state = F64 if dtype == F64 else F32
    default, given, other = (
        Case("adafactor", Mix(dtype, dtype, (state,)), [(40,)]) for _ in range(3)
    )
    for case in (default, given, other):
        for i, g in enumerate(case.grads):  # so small that the clamp decides
            case.grads[i] = (g.astype(np.float64) * epsilon * 1e-3).astype(dtype)
        case.tensors.states["variance"][0][:] = 0
    default.run(lr=1.0)
    given.run(lr=1.0, eps=(epsilon, 1e-3))
    other.run(lr=1.0, eps=(4 * epsilon, 1e-3))
    assert_same_bits(default.results(), given.results(), "eps None")
    assert not np.array_equal(default.tensors.params[0], other.tensors.params[0])
