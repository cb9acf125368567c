"""Fused optimizer steps, in place, on one array or a list of arrays.

Each rule of the native table is a function here: adam, adamw, lion, ... All share their keywords:

    steepest.steps.adamw(params, grads, exp_avg, exp_avg_sq, step=t, lr=1e-3)

Arrays may be NumPy arrays, torch CPU tensors or anything else that speaks DLPack or the buffer
protocol. Nothing is copied. `help(steepest.steps.adamw)` tells the details of a rule.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._core import Plan

_COMMON_DOC = """
params : array or list of arrays, updated in place; float64, float32, bfloat16 or float16, dense.
grads : same structure and shapes; None leaves a tensor alone.
step : int or one per tensor, counted from 1.
lr, weight_decay : float >= 0, or one per tensor.
decoupled_weight_decay : True multiplies params by 1 - lr * weight_decay before the step, False adds
    weight_decay * params to the gradient (L2).
maximize : ascend instead of descend.
grad_scale : gradients are divided by it first.
max_grad_norm : bound of the L2 norm over all gradients of the call, after grad_scale.
skip_nonfinite : change nothing when any gradient holds a NaN or an infinity.
working_copy : bfloat16, float16 or float32 arrays that receive the new parameters as well.
rounding : "nearest" or "stochastic", for what is stored in bfloat16 or float16; or a dict from
    "params", "working_copy" or a state's name to these.
seed, tensor_ids : coordinates of stochastic rounding; ids default to the position in the list.

States are float32 or bfloat16 (float64 for float64 parameters), which also may be mixed freely with
the types of params and grads; the arithmetic is in float32 (float64).

Returns True, or False when skip_nonfinite held the step back.

Raises TypeError (wrong dtype, kind or structure), ValueError (shape, memory order, overlap, range),
BufferError (an output that is read-only), DeviceError (an array on a device). After an error every
array is as it was.
"""


class GradNorm(NamedTuple):
    """L2 norms of gradients: over all of them, of each, and whether every element is finite."""

    total: float
    per_tensor: NDArray[np.float64]
    finite: bool


def grad_norm(grads: Any) -> GradNorm:
    """L2 norm of one array or of a list, the same bits for any thread count and target.

    grads : array or list of arrays (None counts as 0) of float64, float32, bfloat16 or float16.

    Squares are summed in float64 over a fixed tree, so norms of float32 gradients cannot overflow.
    Raises TypeError, ValueError or DeviceError for arrays that are not dense arrays of these types.
    """
    return GradNorm(*_core.grad_norm(grads))


def _signature(rule: dict[str, Any]) -> Signature:
    both, only = Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY
    states = rule["streams"]
    parameters = [Parameter(name, both) for name in ("params", "grads")]
    for state in states:
        may_miss = state["optional"] or state["form"] != "any"
        default = None if may_miss else Parameter.empty
        parameters.append(Parameter(state["name"], both, default=default))
    step = Parameter.empty if rule["needs_step"] else None
    keywords: dict[str, Any] = {"step": step, "lr": rule["lr"]}
    keywords |= {hyper["name"]: hyper["default"] for hyper in rule["hypers"]}
    keywords["weight_decay"] = rule["weight_decay"]
    if rule["decay"] != "own":
        keywords["decoupled_weight_decay"] = rule["decay"] == "decoupled"
    keywords |= {"maximize": False, "grad_scale": None, "max_grad_norm": None}
    keywords |= {"skip_nonfinite": False, "working_copy": None, "rounding": "nearest"}
    keywords |= {"seed": 0, "tensor_ids": None}
    parameters += [Parameter(name, only, default=value) for name, value in keywords.items()]
    return Signature(parameters, return_annotation=bool)


def _documentation(rule: dict[str, Any]) -> str:
    own = [f"{s['name']} : {s['doc']}; updated in place." for s in rule["streams"]]
    own += [f"{h['name']} : {h['doc']}." for h in rule["hypers"]]
    return f"{rule['summary']}\n\n{rule['source']}.\n\n" + "\n".join(own) + "\n" + _COMMON_DOC


def _make_step(rule: dict[str, Any]) -> Callable[..., bool]:
    native = _core.bind_rule(rule["name"])

    def step(*args: Any, **kwargs: Any) -> bool:
        return native(*args, **kwargs)

    step.__name__ = step.__qualname__ = rule["name"]
    step.__doc__ = _documentation(rule)
    step.__signature__ = _signature(rule)  # type: ignore[attr-defined]
    return step


_rules = [rule for rule in _core.rules() if rule["public"]]
globals().update({rule["name"]: _make_step(rule) for rule in _rules})

__all__ = ["GradNorm", "Plan", "grad_norm", *(rule["name"] for rule in _rules)]
