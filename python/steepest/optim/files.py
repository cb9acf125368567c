"""A state_dict as a safetensors file.

Tensors are named "state.<index>.<state name>"; step counts and options are JSON in the metadata,
under "steepest". The file holds no code, and other programs can read its arrays.
"""

from __future__ import annotations

import json
from os import PathLike
from types import ModuleType
from typing import Any

import numpy as np

from .. import _arrays

_KEY = "steepest"
_FORMAT = 1


def save(path: str | PathLike[str], state_dict: dict[str, Any]) -> None:
    """Writes a state_dict to a file.

    Raises ImportError without safetensors, or, for bfloat16 states, without ml_dtypes.
    """
    package = _safetensors()
    tensors, steps = {}, {}
    for index, state in state_dict["state"].items():
        steps[index] = state["step"]
        for name, array in state.items():
            if name != "step":
                tensors[f"state.{index}.{name}"] = _to_numpy(array)
    header = {"format": _FORMAT, "steps": steps, "param_groups": state_dict["param_groups"]}
    package.numpy.save_file(tensors, path, metadata={_KEY: json.dumps(header)})


def load(path: str | PathLike[str]) -> dict[str, Any]:
    """The state_dict in a file that `save` wrote.

    Raises ImportError as `save` does, ValueError for a file without our metadata or of a later
    format.
    """
    package = _safetensors()
    with package.safe_open(path, framework="np") as file:
        text = (file.metadata() or {}).get(_KEY)
        if text is None:
            raise ValueError(
                f"{path}: not an optimizer state of steepest: no {_KEY!r} in the metadata"
            )
        header = json.loads(text)
        if header["format"] > _FORMAT:
            raise ValueError(
                f"{path}: format {header['format']}, this version reads up to {_FORMAT}"
            )
        state: dict[int, dict[str, Any]] = {
            int(index): {"step": step} for index, step in header["steps"].items()
        }
        for key in file.keys():  # noqa: SIM118 - the file object is no mapping
            _, index, name = key.split(".", 2)
            if file.get_slice(key).get_dtype() == "BF16":
                _arrays.numpy_dtype("bfloat16")  # registers the type that get_tensor asks NumPy for
            state[int(index)][name] = file.get_tensor(key)
    return {"state": state, "param_groups": header["param_groups"]}


def _to_numpy(array: Any) -> np.ndarray:
    view = np.asarray(_arrays.to_host(array), order="C")
    return view.view(_arrays.numpy_dtype(_arrays.dtype_name(array)))


def _safetensors() -> ModuleType:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "safetensors files need the safetensors package: pip install safetensors"
        ) from error
    return safetensors
