"""The one-cycle schedule point by point, and the learning rate that curvature suggests."""

import numpy as np
import pytest
from steepest import optim
from steepest.optim.schedules import HessianFreeRate, OneCycle, Rates, one_cycle


def test_one_cycle_goes_up_down_and_below():
    rates = one_cycle(101, 1.0, min_lr=0.1, final_lr=0.001, cycle=0.8, momentum=(0.85, 0.95))
    assert len(rates) == 101
    assert rates[0] == pytest.approx((0.1, 0.95))
    assert rates[20] == pytest.approx((0.55, 0.9))
    assert rates[40] == pytest.approx((1.0, 0.85))
    assert rates[60] == pytest.approx((0.55, 0.9))
    assert rates[80] == pytest.approx((0.1, 0.95))
    assert rates[90] == pytest.approx((0.0505, 0.95))
    assert rates[100] == pytest.approx((0.001, 0.95))
    assert OneCycle(101, 1.0)(10**6) == OneCycle(101, 1.0)(100)


def test_defaults_and_short_trainings():
    assert one_cycle(1, 2.0) == [Rates(2.0, 0.9)]
    lr = [r.lr for r in one_cycle(1001, 2.0)]
    assert (lr[0], lr[450], lr[900]) == pytest.approx((0.2, 2.0, 0.2))
    assert lr[-1] == pytest.approx(0.002)
    assert np.diff(lr[:451]).min() > 0 > np.diff(lr[450:]).max()
    whole = one_cycle(11, 1.0, cycle=1)
    assert whole[-1].lr == pytest.approx(0.1) and whole[5].lr == pytest.approx(1.0)


def test_the_schedule_drives_an_optimizer():
    w = np.array([5.0])
    opt, schedule = optim.SGD(w, lr=1.0), OneCycle(60, 0.9)
    for t in range(60):
        opt.lr = schedule(t).lr
        opt.step(w.copy())
    assert abs(w[0]) < 1e-6


@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_the_estimate_of_a_parabola_is_its_inverse_curvature(decay):
    w, rate = np.array([3.0, -2.0]), HessianFreeRate(decay)
    seen = []
    for lr in [0.01] * 6:
        w = w - lr * 8 * w
        seen.append(rate.update([w], lr))
    assert seen[:2] == [None, None]
    # The last weights are 0.6 of the first; differences of weights lose 4 roundings beside them.
    assert seen[2:] == pytest.approx([1 / 8] * 4, rel=1e-12)


def test_two_curvatures_are_weighed_by_the_path():
    """|w' - w| is lr c |w|, |2 w' - w - w''| is lr^2 c^2 |w|."""
    c, w, lr = np.array([1.0, 10.0]), np.array([1.0, 2.0]), 0.02
    rate, first = HessianFreeRate(0.0), w
    for _ in range(3):
        found = rate.update(w, lr)
        w = w - lr * c * w
    wanted = (c * first).sum() / (c * c * first).sum()
    assert found == pytest.approx(wanted, rel=1e-12)


def test_a_straight_path_leaves_the_estimate():
    rate = HessianFreeRate()
    for k in range(5):
        assert rate.update(np.full(3, 2.0 - 0.25 * k), 0.25) is None
    assert rate.value is None


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: OneCycle(0, 1.0), ValueError, "steps: 0 given"),
        (lambda: OneCycle(5, 0.0), ValueError, "max_lr: 0.0 given"),
        (lambda: OneCycle(5, 1.0, min_lr=2.0), ValueError, "min_lr: 2.0 given, expected at most"),
        (lambda: OneCycle(5, 1.0, final_lr=0.5), ValueError, "final_lr: 0.5 given"),
        (lambda: OneCycle(5, 1.0, cycle=0), ValueError, "cycle: 0.0 given"),
        (lambda: OneCycle(5, 1.0, momentum=(0.9, 0.8)), ValueError, "momentum: .* expected"),
        (lambda: OneCycle(5, 1.0, momentum=1.0), ValueError, "momentum: 1.0 given"),
        (lambda: OneCycle(5, 1.0)(-1), ValueError, "step: -1 given"),
        (lambda: OneCycle(5, 1.0)(1.0), TypeError, "step: float given"),
        (lambda: HessianFreeRate(1.0), ValueError, "decay: 1.0 given"),
        (lambda: HessianFreeRate().update(np.ones(2), 0.0), ValueError, "lr: 0.0 given"),
        (lambda: HessianFreeRate().update([3.0], 1.0), TypeError, r"params\[0\]: float given"),
        (lambda: HessianFreeRate().update(np.ones(2, int), 1.0), TypeError, "params: dtype int64"),
    ],
)
def test_what_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_other_shapes_than_before_are_refused():
    rate = HessianFreeRate()
    rate.update(np.ones(2), 1.0)
    with pytest.raises(ValueError, match="params: shapes"):
        rate.update(np.ones(3), 1.0)
