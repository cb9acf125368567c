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


def _adagrad_norm(h: Hypers, t: int, p: Array, g: Array, total: Array) -> None:
    total += float(np.vdot(g, g))
    p -= h["lr"] / (math.sqrt(total.item()) + h["eps"]) * g


def _projected(h: Hypers, p: Array, g: Array, u: Array) -> Array:
    """The step of AdamP and SGDP without its part along the rows, whose cosines are all small."""
    lengths = np.linalg.norm(p, axis=1, keepdims=True)
    cosine = np.abs((g * p).sum(axis=1, keepdims=True)) / lengths
    cosine /= np.linalg.norm(g, axis=1, keepdims=True)
    assert cosine.max() < h["delta"] / math.sqrt(p.shape[1])
    n = p / lengths
    projected: Array = u - n * (n * u).sum(axis=1, keepdims=True)
    return projected


def _adamp(h: Hypers, t: int, p: Array, g: Array, m: Array, v: Array) -> None:
    moments(h, g, m, v)
    u = _projected(h, p, g, direction(h, t, m, v))
    p *= 1 - h["lr"] * h["weight_decay"] * 0.1
    p -= h["lr"] * u


def _sgdp(h: Hypers, t: int, p: Array, g: Array, buf: Array) -> None:
    buf *= h["momentum"]
    buf += g
    u = _projected(h, p, g, buf)
    p *= 1 - h["lr"] * h["weight_decay"] / (1 - h["momentum"]) * 0.1
    p -= h["lr"] * u


def _prodigy(h: Hypers, t: int, p: Array, g: Array, m: Array, v: Array, s: Array, _: Array) -> None:
    beta1, beta2 = h["betas"]
    d, after = h["distance"]
    m *= beta1
    m += (1 - beta1) * d * g
    v *= beta2
    v += (1 - beta2) * d * d * g * g
    s *= math.sqrt(beta2)
    s += d * h["lr"] / h["d0"] * g
    p -= h["lr"] * m / (np.sqrt(v) + after * h["eps"])


def _sm3(h: Hypers, t: int, p: Array, g: Array, buf: Array, rows: Array, cols: Array) -> None:
    v = np.minimum(rows, cols) + g * g
    buf *= h["momentum"]
    buf += (1 - h["momentum"]) * g / (np.sqrt(v) + h["eps"])
    p -= h["lr"] * buf
    rows[...] = v.max(axis=-1, keepdims=True)
    cols[...] = v.max(axis=-2, keepdims=True)


def _exadam(h: Hypers, t: int, p: Array, g: Array, m: Array, v: Array) -> None:
    (beta1, beta2), eps = h["betas"], h["eps"]
    moments(h, g, m, v)
    d1 = 1 + v / (v + eps) * beta2**t
    square = m * m
    d2 = 1 + square / (square + eps) * beta1**t
    denominator = np.sqrt(v * d2 / (1 - beta2**t)) + eps
    p -= h["lr"] / (1 - beta1**t) * (m + g) * d1 / denominator


def _dot(h: Hypers, t: int, p: Array, g: Array, v: Array, v_kd: Array, g_kd: Array) -> None:
    v *= h["momentum"] - h["delta"]
    v += g
    v_kd *= h["momentum"] + h["delta"]
    v_kd += g_kd
    p -= h["lr"] * (v + v_kd)


def _lars(h: Hypers, t: int, p: Array, g: Array, buf: Array) -> None:
    norm, decay = float(np.linalg.norm(p)), h["weight_decay"]
    trust = h["trust_coefficient"] * norm / (float(np.linalg.norm(g)) + decay * norm)
    buf *= h["momentum"]
    buf += h["lr"] * trust * (g + decay * p)
    p -= buf


def _interpolate(h: Hypers, t: int, p: Array, g: Array) -> None:
    p += h["lr"] * (g - p)


def _free(h: Hypers, t: int, beta: float, rate: float, y: Array, d: Array, z: Array) -> None:
    share = 1 / t
    d = d + h["weight_decay"] * y
    y += share * (z - y)
    y -= rate * (1 - beta * (1 - share)) * d
    z -= rate * d


def _schedule_free_sgd(h: Hypers, t: int, p: Array, g: Array, z: Array) -> None:
    _free(h, t, h["momentum"], h["lr"], p, g, z)


def _schedule_free_adamw(h: Hypers, t: int, p: Array, g: Array, z: Array, v: Array) -> None:
    beta1, beta2 = h["betas"]
    v *= beta2
    v += (1 - beta2) * g * g
    rate = h["lr"] * math.sqrt(1 - beta2**t)
    _free(h, t, beta1, rate, p, g / (np.sqrt(v) + h["eps"]), z)


def _grokfast_ema(h: Hypers, t: int, p: Array, g: Array, m: Array) -> None:
    m *= h["alpha"]
    m += (1 - h["alpha"]) * g
    np.multiply(m, h["lamb"] * h["lr"], out=p)
    p += h["lr"] * g


def _grokfast_ma(
    h: Hypers, t: int, p: Array, g: Array, prefix: Array, suffix: Array, newest: Array
) -> None:
    if (t - 1) % h["window"] == 0:
        prefix[...] = g
    else:
        prefix += g
    np.add(prefix, suffix, out=p)
    p *= h["lamb"] / h["window"]
    p += g
    p *= h["lr"]
    newest[...] = g


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
    "adagrad_norm": _adagrad_norm,
    "adamp": _adamp,
    "sgdp": _sgdp,
    "prodigy": _prodigy,
    "sm3": _sm3,
    "exadam": _exadam,
    "dot": _dot,
    "lars": _lars,
    "interpolate": _interpolate,
    "schedule_free_sgd": _schedule_free_sgd,
    "schedule_free_adamw": _schedule_free_adamw,
    "grokfast_ema": _grokfast_ema,
    "grokfast_ma": _grokfast_ma,
}
