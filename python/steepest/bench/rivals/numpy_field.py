"""Plain NumPy, continued: the other rules of the field, and what those of ``numpy_`` share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..steps.buffers import Array

Step = Callable[..., None]  # (hypers, step, parameter, gradient, states...)
Hypers = Mapping[str, Any]


def moments(h: Hypers, g: Array, m: Array, v: Array) -> None:
    beta1, beta2 = h["betas"]
    m *= beta1
    m += (1 - beta1) * g
    v *= beta2
    v += (1 - beta2) * g * g


def direction(h: Hypers, t: int, m: Array, v: Array) -> Array:
    beta1, beta2 = h["betas"]
    direction: Array = m / (np.sqrt(v) / math.sqrt(1 - beta2**t) + h["eps"]) / (1 - beta1**t)
    return direction


def _nadam(h: Hypers, t: int, p: Array, g: Array, m: Array, v: Array) -> None:
    mu = h["betas"][0] * (1 - 0.5 * 0.96 ** (np.arange(1, t + 2) * h["momentum_decay"]))
    product = math.prod(mu[:-1])
    moments(h, g, m, v)
    denominator = np.sqrt(v) / math.sqrt(1 - h["betas"][1] ** t) + h["eps"]
    p -= h["lr"] * (1 - mu[-2]) / (1 - product) * g / denominator
    p -= h["lr"] * mu[-1] / (1 - product * mu[-1]) * m / denominator


def _radam(h: Hypers, t: int, p: Array, g: Array, m: Array, v: Array) -> None:
    beta1, beta2 = h["betas"]
    moments(h, g, m, v)
    rate = h["lr"] / (1 - beta1**t)
    most = 2 / (1 - beta2) - 1
    length = most - 2 * t * beta2**t / (1 - beta2**t)
    if length <= 5:
        p -= rate * m
        return
    rate *= math.sqrt((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length))
    p -= rate * math.sqrt(1 - beta2**t) * m / (np.sqrt(v) + h["eps"])


def _rmsprop(h: Hypers, t: int, p: Array, g: Array, square: Array, buf: Array) -> None:
    square *= h["alpha"]
    square += (1 - h["alpha"]) * g * g
    buf *= h["momentum"]
    buf += g / (np.sqrt(square) + h["eps"])
    p -= h["lr"] * buf


def _adadelta(h: Hypers, t: int, p: Array, g: Array, square: Array, acc: Array) -> None:
    square *= h["rho"]
    square += (1 - h["rho"]) * g * g
    delta = np.sqrt((acc + h["eps"]) / (square + h["eps"])) * g
    acc *= h["rho"]
    acc += (1 - h["rho"]) * delta * delta
    p -= h["lr"] * delta


def _rprop(h: Hypers, t: int, p: Array, g: Array, prev: Array, size: Array) -> None:
    agreement = np.sign(prev) * np.sign(g)
    size *= np.where(agreement > 0, h["etas"][1], np.where(agreement < 0, h["etas"][0], 1.0))
    np.clip(size, *h["step_sizes"], out=size)
    prev[...] = np.where(agreement < 0, 0, g)
    p -= np.sign(prev) * size


def _signum(h: Hypers, t: int, p: Array, g: Array, m: Array) -> None:
    m *= h["momentum"]
    m += (1 - h["momentum"]) * g
    p *= 1 - h["lr"] * h["weight_decay"]
    p -= h["lr"] * np.sign(m)


def _adan(h: Hypers, t: int, p: Array, g: Array, m: Array, d: Array, n: Array, last: Array) -> None:
    beta1, beta2, beta3 = h["betas"]
    change = g - last
    ahead = g + beta2 * change
    m *= beta1
    m += (1 - beta1) * g
    d *= beta2
    d += (1 - beta2) * change
    n *= beta3
    n += (1 - beta3) * ahead * ahead
    direction = m / (1 - beta1**t) + beta2 / (1 - beta2**t) * d
    p -= h["lr"] * direction / (np.sqrt(n) / math.sqrt(1 - beta3**t) + h["eps"])
    p /= 1 + h["lr"] * h["weight_decay"]
    last[...] = g


def _ademamix(h: Hypers, t: int, p: Array, g: Array, slow: Array, v: Array, fast: Array) -> None:
    beta1, beta2, beta3 = h["betas"]
    p *= 1 - h["lr"] * h["weight_decay"]
    fast *= beta1
    fast += (1 - beta1) * g
    slow *= beta3
    slow += (1 - beta3) * g
    v *= beta2
    v += (1 - beta2) * g * g
    direction = fast / (1 - beta1**t) + h["alpha"] * slow
    p -= h["lr"] * direction / (np.sqrt(v) / math.sqrt(1 - beta2**t) + h["eps"])


def _adopt(h: Hypers, t: int, p: Array, g: Array, m: Array, v: Array) -> None:
    beta1, beta2 = h["betas"]
    bound = (t - 1) ** 0.25
    m *= beta1
    m += (1 - beta1) * np.clip(g / np.maximum(np.sqrt(v), h["eps"]), -bound, bound)
    p -= h["lr"] * m
    v *= beta2
    v += (1 - beta2) * g * g


def _mars(h: Hypers, t: int, p: Array, g: Array, m: Array, v: Array, last: Array) -> None:
    beta1 = h["betas"][0]
    c = g + h["gamma"] * beta1 / (1 - beta1) * (g - last)
    c /= max(1.0, float(np.linalg.norm(c)))
    _random_adamw(h, t, p, c, m, v)
    last[...] = g


def _random_sgdm(h: Hypers, t: int, p: Array, g: Array, delta: Array) -> None:
    delta -= h["lr"] * g
    delta *= h["beta"] / (1 + h["lr"] * h["mu"])
    p += delta


def _random_adamw(h: Hypers, t: int, p: Array, g: Array, m: Array, v: Array) -> None:
    p *= 1 - h["lr"] * h["weight_decay"]
    moments(h, g, m, v)
    p -= h["lr"] * direction(h, t, m, v)


FIELD: Mapping[str, Step] = {
    "nadam": _nadam,
    "radam": _radam,
    "rmsprop": _rmsprop,
    "adadelta": _adadelta,
    "rprop": _rprop,
    "signum": _signum,
    "adan": _adan,
    "ademamix": _ademamix,
    "adopt": _adopt,
    "mars": _mars,
    "random_sgdm": _random_sgdm,
    "random_adamw": _random_adamw,
}
