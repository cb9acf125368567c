"""Fused optimizer steps, in place, on one array or a list of arrays.

Each rule of the native table is a function here: adam, adamw, lion, ... All share their keywords:

    steepest.steps.adamw(params, grads, exp_avg, exp_avg_sq, step=t, lr=1e-3)

Arrays may be NumPy or CuPy arrays, torch CPU or CUDA tensors or anything else that speaks DLPack,
`__cuda_array_interface__` or the buffer protocol; all those of a call are in host memory or on one
CUDA device. Nothing is copied. `help(steepest.steps.adamw)` tells the details of a rule.

On a CUDA device calls enqueue their work and return; nothing waits for the device. In a CUDA graph
capture the call of a `Plan` that has been called once before, and keep the plan as long as the
graph. What a replay shall find anew lies on the device: the gradients in the same memory, `step`,
`lr` and `grad_scale` as arrays of one element.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any

from . import _core
from ._clipping import GradNorm, clip_adaptive_, clip_norm_, clip_value_
from ._core import DeviceFlag, Plan

_COMMON_DOC = """
params : array or list of arrays, updated in place; float64, float32, bfloat16 or float16, dense.
grads : same structure and shapes; None leaves a tensor alone.
step : int or one per tensor, counted from 1. On a device also an int64 array of one element there,
    or one per tensor: it counts the steps applied so far. The call takes the next one and advances
    the counter, once however many tensors share it, unless the step is skipped.
lr, weight_decay : float >= 0, or one per tensor. On a device lr may also be a float32 or float64
    array of one element there, or one per tensor; its value is not checked.
decoupled_weight_decay : True multiplies params by 1 - lr * weight_decay before the step, False adds
    weight_decay * params to the gradient (L2).
cautious_weight_decay : of a decoupled decay, leave out the elements that the step moves away from 0
    (Chen et al., arXiv 2510.12402): p = p - u - lr * weight_decay * [u p >= 0] * p for the step u.
maximize : ascend instead of descend.
grad_scale : gradients are divided by it first. On a device also an array of one element, as lr.
max_grad_norm : bound of the L2 norm over all gradients of the call, after grad_scale.
max_tensor_norm : bound > 0 of the L2 norm of each gradient, after grad_scale. Where both norms are
    bounded the stricter bound counts for a tensor, so that both hold.
max_grad_value : bound > 0 of the size of each element of the gradients, after grad_scale and the
    bounds of norms; an infinity becomes the bound, a NaN stays.
skip_nonfinite : change nothing when any gradient holds a NaN or an infinity.
working_copy : bfloat16, float16 or float32 arrays that receive the new parameters as well.
rounding : "nearest" or "stochastic", for what is stored in bfloat16 or float16; or a dict from
    "params", "working_copy" or a state's name to these.
seed, tensor_ids : coordinates of what is drawn at random, which is stochastic rounding and, in
    rules that have one, the step's scale; ids default to the position in the list.
stream : CUDA stream of the call, for arrays on a device: an int (cudaStream_t; 1 or 0 the legacy
    default, 2 the per-thread default stream), a torch or CuPy stream, or an object with
    __cuda_stream__. None: the current stream of the framework that params come from, or the legacy
    default stream where that is neither torch nor CuPy. Work that the exporters of arrays have
    enqueued elsewhere is waited for on that stream.

States are float32 or bfloat16 (float64 for float64 parameters), which also may be mixed freely with
the types of params and grads; the arithmetic is in float32 (float64).

Returns True, or False when skip_nonfinite held the step back. On a device a call with
skip_nonfinite returns a DeviceFlag, whose bool() waits for the stream and tells the same.

Raises TypeError (wrong dtype, kind or structure), ValueError (shape, memory order, overlap, range,
arrays on different devices), BufferError (an output that is read-only), DeviceError (an array on a
device that this build has no kernels for, an error that CUDA reports). After an error every array
is as it was, unless CUDA reported it.
"""


def grad_norm(grads: Any, stream: Any = None) -> GradNorm:
    """L2 norm of one array or of a list, the same bits for any thread count and target.

    grads : array or list of arrays (None counts as 0) of float64, float32, bfloat16 or float16.
    stream : CUDA stream, for arrays on a device, as in the rules' functions.

    Squares are summed in float64 over a fixed tree, so norms of float32 gradients cannot overflow.
    On a device nothing is waited for, but with arrays of other kinds than torch's and CuPy's, whose
    results are read to the host.
    Raises TypeError, ValueError or DeviceError for arrays that are not dense arrays of these types.
    """
    return GradNorm(*_core.grad_norm(grads, stream))


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
        keywords["cautious_weight_decay"] = False
    keywords |= {"maximize": False, "grad_scale": None, "max_grad_norm": None}
    keywords |= {"max_tensor_norm": None, "max_grad_value": None}
    keywords |= {"skip_nonfinite": False, "working_copy": None, "rounding": "nearest"}
    keywords |= {"seed": 0, "tensor_ids": None, "stream": None}
    parameters += [Parameter(name, only, default=value) for name, value in keywords.items()]
    return Signature(parameters, return_annotation=bool | DeviceFlag)


def _documentation(rule: dict[str, Any]) -> str:
    own = [f"{s['name']} : {s['doc']}; updated in place." for s in rule["streams"]]
    own += [f"{h['name']} : {h['doc']}." for h in rule["hypers"]]
    return f"{rule['summary']}\n\n{rule['source']}.\n\n" + "\n".join(own) + "\n" + _COMMON_DOC


def _make_step(rule: dict[str, Any]) -> Callable[..., bool | DeviceFlag]:
    native = _core.bind_rule(rule["name"])

    def step(*args: Any, **kwargs: Any) -> bool | DeviceFlag:
        return native(*args, **kwargs)

    step.__name__ = step.__qualname__ = rule["name"]
    step.__doc__ = _documentation(rule)
    step.__signature__ = _signature(rule)  # type: ignore[attr-defined]
    return step


_rules = [rule for rule in _core.rules() if rule["public"]]
globals().update({rule["name"]: _make_step(rule) for rule in _rules})

__all__ = [
    "DeviceFlag",
    "GradNorm",
    "Plan",
    "clip_adaptive_",
    "clip_norm_",
    "clip_value_",
    "grad_norm",
    *(rule["name"] for rule in _rules),
]
