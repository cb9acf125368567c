"""Quantiles of Student's distribution."""

import numpy as np
import pytest
from steepest.curvature.student import two_sided


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 29, 30, 299, 1999, 2000, 10**5])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99, 0.999])
def test_against_scipy(freedom, confidence):
    stats = pytest.importorskip("scipy.stats")
    wanted = stats.t.ppf(0.5 + confidence / 2, freedom)
    assert two_sided(confidence, freedom) == pytest.approx(wanted, rel=1e-10)


def test_closed_forms():
    """The probability is found to a few units u. Of one degree of freedom it is 2 angle / pi, and
    the tangent moves by (1 + t^2) / t of itself per unit; of two the angle's sine, and its tangent
    by 1 / cos^2."""
    few, cauchy = 8 * 2.0**-53, np.tan(0.95 * np.pi / 2)
    assert two_sided(0.95, 1) == pytest.approx(cauchy, rel=few * np.pi / 2 * (cauchy + 1 / cauchy))
    square = 1 - 0.95**2
    assert two_sided(0.95, 2) == pytest.approx(0.95 * np.sqrt(2 / square), rel=few / square)
