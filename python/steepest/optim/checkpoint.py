"""state_dict in and out, in torch's layout. Everything is checked before the first change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import _arrays
from .._arrays import Array
from . import torch_checkpoint
from .group import Group
from .state import MASTER
from .table import Rule

# Options of torch's optimizers that choose an implementation, and what its schedulers add.
_IGNORED = {"foreach", "fused", "capturable", "differentiable", "initial_lr"}
# Options of ours that torch's optimizers, or some versions of them, do not have, and those that
# came later than some saved states.
_MAY_LACK = {"rounding", "seed", "decoupled_weight_decay", "cautious_weight_decay"}


def state_dict(groups: Sequence[Group]) -> dict[str, Any]:
    """The states and options of the groups; the arrays are not copied."""
    state: dict[int, dict[str, Any]] = {}
    param_groups = []
    for group in groups:
        indices = list(range(group.first, group.first + len(group.arrays)))
        present = group.present_states()
        for i, (index, step) in enumerate(zip(indices, group.steps.values().tolist(), strict=True)):
            arrays = {name: states[i] for name, states in present.items()}
            state[index] = {"step": step, **{k: a for k, a in arrays.items() if a is not None}}
        entry = {name: _plain(group.options[name]) for name in group.rule.defaults}
        entry["params"] = indices
        if group.names is not None:
            entry["param_names"] = list(group.names)
        param_groups.append(entry)
    return {"state": state, "param_groups": param_groups}


def _plain(value: Any) -> Any:
    """An option as Python numbers, strings, lists, tuples and dicts."""
    if _arrays.device_of(value) is not None:
        return value.item()  # one number that may change while a graph is replayed
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if hasattr(value, "tolist"):  # NumPy arrays and scalars, torch tensors
        return value.tolist()
    return dict(value) if isinstance(value, Mapping) else value


@dataclass
class _Loading:
    """What is to be done to a group once all groups have passed."""

    options: dict[str, Any]
    steps: list[int] = field(default_factory=list)
    # By state and parameter; those in host memory as `as_numpy` shows them.
    arrays: dict[tuple[str, int], Array] = field(default_factory=dict)

    def carry_out(self, group: Group) -> None:
        """Sets options, step counts and states of the group."""
        for name, value in self.options.items():
            group.options[name] = renewed(group.options[name], value)
        group.steps.load(np.array(self.steps, np.int64))
        group.ensure_states({name for name, _ in self.arrays})
        for name, states in group.states.items():
            for i, state in enumerate(states):
                if (name, i) in self.arrays:
                    _arrays.assign(state, self.arrays[name, i])
                elif state is not None:
                    group.reset_state(name, i)


def renewed(old: Any, value: Any) -> Any:
    """What an option becomes that is set to a value. A learning rate that lies on a device stays
    there, and takes a new number in place: a captured graph reads it where it is."""
    if isinstance(value, (int, float)) and _arrays.device_of(old) is not None:
        _arrays.fill(old, value)
        return old
    if isinstance(old, list) and isinstance(value, (list, tuple)) and len(old) == len(value):
        near = any(_arrays.device_of(entry) is not None for entry in old)
        return [renewed(*pair) for pair in zip(old, value, strict=True)] if near else value
    return value


def load_state_dict(groups: Sequence[Group], given: Mapping[str, Any]) -> None:
    """Takes over a state_dict; see Optimizer.load_state_dict for the errors."""
    for key in ("state", "param_groups"):
        if not isinstance(given, Mapping) or key not in given:
            raise ValueError(f"state_dict: missing {key!r}")
    saved = given["param_groups"]
    if len(saved) != len(groups):
        raise ValueError(f"param_groups: given {len(saved)} groups, expected {len(groups)}")
    state = {_index(key): value for key, value in given["state"].items()}
    loadings = [
        _read_group(group, entry, state, f"param_groups[{i}]")
        for i, (group, entry) in enumerate(zip(groups, saved, strict=True))
    ]
    if state:
        raise ValueError(f"state: unknown parameter {next(iter(state))}")
    for group, loading in zip(groups, loadings, strict=True):
        loading.carry_out(group)


def _index(key: Any) -> Any:
    # Keys become strings on the way through JSON.
    return int(key) if isinstance(key, str) and key.isdigit() else key


def _read_group(
    group: Group, entry: Mapping[str, Any], state: dict[Any, Any], what: str
) -> _Loading:
    """Checks one saved group and takes its parameters out of `state`."""
    entry = torch_checkpoint.group(group.rule.name, entry, group.options)
    loading = _Loading(_read_options(group.rule, entry, what))
    indices = entry.get("params", [])
    if len(indices) != len(group.arrays):
        raise ValueError(
            f"{what}['params']: given {len(indices)} parameters, expected {len(group.arrays)}"
        )
    names = entry.get("param_names")
    if names is not None and group.names is not None and list(names) != group.names:
        raise ValueError(f"{what}['param_names']: given {list(names)}, expected {group.names}")
    active = group.rule.active({**group.options, **loading.options})
    for i, index in enumerate(indices):
        _read_state(group, i, state.pop(index, None), active, loading, f"state[{index}]")
    group.steps.check(loading.steps, what)
    return loading


def _read_options(rule: Rule, entry: Mapping[str, Any], what: str) -> dict[str, Any]:
    options = {}
    for name, value in entry.items():
        if name == "amsgrad" and bool(value) != (rule.name == "amsgrad"):
            raise ValueError(f"{what}['amsgrad']: given {value}, which is not {rule.class_name}")
        if name in rule.defaults:
            like = rule.defaults[name]
            options[name] = tuple(value) if isinstance(like, tuple) else _plain(value)
        elif name not in _IGNORED and name not in ("params", "param_names", "amsgrad"):
            raise ValueError(f"{what}: unknown option {name!r}")
    for name in rule.defaults:
        if name not in options and name not in _MAY_LACK:
            raise ValueError(f"{what}: missing option {name!r}")
    return options


def _read_state(
    group: Group,
    i: int,
    given: Mapping[str, Any] | None,
    active: Sequence[str],
    loading: _Loading,
    what: str,
) -> None:
    """Checks the saved state of parameter i; without one it starts afresh, as in torch."""
    wanted = _wanted(group, i)
    if not given:
        loading.steps.append(0)
        return
    given = {name: value for name, value in given.items() if value is not None}
    given = torch_checkpoint.state(group.rule.name, given)
    loading.steps.append(_read_step(group.rule, given, what))
    for name, value in given.items():
        if name == "step":
            continue
        if name not in wanted:
            raise ValueError(f"{what}: unknown state {name!r}, expected {list(wanted)}")
        loading.arrays[name, i] = read_array(value, wanted[name], f"{what}[{name!r}]")
    for name in wanted:
        if name not in given and (name in active or name == MASTER):
            raise ValueError(f"{what}: missing state {name!r}")


def _wanted(group: Group, i: int) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and dtype name of every state that parameter i can have."""
    view = group.views[i]
    wanted = {}
    for stream in group.rule.streams:
        want = group.expected_state(stream, i)
        if want is not None:
            wanted[stream.name] = want
    masters = group.states.get(MASTER)
    if masters is not None and masters[i] is not None:
        wanted[MASTER] = (tuple(view.shape), "float32")
    return wanted


def _read_step(rule: Rule, given: Mapping[str, Any], what: str) -> int:
    if "step" not in given and torch_checkpoint.is_countless(rule.name, given):
        return 1
    if "step" not in given:
        raise ValueError(f"{what}: missing 'step'")
    step = int(given["step"])
    if step < 0:
        raise ValueError(f"{what}['step']: given {step}, expected at least 0")
    return step


def read_array(value: Any, want: tuple[tuple[int, ...], str], what: str) -> Array:
    """A saved array, checked to have this shape and dtype."""
    if not _arrays.is_array(value):
        raise TypeError(f"{what}: given {_arrays.describe(value)}, expected an array")
    view = _arrays.view(value, what)
    shape, dtype = want
    if tuple(view.shape) != shape:
        raise ValueError(f"{what}: given shape {tuple(view.shape)}, expected {shape}")
    if _arrays.dtype_name(view) != dtype:
        raise TypeError(f"{what}: given {_arrays.dtype_name(view)}, expected {dtype}")
    return view if _arrays.device_of(view) is not None else _arrays.as_numpy(view, what)
