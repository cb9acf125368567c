"""Natural gradients over kinds, dtypes and structures of parameters, and through their state."""

import pickle

import ml_dtypes
import numpy as np
import pytest
from steepest import optim
from steepest.curvature import empirical_fisher_product

from .natural import ALL, arrays, fisher_of, run, samples
from .support import copies, random, same_bits


@pytest.mark.parametrize("how", ["state_dict", "pickle", "safetensors"])
@pytest.mark.parametrize("solver", ALL)
def test_a_restored_optimizer_goes_on_to_the_bit(how, solver, tmp_path):
    params = arrays(1, np.float32)
    opt = optim.NaturalGradient(params, momentum=0.9, solver=solver, kl_clip=1e-2)
    run(opt, params, 3)
    twins = copies(params)
    other = optim.NaturalGradient(twins, 7.0)
    if how == "pickle":
        other = pickle.loads(pickle.dumps(opt))
        twins = [p for group in other.param_groups for p in group["params"]]
    elif how == "safetensors":
        pytest.importorskip("safetensors")
        opt.save_safetensors(tmp_path / "opt")
        other.load_safetensors(tmp_path / "opt")
    else:
        other.load_state_dict(opt.state_dict())
    run(opt, params, 2, 3)
    run(other, twins, 2, 3)
    assert same_bits(params, twins)
    assert same_bits(
        list(opt.state_dict()["state"].values()), list(other.state_dict()["state"].values())
    )


def test_dicts_single_arrays_and_groups_make_the_same_system():
    rows, grads = samples(0), arrays(9)
    listed, named = arrays(1), dict(zip("abcd", arrays(1), strict=True))
    optim.NaturalGradient(listed).step(grads, rows)
    opt = optim.NaturalGradient(named)
    opt.step(dict(zip("abcd", grads, strict=True)), dict(zip("abcd", rows, strict=True)))
    assert same_bits(list(named.values()), listed) and list(opt.solution.x) == list("abcd")
    grouped = arrays(1)
    optim.NaturalGradient([{"params": [p]} for p in grouped]).step(grads, rows)
    assert same_bits(grouped, listed)
    single = random((6, 4), 1, np.float64)
    optim.NaturalGradient(single, solver="cg").step(grads[0], empirical_fisher_product(rows[0]))
    assert not same_bits(single, random((6, 4), 1, np.float64))


def test_samples_may_have_several_rows():
    twice, plain = arrays(1), arrays(1)
    rows, grads = samples(0, rows=8), arrays(9)
    optim.NaturalGradient(twice).step(grads, rows, samples=4)
    optim.NaturalGradient(plain).step(grads, [np.sqrt(2.0) * r for r in rows])
    for p, q in zip(twice, plain, strict=True):
        np.testing.assert_allclose(p, q, rtol=0, atol=1e-12)


@pytest.mark.parametrize("solver", ALL)
@pytest.mark.parametrize("master_weights", [False, True])
@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16])
def test_half_precision_is_stepped_by_float32_solutions(dtype, master_weights, solver):
    params, exact = arrays(1, dtype), [p.astype(np.float32) for p in arrays(1, dtype)]
    opt = optim.NaturalGradient(params, solver=solver, master_weights=master_weights)
    other = optim.NaturalGradient(exact, solver=solver)
    grads = arrays(9, dtype)
    opt.step(grads, fisher_of(solver, samples(0, dtype=np.float32)))
    other.step(
        [g.astype(np.float32) for g in grads], fisher_of(solver, samples(0, dtype=np.float32))
    )
    assert same_bits(params, [p.astype(dtype) for p in exact])
    if master_weights:
        masters = [state["master"] for state in opt.state_dict()["state"].values()]
        assert same_bits(masters, exact)


def test_other_memory_orders_step_alike():
    plain = arrays(1)
    turned = [np.asfortranarray(p) if p.ndim == 2 else p.copy() for p in plain]
    first, second = optim.NaturalGradient(plain), optim.NaturalGradient(turned)
    run(first, plain, 2)
    run(second, turned, 2)
    assert same_bits(plain, [np.ascontiguousarray(p).reshape(p.shape) for p in turned])


@pytest.mark.parametrize("solver", ALL)
def test_torch_parameters_step_as_numpy_arrays_do(solver):
    torch = pytest.importorskip("torch")
    params = arrays(1, np.float32)
    tensors = [torch.nn.Parameter(torch.from_numpy(p.copy())) for p in params]
    opt = optim.NaturalGradient(params, solver=solver, momentum=0.9)
    other = optim.NaturalGradient(tensors, solver=solver, momentum=0.9)
    for k in range(2):
        run(opt, params, 1, k)
        rows = [torch.from_numpy(r) for r in samples(k, dtype=np.float32)]
        for t, g in zip(tensors, arrays(9 * k), strict=True):
            t.grad = torch.from_numpy(np.array(g, np.float32))
        other.step(None, fisher_of(solver, rows))
    assert same_bits(params, [t.detach().numpy() for t in tensors])
    assert all(torch.is_tensor(x) for x in other.solution.x)


@pytest.mark.parametrize("solver", ALL)
def test_nothing_to_solve(solver):
    """Empty parameters, no gradient at all, and gradients that are 0."""
    params = [np.zeros((0, 3)), np.array(1.0), np.ones(2)]
    rows = [np.ones((4, *p.shape)) for p in params]
    opt = optim.NaturalGradient(params, solver=solver, momentum=0.9, kl_clip=1.0)
    fisher = fisher_of(solver, rows)
    before = copies(params)
    zeros = [np.zeros_like(p) for p in params]
    for grads, steps in (
        ([None, None, None], [0, 0, 0]),
        ([zeros[0], None, None], [1, 0, 0]),
        (zeros, [2, 1, 1]),
    ):
        assert opt.step(grads, fisher) is True
        assert same_bits(params, before)
        assert [state["step"] for state in opt.state_dict()["state"].values()] == steps
    assert not any(x.any() for x in opt.solution.x)
    assert opt.step([zeros[0], np.array(0.5), np.ones(2)], fisher) is True
    assert not same_bits(params, before)
