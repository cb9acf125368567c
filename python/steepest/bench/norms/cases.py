"""The cases of the benchmark of spectral norms and of the other norms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ... import _core
from ...norms import SpectralBound, SpectralEstimate, spectral_norm
from ..polar.cases import label
from .conv_cases import ConvCase, conv_cases
from .samples import SampleCase, sample_cases

Shape = tuple[int, ...]
TOL = 1e-3


@dataclass(frozen=True)
class Case:
    """A Gaussian float32 matrix, or a stack of them, and whether the interval is proved."""

    name: str
    shape: Shape
    rigorous: bool
    tol: float = TOL

    @property
    def impl(self) -> str:
        return f"norms.spectral_norm, {'interval' if self.rigorous else 'estimate'}"

    @property
    def bytes(self) -> int:
        """The matrix read once."""
        return 4 * math.prod(self.shape)

    def work(self, matrix: NDArray[np.float32]) -> int:
        """Useful operations of our call: of its squarings, and factorisations of what it did not
        square; or two products by a vector for every read of the matrix."""
        method = 0 if self.rigorous else 1
        done = _core.spectral_norms([matrix], False, method, -1, self.tol, False)[2]
        direct = 4 * int(-done[done < 0].sum()) * math.prod(self.shape[-2:])
        done = done[done >= 0]
        return direct + self.flops(int(done.sum()), int((done == 0).sum()), len(done))

    def flops(self, squarings: int, factorizations: int = 0, grams: int | None = None) -> int:
        """Useful operations, given the squarings and factorisations of all matrices together, and
        how many have a Gram matrix, all unless given."""
        *batch, short, long = *self.shape[:-2], *sorted(self.shape[-2:])
        gram = (math.prod(batch) if grams is None else grams) * short * short * long
        return gram + squarings * short**3 + factorizations * short**3 // 3

    def data(self) -> NDArray[np.float32]:
        """The matrix: its content depends on the shape only."""
        return np.random.default_rng(0).standard_normal(self.shape, np.float32)

    def bound(self, matrix: NDArray[np.float32]) -> SpectralBound | SpectralEstimate:
        """Ours."""
        found: SpectralBound | SpectralEstimate
        found = spectral_norm(matrix, tol=self.tol, rigorous=self.rigorous)
        return found

    def sigma(self, matrix: NDArray[np.float32]) -> Any:
        """The truth, by the singular value decomposition in float64."""
        return np.linalg.svd(matrix.astype(np.float64), compute_uv=False).max(axis=-1)

    def rounding(self) -> float:
        """Of `sigma`, relative to it: of LAPACK."""
        return 8 * sum(self.shape[-2:]) * 2.0**-53


# The matrices of GPT-2 with 124M parameters.
GPT2 = (*((768, 2304), (768, 768), (768, 3072), (3072, 768)) * 12, (50257, 768), (1024, 768))


@dataclass(frozen=True)
class ReportCase:
    """Gaussian float32 matrices of these shapes, read once."""

    name: str
    shapes: tuple[Shape, ...]

    impl = "norms.report"
    flops = 0  # what counts is the memory that is read

    @property
    def elements(self) -> int:
        return sum(map(math.prod, self.shapes))

    @property
    def bytes(self) -> int:
        return 4 * self.elements


AnyCase: TypeAlias = "Case | ConvCase | ReportCase | SampleCase"


def cases(*, quick: bool) -> tuple[AnyCase, ...]:
    """All cases; a quarter of every side if ``quick``."""
    divisor = 4 if quick else 1
    found: list[AnyCase] = []
    for full in ((256, 256), (1024, 1024), (1024, 4096), (64, 256, 256)):
        shape = (*full[:-2], *(side // divisor for side in full[-2:]))
        for rigorous in (True, False):
            kind = "interval" if rigorous else "estimate"
            found.append(Case(f"{label(shape)} {kind} {TOL:g}", shape, rigorous))
    for name, shapes in (("GPT-2", GPT2), ("4096x4096", ((4096, 4096),))):
        divided = tuple((rows // divisor, cols // divisor) for rows, cols in shapes)
        found.append(ReportCase(f"{name}{'/4' if quick else ''} report", divided))
    return (*found, *sample_cases(quick=quick), *conv_cases(quick=quick, tol=TOL))


def describe(case: AnyCase) -> str:
    """What is counted, in a line."""
    if isinstance(case, ReportCase):
        return f"{case.name} ({case.impl}): {len(case.shapes)} matrices, {case.bytes} bytes read"
    if isinstance(case, SampleCase):
        return f"{case.name} ({case.impl}): {case.flops / 1e9:.4g} GFLOP; {case.bytes} bytes read"
    if isinstance(case, ConvCase):
        return f"{case.name} ({case.impl}): {case.flops() / 1e9:.4g} GFLOP; {case.bytes} bytes"
    return (
        f"{case.name} ({case.impl}): {case.flops(0) / 1e9:.4g} GFLOP, "
        f"{(case.flops(1) - case.flops(0)) / 1e9:.4g} per squaring and "
        f"{(case.flops(0, 1) - case.flops(0)) / 1e9:.4g} per factorisation; {case.bytes} bytes"
    )
