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
    _direction,
    _moments,
    _rate,
    _root_scale,
)
from .rules import GRADS, KD_GRAD, PARAMS

_WD_RATIO = 0.1  # the default of AdamP and SGDP


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


def _adagrad_norm_terms(x: Streams, h: Hypers, t: int) -> list[Bounded]:
    return [(x[GRADS] * x[GRADS]).total()]


def _adagrad_norm(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    rate = h["lr"] / ((x["square_sum"] + totals[0]).sqrt() + h["eps"])
    return {PARAMS: x[PARAMS] - rate * x[GRADS]}


def _adamp_direction(x: Streams, h: Hypers, t: int) -> Bounded:
    m, v = _moments(x, h)
    return _direction(x, h, t, m, v)


def _sgdp_direction(x: Streams, h: Hypers, t: int) -> Bounded:
    buf: Bounded = h["momentum"] * x["momentum_buffer"] + x[GRADS]
    return buf


def _row_terms(x: Streams, u: Bounded) -> list[Bounded]:
    return [(x[PARAMS] * x[PARAMS]).total(), (u * x[PARAMS]).total()]


def _without_length(x: Streams, u: Bounded, sums: Totals) -> Bounded:
    """The step without what is along a row of the parameter, whose sums are given."""
    return u - sums[1] / sums[0] * x[PARAMS]


def _adamp(x: Streams, h: Hypers, t: int, sums: Totals) -> dict[str, Bounded]:
    m, v = _moments(x, h)
    u = _without_length(x, _adamp_direction(x, h, t), sums)
    p = x[PARAMS] * (1 - h["lr"] * h["weight_decay"] * _WD_RATIO) - _rate(x, h, t) * u
    return {PARAMS: p, "exp_avg": m, "exp_avg_sq": v}


def _sgdp(x: Streams, h: Hypers, t: int, sums: Totals) -> dict[str, Bounded]:
    buf = _sgdp_direction(x, h, t)
    decay = h["lr"] * h["weight_decay"] / (1 - h["momentum"]) * _WD_RATIO
    p = x[PARAMS] * (1 - decay) - h["lr"] * _without_length(x, buf, sums)
    return {PARAMS: p, "momentum_buffer": buf}


def _prodigy(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    beta1, beta2 = h["betas"]
    d, after = h["distance"]
    g = x[GRADS]
    m = beta1 * x["exp_avg"] + (1 - beta1) * d * g
    v = beta2 * x["exp_avg_sq"] + (1 - beta2) * d * d * (g * g)
    s = math.sqrt(beta2) * x["s"] + d * h["lr"] / h["d0"] * g
    p = x[PARAMS] - h["lr"] * (m / (v.sqrt() + after * h["eps"]))
    return {PARAMS: p, "exp_avg": m, "exp_avg_sq": v, "s": s, "p0": x["p0"]}


def _sm3(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    v = x["row_max"].minimum(x["col_max"]) + x[GRADS] * x[GRADS]
    buf = _average(h["momentum"], x["momentum_buffer"], x[GRADS] / (v.sqrt() + h["eps"]))
    return {PARAMS: x[PARAMS] - h["lr"] * buf, "momentum_buffer": buf}


def _exadam(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    eps = float(h["eps"])
    m, v = _moments(x, h)
    fading1, fading2 = ((1.0 - _correction(b, t)).rounded_to(m.precision) for b in h["betas"])
    d1 = 1.0 + (1.0 - eps / (v + eps)) * fading2
    d2 = 1.0 + (1.0 - eps / (m * m + eps)) * fading1
    p = x[PARAMS] - _rate(x, h, t) * _direction(x, h, t, (m + x[GRADS]) * d1, v * d2)
    return {PARAMS: p, "exp_avg": m, "exp_avg_sq": v}


def _dot(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    v = (h["momentum"] - h["delta"]) * x["momentum_buffer"] + x[GRADS]
    v_kd = (h["momentum"] + h["delta"]) * x["momentum_kd_buffer"] + x[KD_GRAD]
    p = x[PARAMS] - h["lr"] * (v + v_kd)
    return {PARAMS: p, "momentum_buffer": v, "momentum_kd_buffer": v_kd, KD_GRAD: x[KD_GRAD]}


def _lars_terms(x: Streams, h: Hypers, t: int) -> list[Bounded]:
    return [(x[PARAMS] * x[PARAMS]).total(), (x[GRADS] * x[GRADS]).total()]


def _lars(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    norm, size = totals[0].sqrt(), totals[1].sqrt()
    trust = h["trust_coefficient"] * norm / (size + h["weight_decay"] * norm)
    new = (h["lr"] * trust) * (x[GRADS] + h["weight_decay"] * x[PARAMS])
    buf = h["momentum"] * x["momentum_buffer"] + new
    return {PARAMS: x[PARAMS] - buf, "momentum_buffer": buf}


def _interpolate(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    return {PARAMS: x[PARAMS] + h["lr"] * (x[GRADS] - x[PARAMS])}


def _free(x: Streams, h: Hypers, t: int, beta: float, rate: Bounded | float, d: Bounded) -> Streams:
    """Schedule-Free points after a step along d, all iterates weighed alike."""
    y, z = x[PARAMS], x["z"]
    d = d + h["weight_decay"] * y
    pull = rate * (1 - beta * (1 - 1 / t))
    return {PARAMS: y + 1 / t * (z - y) - pull * d, "z": z - rate * d}


def _schedule_free_sgd(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    return {**_free(x, h, t, h["momentum"], float(h["lr"]), x[GRADS])}


def _schedule_free_adamw(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    beta1, beta2 = h["betas"]
    v = _average(beta2, x["exp_avg_sq"], x[GRADS] * x[GRADS])
    rate = (h["lr"] * _correction(beta2, t).sqrt()).rounded_to(v.precision)
    d = x[GRADS] / (v.sqrt() + float(h["eps"]))
    return {**_free(x, h, t, beta1, rate, d), "exp_avg_sq": v}


def _grokfast_ema(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    m = _average(h["alpha"], x["exp_avg"], x[GRADS])
    return {PARAMS: h["lr"] * (x[GRADS] + h["lamb"] * m), "exp_avg": m}


def _grokfast_ma(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    g, window = x[GRADS], h["window"]
    since = g if (t - 1) % window == 0 else x["prefix"] + g
    filtered = h["lr"] * (g + h["lamb"] / window * (since + x["suffix"]))
    return {PARAMS: filtered, "prefix": since, "suffix": x["suffix"], "newest": g}


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

# Of the rules by rows, those of a row.
FIELD_TERMS: Mapping[str, Terms] = {
    "mars": _mars_terms,
    "lars": _lars_terms,
    "adagrad_norm": _adagrad_norm_terms,
    "adamp": lambda x, h, t: _row_terms(x, _adamp_direction(x, h, t)),
    "sgdp": lambda x, h, t: _row_terms(x, _sgdp_direction(x, h, t)),
}
