"""What users of other fused optimizers had to ask for, as tests.

Each names a public thread in which the behaviour was missing or broken elsewhere.
"""

import ml_dtypes
import numpy as np
import pytest
from steepest import steps

from .support import AdamWCall, adamw64, assert_adamw, bits, random, same_bits

BF16 = ml_dtypes.bfloat16


def test_more_tensors_than_any_launch_table():
    """TransformerEngine #3418: a pool was exhausted at 20,321 tensors."""
    count = 20_500
    base, gradient = np.arange(count * 3, dtype=np.float32), np.ones(3, np.float32)
    params = [base[3 * i : 3 * i + 3] for i in range(count)]
    assert steps.sgd(params, [gradient] * count, step=1, lr=1.0) is True
    np.testing.assert_array_equal(base, np.arange(count * 3, dtype=np.float32) - 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [(0, 0), (3, -1)])
@pytest.mark.parametrize("scale", [None, 1024.0])
def test_a_non_finite_gradient_skips_everything(bad, where, scale):
    """pytorch #95781 (found_inf lost where grad_scale is None); OLMo-core #424 (all or none)."""
    call = AdamWCall(shapes=[(4097,)] * 4)
    call.grads[where[0]][where[1]] = bad
    before = bits(*call.streams())
    assert call.step(skip_nonfinite=True, grad_scale=scale) is False
    assert call.step(skip_nonfinite=True, grad_scale=scale, max_grad_norm=1.0) is False
    assert bits(*call.streams()) == before
    assert call.step() is True, "without the option the values go through"


def test_finite_gradients_are_not_skipped():
    call = AdamWCall(dtype=np.float32)
    call.grads[0][:] = np.finfo(np.float32).max
    assert call.step(skip_nonfinite=True) is True, "an overflowing square is no infinite gradient"


def test_skipping_works_on_half_gradients():
    for dtype in (np.float16, BF16):
        p, g = np.ones(100, np.float32), np.zeros(100, dtype)
        g[99] = np.inf
        assert steps.sgd(p, g, step=1, lr=1.0, skip_nonfinite=True) is False and (p == 1).all()
        g[99] = np.finfo(np.float16).max
        assert steps.sgd(p, g, step=1, lr=1.0, skip_nonfinite=True) is True and p[99] < 0


@pytest.mark.parametrize(
    "options",
    [{"grad_scale": 8.0}, {"max_grad_norm": 0.01}, {"maximize": True},
     {"max_tensor_norm": 0.01}, {"max_grad_value": 0.01},
     {"weight_decay": 0.5, "decoupled_weight_decay": False}],
    ids=str,
)  # fmt: skip
def test_gradients_are_never_written(options):
    """pytorch's fused CPU step writes the unscaled gradient back."""
    call = AdamWCall()
    before = bits(call.grads)
    for g in call.grads:
        g.flags.writeable = False
    call.step(**options)
    assert bits(call.grads) == before


def test_scaled_gradients_are_unscaled():
    plain, scaled = AdamWCall(), AdamWCall()
    scaled.grads = [g * np.float32(1024) for g in scaled.grads]
    plain.step(max_grad_norm=1.0)
    scaled.step(grad_scale=1024.0, max_grad_norm=1.0)
    assert same_bits(scaled.params, plain.params)


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_rates_and_decays_per_tensor(kind):
    """rf-detr #1409, torchtitan #2859: hundreds of parameter groups only to vary lr and decay."""
    call = AdamWCall()
    before, rates, decays = call.copy(), [1e-3, 0.0, 0.5, 1e-2], [0.0, 0.5, 1e-2, 0.0]
    call.step(lr=kind(rates), weight_decay=kind(decays))
    for i in range(4):
        streams = [s[i] for s in before.streams()]
        wanted = adamw64(*streams, step=1, lr=rates[i], weight_decay=decays[i])
        np.testing.assert_allclose(call.params[i], wanted[0], rtol=2e-6, atol=1e-6)


def test_steps_per_tensor():
    """Frozen and revived tensors are at different steps in one call."""
    call = AdamWCall()
    before = call.copy()
    call.step(step=[1, 10, 100, 1000])
    for i, t in enumerate([1, 10, 100, 1000]):
        wanted = adamw64(*(s[i] for s in before.streams()), step=t)
        np.testing.assert_allclose(call.params[i], wanted[0], rtol=2e-6, atol=1e-6)


def test_one_call_or_many_calls():
    """torchtitan, levanter: splitting a list over calls must not change a bit."""
    together, apart = (AdamWCall(shapes=[(5000,), (3,), (70, 70)]) for _ in range(2))
    together.step(step=7)
    for i in range(3):
        steps.adamw(*(s[i] for s in apart.streams()), step=7)
    assert same_bits(together.streams(), apart.streams())


def test_clipping_is_global_and_leaves_small_gradients_alone():
    """torchtune #2517, prime-rl #3234: the norm is over all tensors of the call."""
    grads = [np.full(4, 3.0, np.float32), np.full((2, 2), 4.0, np.float32)]
    norm = steps.grad_norm(grads)
    assert norm.total == 10.0 and norm.per_tensor.tolist() == [6.0, 8.0] and norm.finite is True
    params = [np.zeros(4, np.float32), np.zeros((2, 2), np.float32)]
    steps.sgd(params, grads, step=1, lr=1.0, max_grad_norm=5.0)
    np.testing.assert_allclose(params[0], -1.5, rtol=1e-6)
    np.testing.assert_allclose(params[1], -2.0, rtol=1e-6)
    params = [np.zeros(4, np.float32), np.zeros((2, 2), np.float32)]
    steps.sgd(params, grads, step=1, lr=1.0, max_grad_norm=20.0)
    assert (params[0] == -3).all() and (params[1] == -4).all()


def test_a_zero_direction_does_not_move_lion():
    """DeepSpeed's CPU Lion copies a sign bit, so that a zero direction still moves the weight."""
    p, zero = random(40), np.zeros(40, np.float32)
    before = p.copy()
    for g in (zero, -zero):
        steps.lion(p, g, zero.copy(), lr=1.0)
    assert same_bits(p, before)


@pytest.mark.parametrize("state", [np.float32, BF16])
@pytest.mark.parametrize("grad", [np.float32, BF16, np.float16])
@pytest.mark.parametrize("param", [np.float32, BF16, np.float16])
def test_mixed_storage_in_one_call(param, grad, state):
    """pytorch #146542, TransformerEngine #1465, #3358: each stream has a dtype of its own."""
    call = AdamWCall(shapes=[(33,), (4, 5)])
    dtypes = {"params": param, "grads": grad, "exp_avg": state, "exp_avg_sq": np.float32}
    for name, dtype in dtypes.items():
        setattr(call, name, [a.astype(dtype) for a in getattr(call, name)])
    before = call.copy()
    assert call.step(step=5, lr=0.01) is True
    coarse = max(float(ml_dtypes.finfo(np.dtype(d)).eps) for d in (param, state))
    assert_adamw(before, call, step=5, lr=0.01, rtol=max(2e-6, coarse))


def test_a_master_weight_and_its_working_copy():
    """pytorch #178034: fp32 master and low-precision copy, written in the same pass."""
    for dtype in (BF16, np.float16):
        p, copied = random(1001), np.zeros(1001, dtype)
        steps.sgd(p, random(1001, seed=1), step=1, lr=0.1, working_copy=copied)
        assert same_bits(copied, p.astype(dtype))


def test_negated_objective():
    up, down = AdamWCall(), AdamWCall()
    down.grads = [-g for g in down.grads]
    up.step(maximize=True)
    down.step()
    assert same_bits(up.params, down.params)
