"""The state_dict as a safetensors file."""

import sys

import numpy as np
import pytest
from steepest import optim

from .support import CLASSES, copies, make_grads, make_params, same_bits

safetensors_numpy = pytest.importorskip("safetensors.numpy")


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("state_dtype", ["float32", "bfloat16"])
def test_training_goes_on_with_the_same_bits(cls, state_dtype, tmp_path):
    pytest.importorskip("ml_dtypes")
    params = make_params()
    options = {"momentum": 0.9} if cls.rule.name == "sgd" else {}
    opt = cls(params, lr=0.1, state_dtype=state_dtype, **options)
    for t in (1, 2):
        opt.step([*make_grads(t)[:3], None])
    opt.save_safetensors(tmp_path / "opt.safetensors")
    restored = copies(params)
    other = cls(restored, state_dtype=state_dtype)
    other.load_safetensors(tmp_path / "opt.safetensors")
    opt.step(make_grads(3))
    other.step(make_grads(3))
    assert same_bits(params, restored)
    assert same_bits(opt.state_dict()["state"], other.state_dict()["state"])
    assert opt.param_groups[0]["lr"] == other.param_groups[0]["lr"]


def test_every_kind_of_option_and_name_survives(tmp_path):
    bfloat16 = np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    names = ["a.weight", "a.bias", "s", "f"]
    opt = optim.LAMB(
        dict(zip(names, make_params(bfloat16), strict=True)),
        lr=np.array([0.1, 0.2, 0.3, 0.4]),
        rounding={"params": "stochastic"},
        seed=2**40,
        master_weights=True,
    )
    opt.save_safetensors(tmp_path / "opt.safetensors")
    other = optim.LAMB(dict(zip(names, make_params(bfloat16), strict=True)), master_weights=True)
    other.load_safetensors(str(tmp_path / "opt.safetensors"))
    assert other.lr == [0.1, 0.2, 0.3, 0.4]
    assert other.state_dict()["param_groups"] == opt.state_dict()["param_groups"]
    assert same_bits(other.state_dict()["state"], opt.state_dict()["state"])


def test_other_programs_read_the_arrays(tmp_path):
    opt = optim.AdamW([np.array(make_params()[3], order="F")])
    opt.step([np.array(make_grads(1)[3], order="F")])
    opt.save_safetensors(tmp_path / "opt.safetensors")
    found = safetensors_numpy.load_file(tmp_path / "opt.safetensors")
    assert set(found) == {"state.0.exp_avg", "state.0.exp_avg_sq"}
    want = opt.state_dict()["state"][0]["exp_avg"]
    assert same_bits(found["state.0.exp_avg"], np.ascontiguousarray(want))


def test_files_from_elsewhere_are_refused(tmp_path):
    safetensors_numpy.save_file({"w": np.zeros(3, np.float32)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="steepest"):
        optim.AdamW(make_params()).load_safetensors(tmp_path / "model.safetensors")


def test_the_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ImportError, match="pip install safetensors"):
        optim.AdamW(make_params()).save_safetensors(tmp_path / "opt.safetensors")


def test_a_file_moves_states_to_and_from_a_device(device, tmp_path):
    pytest.importorskip("ml_dtypes")
    params = make_params()
    opt = optim.Lion(params, lr=0.1, state_dtype="bfloat16")
    opt.step(make_grads(1))
    opt.save_safetensors(tmp_path / "host.safetensors")
    with device.running():
        other = optim.Lion(device.arrays(params), state_dtype="bfloat16", capturable=True)
        other.load_safetensors(tmp_path / "host.safetensors")
        other.step(device.arrays(make_grads(2)))
        other.save_safetensors(tmp_path / "device.safetensors")
    opt.step(make_grads(2))
    back = optim.Lion(params, state_dtype="bfloat16")
    back.load_safetensors(tmp_path / "device.safetensors")
    assert same_bits(back.state_dict()["state"], opt.state_dict()["state"])
