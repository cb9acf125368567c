"""Coefficient sets: the published numbers, the minimax property, and every singular value."""

import math

import numpy as np
import pytest
from reference import polar as reference
from steepest.polar import coefficients

NAMES = tuple(coefficients.SETS)
by_name = pytest.mark.parametrize("name", NAMES)

# Published tables, as printed.
PAPER = (  # 2505.16932, algorithm 1, before its safety factor
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
    (3.3184196573706015, -2.488488024314874, 0.51004894012372),
    (2.300652019954817, -1.6689039845747493, 0.4188073119525673),
    (1.891301407787398, -1.2679958271945868, 0.37680408948524835),
    (1.8750014808534479, -1.2500016453999487, 0.3750001645474248),
    (1.875, -1.25, 0.375),
)
MODDED_NANOGPT = (  # five steps, safety 1.02
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
)
CANS = (  # 2506.10935, order 5
    (8.4703, -25.1081, 18.6293),
    (4.1828, -3.1087, 0.5806),
    (3.9619, -2.9541, 0.5630),
    (3.2866, -2.4647, 0.5074),
    (2.2737, -1.6447, 0.4162),
)
CANS_ORDER_3 = (  # of the coupled iteration for inverse roots, order 3
    (5.182503604966906, -5.178098480082684),
    (2.586120737395915, -0.6479542005271643),
    (2.567364126726186, -0.6454968804392178),
    (2.520560084348265, -0.6393528082067044),
    (2.410759275435182, -0.6248683598710716),
    (2.1883348130094173, -0.5952022073798908),
    (1.8595760874873613, -0.5504490972723968),
    (1.589020160467417, -0.5126569802066718),
    (1.5051653981684994, -0.5007377068751799),
)
# Sold for AOL and Frobenius scaling; turns the sign of the largest singular values.
PUBLISHED_AOL = (
    (4.0098, -7.0585, 2.4635),
    (3.4585, -5.5479, 2.5959),
    (2.7573, -3.2939, 1.4254),
    (2.7215, -3.0494, 1.3169),
)


def relative(a, b):
    return np.abs(np.asarray(a) / np.asarray(b) - 1).max(axis=1)


# --- Published numbers


def test_polar_express_of_the_paper():
    ours = coefficients.polar_express(8, 1e-3, 0.02407327424182761, 1)
    error = relative(ours, PAPER)
    # The seventh interval is so short that the exchange in double, by which the table was made, has
    # eleven digits left.
    assert np.all(np.delete(error, 6) < 1e-14) and error[6] < 5e-11
    # In sixty digits, the same recursion:
    exact = (1.8750014808442192, -1.2500016453814815, 0.37500016453818624)
    assert relative(ours[6:7], [exact]) < 2e-15


def test_polar_express_of_modded_nanogpt():
    assert np.all(relative(coefficients.polar_express(5), MODDED_NANOGPT) < 1e-14)
    assert np.array_equal(coefficients.polar_express(5), coefficients.resolve("polar_express"))


def test_cans():
    assert np.abs(coefficients.cans(5) - CANS).max() < 1e-4
    cubics = coefficients.cans(9, lower=8.5e-4, order=3)
    assert np.all(relative(cubics[:, :2], CANS_ORDER_3) < 1e-13)
    assert not cubics[:, 2].any()


# --- The minimax property


def exchange(lower, upper):
    """The best odd quintic by Remez's exchange on four points."""
    q, r = (3 * lower + upper) / 4, (lower + 3 * upper) / 4
    for _ in range(12):
        points = np.array([lower, q, r, upper])
        system = np.column_stack([points, points**3, points**5, [1, -1, 1, -1]])
        a, b, c, _ = np.linalg.solve(system, np.ones(4))
        spread = math.sqrt(9 * b * b - 20 * a * c)
        q, r = np.sqrt((-3 * b + np.array([-spread, spread])) / (10 * c))
    return a, b, c


@pytest.mark.parametrize("lower", (1e-6, 1e-3, 0.02, 0.3, 0.8))
@pytest.mark.parametrize("upper", (0.9, 1.0, 1.7))
def test_the_quintic_is_the_one_that_the_exchange_converges_to(lower, upper):
    best = coefficients.quintic(lower, upper)
    tolerance = 1e-11 if upper - lower < 0.2 else 1e-12
    np.testing.assert_allclose(best, exchange(lower, upper), rtol=tolerance)


@pytest.mark.parametrize("lower", (1e-8, 1e-3, 0.1, 0.9, 0.999))
@pytest.mark.parametrize("polynomial", (coefficients.quintic, coefficients.cubic))
def test_the_error_alternates(polynomial, lower):
    """As often as Chebyshev's theorem asks for: once more than there are coefficients."""
    upper = 2 - lower
    s = np.linspace(lower, upper, 400001)
    error = reference.scalar([polynomial(lower, upper)], s) - 1
    largest = np.abs(error).max()
    extremes = np.abs(error) > largest * (1 - 1e-6) - 1e-15
    signs = np.sign(error[extremes])
    assert np.count_nonzero(np.diff(signs)) + 1 == (4 if polynomial is coefficients.quintic else 3)


def test_the_polynomials_of_a_point_are_newton_schulz():
    assert coefficients.quintic(1, 1) == pytest.approx((15 / 8, -10 / 8, 3 / 8), rel=1e-15)
    assert coefficients.cubic(1, 1) == pytest.approx((3 / 2, -1 / 2, 0), rel=1e-15)


@pytest.mark.parametrize("lower", (1e-5, 1e-3, 0.1))
@pytest.mark.parametrize("steps", (1, 3, 6, 12))
@pytest.mark.parametrize("order", (3, 5))
def test_the_composition_lies_around_one(steps, lower, order):
    low, high = coefficients.image(coefficients.cans(steps, lower, order), lower)
    assert low + high == pytest.approx(2, abs=1e-8) and 0 < low <= 1 + 1e-8


@pytest.mark.parametrize("safety", (1.0, 1.01, 1.05))
@pytest.mark.parametrize("cushion", (0, 0.02, 0.2))
def test_the_safety_factor_bears_values_that_much_too_large(cushion, safety):
    triples = coefficients.polar_express(6, 1e-3, cushion, safety)
    assert coefficients.image(triples, 0, safety)[1] < 1.1
    for t in range(1, 6):  # and grows back what a step before it got wrong
        assert coefficients.image(triples[:t], 0, safety)[1] <= 2


@pytest.mark.parametrize("order", (3, 5))
@pytest.mark.parametrize("delta", (0.01, 0.3))
def test_cans_for_a_delta_is_the_widest(order, delta):
    triples = coefficients.cans(5, order=order, delta=delta)
    low, high = coefficients.image(triples, 0.5)
    assert 1 - delta - 1e-9 < low and high < 1 + delta + 1e-9
    # The bound is attained: 1 + delta is a maximum of the last step.
    assert coefficients.image(triples)[1] == pytest.approx(1 + delta, abs=1e-9)


# --- Every set over every singular value


@by_name
@pytest.mark.parametrize("steps", (None, *range(1, 13)))
def test_no_singular_value_changes_its_sign_or_escapes(name, steps):
    known = coefficients.SETS[name]
    if steps is not None and steps > known.steps and not known.repeats_last:
        pytest.skip("refused")
    walk = coefficients.survey(name, steps)
    assert walk.smallest == 0 and np.all(walk.values > 0)
    # Fewer steps than its own leave a minimax set on [0, 2].
    short = steps is not None and steps < known.steps
    assert walk.largest < (2 if short and known.generate else 1.301)


def test_the_published_aol_table_flips_signs():
    walk = coefficients.survey(PUBLISHED_AOL)
    assert walk.smallest < -1 and walk.interval(0.9)[0] < -1
    flipped = walk.singular_values[walk.values < 0]
    assert 0.88 < flipped.min() < 0.89 and flipped.max() == 1
    # The polynomial that is meant, at its own singular values: nothing of it reaches 0.884.
    assert coefficients.image(PUBLISHED_AOL, 0, 0.88)[0] == 0


def test_an_escape_shows():
    walk = coefficients.survey([(8.0, 0, 0)] * 3)
    assert walk.largest == 512 and walk.slope == 512
    endless = coefficients.survey([(1e200, 1e200, 1e200)] * 5)
    assert (endless.smallest, endless.largest) == (-math.inf, math.inf)


@pytest.mark.parametrize(
    "name, steps, slope, intervals",
    [
        ("jordan", 5, 485, [(0.682, 1.134), (0.471, 1.202), (0.048, 1.202)]),
        ("jordan", 8, 19816, [(0.682, 1.134), (0.682, 1.134), (0.682, 1.202)]),
        ("you", 5, 493, [(0.978, 1.032), (0.475, 1.145), (0.049, 1.145)]),
        ("polar_express", 5, 989, [(0.859, 1.141), (0.859, 1.141), (0.099, 1.141)]),
        ("cans", 5, 1049, [(0.887, 1.113), (0.887, 1.113), (0.105, 1.113)]),
        ("cubic5", 5, 119, [(0.774, 1.300), (0.119, 1.300), (0.012, 1.300)]),
        ("deepseek_v4", 10, 79263, [(1.000, 1.001), (1.000, 1.001), (1.000, 1.002)]),
    ],
)
def test_intervals(name, steps, slope, intervals):
    walk = coefficients.survey(name, steps)
    assert walk.slope == pytest.approx(slope, abs=0.5)
    for lower, interval in zip((1e-2, 1e-3, 1e-4), intervals, strict=True):
        assert walk.interval(lower) == pytest.approx(interval, abs=6e-4)


def test_eight_steps_of_polar_express_are_exact_from_a_thousandth_on():
    low, high = coefficients.survey("polar_express", 8).interval(1e-3)
    assert max(1 - low, high - 1) < 1e-12


@by_name
def test_the_range_is_that_of_a_fine_grid(name):
    walk = coefficients.survey(name, points=200000)
    for lower in (1e-4, 1e-2, 0.3):
        seen = walk.values[walk.singular_values >= lower]
        low, high = walk.interval(lower)
        assert low <= seen.min() + 1e-13 and seen.max() <= high + 1e-13
        assert seen.min() - low < 2e-3 and high - seen.max() < 1e-4


@by_name
def test_evaluate_is_the_scalar_polynomial(name):
    s = np.linspace(-1.003, 1.003, 1001)
    triples = coefficients.resolve(name)
    np.testing.assert_allclose(
        coefficients.evaluate(name, s), reference.scalar(triples, s), rtol=1e-9, atol=1e-12
    )


# --- Choice of a set


@by_name
def test_the_own_number_of_steps(name):
    triples = coefficients.resolve(name)
    assert triples.shape == (coefficients.SETS[name].steps, 3) and triples.dtype == np.float64
    assert np.array_equal(triples, coefficients.resolve(name, len(triples)))
    triples[:] = 0  # the caller's own
    assert coefficients.resolve(name).all(axis=0)[0]


@by_name
@pytest.mark.parametrize("steps", (1, 2, 4))
def test_fewer_steps_are_the_first(name, steps):
    triples, own = coefficients.resolve(name, steps), coefficients.resolve(name)
    assert triples.shape == (steps, 3)
    if name == "polar_express":  # whose last step is without the safety factor
        triples[-1] /= 1.02 ** np.array([1, 3, 5])
    np.testing.assert_allclose(triples, own[:steps], rtol=1e-15)


def test_more_steps():
    for name in ("jordan", "you", "deepseek_v4"):
        own = coefficients.resolve(name)
        more = coefficients.resolve(name, 12)
        assert np.array_equal(more[: len(own)], own) and np.all(more[len(own) :] == own[-1])
    assert np.array_equal(coefficients.resolve("cans", 9), coefficients.cans(9))
    assert np.array_equal(coefficients.resolve("polar_express", 9), coefficients.polar_express(9))
    with pytest.raises(ValueError, match=r"steps: 6 given, expected from 1 to 5"):
        coefficients.resolve("cubic5", 6)


def test_an_array_of_ones_own():
    own = [(2, -1.5, 0.5), (1.875, -1.25, 0.375)]
    assert np.array_equal(coefficients.resolve(own), own)
    assert np.array_equal(coefficients.resolve(own, 1), own[:1])
    assert np.array_equal(coefficients.resolve(own, 4), [own[0], *own[1:] * 3])
    for dtype in (np.float32, np.float16, np.int64):
        resolved = coefficients.resolve(np.ones((2, 3), dtype))
        assert resolved.dtype == np.float64
    given = np.array(own)
    coefficients.resolve(given)[:] = 0
    assert np.array_equal(given, own)


@pytest.mark.parametrize(
    "given, error, message",
    [
        ("polar", ValueError, r"coefficients: 'polar' given, expected one of jordan, you, "),
        ("Jordan", ValueError, r"'Jordan' given"),
        ((3.4445, -4.775, 2.0315), ValueError, r"coefficients: shape \(3,\) given"),
        (np.ones((5, 2)), ValueError, r"shape \(5, 2\) given, .*array \(steps, 3\)"),
        (np.ones((0, 3)), ValueError, r"shape \(0, 3\) given"),
        (np.ones((101, 3)), ValueError, r"shape \(101, 3\) given"),
        (np.ones((2, 5, 3)), ValueError, r"shape \(2, 5, 3\) given"),
        ([(1, 2, 3), (1, 2)], ValueError, r"coefficients: rows of different lengths given"),
        ([(1, 2, math.nan)], ValueError, r"coefficients: NaN or infinity given"),
        ([(1, 2, math.inf)], ValueError, r"coefficients: NaN or infinity given"),
        (np.ones((5, 3), complex), TypeError, r"coefficients: ndarray of complex128 given"),
        (np.ones((5, 3), bool), TypeError, r"coefficients: ndarray of bool given"),
        ([("a", "b", "c")], TypeError, r"coefficients: list of <U1 given"),
        (None, TypeError, r"coefficients: NoneType given"),
        (b"jordan", TypeError, r"coefficients: bytes given"),
        ({"jordan": 5}, TypeError, r"coefficients: dict given"),
    ],
)
def test_bad_coefficients(given, error, message):
    with pytest.raises(error, match=message):
        coefficients.resolve(given)


@pytest.mark.parametrize(
    "steps, error, message",
    [
        (0, ValueError, r"steps: 0 given, expected from 1 to 100"),
        (-1, ValueError, r"steps: -1 given"),
        (101, ValueError, r"steps: 101 given"),
        (5.0, TypeError, r"steps: float given, expected an int"),
        (True, TypeError, r"steps: bool given"),
        ("5", TypeError, r"steps: str given"),
    ],
)
@pytest.mark.parametrize("name", ("jordan", "cans", "polar_express"))
def test_bad_steps(name, steps, error, message):
    with pytest.raises(error, match=message):
        coefficients.resolve(name, steps)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda c: c.polar_express(5, lower=0), ValueError, r"lower: 0.0 given, expected more"),
        (lambda c: c.polar_express(5, lower=1), ValueError, r"lower: 1.0 given"),
        (lambda c: c.polar_express(5, lower=math.nan), ValueError, r"lower: nan given"),
        (lambda c: c.polar_express(5, lower="0.1"), TypeError, r"lower: str given"),
        (lambda c: c.polar_express(5, cushion=1), ValueError, r"cushion: 1.0 given"),
        (lambda c: c.polar_express(5, cushion=-0.1), ValueError, r"cushion: -0.1 given"),
        (lambda c: c.polar_express(5, safety=0.99), ValueError, r"safety: 0.99 given"),
        (lambda c: c.polar_express(0), ValueError, r"steps: 0 given"),
        (lambda c: c.cans(5, order=4), ValueError, r"order: 4 given, expected 3 or 5"),
        (lambda c: c.cans(5, lower=0.1, delta=0.1), ValueError, r"delta: given together"),
        (lambda c: c.cans(5, delta=1), ValueError, r"delta: 1.0 given"),
        (lambda c: c.quintic(0.5, 0.4), ValueError, r"lower: 0.5 given.* upper = 0.4"),
        (lambda c: c.cubic(0, 1), ValueError, r"lower: 0 given"),
        (lambda c: c.survey("you").interval(1), ValueError, r"lower: 1.0 given"),
        (lambda c: c.restarts("you", 4e-4, 1), ValueError, r"perturbation: 0.0004 given"),
        (lambda c: c.restarts("you", -4e-4, 5), ValueError, r"count: 5 given, .*from 0 to 4"),
        (lambda c: c.restarts("you", -4e-4, 1.0), TypeError, r"count: float given"),
        (lambda c: c.condition("you", -4e-4, [0]), ValueError, r"positions: 0 given"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call(coefficients)
