"""Parameters, gradients and comparisons that the tests of this folder share."""

from typing import Any

import numpy as np
from steepest import optim

SHAPES = ((7, 5), (11,), (), (3, 4, 6))
# All others have one native rule and no argument of their own in step.
COMPOSITE = (
    "AdaFisher",
    "AdaFisherW",
    "AdaHessian",
    "DOT",
    "DistributedLion",
    "Fira",
    "GaLore",
    "GradNormLoRP",
    "LANTON",
    "LevenbergMarquardt",
    "MKOR",
    "Muon",
    "NaturalGradient",
    "OASIS",
    "Prodigy",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "Scion",
    "SophiaG",
    "SophiaH",
    "TrustRegion",
)
CLASSES = [getattr(optim, n) for n in optim.__all__ if n not in ("Optimizer", *COMPOSITE)]


def random(shape: tuple[int, ...], seed: int, dtype: Any = np.float32) -> np.ndarray:
    """Normal values, reproducible by seed."""
    return np.asarray(np.random.default_rng(seed).standard_normal(shape), dtype)


def make_params(dtype: Any = np.float32) -> list[np.ndarray]:
    """Four parameters: a matrix, a vector, a scalar and a batch of matrices."""
    return [random(shape, i, dtype) for i, shape in enumerate(SHAPES)]


def make_grads(step: int, dtype: Any = np.float32) -> list[np.ndarray]:
    """Gradients of the parameters of `make_params`, different at each step."""
    return [random(shape, 100 * step + i, dtype) for i, shape in enumerate(SHAPES)]


def same_bits(a: Any, b: Any) -> bool:
    """Whether two arrays, or lists or dicts of arrays and plain values, are the same to the bit."""
    if isinstance(a, dict):
        return list(a) == list(b) and all(same_bits(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same_bits(x, y) for x, y in zip(a, b, strict=True))
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def copies(arrays: list[Any]) -> list[Any]:
    """Copies of the arrays; None stays."""
    return [None if array is None else array.copy() for array in arrays]
