"""Linear minimisation oracles against plain float64 references, and what an oracle promises.

Norms are summed in double, so a result of the normalising oracles is one double product rounded to
the storage type: off by half a unit there, and by the few roundings of the double reference.
"""

import numpy as np
import pytest
from numpy.linalg import norm
from reference.polar import oracles as reference
from steepest import cpu, polar

from .arrays import DTYPES, by_dtype, draw

KINDS = {
    "ColNorm": (reference.col_norm, [{}, {"normalized": True}, {"transpose": True}, {"eps": 0.5}]),
    "RowNorm": (reference.row_norm, [{}, {"normalized": False}, {"transpose": True}, {"eps": 0.5}]),
    "Sign": (reference.sign, [{}, {"normalized": False}]),
    "BiasRMS": (lambda g, eps=1e-8: reference.over(g, np.sqrt(np.mean(g**2)), eps), [{}]),
    "Euclidean": (reference.euclidean, [{}, {"eps": 0.5}]),
}
CASES = [(name, options) for name, (_, every) in KINDS.items() for options in every]
by_case = pytest.mark.parametrize(("name", "options"), CASES)
UNIT = {"float64": 2.0**-53, "float32": 2.0**-24, "bfloat16": 2.0**-8, "float16": 2.0**-11}
# Smallest normal numbers: below, roundings are absolute.
TINY = {"float64": 0.0, "float32": 2.0**-149, "bfloat16": 2.0**-133, "float16": 2.0**-24}
# Sums of up to 2^12 squares, roots, quotients and products in double, here and there.
REFERENCE = 64 * 2.0**-53


def assert_close(ours, wanted):
    name = ours.dtype.name
    bound = (UNIT[name] + REFERENCE) * np.abs(wanted) + TINY[name]
    assert np.all(np.abs(ours.astype(np.float64) - wanted) <= bound)


@by_dtype
@by_case
def test_values(name, options, dtype):
    g = draw(np.random.default_rng(1), (13, 200), dtype)
    wanted = KINDS[name][0](g.astype(np.float64), **options)
    assert_close(polar.oracle(g, name, **options), wanted)


@pytest.mark.parametrize("shape", [(1, 300), (300, 1), (1, 1), (70, 3), (5000, 2), (2, 5000)])
@by_case
def test_shapes(name, options, shape):
    g = draw(np.random.default_rng(2), shape, np.float32)
    assert_close(polar.oracle(g, name, **options), KINDS[name][0](g.astype(np.float64), **options))


LAYOUTS = {
    "fortran": lambda g: np.asfortranarray(g),
    "sliced": lambda g: np.repeat(np.repeat(g, 2, 0), 3, 1)[::2, ::3],
    "reversed": lambda g: g[::-1, ::-1].copy()[::-1, ::-1],
    "transposed": lambda g: g.T.copy().T,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["ColNorm", "RowNorm", "Sign"])
def test_strides_do_not_change_a_bit(name, layout):
    g = draw(np.random.default_rng(3), (40, 150), np.float32)
    assert np.array_equal(polar.oracle(LAYOUTS[layout](g), name), polar.oracle(g, name))


@by_dtype
@by_case
def test_in_place_and_out(name, options, dtype):
    g = draw(np.random.default_rng(4), (9, 33), dtype)
    wanted = polar.oracle(g, name, **options)
    out = np.full_like(g, 7)
    assert polar.oracle(g, name, out=out, **options) is out
    assert out.tobytes() == wanted.tobytes()
    assert polar.oracle(g, name, out=g, **options) is g
    assert g.tobytes() == wanted.tobytes()


def test_a_list_equals_single_calls():
    rng = np.random.default_rng(5)
    shapes = ((6, 4), (7,), (), (8, 3, 3, 3), (5, 2, 4), (0, 4), (20, 30))
    given = [draw(rng, shape, DTYPES[i % 4]) for i, shape in enumerate(shapes)]
    for x, ours in zip(given, polar.oracle(given), strict=True):
        alone = polar.oracle(x)
        assert ours.shape == x.shape and ours.tobytes() == alone.tobytes()


def test_stacks_are_matrices_apart():
    g = draw(np.random.default_rng(6), (2, 3, 5, 70), np.float32)
    for name in ("ColNorm", "RowNorm"):
        every = polar.oracle(g, name)
        for at in np.ndindex(2, 3):
            assert np.array_equal(every[at], polar.oracle(g[at].copy(), name))


@pytest.mark.parametrize("name", ["ColNorm", "RowNorm", "Euclidean", "BiasRMS"])
def test_bits_are_the_same_for_threads_and_targets(name):
    g = draw(np.random.default_rng(7), (700, 900), np.float32)
    threads, target = cpu.threads(), cpu.active()
    results = set()
    try:
        for count in (1, 2, 5):
            cpu.set_threads(count)
            for usable in cpu.targets():
                cpu.use(usable)
                results.add(polar.oracle(g, name).tobytes())
    finally:
        cpu.set_threads(threads)
        cpu.use(target)
    assert len(results) == 1


@by_dtype
@by_case
def test_zero_gives_zero(name, options, dtype):
    g = draw(np.random.default_rng(8), (6, 9), dtype)
    assert not polar.oracle(np.zeros_like(g), name, **options).any()
    g[2], g[:, 3] = 0, 0
    result = polar.oracle(g, name, **options)
    assert not result[2].any() and not result[:, 3].any() and np.isfinite(result).all()


@pytest.mark.parametrize("size", [1e-300, 1e300, 5e-324])
@pytest.mark.parametrize("name", ["ColNorm", "RowNorm", "Euclidean", "BiasRMS"])
def test_no_scale_of_doubles_is_lost(name, size):
    g = np.full((4, 3), size)
    result = polar.oracle(g, name, eps=0.0)
    wanted = KINDS[name][0](np.ones((4, 3)), eps=0.0)
    assert np.abs(result - wanted).max() <= REFERENCE * wanted.max()


@pytest.mark.parametrize("eps", [0.0, 1e-8])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("name", ["RowNorm", "ColNorm"])
def test_lines_of_any_scales_lie_beside_each_other(name, order, eps):
    """Reference: each line brought near 1 by a power of two, and eps with it."""
    exponents = np.array([1000, 0, -600, 300, -1000])
    lines = draw(np.random.default_rng(17), (5, 40))
    given, size = np.ldexp(lines, exponents[:, None]), np.ldexp(norm(lines, axis=1), exponents)
    wanted = given / (size + eps)[:, None]
    g = np.array(given if name == "RowNorm" else given.T, order=order)
    options = {} if name == "ColNorm" else {"normalized": False}
    # The RMS of a column of 40: its norm over sqrt(40), and eps with the same factor.
    factor = 1.0 if name == "RowNorm" else np.sqrt(40)
    ours = polar.oracle(g, name, eps=eps / factor, **options)
    ours = (ours if name == "RowNorm" else ours.T) / factor
    assert np.all(np.abs(ours - wanted) <= REFERENCE * np.abs(wanted))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_leaves_large_neighbours(bad):
    g = np.full((3, 4), 1e300)
    g[0, 0] = bad
    ours = polar.oracle(g, "RowNorm", normalized=False)
    assert np.isnan(ours[0]).all() and np.abs(ours[1:] - 0.5).max() <= REFERENCE


def test_an_eps_far_above_tiny_lines_gives_nearly_nothing():
    assert np.array_equal(
        polar.oracle(np.full((2, 3), 5e-324), "RowNorm", eps=1e20), np.zeros((2, 3))
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_shows_where_it_has_a_part(bad):
    g = draw(np.random.default_rng(9), (6, 9), np.float32)
    g[2, 4] = bad
    rows, columns = polar.oracle(g, "RowNorm"), polar.oracle(g, "ColNorm")
    assert np.isnan(rows[2]).all() and np.isfinite(np.delete(rows, 2, 0)).all()
    assert np.isnan(columns[:, 4]).all() and np.isfinite(np.delete(columns, 4, 1)).all()
    assert np.isnan(polar.oracle(g, "Euclidean")).all()
    assert np.isnan(polar.oracle(g)).all()


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (1, 9), (7, 7)])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"normalized": False},
        {"at_least_one": True},
        {"normalized": False, "at_least_one": True},
    ],
)
def test_spectral(shape, options):
    """Eight Polar Express steps bring singular values above 1e-3 within 5e-5 of 1."""
    g = draw(np.random.default_rng(10), shape)
    wanted = reference.spectral(g, **options)
    ours = polar.oracle(g, "Spectral", steps=8, **options)
    assert norm(ours - wanted, 2) <= 1e-4 * norm(wanted, 2)


@pytest.mark.parametrize("layout", ["C", "F", "channels_last"])
def test_spectral_of_kernels_in_any_layout(layout):
    g = draw(np.random.default_rng(11), (8, 3, 5, 5))
    wanted = reference.spectral_conv(g)
    if layout == "F":
        g = np.asfortranarray(g)
    if layout == "channels_last":
        g = np.ascontiguousarray(g.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    for out in (None, g.copy(order="K"), np.zeros(g.shape)):
        ours = polar.oracle(g, steps=8, out=out)
        assert np.abs(ours - wanted).max() <= 1e-4 * norm(wanted)


def test_torch_in_any_memory_format():
    torch = pytest.importorskip("torch")
    g = draw(np.random.default_rng(12), (8, 3, 5, 5), np.float32)
    tensor = torch.tensor(g).to(memory_format=torch.channels_last)
    ours = polar.oracle([tensor, torch.tensor(g[0, 0])], steps=8)
    assert all(isinstance(x, torch.Tensor) for x in ours)
    assert np.abs(ours[0].numpy() - polar.oracle(g, steps=8)).max() <= 1e-5


BALLS = {
    "ColNorm": lambda d: np.sqrt(np.mean(d**2, axis=0)).max(),
    "RowNorm": lambda d: norm(d, axis=1).max() * np.sqrt(d.shape[1]),
    "Sign": lambda d: np.abs(d).max() * d.shape[1],
    "BiasRMS": lambda d: np.sqrt(np.mean(d**2)),
    "Euclidean": norm,
    "Spectral": lambda d: norm(d, 2) * np.sqrt(d.shape[1] / d.shape[0]),
}


@pytest.mark.parametrize("name", BALLS)
def test_no_point_of_the_ball_lies_farther_along(name):
    rng = np.random.default_rng(13)
    g = rng.standard_normal((6, 11))
    options = {"steps": 10} if name == "Spectral" else {}
    ours = polar.oracle(g, name, **options)
    # Spectral: the iteration's distance from 1, see above. ColNorm and others: eps and roundings.
    slack = 1e-4 if name == "Spectral" else 1e-7
    assert BALLS[name](ours) <= 1 + slack
    gain = np.sum(g * ours)
    for _ in range(200):
        other = rng.standard_normal(g.shape) + 3 * g * rng.random()
        assert np.sum(g * other) / BALLS[name](other) <= gain * (1 + slack)
    assert polar.dual_norm(g, name, **options) == pytest.approx(gain, rel=1e-12)


def test_dual_norms():
    g = draw(np.random.default_rng(14), (6, 11))
    assert polar.dual_norm(g, "Euclidean") == pytest.approx(norm(g), rel=1e-14)
    assert polar.dual_norm(g, "Sign", normalized=False) == pytest.approx(np.abs(g).sum(), rel=1e-14)
    nuclear = np.sqrt(6 / 11) * norm(g, "nuc")
    assert polar.dual_norm(g, "Spectral", steps=10) == pytest.approx(nuclear, rel=1e-4)
    assert polar.dual_norm([g, g[0].copy()], "Euclidean") == pytest.approx([norm(g), norm(g[0])])


@pytest.mark.parametrize(
    ("arguments", "options", "error", "word"),
    [
        (["Nuclear"], {}, ValueError, "norm"),
        ([3], {}, TypeError, "norm"),
        (["RowNorm"], {"coefficients": "jordan"}, TypeError, "coefficients"),
        (["Spectral"], {"coefficients": "nobody's"}, ValueError, "coefficients"),
        (["Spectral"], {"steps": 0}, ValueError, "steps"),
        (["Spectral"], {"normalization": "bound"}, ValueError, "normalization"),
        (["RowNorm"], {"eps": -1.0}, ValueError, "eps"),
        (["Euclidean"], {"out": np.zeros((6, 4))}, TypeError, "out"),
        (["Euclidean"], {"out": np.zeros((4, 6), np.float32)}, ValueError, "out"),
        (["Euclidean"], {"out": [np.zeros((6, 4), np.float32)]}, TypeError, "out"),
    ],
)
def test_a_wrong_call_is_named_and_changes_nothing(arguments, options, error, word):
    g = draw(np.random.default_rng(15), (6, 4), np.float32)
    before = g.copy()
    with pytest.raises(error, match=word):
        polar.oracle(g, *arguments, **{"out": g, **options})
    assert np.array_equal(g, before)


def test_one_wrong_array_of_a_list_leaves_all_as_they_were():
    rng = np.random.default_rng(16)
    good, bad = draw(rng, (6, 4), np.float32), draw(rng, (5,), np.float32)
    frozen = bad.copy()
    frozen.flags.writeable = False
    before = good.copy()
    with pytest.raises(BufferError, match=r"out\[1\]"):
        polar.oracle([good, bad], out=[good, frozen])
    with pytest.raises(ValueError, match="memory shared"):
        polar.oracle([good, good[1:]], out=[good, good[:-1]])
    with pytest.raises(ValueError, match="expected a matrix"):
        polar.oracle([good, bad], "Spectral", out=[good, bad])
    with pytest.raises(TypeError):
        polar.oracle([good, np.arange(3)], out=[good, np.arange(3)])
    assert np.array_equal(good, before)


@pytest.mark.parametrize("name", ["Euclidean", "Sign", "SpectralConv"])
def test_arrays_that_are_no_matrix_in_memory_are_checked_first(name):
    """Such arrays are worked on in a copy: what receives it is still looked at before any write."""
    rng = np.random.default_rng(18)
    good, base = draw(rng, (3, 4)), draw(rng, (2, 5, 8, 4))
    gaps = base[:, :, ::2, ::2]
    frozen = np.zeros(gaps.shape)
    frozen.flags.writeable = False
    good_before, base_before = good.copy(), base.copy()
    with pytest.raises(BufferError, match=r"out\[1\]"):
        polar.oracle([good, gaps], name, out=[good, frozen])
    with pytest.raises(ValueError, match="memory shared"):
        polar.oracle(gaps, name, out=base[:, :, :4, :2])
    assert np.array_equal(good, good_before) and np.array_equal(base, base_before)
    wanted = polar.oracle(gaps.copy(), name)
    assert polar.oracle(gaps, name, out=gaps) is gaps and np.array_equal(gaps, wanted)
