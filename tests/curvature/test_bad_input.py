"""What callbacks and arguments of every public function may not be: refused by name, with all
arrays as they were."""

import numpy as np
import pytest
import standin
from callbacks import RESULTS, one_bad
from steepest import curvature

SHAPES = ((3, 4), (5,))


def like(dtype=np.float32):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(dtype) for shape in SHAPES]


def itself(z):
    return z


#: The functions that take a callback, and what its result is called in messages.
CALLS = {
    "hutchinson_trace": (lambda f: curvature.hutchinson_trace(f, like(), 3), "hvp"),
    "hutchinson_diag": (lambda f: curvature.hutchinson_diag(f, like(), 3), "hvp"),
    "gaussian diagonal": (
        lambda f: curvature.hutchinson_diag(f, like(), 3, distribution="gaussian"),
        "hvp",
    ),
    "hutchpp_trace": (lambda f: curvature.hutchpp_trace(f, like(), 6), "hvp"),
    "lanczos": (lambda f: curvature.lanczos(f, like(), 3), "hvp"),
    "spectral_density": (lambda f: curvature.spectral_density(f, like(), 3, 2), "hvp"),
    "extreme_eigenvalues": (lambda f: curvature.extreme_eigenvalues(f, like()), "hvp"),
    "conjugate_gradient": (lambda f: curvature.conjugate_gradient(f, like()), "product"),
    "finite_difference_hvp": (
        lambda f: curvature.finite_difference_hvp(f, like())(like()),
        "grad_fn",
    ),
    "vjp": (lambda f: curvature.gauss_newton_product(itself, f)(like()), "vjp"),
    "loss_hessian": (
        lambda f: curvature.gauss_newton_product(itself, itself, f)(like()),
        "loss_hessian",
    ),
}


@pytest.mark.parametrize("case", RESULTS)
@pytest.mark.parametrize("function", CALLS)
def test_results_of_callbacks(function, case):
    (call, name), (callback, error, words) = CALLS[function], RESULTS[case]
    with standin.installed(), pytest.raises(error, match=f"^{name}'s {words}"):
        call(callback)


@pytest.mark.parametrize("case", ["None in it", "integers", "a NaN", "a device"])
def test_results_of_a_jvp_with_a_loss(case):
    callback, error, words = RESULTS[case]
    product = curvature.gauss_newton_product(callback, itself, itself)
    with standin.installed(), pytest.raises(error, match=f"^jvp's {words}"):
        product(like())


@pytest.mark.parametrize("function", CALLS)
def test_errors_of_callbacks_pass_on(function):
    class OfTheCallbackError(Exception):
        pass

    def broken(_):
        raise OfTheCallbackError

    with pytest.raises(OfTheCallbackError):
        CALLS[function][0](broken)
    for given in (None, 3, like()):
        if function != "loss_hessian" or given is not None:
            with pytest.raises(TypeError, match=f"{CALLS[function][1]}: .* given, expected a func"):
                CALLS[function][0](given)


def test_finite_differences_put_the_parameters_back():
    params = like()
    before = [p.tobytes() for p in params]
    calls = []

    def late(p):
        calls.append(1)
        return p if len(calls) == 1 else one_bad(p)

    with pytest.raises(ValueError, match=r"grad_fn's result\[0\]: a NaN"):
        curvature.finite_difference_hvp(late, params)(like())
    assert len(calls) == 2 and [p.tobytes() for p in params] == before


def test_products_check_infinities_of_bfloat16():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    v = np.ones(4, ml_dtypes.bfloat16)
    assert curvature.gauss_newton_product(itself, itself, itself)(v) is v
    bad = np.array([1, -np.inf, 2, 3], ml_dtypes.bfloat16)
    with pytest.raises(ValueError, match="vjp's result: a NaN or an infinity"):
        curvature.gauss_newton_product(itself, lambda u: bad)(v)


ARRAY = np.arange(1.0, 7.0)
WRONG = [
    (TypeError, "distribution: list", lambda d: curvature.hutchinson_trace(abs, ARRAY, 2, **d)),
    (TypeError, "distribution: list", lambda d: curvature.hutchinson_diag(abs, ARRAY, 2, **d)),
    (
        TypeError,
        "distribution: list",
        lambda d: curvature.accumulate(ARRAY, ARRAY.copy(), ARRAY.copy(), 0, sample=1, **d),
    ),
]


@pytest.mark.parametrize(("error", "words", "call"), WRONG)
def test_distributions(error, words, call):
    with pytest.raises(error, match=words):
        call({"distribution": ["rademacher"]})


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (ValueError, "probes: 0 given", lambda: curvature.hutchinson_trace(abs, ARRAY, 0)),
        (ValueError, "probes: 0 given", lambda: curvature.hutchinson_diag(abs, ARRAY, 0)),
        (TypeError, "probes: bool", lambda: curvature.hutchinson_diag(abs, ARRAY, True)),
        (ValueError, "products: 3 given", lambda: curvature.hutchpp_trace(abs, ARRAY, 3)),
        (ValueError, "steps: 0 given", lambda: curvature.lanczos(abs, ARRAY, 0)),
        (ValueError, "steps: 0 given", lambda: curvature.spectral_density(abs, ARRAY, 0)),
        (ValueError, "probes: 0 given", lambda: curvature.spectral_density(abs, ARRAY, 3, 0)),
        (
            ValueError,
            "max_products: 0 given",
            lambda: curvature.extreme_eigenvalues(abs, ARRAY, max_products=0),
        ),
        (TypeError, "average: list", lambda: curvature.hutchinson_diag(abs, ARRAY, average=[])),
        (
            TypeError,
            "normalized: int given",
            lambda: curvature.hutchinson_diag(abs, ARRAY, normalized=1),
        ),
        (
            TypeError,
            "grid: str given",
            lambda: curvature.spectral_density(abs, ARRAY, grid="fine"),
        ),
        (
            TypeError,
            "grid: numpy.ndarray given",
            lambda: curvature.spectral_density(abs, ARRAY, grid=1j * ARRAY),
        ),
        (
            TypeError,
            "check_symmetry: str given",
            lambda: curvature.conjugate_gradient(abs, ARRAY, check_symmetry="yes"),
        ),
        (
            TypeError,
            "largest: list given",
            lambda: curvature.mkor_update(np.eye(6), ARRAY, largest=[1]),
        ),
        (
            ValueError,
            "per_sample_grads: a NaN",
            lambda: curvature.empirical_fisher_product(np.full((2, 3), np.nan)),
        ),
        (
            ValueError,
            "v: a NaN",
            lambda: curvature.empirical_fisher_product(np.ones((2, 6)))(ARRAY * np.nan),
        ),
        (TypeError, "density: ndarray given", lambda: curvature.plot_density(ARRAY)),
    ],
)
def test_arguments(error, words, call):
    with pytest.raises(error, match=words):
        call()
