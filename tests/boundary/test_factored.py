"""Adafactor's row and column states: shapes of their own, and None where a tensor has none."""

import numpy as np
import pytest
from steepest import steps

from .support import random, refused, same_bits

NAMES = ("params", "grads", "row_var", "col_var", "variance")


def arguments():
    """A matrix, a vector and a batch of matrices."""
    shapes = {
        "params": [(3, 4), (5,), (2, 3, 4)],
        "grads": [(3, 4), (5,), (2, 3, 4)],
        "row_var": [(3, 1), None, (2, 3, 1)],
        "col_var": [(1, 4), None, (2, 1, 4)],
        "variance": [None, (5,), None],
    }
    return {
        name: [None if s is None else random(s, seed=k, positive=True) for k, s in enumerate(each)]
        for name, each in shapes.items()
    }


def step(arrays, **options):
    return steps.adafactor(*arrays.values(), step=1, **options)


def test_accepted():
    together, before = arguments(), arguments()
    together["grads"] = [-0.5 * g for g in together["grads"]]
    before["grads"] = [g.copy() for g in together["grads"]]
    # beta2_decay of 0 would forget the old state; here both old and new take part.
    assert steps.adafactor(*together.values(), step=3) is True
    for name in NAMES:
        assert same_bits(together[name], before[name]) == (name == "grads")
    for i in range(3):
        apart = [each[i] for each in before.values()]
        assert steps.adafactor(*apart, step=3) is True
        assert same_bits(apart, [together[name][i] for name in NAMES])


@pytest.mark.parametrize(
    "name, at, shape",
    [
        ("row_var", 0, (1, 4)), ("row_var", 0, (3,)), ("row_var", 0, (3, 4)),
        ("row_var", 2, (3, 1)),
        ("col_var", 0, (4,)), ("col_var", 0, (1, 3)), ("col_var", 2, (2, 4, 1)),
        ("variance", 1, (5, 1)), ("variance", 1, (4,)), ("variance", 1, ()),
    ],
)  # fmt: skip
def test_shapes(name, at, shape):
    arrays = arguments()
    words = (f"{name}[{at}]", str(shape), str(arrays[name][at].shape))
    arrays[name][at] = np.zeros(shape, np.float32)
    with refused(ValueError, *words, untouched=list(arrays.values())):
        step(arrays)


@pytest.mark.parametrize("name, at", [("row_var", 0), ("col_var", 2), ("variance", 1)])
def test_missing_states(name, at):
    arrays = arguments()
    arrays[name][at] = None
    with refused(TypeError, f"{name}[{at}]", untouched=list(arrays.values())):
        step(arrays)
    del arrays[name]
    with refused(TypeError, name, untouched=list(arrays.values())):
        steps.adafactor(**arrays, step=1)


@pytest.mark.parametrize("name, at", [("row_var", 1), ("col_var", 1), ("variance", 0)])
def test_states_where_none_belongs(name, at):
    """Such an array would never change; it is better to say so."""
    arrays = arguments()
    arrays[name][at] = np.zeros_like(arrays["params"][at])
    with refused((TypeError, ValueError), f"{name}[{at}]", untouched=list(arrays.values())):
        step(arrays)


BAD_STATES = {
    "read-only": (BufferError, np.broadcast_to(np.float32(0), (3, 1)).copy()),
    "columns": (ValueError, np.zeros((3, 2), np.float32)[:, :1]),
    "doubles": (TypeError, np.zeros((3, 1))),
    "halves": (TypeError, np.zeros((3, 1), np.float16)),
}
BAD_STATES["read-only"][1].flags.writeable = False


@pytest.mark.parametrize("kind", BAD_STATES)
def test_other_errors(kind):
    error, bad = BAD_STATES[kind]
    arrays = arguments()
    # In the last tensor, so that the others would be written by a step that checks as it goes.
    for each, first in zip(arrays.values(), arguments().values(), strict=True):
        each.append(first[0])
    arrays["row_var"][3] = bad
    with refused(error, "row_var[3]", untouched=list(arrays.values())):
        step(arrays)


def test_overlap():
    arrays = arguments()
    arrays["col_var"][0] = arrays["params"][0][1:2]
    with refused(ValueError, "col_var[0]", "params[0]", untouched=list(arrays.values())):
        step(arrays)


@pytest.mark.parametrize(
    "options",
    [{"beta2_decay": 0.5}, {"eps": (None, -1.0)}, {"eps": (-1.0, 1e-3)}, {"d": 0.0}, {"d": -1.0}],
    ids=str,
)
def test_options_out_of_range(options):
    arrays = arguments()
    with refused(ValueError, *options, untouched=list(arrays.values())):
        step(arrays, **options)


def test_matrices_in_column_order():
    plain, turned = arguments(), arguments()
    for name in ("params", "grads"):
        turned[name][0] = np.asfortranarray(turned[name][0])
    assert step(plain, lr=0.5) is True and step(turned, lr=0.5) is True
    for name in NAMES:
        for a, b in zip(plain[name], turned[name], strict=True):
            if a is not None:
                np.testing.assert_allclose(b, a, rtol=1e-6)
