"""One group of parameters bound to a native plan."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .. import _arrays, _core
from .._arrays import Array
from .state import (
    MASTER,
    DeviceStepCount,
    StepCounts,
    allocate,
    expected,
    has_master,
    make_masters,
    start_value,
)
from .structure import Params
from .table import Rule, Stream

_FIXED = ("shape", "dtype", "device")  # of a torch parameter, whatever memory it is given


class Group:
    """Parameters that share options, their states and step counts.

    `options` is the dict that the user sees in `param_groups` and may change at any time. `first`
    is the position of the first parameter among those of all groups, which numbers the random
    streams. The native plan is made anew when an option that it is made with changes, or when a
    torch parameter gets new memory.
    """

    def __init__(
        self,
        rule: Rule,
        params: Params,
        options: dict[str, Any],
        *,
        first: int,
        state_dtype: Mapping[str, str],
        master_weights: bool,
        capturable: bool,
    ) -> None:
        self.rule = rule
        self.arrays = params.arrays
        self.names = params.names
        self.options = options
        self.first = first
        self.state_dtype = state_dtype
        self._bound: tuple[Any, ...] | None = None  # the options that the plans are made for
        self.states: dict[str, list[Array]] = {}  # None for parameters that lack the state
        self.views: list[Array] = []  # the parameters as `_arrays.view` shows them
        self._read_views()
        self.capturable = capturable and len(self.views) > 0
        self.steps: StepCounts | DeviceStepCount = self._make_steps()
        if master_weights and any(has_master(view) for view in self.views):
            self.states[MASTER] = make_masters(self.views)
        self._bind_anew()

    def call(
        self, grads: Sequence[Array | None]
    ) -> tuple[Any, Sequence[Array | None], dict[str, Any]]:
        """What the native call needs to step this group: plan, gradients, options."""
        self._rebind()
        options = self.options
        if self.capturable:
            self._check_all_given(grads)
        keywords = {name: options[name] for name in self.rule.call_options}
        keywords["step"] = self.steps.next()
        return self._plan, grads, keywords

    def advance(self, grads: Sequence[Array | None]) -> None:
        """Counts the step that `call` prepared, after it was applied."""
        if self._plan.last_none_count:
            self.steps.advance_present(grads)
        else:
            self.steps.advance()

    def _rebind(self) -> None:
        """Makes the plan anew where parameters have moved or options of it have changed."""
        if self._movable and self._memory != self._pointers():
            self._bound = None
            self._read_views(moved=True)
        if self._bound != self._binding():
            self._bind_anew()

    def _bind_anew(self) -> None:
        """Makes the plans for the present options. Where that fails, for lack of memory as well,
        the next step makes all of them again."""
        self._bound = None
        self._bind()
        self._bound = self._binding()

    def ensure_states(self, names: Collection[str]) -> None:
        """Allocates those of the named states that there are not yet."""
        for stream in self.rule.streams:
            if stream.name in names and stream.name not in self.states:
                start = start_value(self.rule, stream, self.options)
                wanted = [self.expected_state(stream, i) for i in range(len(self.views))]
                self.states[stream.name] = allocate(self.views, wanted, start)

    def expected_state(self, stream: Stream, i: int) -> tuple[tuple[int, ...], str] | None:
        """Shape and dtype name of a state of parameter i, or None where it has none."""
        return expected(stream, self.views[i], self.state_dtype)

    def present_states(self) -> Mapping[str, list[Array]]:
        """The states as they are to be saved."""
        return self.states

    def reset_state(self, name: str, i: int) -> None:
        """Sets a state of parameter i to its start value."""
        state = self.states[name][i]
        if name == MASTER:
            _arrays.float32_copy(self.views[i], state)
            return
        stream = next(stream for stream in self.rule.streams if stream.name == name)
        _arrays.fill(state, start_value(self.rule, stream, self.options))

    def copy_params_to_masters(self) -> None:
        """Sets the master weights to the present values of the parameters."""
        for i, master in enumerate(self.states.get(MASTER, [])):
            if master is not None:
                self.reset_state(MASTER, i)

    def _make_steps(self) -> StepCounts | DeviceStepCount:
        if not self.capturable:
            return StepCounts(len(self.views))
        for i, view in enumerate(self.views):
            if _arrays.device_of(view) is None:
                raise ValueError(
                    f"params[{self.first + i}]: array in host memory given, expected one on a CUDA "
                    "device because capturable is True"
                )
        return DeviceStepCount(self.views[0], len(self.views))

    def _check_all_given(self, grads: Sequence[Array | None]) -> None:
        for i, grad in enumerate(grads):
            if grad is None:
                raise ValueError(
                    f"grads[{self.first + i}]: None given, expected an array: with capturable the "
                    "parameters of a group share one step count, so all must step together"
                )

    def _binding(self) -> tuple[Any, ...]:
        options = self.options
        rounding = options["rounding"]
        modes = rounding if isinstance(rounding, str) else tuple(sorted(rounding.items()))
        return self.rule.active(options), modes, options["seed"]

    def _bind(self) -> None:
        self.ensure_states(self.rule.active(self.options))
        keywords = {
            name: self.options[name] for name in (*self.rule.call_options, "rounding", "seed")
        }
        keywords.update((name, self.states[name]) for name in self._plan_states())
        count = len(self.views)
        keywords["tensor_ids"] = list(range(self.first, self.first + count))
        params, copies = self._outputs()
        if copies is not None:
            keywords["working_copy"] = copies
        self._plan = _core.Plan(self.rule.name, params, **keywords)

    def _outputs(self) -> tuple[list[Array], list[Array] | None]:
        """What a step writes: parameters, or their masters and then the rounded copies, None for
        those without; None where there are no masters."""
        masters = self.states.get(MASTER)
        if masters is None:
            return self.views, None
        pairs = list(zip(self.views, masters, strict=True))
        params = [view if master is None else master for view, master in pairs]
        return params, [None if master is None else view for view, master in pairs]

    def _check_in_host_memory(self, why: str) -> None:
        """Raises for a parameter on a device, for groups whose steps are not all kernels."""
        for i, view in enumerate(self.views):
            if _arrays.device_of(view) is not None:
                raise ValueError(
                    f"params[{self.first + i}]: array on a CUDA device given, expected one in host "
                    f"memory: {why}"
                )

    def _plan_states(self) -> Sequence[str]:
        """Those of the active states that the native plan takes."""
        return self.rule.active(self.options)

    def _read_views(self, moved: bool = False) -> None:
        views = [self._view(i, param) for i, param in enumerate(self.arrays)]
        for i, (view, old) in enumerate(zip(views, self.views, strict=True) if moved else ()):
            if not all(getattr(view, a, None) == getattr(old, a, None) for a in _FIXED):
                raise RuntimeError(
                    f"params[{self.first + i}]: its {', '.join(_FIXED)} have changed"
                )
        self.views = views
        self._movable = [p for p in self.arrays if _arrays.torch_of(p) is not None]
        self._memory = self._pointers()

    def _view(self, i: int, param: Array) -> Array:
        """Parameter i as this group computes with it, on the same memory."""
        return _arrays.view(param, f"params[{self.first + i}]")

    def _pointers(self) -> list[int]:
        # The memory of a NumPy array stays where it is; that of a torch parameter changes with
        # `.data`.
        return [param.data_ptr() for param in self._movable]
