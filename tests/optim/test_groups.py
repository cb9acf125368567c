"""Options of groups: merged defaults, changes between steps, the lr attribute, one clip for all."""

import numpy as np
import pytest
from steepest import optim

from .support import copies, make_grads, make_params, same_bits


def two_groups(params, **options):
    return [{"params": params[:2]}, {"params": params[2:], **options}]


def test_a_group_has_the_defaults_that_it_does_not_override():
    opt = optim.AdamW(two_groups(make_params(), lr=0.5, weight_decay=0.0), lr=0.25, eps=1e-6)
    first, second = opt.param_groups
    assert (first["lr"], first["weight_decay"], first["eps"]) == (0.25, 1e-2, 1e-6)
    assert (second["lr"], second["weight_decay"], second["eps"]) == (0.5, 0.0, 1e-6)
    assert opt.defaults["lr"] == 0.25


def test_groups_step_as_optimizers_of_their_own():
    params, apart = make_params(), make_params()
    opt = optim.Lion(two_groups(params, lr=0.5, weight_decay=0.1), lr=0.25)
    alone = [optim.Lion(apart[:2], lr=0.25), optim.Lion(apart[2:], lr=0.5, weight_decay=0.1)]
    for t in range(1, 4):
        grads = make_grads(t)
        opt.step(grads)
        alone[0].step(grads[:2])
        alone[1].step(grads[2:])
    assert same_bits(params, apart)


def test_the_clip_is_over_all_groups():
    params, together = make_params(), make_params()
    optim.SGD(two_groups(params), lr=1.0).step(make_grads(1), max_grad_norm=0.1)
    optim.SGD(together, lr=1.0).step(make_grads(1), max_grad_norm=0.1)
    assert same_bits(params, together)
    moved = [(p - q).ravel() for p, q in zip(params, make_params(), strict=True)]
    assert np.linalg.norm(np.concatenate(moved)) == pytest.approx(0.1, rel=1e-4)


def test_each_gradient_is_clipped_by_its_own_norm_and_bounded():
    params, bound = make_params(), 0.1
    optim.SGD(two_groups(params), lr=1.0).step(make_grads(1), max_tensor_norm=bound)
    for p, q in zip(params, make_params(), strict=True):
        assert np.linalg.norm(p - q) <= bound * (1 + 1e-4)
    params = make_params()
    optim.SGD(two_groups(params), lr=1.0).step(make_grads(1), max_grad_value=0.25)
    for p, q, g in zip(params, make_params(), make_grads(1), strict=True):
        np.testing.assert_array_equal(p, q - np.clip(g, np.float32(-0.25), np.float32(0.25)))


def test_options_may_change_between_steps():
    params, expected = make_params(), make_params()
    opt = optim.SGD(params, lr=1.0)
    opt.param_groups[0]["lr"] = 0.5
    opt.param_groups[0]["maximize"] = True
    opt.step(make_grads(1))
    optim.SGD(expected, lr=0.5, maximize=True).step(make_grads(1))
    assert same_bits(params, expected)


def test_momentum_may_be_switched_on_and_off():
    params, expected = make_params(), make_params()
    opt = optim.SGD(params, lr=1.0)
    assert "momentum_buffer" not in opt.state_dict()["state"][0]
    opt.step(make_grads(1))
    opt.param_groups[0]["momentum"] = 0.5
    opt.step(make_grads(2))
    opt.step(make_grads(3))
    opt.param_groups[0]["momentum"] = 0
    opt.step(make_grads(4))
    half = np.float32(0.5)
    for p, g1, g2, g3, g4 in zip(expected, *map(make_grads, (1, 2, 3, 4)), strict=True):
        for direction in (g1, g2, half * g2 + g3, g4):
            p -= direction
    assert same_bits(params, expected)


def test_lr_reads_and_sets_all_groups():
    opt = optim.AdamW(two_groups(make_params()), lr=0.25)
    assert opt.lr == 0.25
    opt.lr = 0.5
    assert [group["lr"] for group in opt.param_groups] == [0.5, 0.5]
    opt.param_groups[1]["lr"] = 0.75
    assert opt.lr == [0.5, 0.75]
    opt.lr = [0.1, 0.2]
    assert opt.lr == [0.1, 0.2]


def test_a_schedule_through_lr():
    params, expected = make_params(), make_params()
    opt = optim.SGD(params)
    for t in range(1, 4):
        opt.lr = 1.0 / t
        opt.step(make_grads(t))
        optim.SGD(expected, lr=1.0 / t).step(make_grads(t))
    assert same_bits(params, expected)


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_lr_and_weight_decay_per_parameter(kind):
    params, apart = make_params(), make_params()
    rates, decays = [0.1, 0.2, 0.3, 0.4], [0.0, 0.1, 0.2, 0.3]
    opt = optim.AdamW(params, lr=kind(rates), weight_decay=kind(decays))
    assert list(opt.lr) == rates
    opt.step(make_grads(1))
    for p, g, lr, decay in zip(apart, make_grads(1), rates, decays, strict=True):
        optim.AdamW(p, lr=lr, weight_decay=decay).step(g)
    assert same_bits(params, apart)
    opt.lr = kind(rates[::-1])
    assert list(opt.lr) == rates[::-1]


def test_a_bad_option_is_refused_before_any_write():
    params = make_params()
    opt = optim.AdamW(two_groups(params), lr=0.1)
    before = copies(params)
    opt.param_groups[1]["lr"] = -1.0
    with pytest.raises(ValueError, match="lr"):
        opt.step(make_grads(1))
    opt.lr = [0.1, [0.1, 0.2, 0.3]]
    with pytest.raises(ValueError, match="lr"):
        opt.step(make_grads(1))
    assert same_bits(params, before)
    opt.lr = 0.1
    assert opt.step(make_grads(1))
    assert [state["step"] for state in opt.state_dict()["state"].values()] == [1] * 4


def test_add_param_group():
    params, expected = make_params(), make_params()
    opt = optim.AdamW(params[:2], lr=0.1)
    opt.step(make_grads(1)[:2])
    opt.add_param_group({"params": params[2:], "lr": 0.2})
    opt.step(make_grads(2))
    first, second = optim.AdamW(expected[:2], lr=0.1), optim.AdamW(expected[2:], lr=0.2)
    first.step(make_grads(1)[:2])
    first.step(make_grads(2)[:2])
    second.step(make_grads(2)[2:])
    assert same_bits(params, expected)


def test_a_refused_group_is_not_added():
    params = make_params()
    opt = optim.AdamW(params[:2])
    for wrong in ([params[2]], {"params": params[0]}, {"params": params[2], "beta": 1}, {}):
        with pytest.raises((TypeError, ValueError)):
            opt.add_param_group(wrong)
    assert len(opt.param_groups) == 1
    assert opt.step(make_grads(1)[:2])


def test_groups_that_share_memory_are_refused():
    memory = np.zeros(10, np.float32)
    grads = [np.ones(6, np.float32)] * 2
    opt = optim.AdamW([{"params": memory[:6]}, {"params": memory[4:]}])
    with pytest.raises(ValueError, match=r"params\[0\]: memory shared with params\[0\] of another"):
        opt.step(grads)
    assert not memory.any()


def test_gradient_that_another_group_writes_is_refused():
    a, b = np.ones(4, np.float32), np.ones(4, np.float32)
    opt = optim.SGD([{"params": a}, {"params": b}])
    for _ in range(2):  # the second time the pair of groups is known
        with pytest.raises(ValueError, match=r"grads\[0\]: memory shared with params\[0\]"):
            opt.step([b, a])
    assert (a == 1).all() and (b == 1).all()
    assert opt.step([a.copy(), b.copy()])
