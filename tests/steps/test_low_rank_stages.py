"""The stages of low-rank steps that are no public rules: values, and the same bits on every target
and for any number of threads."""

import ml_dtypes
import numpy as np
import pytest
from steepest import _core, cpu

STAGES = {
    name: _core.bind_stage(name) for name in ("adam_direction", "low_rank_step", "weight_norm")
}
SHAPE = (37, 300)
UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}


def drawn(seed, shape=SHAPE, dtype="float64"):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def adam_direction(dtype):
    p, g, m, v = drawn(1, dtype=dtype), drawn(2, dtype=dtype), drawn(3, dtype=dtype), drawn(4) ** 2
    arrays = [p, g, m, v.astype(dtype)]
    call = {"betas": (0.8, 0.9), "eps": 0.1}
    g, m, v = (a.astype(np.float64) for a in arrays[1:])
    m, v = 0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g * g
    return arrays, call, m / (np.sqrt(v) + 0.1)


def low_rank_step(dtype):
    arrays = [drawn(k, dtype=dtype) for k in (1, 2, 3)]
    arrays += [drawn(4, (37, 1), dtype), drawn(5, (1, 300), dtype)]
    call = {"lr": 0.5, "weight_decay": 0.25, "step_scale": 0.3, "grad_scale": 2.0, "maximize": True}
    p, g, d, row, column = (a.astype(np.float64) for a in arrays)
    return arrays, call, (p - 0.15 * (d - row * column * g / 2)) * 0.875


def weight_norm(dtype):
    arrays = [drawn(k, dtype=dtype) for k in (1, 2, 3)]
    arrays += [drawn(4, (37, 1), dtype), drawn(5, (37, 1), dtype)]
    _, g, v, scale, radial = (a.astype(np.float64) for a in arrays)
    return arrays, {"lr": 2.0}, 2 * scale * (g - radial * v)


MAKE = {f.__name__: f for f in (adam_direction, low_rank_step, weight_norm)}


def run(name, arrays, call):
    params, *others = ([a.copy()] for a in arrays)
    STAGES[name](params, *others, **call)
    return params[0], [x[0] for x in others]


@pytest.mark.parametrize("name", STAGES)
@pytest.mark.parametrize("dtype", UNIT)
def test_values(name, dtype):
    """At most 10 roundings at the size of the largest intermediate, below 40 here."""
    arrays, call, wanted = MAKE[name](dtype)
    got, others = run(name, arrays, call)
    assert np.abs(got - wanted).max() <= 10 * 40 * UNIT[dtype]
    if name != "adam_direction":  # all others are read only
        assert all(np.array_equal(a, b) for a, b in zip(arrays[1:], others, strict=True))


@pytest.mark.parametrize("name", STAGES)
def test_the_same_bits_on_every_target_and_for_any_number_of_threads(name):
    arrays, call, _ = MAKE[name]("float32")
    arrays = [np.tile(a, (40 if len(a) > 1 else 1, 1)) for a in arrays]
    threads, target, found = _core.get_num_threads(), cpu.active(), set()
    try:
        for count in (1, 2, 3):
            for which in cpu.targets():
                _core.set_num_threads(count)
                cpu.use(which)
                got, others = run(name, arrays, call)
                found.add(got.tobytes() + b"".join(x.tobytes() for x in others))
    finally:
        _core.set_num_threads(threads)
        cpu.use(target)
    assert len(found) == 1


def test_what_is_not_given_counts_as_zero():
    arrays, call, _ = low_rank_step("float64")
    p, g, d, row, column = arrays
    without, _ = run_none(arrays, call)
    zeros, _ = run("low_rank_step", [p, g, 0 * d, row, column], call)
    assert without.tobytes() == zeros.tobytes()


def run_none(arrays, call):
    p, g, _, row, column = arrays
    made = p.copy()
    STAGES["low_rank_step"]([made], [g], None, [row], [column], **call)
    return made, None


def test_low_precision_parameters_round_once():
    arrays, call, wanted = low_rank_step("float32")
    exact, _ = run("low_rank_step", arrays, call)
    arrays[0] = arrays[0].astype(ml_dtypes.bfloat16)
    half, _ = run("low_rank_step", arrays, call)
    start = arrays[0].astype(np.float32)
    again, _ = run("low_rank_step", [start, *arrays[1:]], call)
    assert half.tobytes() == again.astype(ml_dtypes.bfloat16).tobytes()
    assert np.abs(exact - wanted).max() < np.abs(half.astype(np.float64) - wanted).max()


def test_zero_moments_without_eps_give_zero():
    p = np.ones(SHAPE)
    zeros = [np.zeros(SHAPE) for _ in range(3)]
    STAGES["adam_direction"]([p], [zeros[0]], [zeros[1]], [zeros[2]], betas=(0.9, 0.9), eps=0.0)
    assert not p.any()
