"""Coefficient sets that leave no room for bfloat16's roundings are refused with it.

The decision is made on scalars; here it is held against what bfloat16 products do.
"""

import numpy as np
import pytest
from steepest.polar import choose, coefficients, orthogonal, orthogonalize

from .bounds import SPECTRA, draw, largest

LIMIT = 1.2

ALLOWED = {
    **{name: coefficients.resolve(name) for name in coefficients.SETS if name != "cans"},
    "polar_express, 8 steps": coefficients.polar_express(8),
    "polar_express, safety 1.01": coefficients.polar_express(5, safety=1.01),
    "polar_express, safety 1.05": coefficients.polar_express(5, safety=1.05),
    "third order": np.array([[1.875, -1.25, 0.375]] * 10),
    "jordan, 9 steps": coefficients.resolve("jordan", 9),
}
REFUSED = {
    "cans": coefficients.resolve("cans"),
    "cans, 9 steps": coefficients.cans(9),
    "cans, delta 0.2": coefficients.cans(5, delta=0.2),
    "cans, delta 0.3": coefficients.cans(5, delta=0.3),
    "polar_express, safety 1": coefficients.polar_express(5, safety=1.0),
    "polar_express, no cushion": coefficients.polar_express(5, cushion=0.0, safety=1.0),
    "the paper's": coefficients.polar_express(10, 1e-3, 0.02407327424182761, 1.0),
}


def worst(triples, method):
    rng = np.random.default_rng(91)
    return max(
        largest(orthogonalize(draw(rng, spectrum, shape, "bfloat16"), triples, method=method))
        for shape in ((96, 96), (40, 160), (12, 12), (6, 8))
        for spectrum in SPECTRA
        for _ in range(3)
    )


@pytest.mark.parametrize("name", ALLOWED)
def test_allowed(name):
    triples = ALLOWED[name]
    assert choose((8, 8), "bfloat16", triples).compute == "bfloat16"
    limit = max(LIMIT, coefficients.image(triples)[1]) + 2.0**-7
    for method in ("standard", "gram"):
        assert worst(triples, method) <= limit


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, monkeypatch):
    triples = REFUSED[name]
    g = draw(np.random.default_rng(1), "gaussian", (8, 12), "bfloat16")
    before = g.copy()
    message = r"^compute: 'bfloat16' given, expected 'float32' or 'float64' .* up to 1 to "
    with pytest.raises(ValueError, match=message):
        orthogonalize(g, triples, compute="bfloat16", out=g)
    assert g.tobytes() == before.tobytes()
    # "auto" takes float32, with which the result is what the set promises.
    assert choose(g.shape, "bfloat16", triples).compute == "float32"
    assert worst(triples, "auto") <= max(LIMIT, coefficients.image(triples)[1]) + 2.0**-7
    # And rightly so: some matrix escapes.
    monkeypatch.setattr(orthogonal, "_escape", lambda data, compute: 0.0)
    assert choose(g.shape, "bfloat16", triples).compute == "bfloat16"
    assert max(worst(triples, method) for method in ("standard", "gram")) > 2


def test_rounded_image():
    """With no rounding it is the image; with it, a step of slope 2 doubles what it finds."""
    for triples in ALLOWED.values():
        exact = coefficients.image(triples)
        assert coefficients.rounded_image(triples, 0.0) == exact
        low, high = coefficients.rounded_image(triples, 2.0**-8)
        assert low <= exact[0] and exact[1] <= high < 1.1 * max(exact[1], 1)
    double = np.array([[2.0, 0, 0]] * 3)
    # Tops 1, 2 (1 + e), 2 (2 (1 + e) (1 + e)), ...
    assert coefficients.rounded_image(double, 0.25)[1] == pytest.approx(8 * 1.25**3, rel=1e-15)
    for triples in REFUSED.values():
        assert coefficients.rounded_image(triples, 2.0**-8) == (-np.inf, np.inf) or (
            coefficients.rounded_image(triples, 2.0**-8)[1] > 1e3
        )
    with pytest.raises(ValueError, match=r"^rounding: -0.1 given"):
        coefficients.rounded_image("you", -0.1)
