"""Step counts: gradients that are None, and steps that are skipped."""

import numpy as np
import pytest
from steepest import optim

from .support import CLASSES, copies, make_grads, make_params, same_bits


def counts(opt):
    return [state["step"] for state in opt.state_dict()["state"].values()]


@pytest.mark.parametrize("cls", CLASSES)
def test_none_leaves_a_parameter_alone_and_uncounted(cls):
    params, apart = make_params(), make_params()
    opt = cls(params, lr=0.1)
    alone = [cls(p, lr=0.1) for p in apart]
    absent = {1: (1,), 2: (0, 2), 4: (0, 1, 2, 3), 5: (3,)}
    for t in range(1, 7):
        grads = [None if i in absent.get(t, ()) else g for i, g in enumerate(make_grads(t))]
        assert opt.step(grads)
        for own, grad in zip(alone, grads, strict=True):
            if grad is not None:
                own.step(grad)
    assert same_bits(params, apart)
    assert counts(opt) == [4, 4, 4, 4]
    assert opt._groups[0].steps.next() == 5  # the counts agree again, and are one number again


def test_none_in_a_dict_and_in_one_group():
    params = make_params()
    before = copies(params)
    opt = optim.AdamW({"a": params[0], "b": params[1]})
    opt.step({"a": None, "b": make_grads(1)[1]})
    assert counts(opt) == [0, 1] and same_bits(params[0], before[0])
    opt = optim.AdamW([{"params": params[2]}, {"params": params[3]}])
    opt.step([make_grads(1)[2], None])
    assert counts(opt) == [1, 0] and same_bits(params[3], before[3])


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_skipped_step_changes_nothing(cls, value):
    params = make_params()
    opt = cls([{"params": params[:2]}, {"params": params[2:]}], lr=0.1)
    opt.step([*make_grads(1)[:3], None])
    before = copies(params), [dict(s) for s in opt.state_dict()["state"].values()]
    saved = [{k: np.copy(v) for k, v in state.items()} for state in before[1]]
    grads = make_grads(2)
    grads[3][0, 1, 2] = value
    assert opt.step(grads, skip_nonfinite=True) is False
    assert same_bits(params, before[0])
    assert counts(opt) == [1, 1, 1, 0]
    after = [{k: np.copy(v) for k, v in s.items()} for s in opt.state_dict()["state"].values()]
    assert same_bits(after, saved)
    assert opt.step(make_grads(2), skip_nonfinite=True) is True
    assert counts(opt) == [2, 2, 2, 1]


def test_a_refused_step_is_not_counted():
    opt = optim.AdamW(make_params())
    with pytest.raises(ValueError, match="grads"):
        opt.step([g.reshape(-1)[:1] for g in make_grads(1)])
    assert counts(opt) == [0] * 4
