"""Signs of Lion's directions as bits, and the momenta behind them."""

import numpy as np
import pytest
from reference.distributed import lion
from steepest import cpu, distributed, steps

from .support import BFLOAT16, DTYPES, SHAPES, arrays, bits, same

NAN = float("nan")


def directions(grads, momenta, betas=(0.9, 0.99)):
    """Lion's signs, taken from its own step: parameters of zero go to minus the sign at lr = 1."""
    signs = [np.zeros(g.shape, np.float64 if g.dtype == np.float64 else np.float32) for g in grads]
    moved = [m.copy() for m in momenta]
    steps.lion(signs, grads, moved, lr=1.0, betas=betas)
    return [-s for s in signs], moved


@pytest.mark.parametrize("dtypes", DTYPES)
def test_bits_and_momenta_are_those_of_lion(dtypes, every_target):
    grads, momenta = arrays(dtypes[0], 0, zeros=0.3), arrays(dtypes[1], 1, zeros=0.3)
    signs, moved = directions(grads, momenta)
    one = np.concatenate([lion.planes(s >= 0) for s in signs])
    two = np.concatenate([lion.planes(s > 0) for s in signs] + [lion.planes(s < 0) for s in signs])
    assert any((s == 0).any() for s in signs)
    for target in every_target:
        cpu.use(target)
        for threads in (1, 2):
            cpu.set_threads(threads)
            for width, expected in ((1, one), (2, two)):
                own = [m.copy() for m in momenta]
                packed = distributed.pack_signs(grads, own, bits=width)
                assert np.array_equal(packed.message, expected)
                assert packed.nans == 0
                assert same(own, moved)


def test_the_direction_is_the_paper_s():
    """In double, away from ties by rounding, the float64 reference has the same signs."""
    grads, momenta = arrays(np.float64, 0), arrays(np.float64, 1)
    pairs = [lion.worker(m, g, 0.9, 0.99) for m, g in zip(momenta, grads, strict=True)]
    expected = np.concatenate([lion.planes(d >= 0) for d, _ in pairs])
    assert np.array_equal(distributed.pack_signs(grads, momenta).message, expected)
    for m, (_, wanted) in zip(momenta, pairs, strict=True):
        # Two products and a sum, each rounded once.
        np.testing.assert_allclose(m, wanted, rtol=0, atol=3 * 2**-53 * 8)


def test_unused_bits_are_clear_and_sizes_are_told():
    grads = [np.ones(n, np.float32) for n in range(20)]
    momenta = [np.zeros_like(g) for g in grads]
    message = distributed.pack_signs(grads, momenta).message
    assert message.size == distributed.message_size(grads) == sum((n + 7) // 8 for n in range(20))
    assert np.unpackbits(message).sum() == sum(range(20))
    assert distributed.message_size(np.zeros((3, 3)), 2) == 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zeros_signed_zeros_and_nan(dtype, every_target):
    grad = np.array([0.0, -0.0, NAN, 1.0, -1.0, np.inf, -np.inf, 5e-324, 0.0], dtype)
    for target in every_target:
        cpu.use(target)
        momentum = np.zeros_like(grad)
        one = distributed.pack_signs(grad, momentum, betas=(0.0, 0.0))
        assert one.nans == 1
        positive = np.array([1, 1, 0, 1, 0, 1, 0, 1, 1], bool)  # 5e-324 is 0 in float32
        assert np.array_equal(one.message, lion.planes(positive))
        two = distributed.pack_signs(grad, np.zeros_like(grad), betas=(0.0, 0.0), bits=2)
        assert two.nans == 1
        tiny = int(dtype is np.float64)
        up = lion.planes(np.array([0, 0, 1, 1, 0, 1, 0, tiny, 0], bool))
        down = lion.planes(np.array([0, 0, 1, 0, 1, 0, 1, 0, 0], bool))
        assert np.array_equal(two.message, np.concatenate([up, down]))
        assert np.isnan(momentum[2])


def test_scale_and_ascent_are_those_of_the_step():
    grads, momenta = arrays(np.float32, 2), arrays(np.float32, 3)
    params = [np.zeros_like(g) for g in grads]
    moved = [m.copy() for m in momenta]
    steps.lion(params, grads, moved, lr=1.0, grad_scale=3.0, maximize=True)
    packed = distributed.pack_signs(grads, momenta, bits=2, grad_scale=3.0, maximize=True)
    assert same(momenta, moved)
    up = np.concatenate([lion.planes(p < 0) for p in params])
    assert np.array_equal(packed.message[: up.size], up)


def test_stochastic_rounding_of_the_momentum_is_that_of_lion():
    grads, momenta = arrays(BFLOAT16, 2), arrays(BFLOAT16, 3)
    params, moved = [np.zeros_like(g) for g in grads], [m.copy() for m in momenta]
    keywords = {"rounding": {"exp_avg": "stochastic"}, "step": 7, "seed": 2**40 + 1}
    steps.lion(params, grads, moved, lr=1.0, **keywords)
    distributed.pack_signs(grads, momenta, **keywords)
    assert same(momenta, moved)
    plain = arrays(BFLOAT16, 3)
    distributed.pack_signs(grads, plain)
    assert not same(plain, moved)


def test_a_list_can_be_split_where_bytes_end():
    """Messages of parts, one after the other, are the message of the whole."""
    grads, momenta = arrays(np.float32, 4), arrays(np.float32, 5)
    parts = [
        distributed.pack_signs([g], [m.copy()]).message for g, m in zip(grads, momenta, strict=True)
    ]
    whole = distributed.pack_signs(grads, momenta).message
    assert np.array_equal(whole, np.concatenate(parts))


def test_elements_are_counted_in_memory_order():
    grad = np.asfortranarray(arrays(np.float32, 6, [(17, 5)])[0])
    momentum = np.zeros_like(grad)
    message = distributed.pack_signs(grad, momentum).message
    assert np.array_equal(message, lion.planes(grad.T >= 0))


def refused(error, match, grads, exp_avg, **keywords):
    before = [bits(m).copy() for m in exp_avg if isinstance(m, np.ndarray)]
    with pytest.raises(error, match=match):
        distributed.pack_signs(grads, exp_avg, **keywords)
    after = [bits(m) for m in exp_avg if isinstance(m, np.ndarray)]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_wrong_arguments_are_refused_and_nothing_changes():
    g, m = arrays(np.float32, 0), arrays(np.float32, 1)
    small = np.zeros(3, np.uint8)
    read_only = m[2].copy()
    read_only.flags.writeable = False
    refused(TypeError, r"grads\[0\]: NoneType given", [None, *g[1:]], m)
    refused(ValueError, "exp_avg: 6 arrays given, expected 7", g, m[:-1])
    refused(TypeError, "exp_avg: given another structure", g[0], m)
    refused(ValueError, r"exp_avg\[2\]: shape \(5, 17\)", g, [*m[:2], m[2].T.copy(), *m[3:]])
    refused(ValueError, r"exp_avg\[2\]: array of another memory layout", g,
            [*m[:2], np.asfortranarray(m[2]), *m[3:]])  # fmt: skip
    refused(TypeError, r"exp_avg\[0\]: dtype float64", g, [m[0].astype(np.float64), *m[1:]])
    refused(TypeError, r"exp_avg\[0\]: dtype float16", g, [m[0].astype(np.float16), *m[1:]])
    refused(BufferError, r"exp_avg\[2\]", g, [*m[:2], read_only, *m[3:]])
    refused(ValueError, r"memory shared", g, [g[0], *m[1:]])
    refused(ValueError, r"bits: 3 given", g, m, bits=3)
    refused(ValueError, r"betas\[1\]: 1.0 given", g, m, betas=(0.9, 1.0))
    refused(ValueError, r"betas: 0.9 given", g, m, betas=0.9)
    refused(ValueError, r"grad_scale: 0 given", g, m, grad_scale=0.0)
    refused(ValueError, r"out: 3 bytes given", g, m, out=small)
    refused(TypeError, r"out: dtype float32", g, m, out=np.zeros(3, np.float32))
    refused(ValueError, r"step: None given", g, m, rounding="stochastic")
    refused(ValueError, r"rounding: 'up' given", g, m, rounding="up")
    overlapping = m[5].reshape(-1).view(np.uint8)[: distributed.message_size(m[5])]
    refused(ValueError, "memory shared", [g[5]], [m[5]], out=overlapping)


def test_no_arrays_make_an_empty_message():
    assert distributed.pack_signs([], []).message.size == 0
    assert distributed.message_size([np.zeros(shape) for shape in SHAPES if 0 in shape]) == 0
