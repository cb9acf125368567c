"""What steps of natural gradients refuse: by name, and without a change."""

import math
import pickle

import numpy as np
import pytest
import standin
from steepest import DeviceError, optim
from steepest.curvature import NotPositiveDefiniteError, empirical_fisher_product

from .natural import SHAPES, SOLVERS, arrays, fisher_of, run, samples
from .support import same_bits

F32 = np.float32


def made(solver="woodbury", **options):
    params = arrays(1, F32)
    opt = optim.NaturalGradient(params, solver=solver, momentum=0.5, **options)
    run(opt, params, 1)
    return opt, params


def everything(opt, params):
    return pickle.dumps((params, opt.state_dict()))


def refused(opt, params, error, message, grads, fisher, **options):
    """The step raises and leaves parameters, states, options and the report as they were; the same
    step without the fault is taken."""
    before, solution = everything(opt, params), opt.solution
    with standin.installed(), pytest.raises(error, match=message):
        opt.step(grads, fisher, **options)
    assert everything(opt, params) == before and opt.solution is solution
    run(opt, params, 1, 1)


def with_one(given, i, value):
    return [value if k == i else x for k, x in enumerate(given)]


def rows_with(i, value):
    return with_one(samples(1, dtype=F32), i, value)


NAN_ROWS = np.full((9, 5), np.nan, F32)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (None, ValueError, "fisher: None given"),
        (lambda v: v, TypeError, "fisher: a function given"),
        (7, TypeError, "fisher: int given"),
        (samples(1, dtype=F32)[:3], ValueError, "fisher: 3 arrays"),
        ({"a": 1}, TypeError, "fisher: dict"),
        (rows_with(1, None), TypeError, r"fisher\[1\]: NoneType"),
        (rows_with(1, [1.0]), TypeError, r"fisher\[1\]: list"),
        (rows_with(0, np.zeros((6, 4), F32)), ValueError, r"fisher\[0\]: shape \(6, 4\)"),
        (rows_with(0, np.zeros((0, 6, 4), F32)), ValueError, r"fisher\[0\]: shape \(0, 6, 4\)"),
        (rows_with(1, np.zeros((8, 5), F32)), ValueError, r"expected \(9, 5\)"),
        (rows_with(2, np.zeros((), F32)), ValueError, r"fisher\[2\]: shape \(\)"),
        (rows_with(1, np.zeros((9, 5), np.int32)), TypeError, r"fisher\[1\]: dtype int32"),
        (rows_with(1, np.zeros((9, 5), np.float16)), TypeError, r"fisher\[1\]: dtype float16"),
        (rows_with(1, standin.zeros((9, 5), F32)), DeviceError, r"fisher\[1\]: array on a device"),
        (rows_with(1, NAN_ROWS), ValueError, r"fisher\[1\]: a NaN or an infinity"),
        (rows_with(1, NAN_ROWS + np.inf), ValueError, r"fisher\[1\]: a NaN or an infinity"),
    ],
)
def test_samples_that_are_none(given, error, message):
    opt, params = made()
    refused(opt, params, error, message, arrays(20, F32), given)


def broken(_):
    raise KeyError("of the callback")


def giving(i, value):
    """A product with one result replaced."""
    return lambda v: with_one(v, i, value)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (None, ValueError, "fisher: None given"),
        (samples(1), TypeError, "fisher: list given"),
        (broken, KeyError, "of the callback"),
        (lambda v: v[:3], ValueError, "fisher's result: 3 arrays"),
        (lambda v: v[0], TypeError, "fisher's result: numpy.ndarray given"),
        (lambda v: tuple(v) and None, TypeError, "fisher's result: NoneType"),
        (giving(1, np.zeros(4, F32)), ValueError, r"fisher's result\[1\]: shape \(4,\)"),
        (giving(1, np.zeros(5)), TypeError, r"fisher's result\[1\]: dtype float64"),
        (giving(1, None), TypeError, r"fisher's result\[1\]: NoneType"),
        (giving(1, NAN_ROWS[0]), ValueError, "fisher's result: a NaN or an infinity"),
        (giving(0, np.full((6, 4), np.inf, F32)), ValueError, "fisher's result: a NaN"),
        (lambda v: [-x for x in v], NotPositiveDefiniteError, "fisher: curvature -0.999 given"),
    ],
)
def test_products_that_are_none(given, error, message):
    opt, params = made("cg", damping=1e-3)
    refused(opt, params, error, message, arrays(20, F32), given)


def test_a_product_that_fails_late_changes_nothing():
    """After some iterations, and at the product for the clipping."""
    rows = samples(3, dtype=F32)
    for last in (2, 3, 6):
        opt, params = made("cg", kl_clip=1e-4, max_iter=4, tol=0.0)
        product, calls = empirical_fisher_product(rows), []

        def late(v, product=product, calls=calls, last=last):
            calls.append(1)
            return product(v) if len(calls) < last else [np.nan * x for x in product(v)]

        refused(opt, params, ValueError, "fisher's result: a NaN", arrays(20, F32), late)
        assert len(calls) == last


def test_a_product_that_is_not_symmetric_is_named_where_it_is_tested():
    """The first array's product depends on the second, and is symmetric where that one takes no
    part."""
    opt, params = made("cg", check_symmetry=True, damping=1.0)
    assert opt.solution.products == opt.solution.iterations + 3

    def slanted(v):
        return [v[0] + v[1].sum(), *v[1:]]

    grads = arrays(20, F32)
    refused(opt, params, ValueError, "fisher: an operator that is not symmetric", grads, slanted)
    assert opt.step([grads[0], None, *grads[2:]], slanted) is True


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("grads", "options", "error", "message"),
    [
        (with_one(arrays(20, F32), 1, np.full(5, np.nan, F32)), {}, ValueError, r"grads\[1\]: a N"),
        (with_one(arrays(20, F32), 3, np.zeros(2, F32)), {}, ValueError, r"grads\[3\]: shape"),
        (with_one(arrays(20, F32), 1, np.zeros(5)), {}, TypeError, r"grads\[1\]: dtype float64"),
        (with_one(arrays(20, F32), 1, 3), {}, TypeError, r"grads\[1\]: int"),
        (arrays(20, F32)[:2], {}, ValueError, "grads: 2 given"),
        (None, {}, TypeError, "grads: parameter 0"),
        (arrays(20, F32), {"grad_scale": 0.0}, ValueError, "grad_scale: 0"),
        (arrays(20, F32), {"grad_scale": 5e-324}, ValueError, r"grads\[0\]: no finite numbers"),
        (arrays(20, F32), {"max_grad_norm": math.nan}, ValueError, "max_grad_norm: nan"),
        (arrays(20, F32), {"samples": 0}, ValueError, "samples: "),
    ],
)
def test_gradients_and_options_of_a_step(grads, options, error, message, solver):
    opt, params = made(solver)
    refused(opt, params, error, message, grads, fisher_of(solver, samples(1, dtype=F32)), **options)


@pytest.mark.parametrize("solver", SOLVERS)
def test_steps_that_are_skipped(solver):
    opt, params = made(solver)
    before, solution = everything(opt, params), opt.solution
    bad = with_one(arrays(20, F32), 1, np.full(5, np.inf, F32))
    product = broken if solver == "cg" else samples(1, dtype=F32)
    assert opt.step(bad, product, skip_nonfinite=True) is False
    assert everything(opt, params) == before and opt.solution is solution


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("lr", -0.1, ValueError),
        ("lr", [0.1] * 3, ValueError),
        ("lr", "fast", TypeError),
        ("damping", 0.0, ValueError),
        ("damping", math.inf, ValueError),
        ("solver", "svd", ValueError),
        ("solver", None, TypeError),
        ("tol", -1.0, ValueError),
        ("max_iter", 0, ValueError),
        ("max_iter", 2.5, TypeError),
        ("warm_start", 1.5, ValueError),
        ("kl_clip", 0.0, ValueError),
        ("time_step", 0.0, ValueError),
        ("check_symmetry", 1, TypeError),
        ("momentum", -0.5, ValueError),
        ("weight_decay", -0.1, ValueError),
        ("weight_decay", [0.1], ValueError),
        ("maximize", 1, TypeError),
        ("decoupled_weight_decay", "yes", TypeError),
    ],
)
def test_options(name, value, error, late):
    if not late:
        with pytest.raises(error, match=name):
            optim.NaturalGradient(arrays(1, F32), **{name: value})
        return
    opt, params = made()
    kept, before = opt.param_groups[0][name], everything(opt, params)
    opt.param_groups[0][name] = value
    with pytest.raises(error, match=name):
        opt.step(arrays(20, F32), samples(1, dtype=F32))
    opt.param_groups[0][name] = kept
    assert everything(opt, params) == before


@pytest.mark.parametrize(
    "name", ["solver", "tol", "max_iter", "time_step", "warm_start", "check_symmetry", "kl_clip"]
)
def test_options_of_the_system_are_the_same_for_all_groups(name):
    params = arrays(1, F32)
    opt = optim.NaturalGradient([{"params": params[:1]}, {"params": params[1:]}])
    other = {"solver": "cg", "tol": 0.5, "max_iter": 7, "warm_start": 0.5, "time_step": 1.0}
    other.update(check_symmetry=True, kl_clip=1.0)
    before = [p.copy() for p in params]
    opt.param_groups[1][name] = other[name]
    with pytest.raises(ValueError, match=f"{name}: .* given in group 1, expected"):
        opt.step(arrays(20, F32), samples(1, dtype=F32))
    assert same_bits(params, before)


def test_a_damping_lost_in_rounding_is_named():
    """Sixteen rows of rank 1, of size 1e9: the damping is far below an ulp of the matrix."""
    opt, params = made(damping=1e-12)
    rows = [np.full((16, *shape), 1e9, F32) for shape in SHAPES]
    refused(opt, params, NotPositiveDefiniteError, "damping: too small", arrays(20, F32), rows)


def test_solutions_beyond_float32_are_named():
    opt, params = made(damping=1e-35, lr=1e-9)
    rows = [np.zeros((2, *shape), F32) for shape in SHAPES]
    grads = [np.full(shape, 1e6, F32) for shape in SHAPES]
    refused(opt, params, ValueError, r"params\[0\]: a solution beyond the range", grads, rows)


def test_states_of_another_shape_are_refused():
    opt, params = made("cg")
    given, before = pickle.loads(pickle.dumps(opt.state_dict())), everything(opt, params)
    given["state"][1]["solution"] = np.zeros(4, F32)
    with pytest.raises(ValueError, match=r"state\[1\]\['solution'\]: given shape"):
        opt.load_state_dict(given)
    del given["state"][1]["solution"]
    with pytest.raises(ValueError, match=r"state\[1\]: missing state 'solution'"):
        opt.load_state_dict(given)
    assert everything(opt, params) == before
