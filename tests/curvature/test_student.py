"""Quantiles of Student's distribution, against its integral in extended precision."""

import mpmath
import numpy as np
import pytest
from steepest.curvature.student import two_sided

from .support import UNIT


def probability(t, freedom):
    """P(|T| < t), the incomplete beta function I_x(1/2, freedom / 2) at x = t^2 / (freedom + t^2):
    DLMF 8.17.4 and 8.17.8, whose series has positive terms only."""
    with mpmath.workdps(40):
        a, b = mpmath.mpf(1) / 2, mpmath.mpf(freedom) / 2
        x = mpmath.mpf(t) ** 2 / (freedom + mpmath.mpf(t) ** 2)
        series = mpmath.hyp2f1(a + b, 1, a + 1, x)
        return x**a * (1 - x) ** b / (a * mpmath.beta(a, b)) * series


def rounding(freedom):
    """How far the probability at the quantile may be off, functions of libm being within two units
    u. P is concave in t, and in the angle whose tangent is t / sqrt(freedom), so that a relative
    error of either changes P by no more than that.

    Finite sums of J terms: a term is 9 u worse than the one before, and the first off by 2 u; J
    additions; 6 u for the factors and the angle; 2 u for the gap between angles, 4 u for t. From
    2000 degrees of freedom on: u for the argument of the normal quantile, 40 u for that (Wichura's
    quotient of polynomials of degree 7 with positive coefficients, 14 u each, and their variable)
    and 2 u for what is added; the term of freedom^-5 that is left out is less than u."""
    terms = len(range(freedom % 2, freedom - 1, 2))
    units = 10 * terms + 12 if freedom < 2000 else 44
    return units * UNIT / (1 - units * UNIT)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 29, 30, 299, 1999, 2000, 10**5])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99, 0.999])
def test_the_integral_at_quantiles_is_the_confidence(freedom, confidence):
    found = probability(two_sided(confidence, freedom), freedom)
    assert abs(found - confidence) <= rounding(freedom)


def test_closed_forms():
    """The probability is found to a few units u. Of one degree of freedom it is 2 angle / pi, and
    the tangent moves by (1 + t^2) / t of itself per unit; of two the angle's sine, and its tangent
    by 1 / cos^2."""
    few, cauchy = 8 * 2.0**-53, np.tan(0.95 * np.pi / 2)
    assert two_sided(0.95, 1) == pytest.approx(cauchy, rel=few * np.pi / 2 * (cauchy + 1 / cauchy))
    square = 1 - 0.95**2
    assert two_sided(0.95, 2) == pytest.approx(0.95 * np.sqrt(2 / square), rel=few / square)
