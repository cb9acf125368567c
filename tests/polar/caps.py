"""What the tests of caps on all kinds of arrays go through."""

import pytest
from steepest.polar import spectral_cap, spectral_hammer, spectral_normalize

from .accuracy import SPECTRA, UNIT

by_dtype = pytest.mark.parametrize("dtype", UNIT)
by_spectrum = pytest.mark.parametrize("spectrum", SPECTRA)
FUNCTIONS = (
    lambda w, cap, **o: spectral_cap(w, cap, **o),
    lambda w, cap, **o: spectral_cap(w, cap, "soft", **o),
    spectral_hammer,
    spectral_normalize,
)
by_function = pytest.mark.parametrize("function", FUNCTIONS, ids=("hard", "soft", "hammer", "over"))
