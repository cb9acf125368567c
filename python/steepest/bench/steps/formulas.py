"""The rules as formulas from their papers, for numbers that carry error bounds.

``x`` holds the streams of a piece of a tensor under their names, states of one value per row or
column as each element finds them, and ``t`` is the step count. Each
function returns the streams after the step. ``totals`` are the sums over the whole tensor of what
``TERMS`` lists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..bounded import UNIT, Bounded
from .rules import GRADS, HESSIAN, PARAMS

Streams = Mapping[str, Bounded]
Hypers = Mapping[str, Any]
Totals = Sequence[Bounded]
Formula = Callable[[Streams, Hypers, int, Totals], dict[str, Bounded]]
Terms = Callable[[Streams, Hypers, int], list[Bounded]]


def _average(beta: float, old: Bounded, new: Bounded) -> Bounded:
    return beta * old + (1 - beta) * new


def _decayed(x: Streams, h: Hypers) -> Bounded:
    decay = h.get("weight_decay", 0)
    return x[PARAMS] * (1 - h["lr"] * decay) if decay else x[PARAMS]


def _cautiously_decayed(x: Streams, h: Hypers, update: Bounded) -> Bounded:
    """The decay left out where p - update is further from 0 than p."""
    outwards = (-1.0 * update).agrees_with(x[PARAMS])
    kept: Bounded = x[PARAMS] * (1 - h["lr"] * h["weight_decay"] * (1 - outwards))
    return kept


def _moments(x: Streams, h: Hypers) -> tuple[Bounded, Bounded]:
    beta1, beta2 = h["betas"]
    g = x[GRADS]
    return _average(beta1, x["exp_avg"], g), _average(beta2, x["exp_avg_sq"], g * g)


def _correction(beta: float, t: int) -> Bounded:
    """1 - beta^t in double, the power by repeated multiplication."""
    power = beta**t
    return 1.0 - Bounded(power, t * UNIT["float64"] * power, "float64")


def _rate(x: Streams, h: Hypers, t: int) -> Bounded:
    """Learning rate over the bias correction of the first moment."""
    return _rate_at(h["betas"][0], x, h, t)


def _rate_at(beta: float, x: Streams, h: Hypers, t: int) -> Bounded:
    rate = float(h["lr"]) / _correction(beta, t)
    return rate.rounded_to(x[PARAMS].precision)


def _root_scale(x: Streams, h: Hypers, t: int) -> Bounded:
    """Bias correction of the second moment's root."""
    return (1.0 / _correction(h["betas"][1], t).sqrt()).rounded_to(x[PARAMS].precision)


def _direction(x: Streams, h: Hypers, t: int, m: Bounded, v: Bounded) -> Bounded:
    """Adam's update over the learning rate, the first moment not yet corrected."""
    return m / (v.sqrt() * _root_scale(x, h, t) + float(h["eps"]))


def _sgd(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    buf = h["momentum"] * x["momentum_buffer"] + x[GRADS]
    return {PARAMS: x[PARAMS] - h["lr"] * buf, "momentum_buffer": buf}


def _adam(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    m, v = _moments(x, h)
    update = _rate(x, h, t) * _direction(x, h, t, m, v)
    cautious = h.get("cautious_weight_decay", False)
    kept = _cautiously_decayed(x, h, update) if cautious else _decayed(x, h)
    return {PARAMS: kept - update, "exp_avg": m, "exp_avg_sq": v}


def _amsgrad(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    m, v = _moments(x, h)
    largest = x["max_exp_avg_sq"].maximum(v)
    p = x[PARAMS] - _rate(x, h, t) * _direction(x, h, t, m, largest)
    return {PARAMS: p, "exp_avg": m, "exp_avg_sq": v, "max_exp_avg_sq": largest}


def _adamax(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    beta1, beta2 = h["betas"]
    m = _average(beta1, x["exp_avg"], x[GRADS])
    u = (beta2 * x["exp_inf"]).maximum(x[GRADS].absolute() + h["eps"])
    return {PARAMS: x[PARAMS] - _rate(x, h, t) * (m / u), "exp_avg": m, "exp_inf": u}


def _adagrad(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    total = x["sum"] + x[GRADS] * x[GRADS]
    return {PARAMS: x[PARAMS] - h["lr"] * (x[GRADS] / (total.sqrt() + h["eps"])), "sum": total}


def _lion(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    beta1, beta2 = h["betas"]
    direction = _average(beta1, x["exp_avg"], x[GRADS]).sign()
    m = _average(beta2, x["exp_avg"], x[GRADS])
    return {PARAMS: _decayed(x, h) - h["lr"] * direction, "exp_avg": m}


def _lamb_direction(x: Streams, h: Hypers, t: int) -> Bounded:
    m, v = _moments(x, h)
    correction = (1.0 / _correction(h["betas"][0], t)).rounded_to(m.precision)
    return _direction(x, h, t, m * correction, v) + float(h["weight_decay"]) * x[PARAMS]


def _lamb_terms(x: Streams, h: Hypers, t: int) -> list[Bounded]:
    r = _lamb_direction(x, h, t)
    return [(x[PARAMS] * x[PARAMS]).total(), (r * r).total()]


def _lamb(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    m, v = _moments(x, h)
    rate = h["lr"] * (totals[0].sqrt() / totals[1].sqrt())
    return {PARAMS: x[PARAMS] - rate * _lamb_direction(x, h, t), "exp_avg": m, "exp_avg_sq": v}


def _c_adamw_terms(x: Streams, h: Hypers, t: int) -> list[Bounded]:
    m = _average(h["betas"][0], x["exp_avg"], x[GRADS])
    return _mask_terms(m.agrees_with(x[GRADS]))


def _mask_terms(mask: Bounded) -> list[Bounded]:
    elements = float(getattr(mask.value, "size", 1))
    return [mask.total(), Bounded(elements, 0.0, mask.precision)]


def _mask_scale(totals: Totals) -> Bounded:
    agreeing, elements = totals
    return elements / (agreeing + 1)


def _c_adamw(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    m, v = _moments(x, h)
    step = (_rate(x, h, t) * _mask_scale(totals)) * _direction(x, h, t, m, v)
    p = _decayed(x, h) - m.agrees_with(x[GRADS]) * step
    return {PARAMS: p, "exp_avg": m, "exp_avg_sq": v}


def _c_lion_terms(x: Streams, h: Hypers, t: int) -> list[Bounded]:
    update = _average(h["betas"][0], x["exp_avg"], x[GRADS])
    return _mask_terms(update.agrees_with(x[GRADS]))


def _c_lion(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    update = _average(h["betas"][0], x["exp_avg"], x[GRADS])
    masked = update.agrees_with(x[GRADS]) * update.sign()
    p = _decayed(x, h) - (h["lr"] * _mask_scale(totals)) * masked
    return {PARAMS: p, "exp_avg": _average(h["betas"][1], x["exp_avg"], x[GRADS])}


def _momentum(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    new = (1 - h["momentum"]) * x[GRADS]
    buf = h["momentum"] * x["momentum_buffer"] + new
    return {PARAMS: h["lr"] * (new + h["momentum"] * buf), "momentum_buffer": buf}


def _moved(p: Bounded, x: Streams, h: Hypers) -> Bounded:
    moved: Bounded = p * (1 - h["lr"] * h["weight_decay"]) - h["lr"] * x[GRADS]
    return moved


def _descend(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    return {PARAMS: _moved(x[PARAMS], x, h)}


def _extrapolate(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    point = x["point"]
    new = _moved(point, x, h)
    return {PARAMS: new + h["momentum"] / (1 - h["momentum"]) * (new - point), "point": new}


def _adamuon_parts(x: Streams, h: Hypers) -> tuple[Bounded, Bounded]:
    v = _average(h["beta2"], x["second_moment"], x[GRADS] * x[GRADS])
    return v, x[GRADS] / (v.sqrt() + float(h["eps"]))


def _adamuon_terms(x: Streams, h: Hypers, t: int) -> list[Bounded]:
    u = _adamuon_parts(x, h)[1]
    return [(x[GRADS] * x[GRADS]).total(), (u * u).total()]


def _adamuon(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    v, u = _adamuon_parts(x, h)
    return {PARAMS: (h["lr"] * totals[0].sqrt()) * (u / totals[1].sqrt()), "second_moment": v}


def _adahessian(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    beta1, beta2 = h["betas"]
    diagonal = x[HESSIAN]
    m = _average(beta1, x["exp_avg"], x[GRADS])
    v = _average(beta2, x["exp_hessian_diag_sq"], diagonal * diagonal)
    p = _decayed(x, h) - _rate(x, h, t) * _direction(x, h, t, m, v)
    return {PARAMS: p, "exp_avg": m, "exp_hessian_diag_sq": v, HESSIAN: diagonal}


def _averaged_hessian(x: Streams, h: Hypers, t: int, beta: float) -> Bounded:
    """The average with the estimate in it, at the steps that take one."""
    old = x["exp_hessian_diag"]
    takes = (t - 1) % h.get("hessian_update_interval", 1) == 0
    return _average(beta, old, x[HESSIAN]) if takes else old


def _sophia(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    beta1, beta2 = h["betas"]
    m = _average(beta1, x["exp_avg"], x[GRADS])
    d = _averaged_hessian(x, h, t, beta2)
    clipped = (m / (h["rho"] * d).maximum(h["eps"])).minimum(1.0).maximum(-1.0)
    p = _decayed(x, h) - h["lr"] * clipped
    return {PARAMS: p, "exp_avg": m, "exp_hessian_diag": d, HESSIAN: x[HESSIAN]}


def _oasis(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    d = _averaged_hessian(x, h, t, h["beta2"])
    p = x[PARAMS] - h["lr"] * (x[GRADS] / d.absolute().maximum(h["alpha"]))
    return {PARAMS: p, "exp_hessian_diag": d, HESSIAN: x[HESSIAN]}


def _adafisher(x: Streams, h: Hypers, t: int, totals: Totals) -> dict[str, Bounded]:
    m = _average(h["beta"], x["exp_avg"], x[GRADS])
    fisher = x["output_factor"] * x["input_factor"] + h["damping"]
    return {PARAMS: x[PARAMS] - _rate_at(h["beta"], x, h, t) * (m / fisher), "exp_avg": m}


FORMULAS: Mapping[str, Formula] = {
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
    "momentum": _momentum,
    "descend": _descend,
    "extrapolate": _extrapolate,
    "adamuon": _adamuon,
    "adahessian": _adahessian,
    "sophia": _sophia,
    "oasis": _oasis,
    "adafisher": _adafisher,
}

# Sums over a whole tensor that a formula needs.
TERMS: Mapping[str, Terms] = {
    "lamb": _lamb_terms,
    "c_adamw": _c_adamw_terms,
    "c_lion": _c_lion_terms,
    "adamuon": _adamuon_terms,
}
