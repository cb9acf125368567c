"""The proofs in float32 for many frequencies at once: never wrong, and near enough to be of use."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from steepest import _core, cpu
from steepest.norms import conv_search, conv_spectral_norm
from steepest.norms.conv_screen import Screen
from steepest.norms.conv_symbol import Symbol, half_spectrum

UNIT = 2.0**-24


def computed(kernel, waves, row_phases=1, col_phases=1):
    """The blocks (groups, frequencies, rows, cols) of these float32 arrays, summed in float64: the
    waves of the second half of the taps are the conjugates of those of the first, in turn."""
    phase = np.add.outer(
        np.repeat(np.arange(row_phases), kernel.shape[1] // row_phases),
        np.repeat(np.arange(col_phases), kernel.shape[2] // col_phases),
    )
    taps = kernel.shape[3]
    back = waves[:, : taps // 2][:, ::-1] * np.array([[1], [-1]])
    waves = np.concatenate([waves, back], axis=1)
    parts = waves.astype(np.float64)[phase]  # (rows, cols, taps, 2, frequencies)
    re, im = np.einsum("gijt,ijtpf->pgfij", kernel.astype(np.float64), parts)
    return re + 1j * im


def norms_of(blocks):
    """Norms, and by how much LAPACK and the sum in float32 may be off, at most."""
    return np.linalg.norm(blocks, 2, axis=(-2, -1))


def slack_of(kernel, waves):
    """Of a sum in float32, in the Frobenius norm (Higham, section 3.1)."""
    mass = np.abs(kernel.astype(np.float64)).sum(axis=-1)
    return math.sqrt(2) * (waves.shape[1] + 3) * UNIT * np.linalg.norm(mass)


def arrays_of(shape, phases, seed):
    rng = np.random.default_rng(seed)
    angles = rng.uniform(0, 2 * np.pi, (phases, (shape[3] + 1) // 2, 19))
    if shape[3] % 2 == 1:
        angles[:, -1] = 0  # the centre
    waves = np.stack([np.cos(angles), np.sin(angles)], axis=2).astype(np.float32)
    return rng.standard_normal(shape).astype(np.float32), waves


SHAPES = [
    ((1, 1, 1, 1), 1, 1),
    ((1, 2, 5, 3), 1, 1),
    ((2, 3, 7, 4), 1, 1),
    ((1, 8, 8, 9), 1, 4),
    ((1, 6, 33, 2), 3, 1),
    ((1, 35, 70, 5), 1, 1),
    ((1, 65, 65, 3), 1, 1),
]


@pytest.mark.parametrize("shape,row_phases,col_phases", SHAPES)
def test_nothing_above_is_called_below(shape, row_phases, col_phases, every_target):
    kernel, waves = arrays_of(shape, row_phases * col_phases, seed=sum(shape))
    norms = norms_of(computed(kernel, waves, row_phases, col_phases))
    slack = slack_of(kernel, waves) + 64 * shape[2] * 2.0**-53 * norms.max()
    for target in every_target:
        cpu.use(target)
        for quantile in (0.0, 0.5, 0.9, 1.0):
            for factor in (1 - 1e-3, 1.0, 1 + 1e-5, 1 + 1e-3):
                sigma = float(np.quantile(norms, quantile)) * factor
                grams = _core.SymbolGrams(kernel, waves, row_phases, col_phases)
                below = grams.below(sigma)
                assert (norms[below] <= sigma + slack).all()


@pytest.mark.parametrize("shape,row_phases,col_phases", SHAPES)
def test_what_is_well_below_is_found_out(shape, row_phases, col_phases, every_target):
    """Within the errors that `symbol_errors.h` allows for, doubled."""
    kernel, waves = arrays_of(shape, row_phases * col_phases, seed=sum(shape))
    norms = norms_of(computed(kernel, waves, row_phases, col_phases))
    flatness = (
        np.square(norms_of_frobenius(kernel, waves, row_phases, col_phases)) / norms**2
    ).max()
    room = UNIT * (100 * shape[1] + 80 * flatness + 100) + slack_of(kernel, waves) / norms.min()
    for target in every_target:
        cpu.use(target)
        grams = _core.SymbolGrams(kernel, waves, row_phases, col_phases)
        assert grams.below(float(norms.max() * (1 + 2 * room))).all()


def norms_of_frobenius(kernel, waves, row_phases, col_phases):
    return np.linalg.norm(computed(kernel, waves, row_phases, col_phases), axis=(-2, -1))


@pytest.mark.parametrize("shape,row_phases,col_phases", SHAPES)
def test_estimates_are_from_below_and_near(shape, row_phases, col_phases):
    kernel, waves = arrays_of(shape, row_phases * col_phases, seed=sum(shape))
    norms = norms_of(computed(kernel, waves, row_phases, col_phases))
    estimates = _core.SymbolGrams(kernel, waves, row_phases, col_phases).estimates
    assert (estimates <= norms * (1 + 1e-4)).all() and (estimates >= 0.9 * norms).all()


@pytest.mark.parametrize("shape,row_phases,col_phases", SHAPES)
def test_lower_bounds_are_below_and_near(shape, row_phases, col_phases, every_target):
    """Near: `tol` is met but for the errors of the Gram matrix, which go with its trace. Nothing is
    destroyed by it."""
    kernel, waves = arrays_of(shape, row_phases * col_phases, seed=sum(shape))
    norms = norms_of(computed(kernel, waves, row_phases, col_phases))
    flatness = np.square(norms_of_frobenius(kernel, waves, row_phases, col_phases) / norms)
    slack = slack_of(kernel, waves) + 64 * shape[2] * 2.0**-53 * norms.max()
    for target in every_target:
        cpu.use(target)
        grams = _core.SymbolGrams(kernel, waves, row_phases, col_phases)
        for group, frequency in np.ndindex(norms.shape):
            norm = norms[group, frequency]
            for tol in (1e-2, 1e-4):
                lower = grams.lower(group, frequency, tol)
                room = tol + 100 * UNIT * flatness[group, frequency]
                assert norm * (1 - room) - slack <= lower <= norm + slack
        assert grams.below(float(norms.max()) * 1.01).all()


@pytest.mark.parametrize(
    "group,frequency,tol",
    [(2, 0, 0.1), (-1, 0, 0.1), (0, 19, 0.1), (0, 0, 1.0), (0, 0, math.nan)],
)
def test_lower_bounds_of_nothing_are_refused(group, frequency, tol):
    grams = _core.SymbolGrams(*arrays_of((2, 4, 4, 2), 1, seed=0), 1, 1)
    with pytest.raises(ValueError):
        grams.lower(group, frequency, tol)
    assert grams.lower(1, 18, 0.1) > 0
    grams.below(1.0)
    with pytest.raises(ValueError, match="again"):
        grams.lower(0, 0, 0.1)


def test_a_lower_bound_in_float32_is_enough_where_it_leaves_room(monkeypatch):
    """No block is looked at in float64, unless the tolerance leaves float32 no room."""
    kernel = np.random.default_rng(2).standard_normal((32, 32, 3, 3)).astype(np.float32)
    blocks = np.moveaxis(np.fft.fft2(kernel.astype(np.float64), (10, 10)), (2, 3), (0, 1))
    sigma = np.linalg.norm(blocks, 2, axis=(2, 3)).max()
    looked_at = []
    each = conv_search.Search._each
    monkeypatch.setattr(
        conv_search.Search,
        "_each",
        lambda self, f, *rest: looked_at.append(len(f)) or each(self, f, *rest),
    )
    for tol, is_enough in ((1e-3, True), (1e-5, False)):
        looked_at.clear()
        bound = conv_spectral_norm(kernel, 10, tol=tol)
        assert bound.lower <= sigma * (1 + 1e-13) and sigma * (1 - 1e-13) <= bound.upper
        assert bound.width <= tol and (not looked_at) is is_enough


def test_threads_change_no_bit(every_target):
    kernel, waves = arrays_of((2, 24, 40, 9), 1, seed=3)
    sigma = float(np.median(norms_of(computed(kernel, waves))))
    found = []
    for threads in (1, 2, 3):
        cpu.set_threads(threads)
        grams = _core.SymbolGrams(kernel, waves, 1, 1)
        lower = grams.lower(1, 18, 1e-3)
        found.append((grams.estimates.tobytes(), lower, grams.below(sigma).tobytes()))
    assert found[0] == found[1] == found[2]


def test_another_target_in_between_changes_no_bit(every_target):
    """The proofs are those of the target that made the Gram matrices, whatever is active then."""
    kernel, waves = arrays_of((2, 6, 9, 4), 1, seed=7)
    norms = norms_of(computed(kernel, waves))
    for made in every_target:
        for quantile in (0.2, 0.5, 0.8):
            sigma = float(np.quantile(norms, quantile))
            cpu.use(made)
            expected = _core.SymbolGrams(kernel, waves, 1, 1).below(sigma)
            assert expected.any() and not expected.all()
            for other in every_target:
                cpu.use(made)
                grams = _core.SymbolGrams(kernel, waves, 1, 1)
                cpu.use(other)
                assert grams.below(sigma).tobytes() == expected.tobytes()


def test_of_two_callers_at_once_one_is_refused():
    kernel, waves = arrays_of((8, 96, 96, 2), 1, seed=1)
    first, grams = (_core.SymbolGrams(kernel, waves, 1, 1) for _ in range(2))
    sigma = float(np.median(first.estimates))
    expected, barrier = first.below(sigma), Barrier(2)

    def call():
        barrier.wait()
        try:
            return grams.below(sigma)
        except ValueError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        found = [future.result() for future in [pool.submit(call) for _ in range(2)]]
    (refused,) = (f for f in found if isinstance(f, ValueError))
    (proved,) = (f for f in found if not isinstance(f, ValueError))
    assert "again" in str(refused) and (proved == expected).all()


def test_bad_arrays_are_refused():
    kernel, waves = arrays_of((1, 4, 4, 2), 1, seed=0)
    with pytest.raises(ValueError, match="waves"):
        _core.SymbolGrams(kernel, np.concatenate([waves] * 2, axis=1), 1, 1)
    with pytest.raises(ValueError):
        _core.SymbolGrams(kernel, np.concatenate([waves] * 3), 1, 3)  # no divisor of 4
    grams = _core.SymbolGrams(kernel, waves, 1, 1)
    with pytest.raises(ValueError):
        grams.below(math.nan)
    grams.below(1.0)  # what was refused changed nothing
    with pytest.raises(ValueError, match="again"):
        grams.below(1.0)


def test_nothing_is_proved_above_the_largest_pivot():
    """`symbol_errors.h` allows for underflow times the root of a pivot, of at most 2^30."""
    kernel, waves = arrays_of((1, 4, 4, 2), 1, seed=0)
    assert _core.SymbolGrams(kernel, waves, 1, 1).below(2.0**29).all()
    assert not _core.SymbolGrams(kernel, waves, 1, 1).below(2.0**31).any()


def screen_of(channels):
    return Screen(Symbol(np.zeros((1, channels, channels, 1)), (1,), 1))


@pytest.mark.parametrize(
    "channels,chunk", [(8, 2**21 // 72 // 16 * 16), (175, 64), (256, 16), (980, 16), (2048, 16)]
)
def test_memory_bounds_the_frequencies_at_a_time(channels, chunk):
    screen = screen_of(channels)
    held = screen.chunk * channels * (channels + 1)
    assert screen.chunk == chunk
    assert held <= 2**21 or screen.chunk == 16  # what the widest target works on at once


@pytest.mark.parametrize("channels,suits", [(980, True), (1023, True), (1024, False)])
def test_larger_matrices_than_memory_bounds_do_not_suit(channels, suits):
    """Sixteen of them are at most 2^24 numbers, which are 64 MiB."""
    assert screen_of(channels).suits(64, tol=0.5) is suits


@pytest.mark.parametrize(
    "channels,taps,tol,suits",
    [(64, 1, 1e-3, True), (256, 1, 1e-3, False), (256, 3, 1e-3, True), (512, 3, 1e-3, True),
     (640, 3, 1e-3, False), (256, 3, 1e-9, True)],
)  # fmt: skip
def test_errors_beyond_the_tolerance_suit_where_blocks_differ(channels, taps, tol, suits):
    screen = Screen(Symbol(np.zeros((1, channels, channels, taps)), (1,), 1))
    assert screen.suits(64, tol) is suits


def test_many_channels_are_compared_in_float_and_held_to_the_tolerance(monkeypatch):
    """Of 192 channels and 21 frequencies, errors beyond the tolerance leave a few for float64."""
    kernel = np.random.default_rng(3).standard_normal((192, 192, 3)).astype(np.float32)
    blocks = np.moveaxis(np.fft.fft(kernel.astype(np.float64), 40), -1, 0)
    wanted = np.linalg.norm(blocks, 2, axis=(1, 2)).max()
    looked_at = []
    each = conv_search.Search._each
    monkeypatch.setattr(
        conv_search.Search,
        "_each",
        lambda self, f, *rest: looked_at.append(len(f)) or each(self, f, *rest),
    )
    bound = conv_spectral_norm(kernel, 40, tol=3e-4)
    assert bound.lower <= wanted * (1 + 1e-12) and wanted <= bound.upper * (1 + 1e-12)
    assert bound.width <= 3e-4 and sum(looked_at) < 21


@pytest.mark.parametrize("scale", [0.0, 1e-30, math.inf, math.nan])
def test_nothing_is_proved_of_extreme_numbers(scale):
    kernel, waves = arrays_of((1, 4, 4, 2), 1, seed=0)
    grams = _core.SymbolGrams(kernel * np.float32(scale), waves, 1, 1)
    norm = 0.0 if scale == 0 else float(norms_of(computed(kernel, waves)).max())
    below = grams.below(1e-30 if scale < 1 else 1e300)
    assert not below.any() or norm == 0


@pytest.mark.parametrize(
    "shape,strides,lengths",
    [
        ((1, 6, 4, 3, 3), (1, 1), (7, 8)),
        ((2, 5, 9, 3, 3), (2, 2), (4, 5)),
        ((1, 9, 2, 5), (3,), (40,)),
    ],
)
def test_the_blocks_in_float32_are_the_blocks(shape, strides, lengths):
    """The order of rows and columns aside, within the two stated errors."""
    kernel = np.random.default_rng(5).standard_normal(shape)
    symbol = Symbol(kernel / np.abs(kernel).max(), strides, 1)
    frequencies = half_spectrum(np.array(lengths))
    wide = np.linalg.norm(symbol.blocks(frequencies, np.array(lengths)), 2, axis=(-2, -1))
    screen = Screen(symbol)
    for quantile in (0.3, 0.7, 1.0):
        sigma = float(np.quantile(wide, quantile)) * (1 + 1e-4)
        below = screen.grams(frequencies, np.array(lengths)).below(sigma).T
        assert (wide[below] <= sigma + screen.error + symbol.error).all()
        assert below[wide < sigma * (1 - 1e-3)].all()


@pytest.mark.parametrize(
    "lengths", [(1,), (6,), (7,), (4, 6), (5, 6), (4, 7), (5, 7), (1, 8), (8, 1)]
)
def test_half_of_the_spectrum_has_one_of_each_pair(lengths):
    half = half_spectrum(np.array(lengths))
    pairs = [{tuple(w), tuple(-w % np.array(lengths))} for w in half.astype(int)]
    assert len(set(map(frozenset, pairs))) == len(pairs)
    assert set().union(*pairs) == set(np.ndindex(*lengths))


@pytest.mark.parametrize("stride,groups", [(1, 1), (2, 1), (1, 2), (2, 2)])
@pytest.mark.parametrize("c_out,c_in", [(4, 32), (48, 6), (40, 40)])
def test_intervals_hold_and_are_narrow(c_out, c_in, stride, groups):
    kernel = np.random.default_rng(c_out).standard_normal((c_out, c_in // groups, 3, 3))
    bound = conv_spectral_norm(kernel, 12, stride=stride, groups=groups)
    m = 12 // stride
    spectrum = np.fft.fft2(kernel, (12, 12)).reshape(c_out, -1, stride, m, stride, m)
    blocks = spectrum.transpose(3, 5, 0, 1, 2, 4) / stride
    blocks = blocks.reshape(m * m, groups, c_out // groups, -1)
    sigma = np.linalg.norm(blocks, 2, axis=(-2, -1)).max()
    slack = 1e-12 * sigma
    assert bound.lower <= sigma + slack and sigma - slack <= bound.upper
    assert bound.width <= 1e-3


def test_blocks_that_are_all_equal():
    """One tap: every frequency has the same norm, so that no proof may succeed but by its room."""
    weights, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((32, 32)))
    kernel = np.zeros((32, 32, 3, 3))
    kernel[:, :, 1, 1] = weights * np.linspace(0.5, 2.0, 32)
    bound = conv_spectral_norm(kernel, 10)
    sigma = np.linalg.norm(kernel[:, :, 1, 1], 2)
    assert bound.lower <= sigma * (1 + 1e-13) and sigma * (1 - 1e-13) <= bound.upper
    assert bound.width <= 1e-3


def test_the_second_largest_is_near(monkeypatch):
    """The estimates may mistake the largest block: they are turned round here."""
    kernel = np.random.default_rng(9).standard_normal((16, 16, 3, 3))
    expected = conv_spectral_norm(kernel, 14)
    monkeypatch.setattr(conv_search, "largest_first", lambda e: np.argsort(e.max(axis=0)))
    bound = conv_spectral_norm(kernel, 14)
    assert bound.lower <= expected.upper and expected.lower <= bound.upper
    assert bound.width <= 1e-3
