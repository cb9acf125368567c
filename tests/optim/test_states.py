"""What states are made of: shapes, dtypes, start values, master weights, rounding."""

import numpy as np
import pytest
from steepest import optim

from .support import CLASSES, SHAPES, make_grads, make_params, random, same_bits

ml_dtypes = pytest.importorskip("ml_dtypes")
bfloat16 = np.dtype(ml_dtypes.bfloat16)


def states(opt):
    return list(opt.state_dict()["state"].values())


@pytest.mark.parametrize("cls", CLASSES)
def test_shapes(cls):
    for stream in cls.rule.streams:
        found = [s.get(stream.name) for s in states(cls(make_params(), **momentum(cls)))]
        for shape, state in zip(SHAPES, found, strict=True):
            if stream.form != "any" and (stream.form == "matrix") != (len(shape) >= 2):
                assert state is None
            elif stream.kind == "element":
                assert state.shape == shape
            elif stream.kind == "tensor":
                assert state.shape == tuple(1 for _ in shape)
            elif len(shape) < 2:  # one column
                assert state.shape == (shape if stream.kind == "row" else tuple(1 for _ in shape))
            elif stream.kind == "row":
                assert state.shape == (*shape[:-1], 1)
            else:
                assert state.shape == (*shape[:-2], 1, shape[-1])


def momentum(cls):
    """Options under which the rule has all its states."""
    return {
        "SGD": {"momentum": 0.9},
        "SGDP": {"momentum": 0.9},
        "RMSprop": {"momentum": 0.9, "centered": True},
        "SM3": {"momentum": 0.9},
    }.get(cls.__name__, {})


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", np.float32, bfloat16])
def test_one_state_dtype_for_all(cls, dtype):
    opt = cls(make_params(), lr=0.1, state_dtype=dtype, **momentum(cls))
    want = np.dtype(dtype) if dtype != "bfloat16" else bfloat16
    arrays = [a for state in states(opt) for name, a in state.items() if name != "step"]
    assert arrays and all(a.dtype == want for a in arrays)
    assert opt.step(make_grads(1))


def test_a_state_dtype_for_each():
    opt = optim.AdamW(make_params(), state_dtype={"exp_avg": "bfloat16"})
    assert states(opt)[0]["exp_avg"].dtype == bfloat16
    assert states(opt)[0]["exp_avg_sq"].dtype == np.float32


def test_float64_parameters_have_float64_states():
    opt = optim.AdamW(make_params(np.float64), state_dtype="bfloat16")
    assert states(opt)[0]["exp_avg"].dtype == np.float64
    assert opt.step(make_grads(1, np.float64))


@pytest.mark.parametrize("cls", CLASSES)
def test_parameters_of_all_dtypes_in_one_group(cls):
    dtypes = [np.float32, np.float64, bfloat16, np.float16]
    params = [random((3, 4), 1, dtype) for dtype in dtypes]
    alone = [p.copy() for p in params]
    grads = [random((3, 4), 2, dtype) for dtype in dtypes]
    cls(params, lr=0.1).step(grads)
    for p, g in zip(alone, grads, strict=True):
        cls(p, lr=0.1).step(g)
    assert same_bits(params, alone)


@pytest.mark.parametrize("wrong", ["float16", "float64", np.int32, None, 3, {"exp_avg": "float16"}])
def test_other_state_dtypes_are_refused(wrong):
    with pytest.raises(TypeError, match="state_dtype"):
        optim.AdamW(make_params(), state_dtype=wrong)


def test_the_dtype_of_an_unknown_state_is_refused():
    with pytest.raises(ValueError, match="exp_average"):
        optim.AdamW(make_params(), state_dtype={"exp_average": "bfloat16"})


def test_the_accumulator_of_adagrad_has_a_start_value():
    params = [np.ones(3, np.float32)]
    opt = optim.Adagrad(params, lr=1.0, initial_accumulator_value=3.0, eps=0.0)
    assert same_bits(states(opt)[0]["sum"], np.full(3, 3, np.float32))
    opt.step([np.ones(3, np.float32)])
    assert same_bits(params[0], np.full(3, 0.5, np.float32))


def test_the_accumulator_of_adagrad_norm_has_a_start_value():
    params = [np.ones(3, np.float32)]
    opt = optim.AdaGradNorm(params, lr=1.0, initial_accumulator_value=6.0, eps=0.0)
    assert same_bits(states(opt)[0]["square_sum"], np.full(1, 6, np.float32))
    opt.step([np.ones(3, np.float32)])
    assert same_bits(params[0], np.float32(1) - np.full(3, 1 / 3, np.float32))


@pytest.mark.parametrize("dtype", [bfloat16, np.dtype(np.float16)])
def test_master_weights_are_stepped_and_the_parameters_are_their_rounding(dtype):
    params, masters = make_params(dtype), [p.astype(np.float32) for p in make_params(dtype)]
    opt = optim.AdamW(params, lr=1e-3, master_weights=True)
    plain = optim.AdamW(masters, lr=1e-3)
    for t in range(1, 6):
        opt.step(make_grads(t, dtype))
        plain.step(make_grads(t, dtype))
    assert same_bits([state["master"] for state in states(opt)], masters)
    assert same_bits(params, [m.astype(dtype) for m in masters])


def test_only_half_precision_parameters_have_masters():
    params = [random((5,), 1), random((5,), 2, bfloat16), random((5,), 3)]
    alone = [p.copy() for p in params]
    opt = optim.AdamW(params, master_weights=True)
    assert ["master" in state for state in states(opt)] == [False, True, False]
    grads = [random((5,), 4)] * 3
    opt.step(grads)
    for p, g in zip(alone, grads, strict=True):
        optim.AdamW(p, master_weights=True).step(g)
    assert same_bits(params, alone)
    assert "master" not in states(optim.AdamW(make_params(), master_weights=True))[0]


def test_masters_follow_parameters_that_were_written_to():
    param = np.ones(4, bfloat16)
    opt = optim.SGD(param, lr=0.5, master_weights=True)
    param[...] = 3
    opt.copy_params_to_masters()
    opt.step(np.ones(4, np.float32))
    assert same_bits(param, np.full(4, 2.5, bfloat16))


def test_stochastic_rounding_depends_on_seed_and_position_only():
    def run(seed, split):
        params = [random((64, 8), i, bfloat16) for i in range(4)]
        groups = [{"params": params[:split]}, {"params": params[split:]}]
        opt = optim.AdamW(groups, lr=1e-3, rounding="stochastic", seed=seed, state_dtype="bfloat16")
        for t in range(1, 4):
            opt.step([random((64, 8), 10 * t + i) for i in range(4)])
        return params

    assert same_bits(run(1, 2), run(1, 3))
    assert not same_bits(run(1, 2), run(2, 2))


def test_rounding_and_seed_may_change_between_steps():
    def run(change):
        param = random((64, 8), 0, bfloat16)
        opt = optim.AdamW(param, lr=1e-3, rounding="stochastic", seed=1)
        opt.step(random((64, 8), 1))
        opt.param_groups[0].update(change)
        opt.step(random((64, 8), 2))
        return param

    assert not same_bits(run({}), run({"seed": 2}))
    assert not same_bits(run({}), run({"rounding": "nearest"}))
    assert same_bits(run({"rounding": "nearest"}), run({"rounding": {"params": "nearest"}}))


def test_a_read_only_parameter_is_refused():
    param = np.ones(3, np.float32)
    param.flags.writeable = False
    with pytest.raises(BufferError, match="params"):
        optim.AdamW(param).step(np.ones(3, np.float32))
