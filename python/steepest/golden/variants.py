"""The branches of a rule that its defaults do not take."""

from __future__ import annotations

from typing import Any

from ..optim.table import Rule

# Options of every rule or of the driver, which have stages of their own.
_STAGES = ("maximize", "decoupled_weight_decay", "cautious_weight_decay", "rounding")
# Numbers that leave a term out by default, and values at which it takes part.
_TERMS: dict[str, float] = {
    "momentum": 0.9,
    "dampening": 0.25,
    "lr_decay": 0.1,
    "mu": 0.1,
    "max_param_norm": 4.0,
    "hessian_power": 0.5,
    "alpha_warmup": 10.0,
    "beta3_warmup": 10.0,
    "warmup_steps": 10.0,
    "share": 0.25,
}

# What an option acts on, where the defaults leave that out.
_WITH: dict[str, dict[str, Any]] = {
    "nesterov": {"momentum": 0.9},
    "dampening": {"momentum": 0.9},
    "no_prox": {"weight_decay": 0.1},
    "reduction": {"warmup": False},
    "ratio": {"lr": 2.0**-12},
    "lr_in_momentum": {"lr": 0.5},
    "safeguard_warmup": {"lr": 0.5},
}


def variants(rule: Rule) -> dict[str, dict[str, Any]]:
    """name -> options: each choice and each switch of the rule changed by itself, and each term
    that its defaults leave out."""
    found: dict[str, dict[str, Any]] = {}
    for name, default in rule.defaults.items():
        values: list[Any] = []
        if name in _STAGES:
            continue
        if isinstance(default, bool):
            values = [not default]
        elif isinstance(default, str):
            values = [choice for choice in rule.choices.get(name, ()) if choice != default]
        elif name in _TERMS and default != _TERMS[name]:
            values = [_TERMS[name]]
        acts_on = {key: _WITH[name][key] for key in _WITH.get(name, {}) if key in rule.defaults}
        found |= {f"{name}={value}": {**acts_on, name: value} for value in values}
    return found
