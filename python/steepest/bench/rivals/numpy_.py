"""Plain NumPy: the vectorised in-place code that a person writes.

States are updated in place, tensor by tensor, with temporaries where an expression makes them.
NumPy runs such code on one thread whatever the thread count. Arrays of bfloat16 are left out:
NumPy has none of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import count
from typing import Any

import numpy as np

from ..steps.buffers import Array, Buffers
from ..steps.calls import FIRST_STEP, Call, Grads
from ..steps.cases import Case
from ..steps.rules import COPY, GRADS, NORM, PARAMS
from .clipping import in_numpy as make_clip  # noqa: F401 (asked for by name)
from .low_rank import in_numpy as make_low_rank  # noqa: F401 (asked for by name)
from .numpy_field import FIELD, Hypers, Step, direction, moments

NAME = "numpy"


def available() -> bool:
    return True


def make(case: Case, buffers: Buffers, threads: int) -> Call | None:
    if any(case.dtype_of(s) not in ("float32", "float64") for s in (*case.streams, COPY)):
        return None
    if case.rule == NORM:
        return lambda grads: [float(np.linalg.norm(g)) for g in buffers.tensors[GRADS]]
    rule = STEPS[case.rule]
    names = (PARAMS, GRADS, *buffers.states(case))
    tensors = list(zip(*(buffers.tensors[name] for name in names), strict=True))
    hypers = {**case.hypers, **case.options}
    steps = count(FIRST_STEP)

    def call(grads: Grads) -> None:
        step = next(steps)
        _clip(buffers.tensors[GRADS], case.options)
        for arrays in tensors:
            rule(hypers, step, *arrays)

    return call


def _clip(grads: list[Array], options: Mapping[str, Any]) -> None:
    if (limit := options.get("max_grad_norm")) is not None:
        total = math.sqrt(sum(float(np.linalg.norm(g)) ** 2 for g in grads))
        for g in grads:
            g *= min(1.0, limit / (total + 1e-6))
    if (limit := options.get("max_tensor_norm")) is not None:
        for g in grads:
            g *= min(1.0, limit / (float(np.linalg.norm(g)) + 1e-6))
    if (limit := options.get("max_grad_value")) is not None:
        for g in grads:
            np.clip(g, -limit, limit, out=g)


def _sgd(h: Hypers, t: int, p: Array, g: Array, buf: Array) -> None:
    buf *= h["momentum"]
    buf += g
    p -= h["lr"] * buf


def _adam(h: Hypers, t: int, p: Array, g: Array, m: Array, v: Array) -> None:
    cautious = h.get("cautious_weight_decay", False)
    if h.get("weight_decay") and not cautious:
        p *= 1 - h["lr"] * h["weight_decay"]
    moments(h, g, m, v)
    update = h["lr"] * direction(h, t, m, v)
    if cautious:
        p *= 1 - h["lr"] * h["weight_decay"] * (update * p >= 0)
    p -= update


def _amsgrad(h: Hypers, t: int, p: Array, g: Array, m: Array, v: Array, largest: Array) -> None:
    moments(h, g, m, v)
    np.maximum(largest, v, out=largest)
    p -= h["lr"] * direction(h, t, m, largest)


def _adamax(h: Hypers, t: int, p: Array, g: Array, m: Array, u: Array) -> None:
    beta1, beta2 = h["betas"]
    m *= beta1
    m += (1 - beta1) * g
    np.maximum(beta2 * u, np.abs(g) + h["eps"], out=u)
    p -= h["lr"] / (1 - beta1**t) * m / u


def _adagrad(h: Hypers, t: int, p: Array, g: Array, total: Array) -> None:
    total += g * g
    p -= h["lr"] * g / (np.sqrt(total) + h["eps"])


def _lion(h: Hypers, t: int, p: Array, g: Array, m: Array) -> None:
    beta1, beta2 = h["betas"]
    p *= 1 - h["lr"] * h["weight_decay"]
    p -= h["lr"] * np.sign(beta1 * m + (1 - beta1) * g)
    m *= beta2
    m += (1 - beta2) * g


def _lamb(h: Hypers, t: int, p: Array, g: Array, m: Array, v: Array) -> None:
    moments(h, g, m, v)
    r = direction(h, t, m, v) + h["weight_decay"] * p
    p -= float(h["lr"] * np.linalg.norm(p) / np.linalg.norm(r)) * r


def _c_adamw(h: Hypers, t: int, p: Array, g: Array, m: Array, v: Array) -> None:
    p *= 1 - h["lr"] * h["weight_decay"]
    moments(h, g, m, v)
    mask = m * g > 0
    scale = h["lr"] * mask.size / (np.count_nonzero(mask) + 1)
    p -= scale * direction(h, t, m, v) * mask


def _c_lion(h: Hypers, t: int, p: Array, g: Array, m: Array) -> None:
    beta1, beta2 = h["betas"]
    p *= 1 - h["lr"] * h["weight_decay"]
    update = np.sign(beta1 * m + (1 - beta1) * g)
    mask = update * g > 0
    p -= h["lr"] * mask.size / (np.count_nonzero(mask) + 1) * update * mask
    m *= beta2
    m += (1 - beta2) * g


def _adafactor(h: Hypers, t: int, p: Array, g: Array, row: Array, col: Array) -> None:
    weight = t ** h["beta2_decay"]
    alpha = max(h["eps"][1], math.sqrt(np.mean(p * p))) * min(h["lr"], 1 / math.sqrt(t))
    squares = g * g
    row += weight * (squares.mean(axis=-1, keepdims=True) - row)
    col += weight * (squares.mean(axis=-2, keepdims=True) - col)
    eps = float(np.finfo(p.dtype).eps)
    update = g / np.sqrt(np.maximum(row * col / max(float(row.mean()), eps), eps * eps))
    clip = max(1.0, math.sqrt(np.mean(update * update)) / h["d"])
    p -= alpha / clip * update


def _momentum(h: Hypers, t: int, p: Array, g: Array, buf: Array) -> None:
    buf *= h["momentum"]
    buf += (1 - h["momentum"]) * g
    p[...] = (1 - h["momentum"]) * g + h["momentum"] * buf


def _descend(h: Hypers, t: int, p: Array, g: Array) -> None:
    p *= 1 - h["lr"] * h["weight_decay"]
    p -= h["lr"] * g


def _extrapolate(h: Hypers, t: int, p: Array, g: Array, point: Array) -> None:
    before = point.copy()
    _descend(h, t, point, g)
    p[...] = point + h["momentum"] / (1 - h["momentum"]) * (point - before)


def _adamuon(h: Hypers, t: int, p: Array, g: Array, v: Array) -> None:
    v *= h["beta2"]
    v += (1 - h["beta2"]) * g * g
    u = g / (np.sqrt(v) + h["eps"])
    p[...] = float(np.linalg.norm(g) / np.linalg.norm(u)) * u


def _adahessian(h: Hypers, t: int, p: Array, g: Array, m: Array, v: Array, d: Array) -> None:
    beta1, beta2 = h["betas"]
    m *= beta1
    m += (1 - beta1) * g
    v *= beta2
    v += (1 - beta2) * d * d
    p *= 1 - h["lr"] * h["weight_decay"]
    denominator = np.sqrt(v) / math.sqrt(1 - beta2**t) + h["eps"]
    p -= h["lr"] / (1 - beta1**t) * m / denominator


def _take_estimate(h: Hypers, t: int, beta: float, average: Array, d: Array) -> None:
    if (t - 1) % h.get("hessian_update_interval", 1) == 0:
        average *= beta
        average += (1 - beta) * d


def _sophia(h: Hypers, t: int, p: Array, g: Array, m: Array, average: Array, d: Array) -> None:
    beta1, beta2 = h["betas"]
    m *= beta1
    m += (1 - beta1) * g
    _take_estimate(h, t, beta2, average, d)
    p *= 1 - h["lr"] * h["weight_decay"]
    p -= h["lr"] * np.clip(m / np.maximum(h["rho"] * average, h["eps"]), -1, 1)


def _oasis(h: Hypers, t: int, p: Array, g: Array, average: Array, d: Array) -> None:
    _take_estimate(h, t, h["beta2"], average, d)
    p -= h["lr"] * g / np.maximum(np.abs(average), h["alpha"])


def _adafisher(h: Hypers, t: int, p: Array, g: Array, m: Array, rows: Array, cols: Array) -> None:
    m *= h["beta"]
    m += (1 - h["beta"]) * g
    p -= h["lr"] / (1 - h["beta"] ** t) * m / (rows * cols + h["damping"])


STEPS: Mapping[str, Step] = {
    "sgd": _sgd,
    "adam": _adam,
    "adamw": _adam,
    "amsgrad": _amsgrad,
    "adamax": _adamax,
    "adagrad": _adagrad,
    "lion": _lion,
    "lamb": _lamb,
    "c_adamw": _c_adamw,
    "c_lion": _c_lion,
    "adafactor": _adafactor,
    "momentum": _momentum,
    "descend": _descend,
    "extrapolate": _extrapolate,
    "adamuon": _adamuon,
    "adahessian": _adahessian,
    "sophia": _sophia,
    "oasis": _oasis,
    "adafisher": _adafisher,
    **FIELD,
}
