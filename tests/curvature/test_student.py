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
    assert two_sided(0.95, 1) == pytest.approx(np.tan(0.95 * np.pi / 2), rel=1e-13)
    assert two_sided(0.95, 2) == pytest.approx(0.95 * np.sqrt(2 / (1 - 0.95**2)), rel=1e-13)
