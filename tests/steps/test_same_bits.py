"""The same bits on every CPU target and kind of arrays, with any number of threads, for any split
of the list and wherever the arrays lie in memory. NaNs are equal whatever their payload."""

import numpy as np
import pytest
from kinds import current, on_cpu, on_host, thread_counts
from steepest import cpu

from .mixes import MIXES, Case, assert_same_bits, shapes_of
from .support import ELEMENTWISE, OF_MATRICES, RULES

THREADS = thread_counts(1, 2, 3, 4, 7)
PATTERN_SHAPES = ((7,), (129,), (1025,), (4097,))
PLAIN = {}
STAGES = {"weight_decay": 0.1, "maximize": True, "grad_scale": 3.0, "lr": 0.01}
by_rule = pytest.mark.parametrize("rule", RULES)
by_mix = pytest.mark.parametrize("mix", MIXES)


def first_result(case, options, targets):
    """On the CPU, the first target, one thread, the list as a whole."""
    cpu.use(targets[0])
    cpu.set_threads(1)
    run = case.copy()
    with on_cpu():
        run.run(**options)
    return run.results()


def named(target):
    """The implementation that runs."""
    return target if on_host() else current().name


def offset(a, k):
    """The same values k + 1 elements into a buffer, so at no aligned address."""
    buffer = np.zeros(a.size + k + 1, a.dtype)
    view = buffer[k + 1 :].reshape(a.shape)
    view[...] = a
    return view


@pytest.mark.parametrize("options", [PLAIN, STAGES], ids=["plain", "stages"])
@by_mix
@by_rule
def test_targets_threads_splits_and_addresses(rule, mix, options, every_target):
    case = Case(rule, MIXES[mix], shapes_of(rule), PATTERN_SHAPES)
    wanted = first_result(case, options, every_target)
    count = len(case.grads)
    splits = ([slice(0, 5), slice(5, 6), slice(6, count)], [slice(i, i + 1) for i in range(count)])
    for target in every_target:
        cpu.use(target)
        for threads in thread_counts(1, 3) if options is PLAIN else THREADS:
            cpu.set_threads(threads)
            run = case.copy()
            run.run(**options)
            assert_same_bits(run.results(), wanted, f"{named(target)}, {threads} threads")
        for parts in splits:
            run = case.copy()
            for part in parts:
                run.run(part, ids=list(range(count))[part], **options)
            assert_same_bits(run.results(), wanted, f"{named(target)}, {len(parts)} calls")
        run = case.map(offset)
        run.run(**options)
        assert_same_bits(run.results(), wanted, f"{named(target)}, misaligned")


@pytest.mark.parametrize("mix", ["f32", "f64", "bf16_stochastic", "master_bf16"])
@by_rule
def test_one_large_tensor_on_many_threads(rule, mix, every_target):
    """Large enough for every thread to have its part of one tensor, next to a small one."""
    shapes = [(5,), (500, 601)] if rule in OF_MATRICES else [(5,), (300007,)]
    case = Case(rule, MIXES[mix], shapes)
    wanted = first_result(case, STAGES, every_target)
    for target in every_target:
        cpu.use(target)
        for threads in THREADS:
            cpu.set_threads(threads)
            run = case.copy()
            run.run(**STAGES)
            assert_same_bits(run.results(), wanted, f"{named(target)}, {threads} threads")


@pytest.mark.parametrize("mix", ["f32", "f64", "bf16", "f16_params", "master_bf16"])
@by_rule
def test_clipping_and_finite_check(rule, mix, every_target):
    """The norm over all gradients is a fixed tree too, and so the clipped step has the same
    bits."""
    case = Case(rule, MIXES[mix], [*shapes_of(rule), (70001,)])
    options = {"max_grad_norm": 1.0, "skip_nonfinite": True, "grad_scale": 0.5}
    wanted = first_result(case, options, every_target)
    for target in every_target:
        cpu.use(target)
        for threads in THREADS:
            cpu.set_threads(threads)
            for run in (case.copy(), case.map(offset)):
                run.run(**options)
                assert_same_bits(run.results(), wanted, f"{named(target)}, {threads} threads")


@pytest.mark.parametrize("mix", [m for m in MIXES if MIXES[m].rounding == "nearest"])
@pytest.mark.parametrize("rule", ELEMENTWISE)
def test_a_tensor_in_pieces(rule, mix, every_target):
    """With nearest rounding an elementwise rule does not know where a tensor begins."""
    case = Case(rule, MIXES[mix], [(10007,)], [(4097,)])
    wanted = first_result(case, STAGES, every_target)
    for target in every_target:
        cpu.use(target)
        run = case.copy()
        for low, high in ((0, 1), (1, 18), (18, 4000), (4000, None)):
            run.map(lambda a, k, low=low, high=high: a[low:high]).run(**STAGES)
        assert_same_bits(run.results(), wanted, f"{named(target)}, in pieces")


@by_rule
def test_the_comparison_can_fail(rule, every_target):
    """Another seed of the stochastic rounding, or one more bit of lr, must not compare equal."""
    case = Case(rule, MIXES["bf16_stochastic"], [(1000,)])
    wanted = first_result(case, PLAIN, every_target)
    other = case.copy()
    other.run(seed=1)
    with pytest.raises(AssertionError, match="differ"):
        assert_same_bits(other.results(), wanted, "another seed")
