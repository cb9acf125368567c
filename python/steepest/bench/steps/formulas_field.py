"""Formulas, continued: the other rules of the field."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..bounded import Bounded
from .formulas import (
    Formula,
    Hypers,
    Streams,
    Terms,
    Totals,
    _adam,
    _average,
    _correction,
    _decayed,
    _moments,
    _rate,
    _root_scale,
)
from .rules import GRADS, PARAMS


def _nadam(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    mu = [h["betas"][0] * (1 - 0.5 * 0.96 ** (i * h["momentum_decay"])) for i in range(1, t + 2)]
    product = math.prod(mu[:-1])
    m, v = _moments(x, h)
    of_g = h["lr"] * (1 - mu[-2]) / (1 - product) * x[GRADS]
    of_m = h["lr"] * mu[-1] / (1 - product * mu[-1]) * m
    p = x[PARAMS] - (of_g + of_m) / (v.sqrt() * _root_scale(x, h, t) + float(h["eps"]))
    return {PARAMS: p, "exp_avg": m, "exp_avg_sq": v}


def _radam(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    beta2 = h["betas"][1]
    m, v = _moments(x, h)
    update = _rate(x, h, t) * m
    most = 2 / (1 - beta2) - 1
    weights = [beta2**i for i in range(t)]
    length = 2 * sum((i + 1) * w for i, w in enumerate(weights)) / sum(weights) - 1
    if length > 5:
        squared = (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)
        size = math.sqrt(squared * (1 - beta2) * sum(weights))
        update = size * update / (v.sqrt() + float(h["eps"]))
    return {PARAMS: x[PARAMS] - update, "exp_avg": m, "exp_avg_sq": v}


def _rmsprop(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    square = _average(h["alpha"], x["square_avg"], x[GRADS] * x[GRADS])
    buf = h["momentum"] * x["momentum_buffer"] + x[GRADS] / (square.sqrt() + h["eps"])
    return {PARAMS: x[PARAMS] - h["lr"] * buf, "square_avg": square, "momentum_buffer": buf}


def _adadelta(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    square = _average(h["rho"], x["square_avg"], x[GRADS] * x[GRADS])
    delta = (x["acc_delta"] + h["eps"]).sqrt() / (square + h["eps"]).sqrt() * x[GRADS]
    acc = _average(h["rho"], x["acc_delta"], delta * delta)
    return {PARAMS: x[PARAMS] - h["lr"] * delta, "square_avg": square, "acc_delta": acc}


def _rprop(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    shrink, grow = h["etas"]
    least, most = h["step_sizes"]
    agreement = x["prev"].sign() * x[GRADS].sign()
    grows, shrinks = agreement.maximum(0.0), (-1.0 * agreement).maximum(0.0)
    factor = 1.0 + grows * (grow - 1) + shrinks * (shrink - 1)
    size = (factor * x["step_size"]).maximum(least).minimum(most)
    g = (1.0 - shrinks) * x[GRADS]
    return {PARAMS: x[PARAMS] - g.sign() * size, "prev": g, "step_size": size}


def _signum(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    m = _average(h["momentum"], x["momentum_buffer"], x[GRADS])
    return {PARAMS: _decayed(x, h) - h["lr"] * m.sign(), "momentum_buffer": m}


def _adan(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    beta1, beta2, beta3 = h["betas"]
    g = x[GRADS]
    change = g - x["last_grad"]
    ahead = g + beta2 * change
    m = _average(beta1, x["exp_avg"], g)
    d = _average(beta2, x["exp_avg_diff"], change)
    n = _average(beta3, x["exp_avg_sq"], ahead * ahead)
    of_d = (h["lr"] * beta2 / _correction(beta2, t)).rounded_to(g.precision)
    scale = (1.0 / _correction(beta3, t).sqrt()).rounded_to(g.precision)
    update = (_rate(x, h, t) * m + of_d * d) / (n.sqrt() * scale + float(h["eps"]))
    p = (x[PARAMS] - update) / (1 + h["lr"] * h["weight_decay"])
    return {PARAMS: p, "exp_avg": m, "exp_avg_diff": d, "exp_avg_sq": n, "last_grad": g}


def _ademamix(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    fast, v = _moments(x, {"betas": h["betas"][:2]})
    slow = _average(h["betas"][2], x["exp_avg_slow"], x[GRADS])
    direction = _rate(x, h, t) * fast + h["lr"] * h["alpha"] * slow
    p = _decayed(x, h) - direction / (v.sqrt() * _root_scale(x, h, t) + float(h["eps"]))
    return {PARAMS: p, "exp_avg": fast, "exp_avg_slow": slow, "exp_avg_sq": v}


def _adopt(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    beta1, beta2 = h["betas"]
    bound = (t - 1) ** 0.25
    u = x[GRADS] / x["exp_avg_sq"].sqrt().maximum(h["eps"])
    m = _average(beta1, x["exp_avg"], u.minimum(bound).maximum(-bound))
    v = _average(beta2, x["exp_avg_sq"], x[GRADS] * x[GRADS])
    return {PARAMS: x[PARAMS] - h["lr"] * m, "exp_avg": m, "exp_avg_sq": v}


def _mars_gradient(x: Streams, h: Hypers) -> Bounded:
    beta1 = h["betas"][0]
    change = h["gamma"] * beta1 / (1 - beta1) * (x[GRADS] - x["last_grad"])
    corrected: Bounded = x[GRADS] + change
    return corrected


def _mars_terms(x: Streams, h: Hypers, t: int) -> list[Bounded]:
    c = _mars_gradient(x, h)
    return [(c * c).total()]


def _mars(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    scale = 1.0 / totals[0].sqrt().maximum(1.0)
    new = _adam({**x, GRADS: scale * _mars_gradient(x, h)}, h, t, totals)
    return {**new, "last_grad": x[GRADS]}


def _random_sgdm(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    d = h["beta"] / (1 + h["lr"] * h["mu"]) * (x["delta"] - h["lr"] * x[GRADS])
    return {PARAMS: x[PARAMS] + d, "delta": d}


FIELD_FORMULAS: Mapping[str, Formula] = {
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
    "random_adamw": _adam,
}

FIELD_TERMS: Mapping[str, Terms] = {"mars": _mars_terms}
