"""The optimizer that every rule's class derives from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, ClassVar

import numpy as np

from .. import _arrays, _core
from . import checkpoint, files, structure
from .group import Group
from .state import dtypes_of_states
from .table import Rule


class Optimizer:
    """Parameters in groups, with their states, over the fused native steps.

    params : one array, a list of arrays, a dict name -> array, a list of (name, array) pairs, or a
        list of group dicts {"params": ..., "lr": ..., ...} whose options override the keywords.
        NumPy or CuPy arrays, torch CPU or CUDA tensors, or other writable CPU arrays, of dtype
        float64, float32, bfloat16 or float16. They are updated in place.
    lr : learning rate, a number or one per parameter of a group; None is the rule's default. On a
        CUDA device also an array of one float32 or float64 there, or one per parameter, which the
        step reads when it runs.
    state_dtype : dtype of the states of parameters that are not float64: "float32" or "bfloat16",
        or a dict state -> dtype. float64 parameters have float64 states.
    master_weights : keep a float32 master (state "master") of each bfloat16 or float16 parameter,
        which is then the rounded copy. After writing to such parameters yourself, call
        `copy_params_to_masters`.
    capturable : for parameters on a CUDA device: count the steps there, once per group, so that
        `step` may be captured in a CUDA graph and replayed (after a first call that is not
        captured, which allocates). Then every parameter needs a gradient at every step.
    options : the rule's options, `maximize`, `rounding` and `seed`; see the class.

    States have the kind of array (NumPy, CuPy or torch), device and shape of the parameter, or the
    shape that the rule states. `param_groups` holds one dict per group; its options may be changed
    between steps.

    Raises TypeError for an unknown option or a wrong kind of array, ValueError for duplicate
    parameters or an option out of range.
    """

    rule: Rule  # of the class; only MKOR's is of the object
    group_class: ClassVar[type[Group]] = Group

    def __init__(
        self,
        params: Any,
        lr: Any = None,
        *,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
        **options: Any,
    ) -> None:
        if not hasattr(self, "rule"):
            raise TypeError("Optimizer has no rule: use one of the classes of steepest.optim")
        if lr is not None:
            options["lr"] = lr
        self.defaults = {**self.rule.defaults, **self.rule.known(options)}
        self.param_groups: list[dict[str, Any]] = []
        self._groups: list[Group] = []
        self._sizes: list[int] = []
        self._names: list[str] | None = None  # of all parameters, if all have one
        self._state_dtype = dtypes_of_states(self.rule, state_dtype)
        self._master_weights = bool(master_weights)
        self._capturable = bool(capturable)
        self._structure, groups = structure.read_groups(params)
        for group in groups:
            self._add(group)

    def step(
        self,
        grads: structure.Gradients = None,
        *,
        grad_scale: Any = None,
        max_grad_norm: float | None = None,
        max_tensor_norm: float | None = None,
        max_grad_value: float | None = None,
        skip_nonfinite: bool = False,
        stream: Any = None,
    ) -> bool | _core.DeviceFlag:
        """Updates all parameters of all groups in one native call.

        grads : gradients in the structure of the parameters; for group dicts a list over all
            groups, or a dict where all parameters have names. A parameter whose gradient is None is
            left as it is and its step is not counted. Without `grads` the parameters' `.grad` is
            read.
        grad_scale : divides the gradients, before clipping; on a device also an array of one
            float32 or float64 there.
        max_grad_norm : bound on the L2 norm of the gradients of all groups together; longer ones
            are scaled down to it.
        max_tensor_norm : bound > 0 on the L2 norm of the gradient of each parameter; of the two
            bounds on norms the stricter counts.
        max_grad_value : bound > 0 on the size of each element, after those on norms.
        skip_nonfinite : leave everything as it is, step counts too, if any gradient has a NaN or an
            infinity.
        stream : where the work on a device is enqueued, see `steepest.steps`; by default the
            current stream of the parameters' framework. Allocations and copies of the optimizer
            itself are on that one.

        Returns whether the step was applied (False only through skip_nonfinite). On a device the
        call does not wait for the step, but with skip_nonfinite it does, as the step counts depend
        on it; with capturable it does not, and returns what waits when it is asked for its bool.
        Raises TypeError (structure, dtype), ValueError (length, shape, layout, overlap, option out
        of range), BufferError (read-only parameter); then nothing has been written.
        """
        options = {
            "grad_scale": grad_scale,
            "max_grad_norm": max_grad_norm,
            "max_tensor_norm": max_tensor_norm,
            "max_grad_value": max_grad_value,
            "skip_nonfinite": skip_nonfinite,
        }
        return self._run(self._parts(grads), options, stream)

    @property
    def lr(self) -> Any:
        """The learning rate of all groups, or a list of one entry per group where they differ.

        A number sets all groups; with several groups a list of that length sets one entry per
        group; anything else is the learning rate per parameter of every group. A number is written
        into a learning rate that lies on a device, so that captured graphs follow.
        """
        rates = [group["lr"] for group in self.param_groups]
        return rates[0] if all(_same_rate(rate, rates[0]) for rate in rates) else rates

    @lr.setter
    def lr(self, value: Any) -> None:
        count = len(self.param_groups)
        per_group = count > 1 and isinstance(value, Sequence) and len(value) == count
        for i, group in enumerate(self.param_groups):
            group["lr"] = checkpoint.renewed(group["lr"], value[i] if per_group else value)

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Adds a group dict {"params": ..., option: ...}; options not in it have the optimizer's
        values.

        Raises as the constructor does; then no group has been added.
        """
        if not isinstance(group, dict):
            raise TypeError(f"group: given {_arrays.describe(group)}, expected a dict")
        self._add(dict(group))
        self._structure = "groups"

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Sets the `.grad` of the parameters that have one to None, or to zero in place."""
        for group in self._groups:
            for param in group.arrays:
                grad = getattr(param, "grad", None)
                if grad is None:
                    continue
                if set_to_none:
                    param.grad = None
                elif _arrays.device_of(grad) is not None:
                    _arrays.fill(grad, 0)
                else:
                    _arrays.as_numpy(grad, "grad")[...] = 0

    def copy_params_to_masters(self) -> None:
        """Sets the master weights to the present values of the parameters."""
        for group in self._groups:
            group.copy_params_to_masters()

    def state_dict(self) -> dict[str, Any]:
        """The states and options in torch's layout. The arrays are the optimizer's own, not copies.

        {"state": {index: {"step": int, state name: array, ...}}, "param_groups": [{option: value,
        ..., "params": [index, ...], "param_names": [...] for named parameters}]}; indices count
        over all groups. Step counts and learning rates on a device are read: waits for it.
        """
        return checkpoint.state_dict(self._groups)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over states (copied, from any kind of array to the parameters' own), step counts
        and options from a `state_dict`, also from that of torch's class of the same name.

        Raises ValueError (missing or unknown key, shape, number of groups or parameters, names) or
        TypeError (dtype), naming the key; then nothing has been changed.
        """
        checkpoint.load_state_dict(self._groups, state_dict)

    def save_safetensors(self, path: str | PathLike[str]) -> None:
        """Writes the state_dict to a safetensors file: tensors "state.<index>.<name>", the rest as
        metadata.

        Raises ImportError where safetensors is not installed.
        """
        files.save(path, self.state_dict())

    def load_safetensors(self, path: str | PathLike[str]) -> None:
        """Loads what `save_safetensors` wrote.

        Raises as that and `load_state_dict` do, and ValueError for a file from elsewhere.
        """
        self.load_state_dict(files.load(path))

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copy: the parameters, the constructor's arguments and the state_dict."""
        return {
            "params": [group.arrays for group in self._groups],
            "options": [
                {name: group[name] for name in self.rule.defaults} for group in self.param_groups
            ],
            "structure": self._structure,
            "defaults": self.defaults,
            "state_dtype": self._state_dtype,
            "master_weights": self._master_weights,
            "capturable": self._capturable,
            "state_dict": self.state_dict(),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        groups = []
        saved_groups = state["state_dict"]["param_groups"]
        for arrays, options, saved in zip(
            state["params"], state["options"], saved_groups, strict=True
        ):
            names = saved.get("param_names")
            groups.append(
                {**options, "params": list(zip(names, arrays, strict=True)) if names else arrays}
            )
        Optimizer.__init__(
            self,
            groups,
            state_dtype=state["state_dtype"],
            master_weights=state["master_weights"],
            capturable=state["capturable"],
            **state["defaults"],
        )
        self._structure = state["structure"]
        self.load_state_dict(state["state_dict"])

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            options = (f"{name}={group[name]!r}" for name in self.rule.defaults)
            lines.append(f"  group {i}, {len(group['params'])} parameters: {', '.join(options)}")
        return "\n".join([*lines, ")"])

    def _parts(self, grads: structure.Gradients) -> list[Sequence[Any]]:
        """The gradients of each group."""
        if grads is None:
            return [structure.read_grads(group.arrays) for group in self._groups]
        return structure.split_grads(grads, self._structure, self._sizes, self._names)

    def _run(
        self, parts: Sequence[Sequence[Any]], options: Mapping[str, Any], stream: Any
    ) -> bool | _core.DeviceFlag:
        """The step with these gradients."""
        keywords = {} if stream is None else {"stream": stream}
        calls = self._calls(parts)
        rest = self._prepared(calls, parts, options, keywords)
        applied = _core.run(calls, **options, **keywords)
        if self._capturable:
            return applied
        if not applied:  # on a device this waits for the answer
            return False
        if rest is not None:
            rest()
        for group, part in zip(self._groups, parts, strict=True):
            group.advance(part)
        return True

    def _calls(self, parts: Sequence[Sequence[Any]]) -> list[Any]:
        """The native calls that the gradients of each group go into."""
        return [group.call(part) for group, part in zip(self._groups, parts, strict=True)]

    def _prepared(
        self,
        calls: Sequence[Any],
        parts: Sequence[Sequence[Any]],
        options: Mapping[str, Any],
        keywords: Mapping[str, Any],
    ) -> Callable[[], None] | None:
        """What a step does after these calls, with all memory that it needs: nothing more."""
        return None

    def _rule_of(self, options: Mapping[str, Any]) -> Rule:
        """The rule of a group with these options."""
        return self.rule

    def _add(self, given: dict[str, Any]) -> None:
        if "params" not in given:
            raise TypeError('group: missing the key "params"')
        params = structure.read_params(given.pop("params"))
        options = {**self.defaults, **self.rule.known(given)}
        structure.check_distinct([*self._groups, params])
        entry = {**options, "params": list(params.arrays)}
        if params.names is not None:
            entry["param_names"] = list(params.names)
        group = self.group_class(
            self._rule_of(options),
            params,
            entry,
            first=sum(self._sizes),
            state_dtype=self._state_dtype,
            master_weights=self._master_weights,
            capturable=self._capturable,
        )
        self._groups.append(group)
        self._sizes.append(len(params.arrays))
        self._names = structure.all_names(self._groups)
        self.param_groups.append(entry)


def _same_rate(a: Any, b: Any) -> bool:
    if a is b:
        return True
    on_device = _arrays.device_of(a) is not None or _arrays.device_of(b) is not None
    return not on_device and np.array_equal(a, b)
