"""steepest.polar.choose: what "auto" stands for, and where the Gram form starts anew."""

import inspect

import numpy as np
import pytest
from steepest.polar import Choice, choose, coefficients, orthogonalize

from .bounds import UNIT

COMPUTE = ("float64", "float32", "bfloat16")
LONG = (16, 200)
FIVE_STEPS = tuple(name for name, s in coefficients.SETS.items() if s.steps == 5)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_the_type_of_the_products():
    for dtype in COMPUTE:
        assert choose(LONG, dtype).compute == dtype
        for compute in COMPUTE:
            assert choose(LONG, dtype, compute=compute).compute == compute
    assert choose(LONG, "float16").compute == "float32"


@pytest.mark.parametrize("dtype", (*COMPUTE, "float16"))
@pytest.mark.parametrize("name", ("jordan", "you", "cubic5"))
def test_the_gram_form_is_for_long_matrices(name, dtype):
    ratio = 1.5 if dtype == "bfloat16" else 3
    for short in (8, 100):
        long = int(ratio * short)
        for lead in ((), (5,), (2, 3)):
            assert choose((*lead, short, long), dtype, name).method == "gram"
            assert choose((*lead, long, short), dtype, name).method == "gram"
            assert choose((*lead, short, long - 1), dtype, name).method == "standard"
            assert choose((*lead, long - 1, short), dtype, name).method == "standard"
    for empty in ((0, 5), (5, 0), (0, 0)):
        assert choose(empty, dtype, name) == choose(empty, dtype, name, method="standard")


@pytest.mark.parametrize("dtype", COMPUTE)
@pytest.mark.parametrize("name", FIVE_STEPS)
def test_five_steps_need_no_restart(name, dtype):
    """So the Gram form pays, cans in float32 where it is not offered in bfloat16."""
    compute = "float32" if (name, dtype) == ("cans", "bfloat16") else dtype
    assert choose((1024, 4096), dtype, name) == Choice("gram", compute, ())
    assert choose((1024, 1024), dtype, name) == Choice("standard", compute, ())


@pytest.mark.parametrize(
    ("dtype", "shape", "method"),
    [
        ("float32", (32, 128), "standard"),  # all of it in shared memory
        ("float32", (128, 129), "gram"),
        ("float32", (129, 130), "standard"),  # no square matrix fits
        ("bfloat16", (65, 128), "standard"),
        ("bfloat16", (65, 129), "gram"),
        ("float64", (64, 65), "gram"),
        ("float64", (65, 66), "standard"),
    ],
)
def test_small_matrices_on_a_device_take_the_form_of_fewer_launches(dtype, shape, method):
    for given in (shape, shape[::-1], (3, *shape)):
        assert choose(given, dtype, "jordan", device=True).method == method
    assert choose(shape, dtype, [[1.5, -0.5, 0]], device=True).method == "standard"


@pytest.mark.parametrize("method", ("standard", "gram"))
def test_a_given_method(method):
    for shape in ((8, 8), (8, 100), (100, 8), (0, 3), (1, 1)):
        for dtype in COMPUTE:
            assert choose(shape, dtype, method=method).method == method


@pytest.mark.parametrize("dtype", COMPUTE)
@pytest.mark.parametrize(
    ("name", "steps"),
    [("polar_express", 8), ("polar_express", 10), ("you", 10), ("deepseek_v4", 10), ("jordan", 9)],
)
def test_restarts(name, steps, dtype):
    """The least number that keeps Q about as well conditioned as it is in exact arithmetic, and
    singular values about as large."""
    choice = choose(LONG, dtype, name, steps, "gram")
    # In float64 too: it would bear none, and lose as many digits.
    triples, rounding = coefficients.resolve(name, steps), coefficients.PERTURBATION["float32"]

    def stays(positions):
        exact = coefficients.condition(triples, -1e-300, positions)
        reach = coefficients.reach(triples, UNIT["float32"], positions)
        return coefficients.condition(
            triples, rounding, positions
        ) <= 1.25 * exact and reach <= 1.15 * max(1, coefficients.image(triples)[1])

    assert len(choice.restarts) == 1
    assert stays(choice.restarts) and not stays(())
    assert choose(LONG, dtype, name, steps) == Choice("standard", dtype, ())
    # As late as it may be, with two steps to follow.
    assert not any(stays([later]) for later in range(choice.restarts[0] + 1, steps - 1))
    assert choose(LONG, dtype, triples, method="gram") == choice


def test_more_steps_than_are_searched(rng):
    """Equal distances; the iteration still converges."""
    g = rng.standard_normal(LONG).astype(np.float32)
    choice = choose(g.shape, "float32", "polar_express", 25, "gram")
    assert len(set(np.diff([0, *choice.restarts]))) == 1
    result = orthogonalize(g, "polar_express", 25, method="gram").astype(np.float64)
    assert np.abs(result @ result.T - np.eye(16)).max() < 2e-5


@pytest.mark.parametrize("dtype", COMPUTE)
@pytest.mark.parametrize("shape", ((8, 8), LONG, LONG[::-1], (3, 8, 100)), ids=str)
@pytest.mark.parametrize("name", coefficients.SETS)
def test_orthogonalize_does_what_is_chosen(rng, name, shape, dtype):
    g = rng.standard_normal(shape).astype(dtype)
    method, compute, _ = choose(shape, dtype, name)
    chosen = orthogonalize(g, name, method=method, compute=compute)
    assert orthogonalize(g, name).tobytes() == chosen.tobytes()
    other = "gram" if method == "standard" else "standard"
    if dtype != "bfloat16":  # where both may round to the same
        assert orthogonalize(g, name, method=other).tobytes() != chosen.tobytes()


def test_products_of_float16_are_for_devices():
    for device, known in ((False, "'bfloat16'"), (True, "'bfloat16', 'float16'")):
        with pytest.raises(ValueError, match=rf"^compute: 'int8' given, expected .*, {known}$"):
            choose((8, 8), "float32", compute="int8", device=device)
    with pytest.raises(ValueError, match=r"^compute: 'float16' given, expected one of 'auto'"):
        orthogonalize(np.eye(3), compute="float16")
    assert choose((65, 128), "float32", compute="float16", device=True).method == "standard"
    assert choose((65, 129), "float32", compute="float16", device=True).method == "gram"
    assert choose((65, 129), "float16", device=True).compute == "float32"  # it has more digits


def test_a_factor_that_float16_cannot_hold():
    """Eight steps of slope 4 lift small singular values by 65536."""
    steep = np.tile((4.0, -6.0, 3.0), (8, 1))
    for dtype in ("bfloat16", "float32"):
        assert choose((8, 64), "float32", steep, method="gram", compute=dtype, device=True)
    options = {"compute": "float16", "device": True}
    with pytest.raises(ValueError, match=r"^method: 'gram' given, expected 'standard' .* float16"):
        choose((8, 64), "float32", steep, method="gram", **options)
    assert choose((300, 900), "float32", steep, **options).method == "standard"


def test_a_choice_is_a_named_tuple():
    choice = choose((4, 4), "float32")
    assert choice == ("standard", "float32", ()) and isinstance(choice.restarts, tuple)
    assert Choice._fields == ("method", "compute", "restarts")
    defaults = {p.name: p.default for p in inspect.signature(orthogonalize).parameters.values()}
    for name, parameter in inspect.signature(choose).parameters.items():
        if name in defaults:
            assert parameter.default == defaults[name]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"method": "fast"}, ValueError, ("method", "'fast'", "standard", "gram")),
        ({"compute": "float16"}, ValueError, ("compute", "'float16'", "bfloat16")),
        ({"compute": None}, TypeError, ("compute", "NoneType")),
        ({"coefficients": "muon"}, ValueError, ("coefficients", "'muon'", "polar_express")),
        ({"coefficients": [1.0, 2.0, 3.0]}, ValueError, ("coefficients", "(3,)")),
        ({"steps": 0}, ValueError, ("steps", "0")),
        ({"coefficients": "cubic5", "steps": 6}, ValueError, ("steps", "6")),
        ({"steps": "5"}, TypeError, ("steps", "str")),
    ],
    ids=str,
)
def test_refused(options, error, words):
    with pytest.raises(error) as caught:
        choose((4, 8), "float32", **options)
    assert all(word in str(caught.value) for word in words)
