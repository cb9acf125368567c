"""Diagonals of Kronecker factors against their definitions on explicit patches."""

import ml_dtypes
import numpy as np
import pytest
from reference.curvature import adafisher as reference
from steepest import curvature

UNIT = 2.0**-53


def random(shape, seed, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def together(pairs):
    """S, and H with the bias's entry; both pairs have the same S."""
    for pair in pairs[1:]:
        np.testing.assert_array_equal(pair.output, pairs[0].output)
    return pairs[0].output, np.concatenate([pair.input for pair in pairs])


def check(pairs, wanted, terms, normalize):
    """A sum of `terms` squares and their mean round terms + 2 times on either side; the quotient
    has the largest of these errors four times over its width, and rounds 4 times."""
    for got, raw in zip(together(pairs), wanted, strict=True):
        assert got.dtype == np.float64 and got.shape == raw.shape
        of_raw = 2 * (terms + 2) * UNIT * raw.max()
        if normalize:
            width = raw.max() - raw.min() + 1e-12
            assert np.abs(got - reference.scaled(raw)).max() <= 4 * of_raw / width + 4 * UNIT
            assert got.min() >= 0 and got.max() <= 1
        else:
            assert np.abs(got - raw).max() <= of_raw


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("leading", [(9,), (4, 5), (2, 3, 4)])
def test_linear_layers(leading, bias, normalize):
    x, s = random((*leading, 6), 1), random((*leading, 3), 2)
    pairs = curvature.linear_factors(x, s, bias=bias, normalize=normalize)
    assert len(pairs) == 1 + bias and pairs[0].input.shape == (6,)
    check(pairs, reference.linear(x, s, bias), int(np.prod(leading)), normalize)


def test_one_example_has_the_squared_gradient_as_its_diagonal():
    x, s = random((1, 6), 1), random((1, 3), 2)
    weight, bias = curvature.linear_factors(x, s, normalize=False)
    np.testing.assert_allclose(np.outer(*weight), (s.T @ x) ** 2, rtol=8 * UNIT)
    np.testing.assert_allclose(np.outer(*bias)[:, 0], s[0] ** 2, rtol=8 * UNIT)


CONVOLUTIONS = [
    ((7,), 3, 1, 0, 1),
    ((9,), 2, 3, 2, 2),
    ((5, 6), (3, 2), 1, 0, 1),
    ((6, 5), (2, 3), (2, 1), (1, 0), (1, 2)),
    ((7, 7), 3, 2, 1, 1),
    ((7, 6), (2, 1), (4, 5), 0, 3),
    ((3, 4, 3), (2, 1, 3), 1, (0, 1, 1), 1),
]


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize(("size", "kernel", "stride", "padding", "dilation"), CONVOLUTIONS)
def test_convolutions_as_on_explicit_patches(size, kernel, stride, padding, dilation, normalize):
    def each(value):
        return value if isinstance(value, tuple) else (value,) * len(size)

    x = random((2, 3, *size), 1)
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    plan = [each(value) for value in (kernel, stride, padding, dilation)]
    rows = reference.patches(x, *plan)
    spans = [d * (k - 1) + 1 for k, d in zip(plan[0], plan[3], strict=True)]
    positions = [
        (n + 2 * p - w) // s + 1 for n, p, w, s in zip(size, plan[2], spans, plan[1], strict=True)
    ]
    s = random((2, 4, *positions), 2)
    for bias in (True, False):
        pairs = curvature.conv_factors(x, s, kernel, bias=bias, normalize=normalize, **options)
        assert pairs[0].input.shape == (3 * int(np.prod(plan[0])),)
        check(pairs, reference.conv(x, s, *plan, bias), len(rows), normalize)


def test_a_kernel_of_one_tap_is_a_linear_layer():
    x, s = random((2, 3, 4, 5), 1), random((2, 6, 4, 5), 2)
    rows = np.moveaxis(x, 1, -1), np.moveaxis(s, 1, -1)
    wanted = reference.linear(*rows, True)
    for pairs in (curvature.conv_factors(x, s, 1), curvature.linear_factors(*rows)):
        check(pairs, wanted, 2 * 4 * 5, normalize=True)


@pytest.mark.parametrize(
    ("kind", "shape", "wanted"),
    [
        ("batch", (4, 3, 5, 2), reference.batch_norm),
        ("batch", (4, 3), reference.batch_norm),
        ("layer", (4, 6, 3), reference.layer_norm),
        ("layer", (4, 3), reference.layer_norm),
        ("layer", (2, 3, 4, 5), reference.layer_norm),
    ],
)
def test_normalisations_as_coded(kind, shape, wanted):
    x, s = 0.5 + np.abs(random(shape, 1)), 0.5 + np.abs(random(shape, 2))  # sums do not cancel
    pairs = curvature.norm_factors(x, s, kind, normalize=False)
    # A square doubles the errors of its sum, and H sums such squares.
    check(pairs, wanted(x, s), 3 * x.size, normalize=False)
    assert pairs[0].input.shape == pairs[1].input.shape == (1,)
    normalized = together(curvature.norm_factors(x, s, kind))
    check(curvature.norm_factors(x, s, kind), wanted(x, s), 3 * x.size, normalize=True)
    assert sorted(normalized[1].round(9)) == [0, 1]
    assert len(curvature.norm_factors(x, s, kind, bias=False)) == 1


def test_the_one_of_the_bias_is_in_the_normalisation():
    x, s = np.array([[0.1, 0.5], [0.1, 0.5]]), np.array([[1.0, 2.0], [1.0, 2.0]])
    weight, bias = curvature.linear_factors(x, s, eps=0)
    # Squares and their mean round thrice, a difference and the quotient once each, here and there.
    np.testing.assert_allclose(weight.input, [0, 0.24 / 0.99], rtol=12 * UNIT, atol=0)
    assert bias.input[0] == 1
    (alone,) = curvature.linear_factors(x, s, bias=False, eps=0)
    assert list(alone.input) == [0, 1] == list(weight.output)


def test_equal_entries_are_normalised_to_zero_and_eps_bounds_the_width():
    ones = np.ones((3, 4))
    for eps in (0, 1e-12):
        weight, bias = curvature.linear_factors(ones, ones, eps=eps)
        assert not weight.input.any() and not weight.output.any() and not bias.input.any()
    s = np.array([[0.0, 1.0]])
    (damped,) = curvature.linear_factors(np.ones((1, 2)), s, bias=False, eps=3.0)
    assert list(damped.output) == [0, 0.25]
    plain = curvature.linear_factors(random((5, 4), 1), random((5, 3), 2), eps=0)
    scaled = curvature.linear_factors(random((5, 4), 1), 2.0**-30 * random((5, 3), 2), eps=0)
    np.testing.assert_array_equal(plain[0].output, scaled[0].output)


@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16", "torch", "torch.bfloat16"])
def test_kinds_are_computed_in_double(kind):
    x, s = random((5, 4), 1, np.float32), random((5, 3), 2, np.float32)
    if kind.startswith("torch"):
        torch = pytest.importorskip("torch")
        dtype = torch.bfloat16 if kind.endswith("16") else torch.float32
        given = [torch.from_numpy(a).to(dtype).requires_grad_() for a in (x, s)]
        wide = [a.detach().double().numpy() for a in given]
    else:
        dtype = ml_dtypes.bfloat16 if kind == "bfloat16" else np.dtype(kind)
        given = [a.astype(dtype) for a in (x, s)]
        wide = [a.astype(np.float64) for a in given]
    for a, b in zip(curvature.linear_factors(*given), curvature.linear_factors(*wide), strict=True):
        np.testing.assert_array_equal(a.output, b.output)
        np.testing.assert_array_equal(a.input, b.input)


def test_inputs_stay_as_they_are():
    x, s = random((2, 3, 4, 4), 1), random((2, 5, 4, 4), 2)
    before = x.tobytes(), s.tobytes()
    curvature.conv_factors(x, s, 3, padding=1)
    curvature.norm_factors(x, x)
    assert before == (x.tobytes(), s.tobytes())


@pytest.mark.parametrize("form", ["code", "paper"])
def test_running_averages_have_both_coefficients(form):
    wanted = np.ones(3)
    got = wanted
    for k in range(4):
        new = np.abs(random((3,), k))
        got = curvature.average_factors(got, new, gammas=(0.7, 0.25), form=form)
        wanted = reference.AVERAGES[form](wanted, new, (0.7, 0.25))
    np.testing.assert_allclose(got, wanted, rtol=20 * UNIT)
    by_default = {"code": 0.08 + 0.008, "paper": 0.92 + 0.992}[form]
    ones = curvature.average_factors(np.ones(2, np.float32), np.ones(2), form=form)
    np.testing.assert_allclose(ones, by_default, rtol=4 * UNIT)


X, S = random((4, 3), 1), random((4, 2), 2)
IMAGE, GRADS = random((2, 3, 5, 5), 1), random((2, 4, 3, 3), 2)
WRONG = [
    (lambda: curvature.linear_factors([X], S), TypeError, "inputs: list"),
    (lambda: curvature.linear_factors(X, 3.0), TypeError, "output_grads: float"),
    (lambda: curvature.linear_factors(np.arange(3), S), TypeError, "inputs: dtype int64"),
    (lambda: curvature.linear_factors(X, S[:3]), ValueError, r"output_grads: shape \(3, 2\)"),
    (lambda: curvature.linear_factors(X[:0], S[:0]), ValueError, "elements along every axis"),
    (lambda: curvature.linear_factors(np.float64(3), S), ValueError, "1 or more axes"),
    (lambda: curvature.linear_factors(X, np.nan * S), ValueError, "output_grads: a NaN"),
    (lambda: curvature.linear_factors(np.inf * X, S), ValueError, "inputs: a NaN or an inf"),
    (lambda: curvature.linear_factors(X, S, bias=1), TypeError, "bias: int"),
    (lambda: curvature.linear_factors(X, S, normalize=None), TypeError, "normalize: NoneType"),
    (lambda: curvature.linear_factors(X, S, eps=-1), ValueError, "eps: -1"),
    (lambda: curvature.conv_factors(X, S, 3), ValueError, "expected 3 to 5 axes"),
    (lambda: curvature.conv_factors(IMAGE, GRADS, 6), ValueError, "at least"),
    (lambda: curvature.conv_factors(IMAGE, GRADS, 2), ValueError, r"'outputs', 4, 4\)"),
    (lambda: curvature.conv_factors(IMAGE, GRADS[:1], 3), ValueError, "output_grads: shape"),
    (lambda: curvature.conv_factors(IMAGE, GRADS, (3, 3, 3)), ValueError, "kernel_size: 3 numb"),
    (lambda: curvature.conv_factors(IMAGE, GRADS, 3.0), TypeError, "kernel_size: float"),
    (lambda: curvature.conv_factors(IMAGE, GRADS, 3, stride=0), ValueError, "stride: 0"),
    (lambda: curvature.conv_factors(IMAGE, GRADS, 3, padding=-1), ValueError, "padding: -1"),
    (lambda: curvature.conv_factors(IMAGE, GRADS, 3, dilation="2"), TypeError, "dilation: str"),
    (lambda: curvature.norm_factors(X, S), ValueError, "as of inputs"),
    (lambda: curvature.norm_factors(X, X, "group"), ValueError, "kind: 'group'"),
    (lambda: curvature.norm_factors(X[0], X[0]), ValueError, "2 or more axes"),
    (lambda: curvature.average_factors(X, S), ValueError, "new: shape"),
    (lambda: curvature.average_factors(X, X, form="ema"), ValueError, "form: 'ema'"),
    (lambda: curvature.average_factors(X, X, gammas=0.9), TypeError, "gammas: float"),
    (lambda: curvature.average_factors(X, X, gammas=np.ones(2)), TypeError, "a tuple or list of"),
    (lambda: curvature.average_factors(X, X, gammas=(0.9,)), ValueError, "gammas: 1 numbers"),
    (lambda: curvature.average_factors(X, X, gammas=(0.9, 2)), ValueError, "gammas: 2.0"),
]


def factors(kind, x, s, normalize):
    """Of either layer, with x and s as factors of its inputs and gradients."""
    if kind == "linear":
        return curvature.linear_factors(x * X, s * S, normalize=normalize)
    if kind == "conv":
        return curvature.conv_factors(x * IMAGE, s * GRADS, 3, normalize=normalize)
    return curvature.norm_factors(x * IMAGE, s * IMAGE, kind, normalize=normalize)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("kind", ["linear", "conv", "batch", "layer"])
def test_numbers_whose_squares_overflow_are_named(kind, normalize):
    """1e200 is finite, its square is not; nor are the sums of numbers near 1e308."""
    for size in (1e200, 1e306):
        with pytest.raises(ValueError, match=r"^inputs: .* beyond the range of float64"):
            factors(kind, size, 1.0, normalize)
        with pytest.raises(ValueError, match=r"^output_grads: .* beyond the range of float64"):
            factors(kind, 1.0, size, normalize)
    for pair in factors(kind, 1e100, 1e100, normalize):
        assert np.isfinite(pair.output).all() and np.isfinite(pair.input).all()


@pytest.mark.filterwarnings("error")
def test_averages_beyond_the_range_are_named():
    largest = np.full(2, np.finfo(np.float64).max)
    with pytest.raises(ValueError, match=r"^current, new: .* the average is beyond the range"):
        curvature.average_factors(largest, largest, gammas=(0, 1))
    np.testing.assert_array_equal(
        curvature.average_factors(largest, largest, gammas=(0.5, 0.5)), largest
    )


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_wrong_arguments_are_named(case):
    call, error, message = WRONG[case]
    with pytest.raises(error, match=message), np.errstate(invalid="ignore"):
        call()
