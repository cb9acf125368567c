"""Where the Gram form starts anew: the published search, and steps that let eigenvectors mix."""

import numpy as np
import pytest
from reference import polar
from steepest.polar import choose, coefficients, orthogonal, orthogonalize

from .bounds import largest

FLOAT16, FLOAT32 = coefficients.PERTURBATION["float16"], coefficients.PERTURBATION["float32"]


def each_over_1_05():
    """The five published steps, each over 1.05: those of the published search."""
    return coefficients.polar_express(5, 1e-3, 0.02407327424182761, 1) / 1.05 ** np.array([1, 3, 5])


@pytest.mark.parametrize(
    "choice", ("polar_express", "you", each_over_1_05()), ids=("default", "you", "over 1.05")
)
def test_the_published_restart(choice):
    assert coefficients.restarts(choice, FLOAT16, 1) == [2]
    assert coefficients.condition(choice, FLOAT16, [2]) < 120
    assert coefficients.condition(choice, FLOAT16) > 1e6


def test_a_narrow_safety_factor_moves_the_restart():
    """What the perturbation adds to the singular values exceeds one per cent: the third step's
    interval ends before them."""
    narrow = coefficients.polar_express(5, safety=1.01)
    assert coefficients.restarts(narrow, FLOAT16, 1) == [1]
    assert coefficients.condition(narrow, FLOAT16, [2]) > 1000


def test_float32_needs_no_restart_in_five_steps():
    for name in ("jordan", "you", "polar_express", "cans", "cubic5"):
        assert coefficients.condition(name, FLOAT32) < 1300
        assert coefficients.restarts(name, FLOAT32, 0) == []


def test_float32_needs_one_in_ten():
    for name in ("polar_express", "deepseek_v4"):
        triples = coefficients.resolve(name, 10)
        assert coefficients.condition(triples, FLOAT32) > 1e11
        one = coefficients.restarts(triples, FLOAT32, 1)
        assert coefficients.condition(triples, FLOAT32, one) < 1000


def test_bfloat16_needs_more_restarts_than_float16():
    bfloat16 = coefficients.PERTURBATION["bfloat16"]
    assert bfloat16 == 8 * FLOAT16
    for name in ("you", "polar_express"):
        one = coefficients.restarts(name, bfloat16, 1)
        assert coefficients.condition(name, bfloat16, one) > 1e4
        two = coefficients.restarts(name, bfloat16, 2)
        assert coefficients.condition(name, bfloat16, two) < 120


def test_the_search_tries_all_combinations():
    triples = coefficients.resolve("polar_express", 8)
    chosen = coefficients.restarts(triples, FLOAT16, 2)
    others = [(i, j) for i in range(1, 8) for j in range(i + 1, 8)]
    worst = {pair: coefficients.condition(triples, FLOAT16, pair) for pair in others}
    assert tuple(chosen) == min(worst, key=worst.get)


def test_too_few_restarts():
    with pytest.raises(ValueError, match=r"count: 1 given, expected more restarts"):
        coefficients.restarts("deepseek_v4", FLOAT16, 1)
    assert len(coefficients.restarts("deepseek_v4", FLOAT16, 3)) == 3


@pytest.mark.parametrize("positions", ((), (2,)))
def test_condition_is_that_of_the_scalar_iteration(positions):
    s = np.logspace(0, -10, 10000)
    q, r, worst = np.ones_like(s), s * s + FLOAT16, 1.0
    for t, (a, b, c) in enumerate(coefficients.resolve("you", 3)):
        if t in positions:
            s = q * s
            q, r = np.ones_like(s), s * s + FLOAT16
        z = a + b * r + c * r**2
        q, r = q * z, r * z**2
        worst = max(worst, q.max() / q.min())
    ours = coefficients.condition(coefficients.resolve("you", 3), FLOAT16, positions)
    assert ours == pytest.approx(worst, rel=1e-10)


# Cubic minimax steps: the first one sends the largest singular value to the size of the smallest.
MIXING = {
    "7 steps": coefficients.cans(7, 1e-3, order=3),
    "8 steps": coefficients.cans(8, 1e-3, order=3),
    "9 steps": coefficients.cans(9, 1e-3, order=3),
    "9 wider steps": coefficients.cans(9, 8.5e-4, order=3),
}


def spike(rng, shape, small):
    """One singular value 1 and all others `small`."""
    left, _, right = polar.svd(rng.standard_normal(shape))
    return (left * np.r_[1, np.full(len(right) - 1, small)]) @ right


def worst(triples, make):
    rng = np.random.default_rng(4)
    return max(
        largest(make(spike(rng, shape, small).astype(np.float32), triples))
        for shape in ((32, 64), (64, 256))
        for small in (3e-5, 2e-4, 1e-3, 2e-3)
    )


@pytest.mark.parametrize("name", MIXING)
def test_steps_that_let_eigenvectors_mix(name):
    triples = MIXING[name]
    exact = coefficients.image(triples)[1]
    # The condition number of Q says nothing of it.
    perturbed = coefficients.condition(triples, FLOAT32)
    assert perturbed < 1.25 * coefficients.condition(triples, -1e-300)
    choice = choose((64, 256), "float32", triples, method="gram")
    assert len(choice.restarts) == 1
    assert coefficients.reach(triples, 2.0**-24) > 2 * exact
    assert coefficients.reach(triples, 2.0**-24, choice.restarts) < 1.01 * exact
    assert worst(triples, lambda a, t: orthogonalize(a, t, method="gram")) <= 1.01 * exact


@pytest.mark.parametrize("name", MIXING)
def test_they_do_escape_without_a_restart(name, monkeypatch):
    monkeypatch.setattr(orthogonal, "_starts_anew", lambda triples: ())
    limit = 1.1 * coefficients.image(MIXING[name])[1]
    assert worst(MIXING[name], lambda a, t: orthogonalize(a, t, method="gram")) > limit


@pytest.mark.parametrize("name", (*coefficients.SETS, "9 steps"))
def test_reach_without_rounding_is_the_scalar_iteration(name):
    triples = MIXING.get(name, name)
    values = coefficients.evaluate(triples, np.logspace(0, -10, 40))
    # The 2 x 2 products round up to ten times a step, by what Q has grown to.
    room = 10 * 10 * 2.0**-53 * coefficients.survey(triples).slope
    assert abs(coefficients.reach(triples, 0.0) - np.abs(values).max()) <= room
    with pytest.raises(ValueError, match=r"^rounding: -1.0 given"):
        coefficients.reach(triples, -1.0)
    with pytest.raises(ValueError, match=r"^positions: 99 given"):
        coefficients.reach(triples, 0.0, [99])
