"""Gradients clipped by norm and by value: on the way into a step, and in place by themselves."""

import math

import ml_dtypes
import numpy as np
import pytest
from kinds import steps, thread_counts
from reference import tree
from reference.steps import stages
from steepest import cpu

from .mixes import MIXES, Case, assert_same_bits, shapes_of

BF16 = ml_dtypes.bfloat16
DTYPES = (np.float32, np.float64, np.float16, BF16)
by_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: np.dtype(d).name)
SHAPES = ((5000,), (), (3, 7), (130, 40), (1,))
BOUNDS = (
    {"max_norm": 3.0},
    {"max_norm": 3.0, "per_tensor": True},
    {"max_norm": 1e9},
    {"max_norm": 1e9, "per_tensor": True},
)


def gradients(dtype=np.float64, seed=0, shapes=SHAPES):
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape), dtype) for shape in shapes]


def copies(grads):
    return [None if g is None else g.copy() for g in grads]


def same(a, b):
    """The same bits, but for the payload of NaNs."""
    return a.dtype == b.dtype and np.array_equal(a.astype(float), b.astype(float), equal_nan=True)


def moved(grads, **options):
    """What gradient a step saw: sgd with lr 1 from 0."""
    params = [np.zeros_like(g) for g in grads]
    assert steps.sgd(params, grads, None, step=1, lr=1.0, **options) is True
    return [-p for p in params]


def coefficients(grads, max_norm, max_tensor_norm):
    """In double, with the library's own norms: what each gradient is multiplied by."""
    total, norms = tree.norms(grads)
    whole = min(1.0, max_norm / (total + 1e-6))
    return [min(whole, min(1.0, max_tensor_norm / (n + 1e-6))) for n in norms]


# ---- In a step


@pytest.mark.parametrize("max_norm", [0.5, 40.0, math.inf])
@pytest.mark.parametrize("max_tensor_norm", [0.5, 40.0, 1e9])
def test_the_stricter_norm_counts_to_the_last_bit(max_norm, max_tensor_norm):
    grads = gradients()
    seen = moved(grads, max_grad_norm=max_norm, max_tensor_norm=max_tensor_norm)
    for g, s, c in zip(grads, seen, coefficients(grads, max_norm, max_tensor_norm), strict=True):
        assert np.array_equal(s, c * g)


@pytest.mark.parametrize("bound", [0.01, 0.5, 1e9, math.inf])
def test_values_are_bounded_to_the_last_bit(bound):
    grads = gradients(np.float32)
    for g, s in zip(grads, moved(grads, max_grad_value=bound), strict=True):
        assert np.array_equal(s, np.clip(g, np.float32(-bound), np.float32(bound)))
    assert steps.grad_norm(grads).finite, "gradients are only read"


def test_all_bounds_hold_together():
    grads = gradients()
    seen = moved(grads, max_grad_norm=5.0, max_tensor_norm=3.0, max_grad_value=0.1)
    assert tree.norms(seen)[0] <= 5.0 and max(tree.norms(seen)[1]) <= 3.0
    for g, s, c in zip(grads, seen, coefficients(grads, 5.0, 3.0), strict=True):
        assert np.array_equal(s, np.clip(c * g, -0.1, 0.1))


def test_scale_comes_before_bounds_and_decay_after():
    grads = [np.array([8.0, -2.0])]
    params = [np.array([1.0, 1.0])]
    steps.sgd(params, grads, None, step=1, lr=1.0, weight_decay=0.5, grad_scale=4.0,
              max_grad_value=1.0, decoupled_weight_decay=False)  # fmt: skip
    assert params[0].tolist() == [1 - 1.0 - 0.5, 1 + 0.5 - 0.5]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite(bad):
    """Norms pass it on, to all tensors or to the one that has it; a bound by value turns an
    infinity into the bound. skip_nonfinite comes before either."""
    grads = [np.array([1.0, bad, 2.0]), np.array([3.0, 4.0])]
    whole = moved(grads, max_grad_norm=1.0)
    assert np.isnan(whole[0][1]) and np.isfinite(whole[1]).all() != np.isnan(bad)
    each = moved(grads, max_tensor_norm=1.0)
    assert np.isnan(each[0][1])
    assert np.array_equal(each[1], 1 / (5 + 1e-6) * grads[1])
    both = moved(grads, max_grad_norm=1.0, max_tensor_norm=1.0)
    assert all(same(a, b) for a, b in zip(both, whole, strict=True))
    value = moved(grads, max_grad_value=2.5)
    wanted = bad if np.isnan(bad) else math.copysign(2.5, bad)
    assert np.array_equal(value[0], [1.0, wanted, 2.0], equal_nan=True)
    assert value[1].tolist() == [2.5, 2.5]
    params = [np.ones_like(g) for g in grads]
    for options in ({"max_tensor_norm": 1.0}, {"max_grad_value": 1.0}):
        assert steps.sgd(params, grads, None, step=1, skip_nonfinite=True, **options) is False
        assert all((p == 1).all() for p in params)


@pytest.mark.parametrize("mix", ["f32", "f64", "bf16", "f16_params", "master_bf16"])
@pytest.mark.parametrize("rule", ["adamw", "lamb", "adafactor", "lion"])
def test_the_same_bits_everywhere(rule, mix, every_target):
    case = Case(rule, MIXES[mix], [*shapes_of(rule), (70001,)])
    options = {"max_grad_norm": 9.0, "max_tensor_norm": 1.0, "max_grad_value": 0.05,
               "grad_scale": 0.5, "weight_decay": 0.1}  # fmt: skip
    wanted = None
    for target in every_target:
        cpu.use(target)
        for threads in thread_counts(1, 2, 3):
            cpu.set_threads(threads)
            run = case.copy()
            run.run(**options)
            wanted = wanted or run.results()
            assert_same_bits(run.results(), wanted, f"{target}, {threads} threads")


# ---- By themselves


@by_dtype
@pytest.mark.parametrize("options", BOUNDS, ids=str)
def test_in_place_as_in_a_step(options, dtype):
    """The same bits that sgd sees, and the norms of grad_norm."""
    grads = gradients(dtype)
    grads.append(None)  # at the end, where it leaves the tree over the others as it is
    before, norms = copies(grads), steps.grad_norm(grads)
    keyword = "max_tensor_norm" if options.get("per_tensor") else "max_grad_norm"
    seen = moved(before[:-1], **{keyword: options["max_norm"]})
    found = steps.clip_norm_(grads, **options)
    assert found.total == norms.total and found.finite is True
    assert np.array_equal(found.per_tensor, norms.per_tensor) and found.per_tensor[-1] == 0
    for g, s in zip(grads[:-1], seen, strict=True):
        assert same(g, s)


@by_dtype
@pytest.mark.parametrize("bound", [0.01, 0.5, 1e9])
def test_values_in_place(bound, dtype):
    grads = gradients(dtype, seed=1)
    grads[0][:3] = [np.nan, np.inf, -np.inf]
    before = copies(grads)
    steps.clip_value_([*grads, None], bound)
    single = np.float64 if dtype == np.float64 else np.float32
    for g, b in zip(grads, before, strict=True):
        with np.errstate(over="ignore"):
            wanted = stages.clip_value(b.astype(single), single(bound)).astype(dtype)
        assert same(g, wanted)


def test_one_array_and_any_layout():
    g = np.asfortranarray(gradients()[3])
    before = g.copy()
    found = steps.clip_norm_(g, 2.0)
    assert type(found.total) is float and found.per_tensor.shape == (1,)
    assert np.array_equal(g, 2.0 / (found.total + 1e-6) * before) and g.flags.f_contiguous
    steps.clip_value_(g, 1e-3)
    assert np.abs(g).max() == 1e-3


@pytest.mark.parametrize("options", BOUNDS, ids=str)
def test_threads_and_targets(options, every_target):
    results = []
    for target in every_target:
        cpu.use(target)
        for threads in thread_counts(1, 2, 3, 7):
            cpu.set_threads(threads)
            grads = gradients(np.float32, shapes=[(300007,), (5,), (129, 33)])
            steps.clip_norm_(grads, **options)
            results.append([g.tobytes() for g in grads])
    assert all(r == results[0] for r in results)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("per_tensor", [False, True])
def test_in_place_what_is_not_finite(bad, per_tensor):
    grads = gradients(np.float32)
    grads[2][0, 0] = bad
    before = copies(grads)
    found = steps.clip_norm_(grads, 1.0, per_tensor=per_tensor, skip_nonfinite=True)
    assert found.finite is False and not np.isfinite(found.total)
    assert all(same(g, b) for g, b in zip(grads, before, strict=True))
    found = steps.clip_norm_(grads, 1.0, per_tensor=per_tensor)
    assert found.finite is False and np.isnan(grads[2][0, 0])


@pytest.mark.parametrize("grads", [[], [None], [np.zeros((0, 3), np.float32)], (None, None)])
def test_nothing_to_clip(grads):
    found = steps.clip_norm_(grads, 1.0)
    assert (found.total, found.finite) == (0.0, True)
    assert found.per_tensor.tolist() == [0.0] * len(grads)
    steps.clip_value_(grads, 1.0)


def test_zero_stays_zero():
    grads = [np.zeros(100, np.float32), -np.zeros(3)]
    steps.clip_norm_(grads, 1e-30, per_tensor=True)
    steps.clip_value_(grads, 1e-30)
    assert not any(g.any() for g in grads) and np.signbit(grads[1]).all()


@pytest.mark.parametrize("bound", [0.0, -1.0, math.nan])
def test_bounds_out_of_range(bound):
    g = np.ones(3)
    with pytest.raises(ValueError, match="max_norm"):
        steps.clip_norm_(g, bound)
    with pytest.raises(ValueError, match="max_value"):
        steps.clip_value_(g, bound)
    assert (g == 1).all()


@pytest.mark.parametrize("bound", [None, "1", [1.0]])
def test_bounds_of_the_wrong_kind(bound):
    with pytest.raises(TypeError, match="max_norm"):
        steps.clip_norm_(np.ones(3), bound)
    with pytest.raises(TypeError, match="max_value"):
        steps.clip_value_(np.ones(3), bound)
