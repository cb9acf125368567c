"""One step of every public rule, in plain NumPy float64.

A rule is a function of one tensor that returns what is to be subtracted from the parameter, and the
new states. What the rules share (unscaling, clipping, ascent, decay) is in `stages`, and
`step_list` puts both together for a list of tensors. Nothing is updated in place.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from . import stages
from .adafactor import adafactor
from .adaptive import (
    adadelta,
    adagrad,
    adagrad_norm,
    adam,
    adamax,
    amsgrad,
    exadam,
    lamb,
    nadam,
    radam,
    rmsprop,
    sm3,
)
from .averages import adan, ademamix, adopt, mars
from .averaging import (
    grokfast_ema,
    grokfast_ma,
    interpolate,
    schedule_free_adamw,
    schedule_free_sgd,
)
from .curvature import adafisher, adahessian, oasis, sophia
from .directions import adamuon, descend, extrapolate, momentum
from .prodigy import prodigy
from .projection import adamp, sgdp
from .random_scaling import random_adamw, random_sgdm
from .signs import c_adamw, c_lion, lion, rprop, signum
from .simple import dot, lars, sgd


@dataclass(frozen=True)
class Rule:
    """`update(p, g, state, step=, lr=, ...) -> (subtrahend, new state)` and the published
    defaults."""

    update: Callable[..., Any]
    lr: float
    weight_decay: float
    decay: str  # "l2", "decoupled", or "own" where the update has a decay of its own
    writes: bool = False  # the update is the new parameter itself
    of_list: bool = False  # the update takes list_square, the squared norm of all gradients


RULES = {
    "sgd": Rule(sgd, 1e-3, 0.0, "l2"),
    "adam": Rule(adam, 1e-3, 0.0, "l2"),
    "adamw": Rule(adam, 1e-3, 1e-2, "decoupled"),
    "amsgrad": Rule(amsgrad, 1e-3, 0.0, "l2"),
    "adamax": Rule(adamax, 2e-3, 0.0, "l2"),
    "adagrad": Rule(adagrad, 1e-2, 0.0, "l2"),
    "lion": Rule(lion, 1e-4, 0.0, "decoupled"),
    "lamb": Rule(lamb, 1e-3, 1e-2, "own"),
    "c_adamw": Rule(c_adamw, 1e-3, 0.0, "decoupled"),
    "c_lion": Rule(c_lion, 1e-4, 0.0, "decoupled"),
    "adafactor": Rule(adafactor, 1e-2, 0.0, "decoupled"),
    "momentum": Rule(momentum, 1.0, 0.0, "own", writes=True),
    "descend": Rule(descend, 1e-3, 0.0, "own", writes=True),
    "extrapolate": Rule(extrapolate, 1e-3, 0.0, "own", writes=True),
    "adamuon": Rule(adamuon, 1.0, 0.0, "own", writes=True),
    "adahessian": Rule(adahessian, 0.15, 0.0, "decoupled"),
    "sophia": Rule(sophia, 1e-4, 0.1, "decoupled"),
    "oasis": Rule(oasis, 1e-2, 0.0, "l2"),
    "adafisher": Rule(adafisher, 1e-3, 0.0, "l2"),
    "nadam": Rule(nadam, 2e-3, 0.0, "l2"),
    "radam": Rule(radam, 1e-3, 0.0, "l2"),
    "rmsprop": Rule(rmsprop, 1e-2, 0.0, "l2"),
    "adadelta": Rule(adadelta, 1.0, 0.0, "l2"),
    "rprop": Rule(rprop, 1e-2, 0.0, "l2"),
    "signum": Rule(signum, 1e-4, 0.0, "decoupled"),
    "adan": Rule(adan, 1e-3, 0.0, "own", writes=True),
    "ademamix": Rule(ademamix, 1e-3, 0.0, "decoupled"),
    "adopt": Rule(adopt, 1e-3, 0.0, "l2"),
    "mars": Rule(mars, 3e-3, 0.0, "decoupled"),
    "random_sgdm": Rule(random_sgdm, 1e-3, 0.0, "l2"),
    "random_adamw": Rule(random_adamw, 1e-3, 1e-2, "own", writes=True),
    "adagrad_norm": Rule(adagrad_norm, 1.0, 0.0, "l2", of_list=True),
    "adamp": Rule(adamp, 1e-3, 0.0, "own", writes=True),
    "sgdp": Rule(sgdp, 1e-3, 0.0, "own", writes=True),
    "prodigy": Rule(prodigy, 1e-6, 0.0, "decoupled"),
    "sm3": Rule(sm3, 0.1, 0.0, "l2"),
    "lars": Rule(lars, 1.0, 5e-4, "own"),
    "exadam": Rule(exadam, 1e-3, 0.0, "decoupled"),
    "dot": Rule(dot, 1e-2, 0.0, "l2"),
    "interpolate": Rule(interpolate, 1e-3, 0.0, "own", writes=True),
    "schedule_free_sgd": Rule(schedule_free_sgd, 1.0, 0.0, "own", writes=True),
    "schedule_free_adamw": Rule(schedule_free_adamw, 2.5e-3, 0.0, "own", writes=True),
    "grokfast_ema": Rule(grokfast_ema, 1.0, 0.0, "own", writes=True),
    "grokfast_ma": Rule(grokfast_ma, 1.0, 0.0, "own", writes=True),
}


def step_tensor(rule, p, g, state, *, step, lr, weight_decay, decoupled=None, **hypers):
    """One tensor after the gradient stages; returns (new p, new state)."""
    known = RULES[rule]
    if known.decay == "own":
        subtrahend, state = known.update(
            p, g, state, step=step, lr=lr, weight_decay=weight_decay, **hypers
        )
        return (subtrahend if known.writes else p - subtrahend), state
    if decoupled is None:
        decoupled = known.decay == "decoupled"
    if not decoupled:
        g = stages.l2_decay(p, g, weight_decay)
    cautious = hypers.pop("cautious_weight_decay", False)
    subtrahend, state = known.update(p, g, state, step=step, lr=lr, **hypers)
    if decoupled:
        p = stages.decoupled_decay(p, lr, weight_decay, subtrahend if cautious else None)
    return p - subtrahend, state


def step_list(
    rule: str,
    params: Sequence[Any],
    grads: Sequence[Any],
    states: Sequence[dict[str, Any]],
    *,
    step=1,
    lr=None,
    weight_decay=None,
    maximize: bool = False,
    grad_scale=None,
    max_grad_norm=None,
    max_tensor_norm=None,
    max_grad_value=None,
    skip_nonfinite: bool = False,
    **options,
):
    """A list of tensors; `step`, `lr` and `weight_decay` are numbers or one per tensor, gradients
    may be None. Returns (applied, params, states)."""
    if skip_nonfinite and not stages.all_finite(grads):
        return False, list(params), list(states)
    lr = RULES[rule].lr if lr is None else lr
    weight_decay = RULES[rule].weight_decay if weight_decay is None else weight_decay
    grads = stages.prepare(
        grads, grad_scale, max_grad_norm, maximize, max_tensor_norm, max_grad_value
    )
    if RULES[rule].of_list:
        options["list_square"] = sum(stages.square_sum(g) for g in grads if g is not None)
    per_tensor = [stages.spread(x, len(params)) for x in (step, lr, weight_decay)]
    new = []
    for p, g, state, t, rate, decay in zip(params, grads, states, *per_tensor, strict=True):
        if g is None or g.size == 0:
            new.append((p, state))
        else:
            new.append(
                step_tensor(rule, p, g, state, step=t, lr=rate, weight_decay=decay, **options)
            )
    return True, [p for p, _ in new], [state for _, state in new]
