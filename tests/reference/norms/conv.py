"""Convolutions as explicit float64 matrices: the definition, entry by entry, no transform."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def conv_matrix(
    kernel: Array,
    size: Sequence[int],
    *,
    padding: str = "circular",
    pads: Sequence[int] | None = None,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
) -> Array:
    """The matrix of y[o, p] = sum over i, t of kernel[o, i, t] x[i, p stride + t dilation - pad].

    kernel is (c_out, c_in/groups, k...), x is (c_in, size...), both flattened in C order. Taps
    that fall outside wrap round ("circular") or read zero ("zeros"); `pads` (default: half of the
    dilated kernel) matters for "zeros" alone.
    """
    c_out, per_group, *taps = kernel.shape
    if pads is None:
        pads = [dilation * (k - 1) // 2 for k in taps]
    if padding == "circular":
        pads = [0] * len(taps)
        out = [-(-n // stride) for n in size]
    else:
        spans = [dilation * (k - 1) + 1 for k in taps]
        out = [(n + 2 * p - w) // stride + 1 for n, p, w in zip(size, pads, spans, strict=True)]
    matrix = np.zeros((c_out, *out, per_group * groups, *size))
    for place, tap in itertools.product(np.ndindex(*out), np.ndindex(*taps)):
        read = [p * stride + t * dilation - q for p, t, q in zip(place, tap, pads, strict=True)]
        if padding == "circular":
            read = [r % n for r, n in zip(read, size, strict=True)]
        elif any(r < 0 or r >= n for r, n in zip(read, size, strict=True)):
            continue
        for o in range(c_out):
            first = o // (c_out // groups) * per_group
            channels = slice(first, first + per_group)
            matrix[(o, *place, channels, *read)] += kernel[(o, slice(None), *tap)]
    return matrix.reshape(c_out * int(np.prod(out)), -1)


def norm_range(kernel: Array, size: Sequence[int], **options: object) -> tuple[float, float]:
    """(low, high) around the norm: LAPACK's is wrong by at most p u ||A||_F (Higham, section 20),
    p a multiple of the longer side."""
    matrix = conv_matrix(kernel.astype(np.float64), size, **options)  # type: ignore[arg-type]
    sigma = float(np.linalg.norm(matrix, 2))
    slack = 4 * max(matrix.shape) * 2.0**-53 * float(np.linalg.norm(matrix))
    return sigma - slack, sigma + slack


def conv_sigma(kernel: Array, size: Sequence[int], **options: object) -> float:
    """The largest singular value of `conv_matrix`."""
    return float(np.linalg.norm(conv_matrix(kernel, size, **options), 2))  # type: ignore[arg-type]
