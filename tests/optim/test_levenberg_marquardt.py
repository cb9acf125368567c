"""Levenberg-Marquardt against its published algorithm, on curves and Rosenbrock's valley."""

import math
import pickle

import numpy as np
import pytest
from reference.curvature import optimizers as reference
from reference.curvature import solves
from steepest import optim

from .levenberg import TIMES, Decay, Valley
from .support import same_bits

UNIT = 2.0**-53
SCALINGS, UPDATES = [None, "marquardt"], ["nielsen", "marquardt"]


def run(opt, problem, limit=200):
    """Steps until none pays; their number."""
    for count in range(limit):
        if not opt.step(problem.residuals, problem.jacobian):
            return count
    raise AssertionError("does not end")


def state(opt):
    group = opt.param_groups[0]
    return group["damping"], group["growth"]


@pytest.mark.parametrize("damping", [1e-3, 3.0])
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("problem", [Valley(), Decay()])
def test_steps_are_those_of_the_published_algorithm(problem, update, scaling, damping):
    """Both sides start each step from the same point and damping. Errors of d: the residual of its
    system, see tests/curvature/test_damped.py, over the least eigenvalue, both in the scaled
    variables. Gains differ by what that moves the loss, and by sums."""
    params = problem.start.copy()
    opt = optim.LevenbergMarquardt(
        params, damping=damping, scaling=scaling, update=update, max_tries=1
    )
    kept = []
    for _ in range(12):
        before, (mu, growth) = params.copy(), state(opt)
        wanted = reference.LevenbergMarquardt(before.copy(), mu, update, scaling, growth)
        r, j = problem.residuals(before), problem.jacobian(before)
        if not np.abs(j.T @ r).max() > 1e-4:
            break
        kept.append(opt.step(problem.residuals, problem.jacobian))
        assert wanted.step(problem.residuals, problem.jacobian) == kept[-1]
        scale = 1 / np.linalg.norm(j, axis=0) if scaling else np.ones(j.shape[1])
        d = wanted.d.astype(np.float64)
        least = mu + 0.99 * np.linalg.svd(j * scale, compute_uv=False)[-1] ** 2
        error = 2 * solves.rounding(j * scale, mu, d / scale, u=-r) / least * scale.max()
        error += 8 * UNIT * np.linalg.norm(d)
        distance = np.linalg.norm((params - wanted.params).astype(np.float64))
        assert distance <= error + UNIT * np.linalg.norm(params)
        new, slope = problem.residuals(before + d), np.linalg.norm(problem.jacobian(before + d), 2)
        model = r + j @ d
        predicted = r @ r - model @ model
        error += UNIT * np.linalg.norm(before + d)
        moved = 4 * np.linalg.norm(new) * slope * error + (slope * error) ** 2
        summed = 4 * (len(r) + 10) * UNIT * (r @ r + new @ new)
        slack = (1 + abs(float(wanted.gain))) * (moved + summed) / predicted
        assert abs(opt.report.gain - wanted.gain) <= slack < 1e-3
        # The slope of the cube is at most 54 up to a gain of 2, over factors of at least 1/3.
        assert abs(state(opt)[0] / float(wanted.damping) - 1) <= 162 * slack + 4 * UNIT
        assert state(opt)[1] == wanted.growth or update == "marquardt"
    assert any(kept) and len(kept) > 3


def test_some_of_these_steps_are_taken_back():
    params = Valley.start.copy()
    opt = optim.LevenbergMarquardt(params, max_tries=1)
    kept = [opt.step(Valley.residuals, Valley.jacobian) for _ in range(12)]
    assert True in kept and False in kept


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("update", UPDATES)
def test_the_valley_is_walked_to_its_very_end(update, scaling):
    params = Valley.start.copy()
    opt = optim.LevenbergMarquardt(params, update=update, scaling=scaling)
    assert run(opt, Valley) < 40
    assert np.abs(params - 1).max() <= 4 * UNIT
    assert opt.report.loss <= (100 * 4 + 1) * (8 * UNIT) ** 2


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("update", UPDATES)
def test_a_curve_is_fitted_exactly(update, scaling):
    """Without a disturbance the residuals vanish: they are rounding of numbers up to 3, and the
    parameters that times the norm of the pseudoinverse."""
    problem = Decay(disturbance=0.0)
    params = problem.start.copy()
    run(optim.LevenbergMarquardt(params, update=update, scaling=scaling), problem)
    true = np.array([2.5, 1.3, 0.5])
    bound = 8 * UNIT * 3 * math.sqrt(len(TIMES))
    assert np.linalg.norm(problem.residuals(params)) <= bound
    least = np.linalg.svd(problem.jacobian(true), compute_uv=False)[-1]
    assert np.abs(params - true).max() <= 2 * bound / least


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("update", UPDATES)
def test_a_disturbed_curve_comes_to_its_least_squares(update, scaling):
    """Steps are taken as long as they change the loss by more than its rounding: that of its sum,
    and of residuals that are differences of numbers up to 3. What the model promises is at least
    |J^T r|^2 / (2 |J|^2), and no step of Gauss and Newton finds more."""
    problem = Decay()
    params = problem.start.copy()
    opt = optim.LevenbergMarquardt(params, update=update, scaling=scaling)
    run(opt, problem)
    r, j = problem.residuals(params), problem.jacobian(params)
    lost = (len(r) + 4) * UNIT * (r @ r) + 2 * 8 * 3 * UNIT * math.sqrt(len(r)) * np.linalg.norm(r)
    assert np.linalg.norm(j.T @ r) <= np.linalg.norm(j, 2) * math.sqrt(2 * lost)
    step = np.linalg.lstsq(j, -r, rcond=None)[0]
    other = problem.residuals(params + step)
    assert abs(other @ other - r @ r) <= 2 * lost
    assert opt.report.loss == r @ r / 2 > 1e-4


def test_columns_of_zeros_and_equal_ones_are_no_obstacle():
    """J of rank 1 with a zero column, and a damping lost in rounding: more of it is tried."""
    j = np.ones((5, 3)) * np.array([1e6, 1e6, 0.0])

    def residuals(p):
        return j @ p - 3.0

    params = np.zeros(3)
    opt = optim.LevenbergMarquardt(params, damping=1e-16, scaling=None, max_tries=100)
    for _ in range(60):
        if not opt.step(residuals, lambda p: j):
            break
    assert params[2] == 0 and np.abs(residuals(params)).max() < 1e-6
    scaled = optim.LevenbergMarquardt(np.zeros(3), damping=1e-16, max_tries=100)
    assert scaled.step(residuals, lambda p: j) is True


def test_a_step_taken_back_leaves_the_bits_and_more_damping():
    params = np.array([1e-300, -0.0, 1.0 + UNIT * 2])
    before = params.copy()
    seen = []

    def residuals(p):
        seen.append(p.copy())
        return p - 2 if same_bits(p, before) else np.full(3, 9.0)

    opt = optim.LevenbergMarquardt([params], max_tries=3)
    assert opt.step(lambda p: residuals(p[0]), lambda p: [np.eye(3)]) is False
    assert same_bits(params, before) and opt.state_dict()["state"][0]["step"] == 0
    assert len(seen) == 4 and not same_bits(seen[1], seen[2])  # a shorter step each time
    assert state(opt) == (1e-3 * 2 * 4 * 8, 16.0)
    report = opt.report
    assert (report.accepted, report.tries, report.damping) == (False, 3, 1e-3 * 2 * 4)
    assert report.new_loss == 3 * 81 / 2 > report.loss and report.gain < 0


def test_trials_without_finite_residuals_do_not_pay():
    def residuals(p):
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log(p) + 3.0  # a whole step from 1 leads to -2, where there is no logarithm

    params = np.ones(1)
    opt = optim.LevenbergMarquardt(params)
    assert opt.step(residuals, lambda p: np.diag(1 / p)) is True and opt.report.tries > 1
    for _ in range(100):
        if not opt.step(residuals, lambda p: np.diag(1 / p)):
            break
    assert abs(np.log(params[0]) + 3) <= 8 * UNIT
    stuck = optim.LevenbergMarquardt(np.ones(1), max_tries=2)
    assert not stuck.step(lambda p: residuals(p) if p == 1 else p * np.nan, lambda p: np.eye(1))
    assert math.isnan(stuck.report.gain) and math.isnan(stuck.report.new_loss)


def test_at_a_minimum_nothing_changes():
    params = np.ones(2)
    opt = optim.LevenbergMarquardt(params)
    before = pickle.dumps((params, opt.state_dict()))
    assert opt.step(Valley.residuals, Valley.jacobian) is False
    assert pickle.dumps((params, opt.state_dict())) == before
    assert (opt.report.gradient, opt.report.tries) == (0.0, 1)


def test_the_damping_stays_within_its_bounds():
    params = Valley.start.copy()
    opt = optim.LevenbergMarquardt(params, min_damping=1e-2, max_damping=2e-1)
    found = []
    for _ in range(30):
        opt.step(Valley.residuals, Valley.jacobian)
        found.append(state(opt)[0])
    assert min(found[1:]) == 1e-2 and max(found) == 2e-1


def test_small_gains_are_taken_back_where_they_are_to_be():
    params = np.array([3.0])
    opt = optim.LevenbergMarquardt(params, min_gain=0.5, max_tries=1, damping=1e-12)
    # The model says that r = sqrt(p) falls to 0 at -3; it has a tenth of that gain.
    assert not opt.step(lambda p: 0.95 * np.ones(1) if p < 3 else np.ones(1), lambda p: np.eye(1))
    assert 0 < opt.report.gain < 0.5 and params[0] == 3.0
