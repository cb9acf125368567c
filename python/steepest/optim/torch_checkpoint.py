"""What the saved states of torch.optim have otherwise than ours, rule by rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Entry = Mapping[str, Any]


def is_countless(rule: str, given: Entry) -> bool:
    """Whether torch counts no steps for a parameter of that state. What matters is whether a step
    was the first."""
    return rule == "sgd" or (rule == "muon" and "exp_avg" not in given)


def group(rule: str, entry: Entry, options: Entry) -> Entry:
    """A saved group in our names. `options` are those of the group it is loaded into: they stand
    for what torch's class does not have."""
    return _GROUPS[rule](entry, options) if rule in _GROUPS else entry


def state(rule: str, given: Entry) -> Entry:
    """The saved state of a parameter without what we do not keep."""
    return {name: value for name, value in given.items() if name not in _DROPPED.get(rule, ())}


def _muon(entry: Entry, options: Entry) -> Entry:
    """torch.optim.Muon repeats one triple of coefficients, and knows no parameters but matrices.

    Its eps, a least norm to divide by, has no counterpart: here a direction is scaled to norm 1
    however small it is.
    """
    if "ns_coefficients" not in entry:
        return entry
    own = {name: value for name, value in entry.items() if name not in _TORCH_MUON}
    return {
        **{name: value for name, value in options.items() if name not in own},
        **own,
        "averaged": True,
        "coefficients": [[float(x) for x in entry["ns_coefficients"]]],
        "steps": int(entry["ns_steps"]),
        "adjust_lr": entry["adjust_lr_fn"] or "original",
    }


_TORCH_MUON = ("ns_coefficients", "ns_steps", "adjust_lr_fn", "eps")


def _rprop(entry: Entry, _: Entry) -> Entry:
    """torch.optim.Rprop has no weight decay."""
    return {"weight_decay": 0.0, **entry}


_GROUPS: Mapping[str, Callable[[Entry, Entry], Entry]] = {"muon": _muon, "rprop": _rprop}
# NAdam's product of momentum factors follows from the step and the options.
_DROPPED: Mapping[str, tuple[str, ...]] = {"nadam": ("mu_product",)}
