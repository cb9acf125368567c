"""Outputs share memory with nothing else of the call; gradients may share it with gradients."""

import numpy as np
import pytest
from steepest import steps

from .support import ADAMW_STREAMS, AdamWCall, random, refused, same_bits


def test_the_same_parameter_twice():
    call = AdamWCall()
    call.params[3] = call.params[0]
    words = ("params[0]", "params[3]", ("overlap", "memory"))
    with refused(ValueError, *words, untouched=call.streams()):
        call.step()


@pytest.mark.parametrize("name", ["grads", "exp_avg", "exp_avg_sq"])
def test_an_array_in_two_roles(name):
    call = AdamWCall()
    getattr(call, name)[2] = call.params[2]
    with refused(ValueError, f"{name}[2]", "params[2]", untouched=call.streams()):
        call.step()


def test_single_arrays_are_named_without_an_index():
    p, g, m = (random(7, seed=k) for k in range(3))
    with refused(ValueError, "exp_avg", "params", untouched=[p, g, m]) as caught:
        steps.lion(p, g, p)
    assert "[" not in str(caught.value).split("params")[1][:1]


def test_a_state_shared_between_entries():
    call = AdamWCall()
    call.exp_avg[1] = call.exp_avg_sq[3]
    with refused(ValueError, "exp_avg[1]", "exp_avg_sq[3]", untouched=call.streams()):
        call.step()


@pytest.mark.parametrize("bounds", [(0, 20, 19, 39), (5, 6, 0, 40), (20, 40, 0, 21)])
def test_partly_overlapping_parameters(bounds):
    base = random(40)
    params = [base[bounds[0] : bounds[1]], base[bounds[2] : bounds[3]]]
    grads = [np.ones_like(p) for p in params]
    with refused(ValueError, "params[0]", "params[1]", untouched=[base, grads]):
        steps.sgd(params, grads, step=1)


def test_touching_parameters_are_fine():
    base, expected = random(40), random(40)
    steps.sgd([base[:20], base[20:]], [np.ones(20, np.float32)] * 2, step=1, lr=0.5)
    np.testing.assert_array_equal(base, expected - np.float32(0.5))


def test_overlap_by_one_byte_and_across_dtypes():
    raw = np.zeros(64, np.uint8)
    floats, halves = raw[:32].view(np.float32), raw[30:46].view(np.float16)
    grads = [np.ones(8, np.float32), np.ones(8, np.float16)]
    with refused(ValueError, "params[0]", "params[1]", untouched=[raw, grads]):
        steps.sgd([floats, halves], grads, step=1)


def test_overlap_seen_through_separate_objects():
    raw = bytearray(64)
    p, g = (np.frombuffer(raw, np.float32) for _ in range(2))
    with refused(ValueError, "grads", "params", untouched=[p]):
        steps.sgd(p, g, step=1)


def test_gradient_overlapping_another_entrys_output():
    base = random(64)
    params, grads = [base[:32], random(32, seed=1)], [random(32, seed=2), base[16:48]]
    with refused(ValueError, "grads[1]", "params[0]", untouched=[base, params, grads]):
        steps.sgd(params, grads, step=1)


def test_a_long_gradient_around_short_ones():
    """Neighbours in address order are not enough: the overlapping gradient comes two before."""
    base = random(128)
    params = [random(128, seed=1), random(8, seed=2), base[64:72]]
    grads = [base, base[16:24], random(8, seed=3)]
    with refused(ValueError, "grads[0]", "params[2]", untouched=[base, params, grads]):
        steps.sgd(params, grads, step=1)


def test_a_long_parameter_around_short_arrays():
    base = random(128)
    params, grads = [base, base[100:104]], [random(128, seed=1), random(4, seed=2)]
    with refused(ValueError, "params[0]", "params[1]", untouched=[base, grads]):
        steps.sgd(params, grads, step=1)


def test_working_copy_overlapping_its_master():
    p, g = random(16), random(16, seed=1)
    copy = p.view(np.float16)[:16]
    with refused(ValueError, "working_copy", "params", untouched=[p, g]):
        steps.sgd(p, g, step=1, working_copy=copy)


@pytest.mark.parametrize("spoil", ["whole", "part"])
def test_gradients_shared_between_entries_are_fine(spoil):
    base = random(24, seed=9)
    shared = [base[:20]] * 3 if spoil == "whole" else [base[:20], base[2:22], base[4:]]
    params = [random(20, seed=k) for k in range(3)]
    apart = [p.copy() for p in params]
    steps.sgd(params, shared, step=1, lr=0.25)
    steps.sgd(apart, [g.copy() for g in shared], step=1, lr=0.25)
    assert same_bits(params, apart)
    assert not np.array_equal(params[0], random(20, seed=0))


def test_empty_arrays_overlap_nothing():
    """An empty view has an address inside its base, but no byte of it."""
    base = random(16)
    before = base.copy()
    steps.sgd([base, base[4:4]], [np.ones(16, np.float32), base[8:8]], step=1, lr=1.0)
    np.testing.assert_array_equal(base, before - 1)


def test_many_tensors_with_one_overlap_far_apart():
    base = random(4000)
    params = [base[4 * i : 4 * i + 4] for i in range(1000)]
    grads = [np.ones(4, np.float32)] * 1000
    params[999] = base[1:5]
    with refused(ValueError, "params[999]", untouched=[base]):
        steps.sgd(params, grads, step=1)


@pytest.mark.parametrize("name", ADAMW_STREAMS)
def test_a_swapped_pair_is_not_an_overlap(name):
    """Only memory counts: the same arrays in another order are a valid call."""
    call = AdamWCall()
    getattr(call, name).reverse()
    assert call.step() is True
