"""Plans: arrays checked once and held, fresh gradients at each call, one caller at a time."""

import copy
import gc
import pickle
import threading
import weakref

import ml_dtypes
import numpy as np
import pytest
from steepest import steps

from .support import AdamWCall, random, refused, same_bits


def adamw_plan(call, **options):
    states = {"exp_avg": call.exp_avg, "exp_avg_sq": call.exp_avg_sq}
    return steps.Plan("adamw", call.params, **states, **options)


def test_a_plan_steps_as_the_function_does():
    planned, called = AdamWCall(), AdamWCall()
    plan = adamw_plan(planned)
    for t in range(1, 6):
        grads = [random((3, 5), seed=50 * t + i) for i in range(4)]
        called.grads = grads
        assert plan(grads, step=t, lr=0.01 * t) is True
        assert called.step(step=t, lr=0.01 * t) is True
    planned.grads = called.grads
    assert same_bits(planned.streams(), called.streams())


def test_a_single_array():
    p, g = random(9), random(9, seed=1)
    plan = steps.Plan("sgd", p)
    expected = p - np.float32(0.5) * g
    assert plan(g, step=1, lr=0.5) is True
    np.testing.assert_array_equal(p, expected)


def test_a_plan_holds_its_arrays():
    """The caller may drop every reference; memory is freed when the plan goes."""
    call = AdamWCall()
    watched = [weakref.ref(a) for s in (call.params, call.exp_avg, call.exp_avg_sq) for a in s]
    plan, grads = adamw_plan(call), call.grads
    del call
    gc.collect()
    assert all(ref() is not None for ref in watched)
    for t in range(1, 20):
        plan(grads, step=t)
    del plan
    gc.collect()
    assert all(ref() is None for ref in watched)


def test_gradients_are_not_held():
    plan, g = steps.Plan("sgd", [random(4)]), random(4)
    seen = weakref.ref(g)
    plan([g], step=1)
    del g
    gc.collect()
    assert seen() is None


def test_changing_the_callers_list_changes_nothing():
    params = [np.ones(4, np.float32), np.ones(4, np.float32)]
    kept = list(params)
    plan = steps.Plan("sgd", params, lr=1.0)
    params[0] = np.zeros(1, np.float32)
    params.pop()
    plan([np.ones(4, np.float32)] * 2, step=1)
    assert all((p == 0).all() for p in kept)


def test_defaults_and_overrides():
    def run(**options):
        p = np.full(4, 8.0, np.float32)
        plan = steps.Plan("sgd", p, lr=0.5, maximize=True)
        plan(np.ones(4, np.float32), step=1, **options)
        plan(np.zeros(4, np.float32), step=2)
        return p[0]

    assert run() == 8.5
    assert run(lr=2.0) == 10.0
    assert run(maximize=False) == 7.5
    assert run(maximize=False, lr=1.0, grad_scale=2.0) == 7.5
    assert run(maximize=False, weight_decay=0.25, lr=1.0) == 5.0
    assert run(lr=[4.0]) == 12.0


@pytest.mark.parametrize("grads, name", [
    ([random((3, 5))] * 3 + [random((5, 3))], "grads[3]"),
    ([random((3, 5))] * 3 + [random((3, 10))[:, ::2]], "grads[3]"),
    ([random((3, 5))] * 3, "grads"),
    ([random((3, 5))] * 5, "grads"),
], ids=["shape", "strides", "too few", "too many"])  # fmt: skip
def test_wrong_gradients_in_a_later_call(grads, name):
    call = AdamWCall()
    plan = adamw_plan(call)
    plan(call.grads, step=1)
    with refused(ValueError, name, untouched=call.streams()):
        plan(grads, step=2)
    assert plan(call.grads, step=2) is True, "a refused call must leave the plan usable"


def test_other_errors_in_a_later_call():
    call = AdamWCall()
    plan = adamw_plan(call)
    cases = [
        (TypeError, "grads[0]", [np.ones((3, 5), np.int32)] * 4, {"step": 2}),
        (ValueError, "params[1]", [*call.grads[:3], call.params[1]], {"step": 2}),
        (ValueError, "grads[3]", [*call.grads[:3], call.exp_avg[1]], {"step": 2}),
        (ValueError, "lr", call.grads, {"step": 2, "lr": -1.0}),
        (ValueError, "step", call.grads, {"step": 0}),
        (TypeError, "step", call.grads, {}),
        (TypeError, "momentum", call.grads, {"step": 2, "momentum": 0.5}),
        (TypeError, "grads", None, {"step": 2}),
    ]
    for error, name, grads, options in cases:
        with refused(error, name, untouched=call.streams()):
            plan(grads, **options)
    assert plan(call.grads, step=2) is True


def test_construction_checks_the_arrays():
    call = AdamWCall()
    states = {"exp_avg": call.exp_avg, "exp_avg_sq": call.exp_avg_sq}
    with refused(ValueError, "adamm", "adamw"):
        steps.Plan("adamm", call.params, **states)
    with refused(TypeError):
        steps.Plan(None, call.params, **states)
    with refused(TypeError, "exp_avg_sq"):
        steps.Plan("adamw", call.params, exp_avg=call.exp_avg)
    with refused(TypeError, "momentum_buffer"):
        steps.Plan("adamw", call.params, **states, momentum_buffer=call.grads)
    with refused(TypeError, "learning_rate"):
        steps.Plan("adamw", call.params, **states, learning_rate=1.0)
    with refused(ValueError, "lr"):
        steps.Plan("adamw", call.params, **states, lr=-1.0)
    with refused(ValueError, "exp_avg[1]", "params[1]"):
        shared = [call.exp_avg[0], call.params[1], *call.exp_avg[2:]]
        steps.Plan("adamw", call.params, exp_avg=shared, exp_avg_sq=call.exp_avg_sq)
    with refused(ValueError, "exp_avg[2]", "(2, 2)"):
        broken = [*call.exp_avg[:2], np.zeros((2, 2), np.float32), call.exp_avg[3]]
        steps.Plan("adamw", call.params, exp_avg=broken, exp_avg_sq=call.exp_avg_sq)
    call.params[2].flags.writeable = False
    with refused(BufferError, "params[2]"):
        steps.Plan("adamw", call.params, **states)


def test_gradients_of_none_skip_their_tensors():
    call = AdamWCall()
    before, plan = call.copy(), adamw_plan(call)
    assert plan([call.grads[0], None, call.grads[2], None], step=1) is True
    assert plan.last_none_count == 2
    for i in (1, 3):
        assert same_bits(call.params[i], before.params[i])
        assert same_bits(call.exp_avg_sq[i], before.exp_avg_sq[i])
    assert not same_bits(call.params[0], before.params[0])
    plan(call.grads, step=2)
    assert plan.last_none_count == 0
    middle = call.copy()
    assert plan([None] * 4, step=3) is True and plan.last_none_count == 4
    assert same_bits(call.streams(), middle.streams())


def test_skipping_leaves_a_plan_ready():
    p, copied = np.ones(4, np.float32), np.zeros(4, ml_dtypes.bfloat16)
    plan = steps.Plan("sgd", p, working_copy=copied, lr=1.0, skip_nonfinite=True)
    bad = np.array([0, 1, np.inf, 0], np.float32)
    assert plan(bad, step=1) is False
    assert (p == 1).all() and (copied == 0).all()
    assert plan(np.full(4, 0.5, np.float32), step=1) is True
    assert (p == 0.5).all() and (copied == 0.5).all()


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_plan_is_neither_pickled_nor_copied(way):
    plan = steps.Plan("sgd", random(4))
    with pytest.raises(TypeError, match="Plan"):
        way(plan)
    assert plan(random(4), step=1) is True


class Recursive:
    """A gradient whose export calls the very plan that asks for it."""

    def __init__(self, plan):
        self.plan, self.seen = plan, None

    def __dlpack_device__(self):
        return (1, 0)

    def __dlpack__(self, **options):
        with pytest.raises(RuntimeError) as caught:
            self.plan([random(4)], step=1)
        self.seen = str(caught.value)
        return np.ones(4, np.float32).__dlpack__(**options)


def test_a_plan_called_from_inside_its_own_call():
    p = np.ones(4, np.float32)
    plan = steps.Plan("sgd", [p], lr=1.0)
    gradient = Recursive(plan)
    assert plan([gradient], step=1) is True
    assert "Plan" in gradient.seen and (p == 0).all()


def test_concurrent_calls_are_refused():
    """Exactly the calls that returned were applied; the others met RuntimeError."""
    p, g = np.zeros(2**23, np.float32), np.ones(2**23, np.float32)
    plan = steps.Plan("sgd", p, lr=1.0)
    done, turned_away, surprises = [], [], []

    def keep_calling(start):
        start.wait()
        for _ in range(8):
            try:
                done.append(plan(g, step=1))
            except RuntimeError as error:
                turned_away.append(str(error))
            except BaseException as error:
                surprises.append(error)

    for _ in range(20):
        start = threading.Barrier(2)
        threads = [threading.Thread(target=keep_calling, args=(start,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if turned_away:
            break
    assert not surprises and turned_away, "no two calls ever met"
    assert "Plan" in turned_away[0]
    assert (p == -len(done)).all() and all(done)
    assert plan(g, step=1) is True
