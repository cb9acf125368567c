"""Sums of a rule over the list of tensors: a fixed tree in double, so the bits are known."""

import numpy as np
import pytest
from kinds import plan, thread_counts
from reference import tree
from steepest import cpu
from steepest.steps import Plan

from .mixes import BF16, F16, F32, F64, ordinary

SIZES = (0, 1, 7, 129, 4096, 4097, 12289, 40961, 3)
STATES = ("exp_avg", "exp_avg_sq", "s", "p0")
HYPERS = {"betas": (0.9, 0.999), "beta3": 0.75, "distance": (0.5, 0.5), "d0": 0.25, "lr": 0.125}
WEIGHT = 0.5 / 0.25 * 0.125
TYPES = {
    "f32": (F32, F32, F32),
    "f64": (F64, F64, F64),
    "bf16": (BF16, BF16, BF16),
    "mixed": (F32, F16, BF16),
}


def made(types, sizes=SIZES, seed=0):
    """Parameters, gradients with None among them, and states."""
    rng = np.random.default_rng(seed)
    param, grad, state = types
    params = [ordinary(rng, (n,), param) for n in sizes]
    grads = [ordinary(rng, (n,), grad) for n in sizes]
    grads[2] = None
    states = {name: [ordinary(rng, (n,), state, True) for n in sizes] for name in STATES}
    return params, grads, states


def expected(params, grads, states, stage=lambda g, p: g):
    """The terms in the precision that the step computes in, and their sums over the tree."""
    totals = []
    kind = np.float64 if params[0].dtype == np.float64 else np.float32
    with np.errstate(all="ignore"):
        for p, g, s, p0 in zip(params, grads, states["s"], states["p0"], strict=True):
            if g is None:
                totals.append((np.float64(0), np.float64(0)))
                continue
            p, g, s, p0 = (x.astype(kind) for x in (p, g, s, p0))
            g = stage(g, p)
            product = g.astype(np.float64) * (p0.astype(np.float64) - p.astype(np.float64))
            length = np.abs(kind(0.75) * s + kind(WEIGHT) * g).astype(np.float64)
            totals.append((tree.tensor_sum(product), tree.tensor_sum(length)))
    return tuple(float(tree.pairwise(column)) for column in zip(*totals, strict=True))


@pytest.mark.parametrize("types", TYPES.values(), ids=TYPES)
def test_lists_to_the_last_bit_on_every_target_and_thread_count(types, every_target):
    params, grads, states = made(types)
    for count in (len(SIZES), 5, 3, 2):
        part = {name: arrays[:count] for name, arrays in states.items()}
        wanted = expected(params[:count], grads[:count], part)
        for target in every_target:
            cpu.use(target)
            for threads in thread_counts(1, 2, 3, 4, 7):
                cpu.set_threads(threads)
                sums = plan("prodigy", params[:count], **part, **HYPERS).list_sums(grads[:count])
                assert sums == wanted, (target, threads, count)


def test_gradients_are_staged_as_those_of_the_step():
    params, grads, states = made(TYPES["f32"])
    plain = plan("prodigy", params, **states, **HYPERS)
    norm = tree.norms(grads)[0] / 4
    coefficient = np.float32(min(1, 0.5 / (norm + 1e-6)))

    def stage(g, p):
        return g / np.float32(4) * -coefficient + np.float32(0.1) * p

    options = {"grad_scale": 4.0, "max_grad_norm": 0.5, "maximize": True}
    options |= {"weight_decay": 0.1, "decoupled_weight_decay": False}
    assert plain.list_sums(grads, **options) == expected(params, grads, states, stage)


def test_storages_side_by_side():
    """On a device each storage is a launch of its own; the last one adds up."""
    params, grads, states = made(TYPES["f32"])
    params[4], grads[6] = params[4].astype(BF16), grads[6].astype(F16)
    states["s"][7] = states["s"][7].astype(BF16)
    wanted = expected(params, grads, states)
    assert plan("prodigy", params, **states, **HYPERS).list_sums(grads) == wanted


def test_nothing_is_written():
    params, grads, states = made(TYPES["f32"])
    asked = plan("prodigy", params, **states, **HYPERS)
    asked.list_sums(grads, skip_nonfinite=True, max_grad_norm=1.0)
    for name, arrays in {"params": params, **states}.items():
        for got, before in zip(asked.results()[name], arrays, strict=True):
            assert got.tobytes() == before.tobytes()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nonfinite_gradients(bad):
    """They are not hidden, but a step that is held back has no sums."""
    params, grads, states = made(TYPES["f32"])
    grads[7][1234] = bad
    asked = plan("prodigy", params, **states, **HYPERS)
    assert not np.isfinite(asked.list_sums(grads)).any()
    assert asked.list_sums(grads, skip_nonfinite=True) == (0.0, 0.0)


def test_without_gradients_sums_are_zero():
    params, _, states = made(TYPES["f64"])
    asked = plan("prodigy", params, **states, **HYPERS)
    assert asked.list_sums([None] * len(params)) == (0.0, 0.0)


def test_sums_and_steps_take_turns():
    """What the memory of a plan holds of one is no part of the other."""
    params, grads, states = made(TYPES["f32"])
    options = {"max_grad_norm": 1.0, "skip_nonfinite": True}
    both, steps = (plan("prodigy", params, **states, **HYPERS) for _ in range(2))
    for _ in range(3):
        now = both.results()
        wanted = expected(now["params"], grads, {name: now[name] for name in STATES})
        assert both.list_sums(grads) == wanted
        both(grads, **options)
        steps(grads, **options)
    for name, arrays in both.results().items():
        for a, b in zip(arrays, steps.results()[name], strict=True):
            assert a.tobytes() == b.tobytes()


def test_what_is_refused():
    params = [np.ones(3, np.float32)]
    grads, zeros = [np.ones(3, np.float32)], [np.zeros(3, np.float32)]
    moments = {"exp_avg": zeros, "exp_avg_sq": [z.copy() for z in zeros]}
    with pytest.raises(TypeError, match="adamw: has no sums"):
        Plan("adamw", params, **moments).list_sums(grads, step=1)
    sparing = Plan("prodigy", params, **moments)
    with pytest.raises(ValueError, match=r"s\[0\]: None given"):
        sparing.list_sums(grads)
    with pytest.raises(ValueError, match="grads"):
        sparing.list_sums([])
    assert sparing.list_sums([None]) == (0.0, 0.0) and sparing(grads) is True
