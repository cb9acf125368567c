"""The step of the parameters with packed votes."""

import numpy as np
import pytest
from steepest import cpu, distributed, steps

from .support import BFLOAT16, DTYPES, arrays, same


def votes_of(workers, reduction, bits, shapes_like, seed=0):
    """Votes of workers with momenta of zero, and the sums of their signs."""
    rows, total = [], [np.zeros(p.shape, np.int64) for p in shapes_like]
    for worker in range(workers):
        grads = arrays(np.float32, 100 * seed + worker, zeros=0.3 if bits == 2 else 0.0)
        momenta = [np.zeros_like(g) for g in grads]
        rows.append(distributed.pack_signs(grads, momenta, bits=bits).message)
        total = [t + np.sign(g).astype(np.int64) for t, g in zip(total, grads, strict=True)]
    reduce = distributed.mean if reduction == "mean" else distributed.majority
    return reduce(np.stack(rows), bits=bits), total


def wanted(params, total, workers, reduction, lr, weight_decay):
    """In the precision of the arithmetic, operation by operation."""
    made = []
    for p, t in zip(params, total, strict=True):
        kind = np.float64 if p.dtype == np.float64 else np.float32
        d = t.astype(kind) / kind(workers) if reduction == "mean" else np.sign(t).astype(kind)
        x = p.astype(kind) * kind(1 - lr * weight_decay)
        made.append((x - kind(lr) * d).astype(p.dtype))
    return made


@pytest.mark.parametrize("bits", [1, 2])
@pytest.mark.parametrize("reduction", ["majority", "mean"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, BFLOAT16, np.float16])
def test_parameters_are_the_reference_to_the_bit(dtype, reduction, bits, every_target):
    for workers in (1, 3, 4):
        params = arrays(dtype, 9)
        votes, total = votes_of(workers, reduction, bits, params)
        expected = wanted(params, total, workers, reduction, 1e-2, 0.1)
        for target in every_target:
            cpu.use(target)
            for threads in (1, 2):
                cpu.set_threads(threads)
                own = [p.copy() for p in params]
                distributed.apply_votes(own, votes, lr=1e-2, weight_decay=0.1)
                assert same(own, expected)


@pytest.mark.parametrize("dtypes", DTYPES)
@pytest.mark.parametrize("bits", [1, 2])
def test_one_worker_takes_the_steps_of_lion(bits, dtypes):
    dtype, momentum_dtype = dtypes
    params, momenta = arrays(dtype, 0), arrays(momentum_dtype, 1)
    lion, lion_momenta = [p.copy() for p in params], [m.copy() for m in momenta]
    options = {"lr": 1e-2, "weight_decay": 0.1, "rounding": "stochastic", "seed": 5}
    for step in range(1, 6):
        grads = arrays(dtype, 10 + step, zeros=0.2 if bits == 2 else 0.0)
        steps.lion(lion, grads, lion_momenta, step=step, **options)
        packed = distributed.pack_signs(
            grads, momenta, bits=bits, rounding="stochastic", step=step, seed=5
        )
        form = ("signs", "ternary")[bits - 1]
        votes = distributed.Votes(packed.message, form, 1)
        distributed.apply_votes(params, votes, step=step, **options)
        assert same(params, lion)
        assert same(momenta, lion_momenta)


@pytest.mark.parametrize("rounding", ["nearest", "stochastic"])
def test_masters_and_their_copies_are_those_of_lion(rounding):
    masters, copies = arrays(np.float32, 0), arrays(BFLOAT16, 1)
    lion, lion_copies = [p.copy() for p in masters], [c.copy() for c in copies]
    grads = arrays(BFLOAT16, 2)
    momenta = [np.zeros_like(m) for m in masters]
    options = {"lr": 1e-2, "rounding": rounding, "step": 3, "seed": 1}
    message = distributed.pack_signs(grads, [m.copy() for m in momenta]).message
    steps.lion(lion, grads, momenta, working_copy=lion_copies, **options)
    votes = distributed.Votes(message, "signs", 1)
    distributed.apply_votes(masters, votes, working_copy=copies, **options)
    assert same(masters, lion)
    assert same(copies, lion_copies)


def test_rates_may_differ_between_tensors():
    params = arrays(np.float32, 0)
    votes, total = votes_of(3, "majority", 1, params)
    rates = [0.1 * (i + 1) for i in range(len(params))]
    expected = [
        wanted([p], [t], 3, "majority", lr, 2 * lr)[0]
        for p, t, lr in zip(params, total, rates, strict=True)
    ]
    distributed.apply_votes(params, votes, lr=rates, weight_decay=[2 * lr for lr in rates])
    assert same(params, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_votes_make_nan_parameters(dtype):
    grads = [np.array([np.nan, 1.0, 0.0], np.float32), np.array([1.0, 1.0, -1.0], np.float32)]
    rows = [distributed.pack_signs(g, np.zeros_like(g), bits=2).message for g in grads]
    for reduce, third in ((distributed.majority, 1.0), (distributed.mean, 0.5)):
        param = np.zeros(3, dtype)
        distributed.apply_votes(param, reduce(np.stack(rows), bits=2), lr=1.0)
        assert np.isnan(param[0])
        assert param[1:].tolist() == [-1.0, third]


def test_wrong_arguments_are_refused_and_nothing_changes():
    params = arrays(np.float32, 0)
    before = [p.copy() for p in params]
    votes, _ = votes_of(2, "majority", 1, params)

    def refused(error, match, given=params, votes=votes, **keywords):
        with pytest.raises(error, match=match):
            distributed.apply_votes(given, votes, **{"lr": 0.1, **keywords})
        assert same(params, before)

    refused(TypeError, "votes: numpy.ndarray given, expected Votes", votes=votes.data)
    refused(ValueError, "votes: 10 bytes given", votes=votes._replace(data=votes.data[:10]))
    refused(ValueError, "form: 'bits' given", votes=votes._replace(form="bits"))
    refused(ValueError, "workers: 0 given", votes=votes._replace(workers=0))
    refused(ValueError, "lr: -1.0 given", lr=-1.0)
    refused(ValueError, "lr: 2 numbers given, expected 7", lr=[1.0, 2.0])
    refused(ValueError, r"weight_decay\[1\]", weight_decay=[0, -1, 0, 0, 0, 0, 0])
    refused(ValueError, r"memory shared", given=[*params[:6], params[3][:1]])
    refused(ValueError, "working_copy: expected a list of 7", working_copy=[None])
    refused(TypeError, r"working_copy\[0\]: dtype float64", working_copy=[np.zeros(3)] + [None] * 6)
    refused(ValueError, "rounding: 'exp_avg' given", rounding={"exp_avg": "stochastic"})
    refused(ValueError, "step: None given", rounding="stochastic")
    refused(TypeError, r"params\[1\]: NoneType given", given=[params[0], None])
