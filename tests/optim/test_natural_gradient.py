"""Natural gradients against elimination in extended precision, and what their steps are made of."""

import numpy as np
import pytest
from reference.curvature import optimizers as reference
from reference.curvature import solves
from steepest import optim
from steepest.curvature import empirical_fisher_product

from .natural import ALL, SIZES, SOLVERS, UNIT, arrays, fisher_of, flat, matrix, run, samples
from .support import same_bits


def lost(solver, rows, damping, right, x, tol):
    """Bound of the error of x: that of its residual over the least damping. Woodbury's is 2
    roundings of a residual, see tests/curvature/test_damped.py, in variables that are scaled by at
    most 1; conjugate gradients stop at a residual that they compute with the same rounding."""
    a, count, least = matrix(rows), len(rows[0]), damping.min()
    if solver == "woodbury":
        scale = np.sqrt(least / damping)
        error = solves.rounding(a * scale, count * least, x / scale, g=count * scale * right)
        return 2 * error / (count * least) + 4 * UNIT * np.linalg.norm(x)
    error = solves.rounding(a, count * damping, x, g=count * right) / count
    return (tol * np.linalg.norm(right) + 2 * error) / least


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("damping", [(0.1, 0.1), (0.02, 0.5)])
@pytest.mark.parametrize(
    ("options", "decoupled"),
    [
        ({}, False),
        ({"momentum": 0.9}, False),
        ({"momentum": 0.8, "nesterov": True, "weight_decay": 0.3}, False),
        ({"momentum": 0.5, "weight_decay": 0.3}, True),
    ],
)
def test_steps_are_those_of_the_reference(solver, damping, options, decoupled):
    """Both sides start each step from the same parameters; errors of x stay in the momentum."""
    params, tol = arrays(1), 1e-13
    opt = optim.NaturalGradient(
        [
            {"params": params[:2], "damping": damping[0], "lr": [0.1, 0.2]},
            {"params": params[2:], "damping": damping[1], "lr": 0.05},
        ],
        solver=solver,
        tol=tol,
        max_iter=1000,
        decoupled_weight_decay=decoupled,
        **options,
    )
    each = np.repeat([damping[0], damping[0], damping[1], damping[1]], SIZES)
    rates = np.repeat([0.1, 0.2, 0.05, 0.05], SIZES)
    momentum, decay = options.get("momentum", 0.0), options.get("weight_decay", 0.0)
    nesterov = options.get("nesterov", False)
    wanted = reference.NaturalGradient(flat(params), rates, each, momentum, nesterov, decay)
    in_buffer = 0.0
    for k in range(6):
        rows, grads, wanted.params = samples(k), arrays(9 * k), flat(params)
        a, size = matrix(rows), np.linalg.norm(wanted.params)
        right = flat(grads) + (0.0 if decoupled else decay * wanted.params)
        opt.step(grads, fisher_of(solver, rows))
        wanted.step(flat(grads), solves.matrix(a, 0.0) / len(a), decoupled)
        x = flat(opt.solution.x)
        in_x = lost(solver, rows, each, right, x, tol)
        in_x += 2 * UNIT * np.linalg.norm(right) / each.min()
        assert np.linalg.norm((x - wanted.x).astype(np.float64)) <= in_x
        length = float(np.linalg.norm(wanted.buffer.astype(np.float64)))
        in_buffer = momentum * in_buffer + in_x + 3 * UNIT * length
        moved = in_x + momentum * in_buffer if nesterov else in_buffer
        error = rates.max() * moved + 6 * UNIT * (size + length)
        assert np.linalg.norm((flat(params) - wanted.params).astype(np.float64)) <= error
    assert error < 1e-8 * size  # so the comparison has force


@pytest.mark.parametrize("solver", SOLVERS)
def test_parameters_without_a_gradient_are_left_out_of_the_system(solver):
    params, seen = arrays(1), []
    rows, grads = samples(0), arrays(9)
    kept = [params[0].copy(), params[2].copy()]
    opt = optim.NaturalGradient(params, solver=solver, tol=1e-13, weight_decay=0.1, momentum=0.5)
    part = [params[1].copy(), params[3].copy()]
    alone = optim.NaturalGradient(part, solver=solver, tol=1e-13, weight_decay=0.1, momentum=0.5)
    given = [None, rows[1], None, rows[3]]
    if solver == "cg":
        product = empirical_fisher_product(rows)

        def given(v):
            seen.append(v)
            return product(v)

    for _ in range(2):
        opt.step([None, grads[1], None, grads[3]], given)
        alone.step([grads[1], grads[3]], fisher_of(solver, [rows[1], rows[3]]))
    assert same_bits([params[0], params[2]], kept)
    assert [state["step"] for state in opt.state_dict()["state"].values()] == [0, 2, 0, 2]
    assert not np.any([v[0].any() or v[2].any() for v in seen])
    assert not opt.solution.x[0].any() and not opt.solution.x[2].any()
    if solver == "woodbury":
        assert same_bits([params[1], params[3]], part)
    else:  # sums over vectors of another length; solutions of residual 1e-13 |g| at damping 1e-2
        for p, q in zip([params[1], params[3]], part, strict=True):
            np.testing.assert_allclose(p, q, rtol=0, atol=1e-10)


def test_conjugate_gradients_start_from_a_part_of_the_last_solution():
    params, rows, grads = arrays(1), samples(0), arrays(9)
    seen = []
    product = empirical_fisher_product(rows)

    def fisher(v):
        seen.append(flat(v))
        return product(v)

    opt = optim.NaturalGradient(params, 0.1, solver="cg", tol=1e-6)
    opt.step(grads, fisher)
    first = opt.solution
    assert first.converged and first.iterations > 2
    state = [s["solution"] for s in opt.state_dict()["state"].values()]
    assert same_bits(state, first.x)
    opt.step(grads, fisher)  # of one product for the residual of the start, one for that of the end
    assert opt.solution.converged and opt.solution.iterations == 0
    opt.param_groups[0]["warm_start"] = 0.5
    del seen[:]
    opt.step(grads, fisher)
    power = np.frexp(np.abs(first.x[0]).max() / np.abs(seen[0][:24]).max())[1] - 2
    assert same_bits(np.ldexp(seen[0], power), 0.5 * flat(first.x)) and opt.solution.iterations > 0
    cold = optim.NaturalGradient(arrays(1), solver="cg", warm_start=0.0)
    for _ in range(2):
        cold.step(grads, fisher)
        assert cold.solution.iterations > 2
    assert "solution" not in cold.state_dict()["state"][0]
    assert "solution" not in optim.NaturalGradient(arrays(1)).state_dict()["state"][0]


def test_truncated_solutions_are_told():
    params = arrays(1)
    opt = optim.NaturalGradient(params, solver="cg", tol=0.0, max_iter=3)
    assert opt.solution is None
    run(opt, params, 1)
    assert (opt.solution.iterations, opt.solution.converged) == (3, False)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("damping", [(0.1, 0.1), (0.02, 0.5)])
def test_long_steps_are_scaled_down_to_the_quadratic_form(solver, damping):
    """s^T (F + D) s of the step that was made, from the parameters' difference."""
    params, before = arrays(1), flat(arrays(1))
    groups = [
        {"params": params[:2], "damping": damping[0], "lr": 0.3},
        {"params": params[2:], "damping": damping[1], "lr": [0.1, 0.2]},
    ]
    opt = optim.NaturalGradient(groups, solver=solver, kl_clip=1e-3, tol=1e-12)
    run(opt, params, 1)
    each = np.repeat([damping[0], damping[0], damping[1], damping[1]], SIZES)
    a, step = matrix(samples(0)), flat(params) - before
    square = float(np.sum((a @ step) ** 2)) / len(a) + float(np.sum(each * step * step))
    # The difference of parameters loses up to an ulp of theirs; sums of 54 terms and 9 of these.
    slack = 4 * UNIT * np.linalg.norm(before) / np.linalg.norm(step) * np.linalg.norm(a, 2) ** 2
    assert abs(square / 1e-3 - 1) <= slack / each.min() + 100 * UNIT
    loose, free = arrays(1), arrays(1)
    for p, bound in ((loose, 1e6), (free, None)):
        run(optim.NaturalGradient(p, solver=solver, kl_clip=bound), p, 2)
    assert same_bits(loose, free)


@pytest.mark.parametrize("solver", SOLVERS)
def test_signs_and_scales_of_gradients(solver):
    plain, up, scaled = arrays(1), arrays(1), arrays(1)
    options = {"solver": solver, "weight_decay": 0.2, "momentum": 0.5}
    first = optim.NaturalGradient(plain, **options)
    second = optim.NaturalGradient(up, maximize=True, **options)
    third = optim.NaturalGradient(scaled, **options)
    for k in range(3):
        grads, fisher = arrays(9 * k), fisher_of(solver, samples(k))
        first.step(grads, fisher)
        second.step([-g for g in grads], fisher)
        third.step([8 * g for g in grads], fisher, grad_scale=8.0)
    assert same_bits(plain, up) and same_bits(plain, scaled)


def test_the_norm_of_gradients_is_clipped_as_in_native_steps():
    params, twins = arrays(1), arrays(1)
    opt = optim.NaturalGradient(params, 0.1, damping=0.5)
    other = optim.NaturalGradient(twins, 0.1, damping=0.5)
    grads, rows = arrays(9), samples(0)
    opt.step(grads, rows, max_grad_norm=0.5, grad_scale=2.0)
    norm = np.linalg.norm(flat(grads)) / 2
    other.step([g * (0.5 / (norm + 1e-6) / 2) for g in grads], rows)
    for p, q in zip(params, twins, strict=True):
        np.testing.assert_allclose(p, q, rtol=0, atol=1e-14)
    run(other, twins, 1, 1)
    opt = optim.NaturalGradient(arrays(1))
    with pytest.raises(ValueError, match="max_grad_norm: -1"):
        opt.step(grads, rows, max_grad_norm=-1.0)


def test_each_gradient_is_clipped_as_in_native_steps():
    params, twins = arrays(1), arrays(1)
    opt = optim.NaturalGradient(params, 0.1, damping=0.5)
    other = optim.NaturalGradient(twins, 0.1, damping=0.5)
    grads, rows = arrays(9), samples(0)
    opt.step(grads, rows, max_tensor_norm=0.5, max_grad_value=0.1, grad_scale=2.0)
    norms = [np.linalg.norm(g) / 2 for g in grads]
    short = [g / 2 * min(1.0, 0.5 / (n + 1e-6)) for g, n in zip(grads, norms, strict=True)]
    other.step([np.clip(g, -0.1, 0.1) for g in short], rows)
    for p, q in zip(params, twins, strict=True):
        np.testing.assert_allclose(p, q, rtol=0, atol=1e-14)
    for name in ("max_tensor_norm", "max_grad_value"):
        for bad in (-1.0, 0.0):
            with pytest.raises(ValueError, match=f"{name}: {bad}"):
                opt.step(grads, rows, **{name: bad})


def test_euler_steps_follow_the_differential_equation():
    """x_k = sum_{j < k} (I - dt M)^j dt g from 0 for M = F + damping I, and goes on from the last
    solution. Errors: a residual's rounding at each of 20 steps, which none of them enlarges."""
    params, rows, grads = arrays(1), samples(0), arrays(9)
    a, damping, dt = matrix(rows), 0.1, 0.02
    m = a.T @ a / len(a) + damping * np.eye(a.shape[1])
    assert dt * np.linalg.norm(m, 2) < 1
    opt = optim.NaturalGradient(
        params, 0.1, damping=damping, solver="euler", time_step=dt, max_iter=20, tol=0.0
    )
    fisher, right = empirical_fisher_product(rows), flat(grads)
    x = np.zeros_like(right)
    for _ in range(2):
        opt.step(grads, fisher)
        for _ in range(20):
            x = x + dt * (right - m @ x)
        lost = solves.rounding(a, len(a) * damping, x, g=len(a) * right) / len(a)
        bound = 40 * (2 * dt * lost + 4 * UNIT * np.linalg.norm(x))
        assert np.linalg.norm(flat(opt.solution.x) - x) <= bound
        assert opt.solution.iterations == 20 and not opt.solution.converged
        residual = np.linalg.norm(right - m @ x)
        assert abs(opt.solution.residual - residual) <= np.linalg.norm(m, 2) * bound + 2 * lost
    opt.param_groups[0].update(max_iter=10**5, tol=1e-8)
    opt.step(grads, fisher)
    assert opt.solution.converged
    difference = flat(opt.solution.x) - np.linalg.solve(m, right)
    assert np.linalg.norm(difference) <= 1.01e-8 * np.linalg.norm(right) / damping


def test_steps_of_time_that_are_too_long():
    """From the second on each multiplies a part of the residual by 1 - 3, at best."""
    params = arrays(1)
    opt = optim.NaturalGradient(params, damping=1.0, solver="euler", time_step=3.0)
    with pytest.raises(ValueError, match=r"time_step: 3\.0 given, with which the residual has"):
        opt.step(arrays(9), empirical_fisher_product(samples(0)))
    assert same_bits(params, arrays(1))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dampings", [(0.5, 0.5), (0.5, 0.25)])
@pytest.mark.parametrize("power", [-600, 530])
@pytest.mark.parametrize("solver", ALL)
def test_solutions_scale_with_the_gradients_to_the_bit(solver, power, dampings):
    """The squares of elements are out of range."""
    found = []
    for of in (0, power):
        params = arrays(1)
        groups = [
            {"params": part, "damping": damping}
            for part, damping in zip((params[:2], params[2:]), dampings, strict=True)
        ]
        opt = optim.NaturalGradient(groups, 1e-300, solver=solver, time_step=0.02, tol=1e-2)
        opt.step([np.ldexp(g, of) for g in arrays(9)], fisher_of(solver, samples(0)))
        found.append(opt.solution)
    assert (
        same_bits([np.ldexp(x, power) for x in found[0].x], found[1].x) and flat(found[0].x).all()
    )
    assert np.ldexp(found[0].residual, power) == found[1].residual
    assert found[0][2:] == found[1][2:]
