"""Blocks per frequency: their stated error against sums in extended precision."""

from __future__ import annotations

import numpy as np
import pytest
from steepest.norms.conv_device import DeviceSymbol
from steepest.norms.conv_symbol import Symbol, half_spectrum

CASES = [
    ((1, 3, 2, 5), (1,), 1, (7,)),
    ((2, 2, 3, 7), (3,), 2, (11,)),
    ((1, 2, 2, 3, 4), (1, 1), 1, (9, 10)),
    ((1, 2, 2, 5, 5), (2, 1), 3, (6, 997)),
    ((2, 1, 3, 2), (5,), 1, (4,)),
]


def extended(kernel, strides, dilation, frequency, lengths):
    """One complex block (groups, c_out, c_in strides) by its definition, in 64-bit mantissas."""
    wide = np.longdouble
    pi = 4 * np.arctan(wide(1))
    g, c_out, c_in, *taps = kernel.shape
    block = np.zeros((g, c_out, c_in, *strides), np.clongdouble)
    for tap in np.ndindex(*taps):
        offsets = [t * dilation for t in tap]
        residue = tuple(o % s for o, s in zip(offsets, strides, strict=True))
        folds = [o // s for o, s in zip(offsets, strides, strict=True)]
        turns = sum(wide(f * w % m) / m for f, w, m in zip(folds, frequency, lengths, strict=True))
        phase = np.cos(2 * pi * turns) + 1j * np.sin(2 * pi * turns)
        block[(slice(None),) * 3 + residue] += kernel[(slice(None),) * 3 + tap] * phase
    return block.reshape(g, c_out, -1)


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="no extended precision here")
@pytest.mark.parametrize("shape,strides,dilation,lengths", CASES)
def test_errors_are_within_the_bound_and_the_bound_is_small(shape, strides, dilation, lengths):
    kernel = np.random.default_rng(7).standard_normal(shape)
    symbol = Symbol(kernel, strides, dilation)
    frequencies = half_spectrum(np.array(lengths))[::17]
    blocks = symbol.blocks(frequencies, np.array(lengths))
    check(symbol.error, blocks, kernel, strides, dilation, frequencies, lengths)


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="no extended precision here")
@pytest.mark.parametrize("shape,strides,dilation,lengths", CASES)
def test_errors_on_a_device_are_within_the_bound(kind, shape, strides, dilation, lengths):
    kernel = np.random.default_rng(7).standard_normal(shape)
    frequencies = half_spectrum(np.array(lengths))[::17]

    def blocks(kernel):
        return DeviceSymbol(kernel, strides, dilation).blocks(frequencies, np.array(lengths))

    error = kind.call(lambda kernel: DeviceSymbol(kernel, strides, dilation).error, kernel)
    on_host = Symbol(kernel, strides, dilation).error
    assert error == pytest.approx(on_host, rel=1e-12)
    check(error, kind.call(blocks, kernel), kernel, strides, dilation, frequencies, lengths)


def check(error, blocks, kernel, strides, dilation, frequencies, lengths):
    rows, cols = blocks.shape[2] // 2, blocks.shape[3] // 2
    re, im = blocks[:, :, :rows, :cols], blocks[:, :, rows:, :cols]
    assert (blocks[:, :, rows:, cols:] == re).all() and (blocks[:, :, :rows, cols:] == -im).all()
    assert error <= 1e-14 * np.prod(kernel.shape[3:]) * np.linalg.norm(kernel)
    for frequency, block in zip(frequencies, re + 1j * im, strict=True):
        wanted = extended(kernel, strides, dilation, [int(w) for w in frequency], lengths)
        difference = np.sqrt(np.square(np.abs(block - wanted)).sum())
        assert difference <= error
