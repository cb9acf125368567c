"""States of a list of parameters: their dtypes, their allocation, and the step counters."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import _arrays
from .._arrays import Array
from .table import START, Rule, Stream

MASTER = "master"
STATE_DTYPES = ("float32", "bfloat16")
_HALF = ("bfloat16", "float16")


def dtypes_of_states(rule: Rule, state_dtype: Any) -> dict[str, str]:
    """`state_dtype` as the dtype name of each stream of the rule.

    Raises TypeError for a dtype that is not one of STATE_DTYPES, ValueError for an unknown stream.
    """
    names = [stream.name for stream in rule.streams if not stream.like_param]
    if not isinstance(state_dtype, Mapping):
        return dict.fromkeys(names, _dtype(state_dtype, "state_dtype"))
    for name in state_dtype:
        if name not in names:
            raise ValueError(f"state_dtype: {rule.class_name} has no state {name!r}, only {names}")
    return {
        name: _dtype(state_dtype.get(name, "float32"), f"state_dtype[{name!r}]") for name in names
    }


def _dtype(given: Any, what: str) -> str:
    """The name of a dtype given as a string, a NumPy dtype or scalar type, or a torch dtype."""
    name = given if isinstance(given, str) else str(given).removeprefix("torch.")
    if name not in STATE_DTYPES:
        with contextlib.suppress(TypeError):
            name = np.dtype(given).name
    if name not in STATE_DTYPES:
        raise TypeError(f"{what}: given {given!r}, expected one of {', '.join(STATE_DTYPES)}")
    return name


def has_master(param: Array) -> bool:
    """Whether master weights mean anything for this parameter."""
    return _arrays.dtype_name(param) in _HALF


def expected(
    stream: Stream, param: Array, state_dtype: Mapping[str, str]
) -> tuple[tuple[int, ...], str] | None:
    """Shape and dtype name of a state of a parameter, or None where it has none."""
    shape = tuple(param.shape)
    if not stream.belongs_to(len(shape)):
        return None
    dtype = _arrays.dtype_name(param)
    own = stream.like_param or dtype == "float64"
    return stream.shape(shape), dtype if own else state_dtype[stream.name]


def start_value(rule: Rule, stream: Stream, options: Mapping[str, Any]) -> float:
    """What a state is before the first step."""
    option = START.get(rule.name, {}).get(stream.name)
    return float(options[option]) if option else 0.0


def allocate(
    params: Sequence[Array], wanted: Sequence[tuple[tuple[int, ...], str] | None], start: float
) -> list[Array]:
    """One state per parameter, of these shapes and dtype names and at its start value; None for
    parameters that have none."""
    states: list[Array] = []
    for param, want in zip(params, wanted, strict=True):
        state = None
        if want is not None:
            # Without a shape the state takes the memory layout of the parameter too.
            shape = None if want[0] == tuple(param.shape) else want[0]
            state = _arrays.zeros(param, want[1], shape)
            if start != 0:
                _arrays.fill(state, start)
        states.append(state)
    return states


def make_masters(params: Sequence[Array]) -> list[Array]:
    """A float32 copy of each bfloat16 or float16 parameter, None for the others."""
    masters: list[Array] = []
    for param in params:
        master = _arrays.zeros(param, "float32") if has_master(param) else None
        if master is not None:
            _arrays.float32_copy(param, master)
        masters.append(master)
    return masters


def computed_like(view: Array) -> Array:
    """Zeros in the precision that an array is computed in, in its layout."""
    double = _arrays.dtype_name(view) == "float64"
    return _arrays.zeros(view, "float64" if double else "float32")


class StepCounts:
    """How often each parameter has been stepped: one int while they agree, the fast path."""

    def __init__(self, count: int) -> None:
        self._each = np.zeros(count, np.int64)
        self._same: int | None = 0

    def next(self) -> int | list[int]:
        """The step to come: an int where it is the same for all parameters, else one for each."""
        return self._same + 1 if self._same is not None else (self._each + 1).tolist()

    def advance(self) -> None:
        """Counts a step of every parameter."""
        if self._same is not None:
            self._same += 1
        else:
            self._each += 1

    def advance_present(self, grads: Sequence[Array | None]) -> None:
        """Counts a step of the parameters that had a gradient."""
        counts = self.values()
        counts += np.fromiter((grad is not None for grad in grads), np.int64, len(counts))
        self.load(counts)

    def values(self) -> np.ndarray:
        """The counts so far, int64, one per parameter (a copy)."""
        return self._each.copy() if self._same is None else np.full_like(self._each, self._same)

    def check(self, counts: Sequence[int], what: str) -> None:
        """Raises ValueError for counts that `load` cannot take: none here."""

    def load(self, counts: np.ndarray) -> None:
        """Sets all counts."""
        self._each = np.array(counts, np.int64)
        uniform = self._each.size == 0 or bool((self._each == self._each[0]).all())
        self._same = (int(self._each[0]) if self._each.size else 0) if uniform else None


class DeviceStepCount:
    """One count of steps for a whole group, in memory of its device, where the native call reads
    and advances it: a captured CUDA graph that is replayed counts on."""

    def __init__(self, like: Array, count: int) -> None:
        self._counter = _arrays.zeros(like, "int64", (1,))
        self._count = count

    def next(self) -> Array:
        """What the native call takes for the step: the counter itself."""
        return self._counter

    def advance(self) -> None:
        """Nothing: the native call has counted."""

    def advance_present(self, grads: Sequence[Array | None]) -> None:
        """Nothing, as in `advance`; and `Group.call` has refused gradients that are None."""

    def values(self) -> np.ndarray:
        """The counts so far, int64, one per parameter. Waits for the device."""
        return np.full(self._count, int(_arrays.to_host(self._counter)[0]), np.int64)

    def check(self, counts: Sequence[int], what: str) -> None:
        """Raises ValueError for counts that `load` cannot take."""
        if len(set(counts)) > 1:
            raise ValueError(
                f"{what}: given step counts {sorted(set(counts))}, expected one for all parameters "
                "of a group because capturable is True"
            )

    def load(self, counts: np.ndarray) -> None:
        """Sets the count."""
        _arrays.fill(self._counter, int(counts[0]))
