"""The settings of MKOR: their names, what they may be, and the optimizer that is named."""

from __future__ import annotations

from typing import Any

from ..curvature.mkor import STABILIZERS, VARIANTS, share
from ..polar import arguments
from .table import Rule, own_classes

_MOST_STEPS = 2**31 - 1

UPDATE = ("decay", "variant", "stabilizer", "threshold", "zeta")
SETTINGS = (
    *UPDATE,
    "clip",
    "inverse_update_interval",
    "warmup_steps",
    "rescale",
    "hybrid",
    "hybrid_window",
)


def checked(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings, none of which a step would refuse."""
    arguments.one_of("variant", settings["variant"], VARIANTS)
    if settings["stabilizer"] is not None:
        named = tuple(name for name in STABILIZERS if name is not None)
        arguments.one_of("stabilizer", settings["stabilizer"], named)
    for name in ("decay", "zeta"):
        settings[name] = share(name, settings[name], positive=name == "decay")
    for name in ("threshold", "clip"):
        if settings[name] is not None or name == "threshold":
            settings[name] = arguments.between(name, settings[name], 0.0, float("inf"))
    interval = arguments.count(
        "inverse_update_interval", settings["inverse_update_interval"], 1, _MOST_STEPS
    )
    warmup = arguments.count("warmup_steps", settings["warmup_steps"], 0, _MOST_STEPS)
    arguments.boolean("rescale", settings["rescale"])
    return {**settings, "inverse_update_interval": interval, "warmup_steps": warmup}


def rule_of(optimizer: str) -> Rule:
    """The rule of the class with this name."""
    known = {rule.class_name: rule for rule in own_classes()}
    arguments.one_of("optimizer", optimizer, tuple(known))
    return known[optimizer]
