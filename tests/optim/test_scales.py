"""Factors of learning rates against the tables of the papers, and an optimizer that takes them."""

import numpy as np
import pytest
from steepest import optim
from steepest.optim import scales

WIDTH, INPUTS, CLASSES = 64, 10, 7
SHAPES = [(WIDTH, INPUTS), (WIDTH, WIDTH), (4 * WIDTH, WIDTH), (CLASSES, 4 * WIDTH), (WIDTH,), ()]
KINDS = ["input", "hidden", "hidden", "output", "hidden", "output"]


def test_mup_has_table_3():
    assert scales.mup(SHAPES, KINDS) == [1, 1 / 64, 1 / 64, 1 / 256, 1, 1]
    assert scales.mup(SHAPES, KINDS, optimizer="sgd") == [64, 1, 1, 1 / 256, 64, 1]


def test_mup_is_1_at_the_base_and_transfers_ratios():
    shapes, kinds = [SHAPES[0], SHAPES[1], (CLASSES, WIDTH)], ["input", "hidden", "output"]
    for optimizer in ("adam", "sgd"):
        assert scales.mup(shapes, kinds, base=64, optimizer=optimizer) == [1, 1, 1]
    wide = [(256, INPUTS), (256, 256), (CLASSES, 256)]
    assert scales.mup(wide, kinds, base=64) == [1, 0.25, 0.25]
    assert scales.mup(wide, kinds, base=64, optimizer="sgd") == [4, 1, 0.25]


def test_what_does_not_grow_keeps_its_rate():
    """A bias of the outputs and a scalar have the same rate at every width, as MuSGD of the
    authors' package leaves tensors without a dimension that grows."""
    shapes, kinds = [(CLASSES,), (), (), (256,)], ["output", "input", "hidden", "hidden"]
    for base in (None, 64, 256):
        assert scales.mup(shapes, kinds, base=base, optimizer="sgd")[:3] == [1, 1, 1]
        assert scales.mup(shapes, kinds, base=base) == [1, 1, 1, 1]
    assert scales.mup(shapes, kinds, base=64, optimizer="sgd")[3] == 4


def test_u_mup_has_table_2():
    assert scales.u_mup(SHAPES, KINDS) == [1 / 8, 1 / 8, 1 / 8, 1, 1, 1]
    assert scales.u_mup(SHAPES, KINDS, residual_layers=4) == [1 / 8, 1 / 16, 1 / 16, 1, 1 / 2, 1]


def test_the_spectral_condition_has_its_ratios():
    assert scales.spectral(SHAPES) == [6.4, 1, 4, 7 / 256, 64, 1]
    assert scales.spectral(SHAPES, optimizer="adam") == [0.1, 1 / 64, 1 / 64, 1 / 256, 1, 1]


@pytest.mark.parametrize("width", [32, 512])
def test_updates_of_the_spectral_condition_are_of_the_size_it_asks_for(width):
    """A gradient of a hidden layer, u v^T with activations v of unit elements and backward signals
    u of elements 1 / fan_out (as their section 3 has them): lr fan_out / fan_in times it has the
    spectral norm sqrt(fan_out / fan_in) lr, for any width."""
    rng = np.random.default_rng(0)
    for rows, cols in ((width, width), (4 * width, width), (width, 4 * width)):
        u, v = rng.choice([-1, 1], rows) / rows, rng.choice([-1, 1], cols)
        (factor,) = scales.spectral([(rows, cols)])
        size = factor * np.linalg.norm(np.outer(u, v), 2)
        assert size == pytest.approx(np.sqrt(rows / cols), rel=1e-12)


def test_kernels_and_one_kind_for_all():
    assert scales.fans((8, 3, 5, 5)) == (8, 75)
    assert scales.mup([(8, 3, 5, 5), (2, 4)]) == [1 / 75, 1 / 4]


def test_factors_are_learning_rates_of_an_optimizer():
    params = [np.ones(shape) for shape in SHAPES]
    rates = [0.1 * f for f in scales.mup(SHAPES, KINDS)]
    optim.Adam(params, lr=rates).step([np.ones_like(p) for p in params])
    # The first step of Adam is lr / (1 + eps).
    for p, rate in zip(params, rates, strict=True):
        assert np.abs(1 - p - rate).max() <= 1e-8 * rate + 4e-16


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: scales.mup([(2, 3)], "output layer"), ValueError, "kinds: 'output layer' given"),
        (lambda: scales.mup([(2, 3)], ["input"] * 2), ValueError, "kinds: 2 given, expected one"),
        (lambda: scales.mup([(2, 3)], [3]), TypeError, "kinds: int given"),
        (lambda: scales.mup([(2, 0)]), ValueError, "shape: 0 given"),
        (lambda: scales.mup([(2, 1.5)]), TypeError, "shape: float given"),
        (lambda: scales.mup([(2, 3)], base=0), ValueError, "base: 0 given"),
        (lambda: scales.mup([(2, 3)], optimizer="lion"), ValueError, "optimizer: 'lion' given"),
        (lambda: scales.spectral([(2, 3)], optimizer=1), TypeError, "optimizer: int given"),
        (lambda: scales.u_mup([(2, 3)], residual_layers=0), ValueError, "residual_layers: 0"),
    ],
)
def test_what_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()
