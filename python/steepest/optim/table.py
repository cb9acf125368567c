"""The native rule table in Python form, and the optimizer classes made from it.

A rule added to the native table gets its optimizer here with no further edit: name, signature,
defaults and documentation all come from the table. Only what the table cannot say is written down
in this file.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import _core

Options = dict[str, Any]
Unused = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True)
class Stream:
    """A state that a rule keeps for each parameter."""

    name: str
    kind: str  # "element", "row", "column", "tensor", or "output": one value per index of axis 0
    form: str  # of the parameters that have it: "any", "matrix" (ndim >= 2) or "vector"
    optional: bool
    doc: str
    like_param: bool = False  # of the dtype of the parameter, whatever state_dtype says

    def belongs_to(self, ndim: int) -> bool:
        """Whether a parameter with that many dimensions has this state."""
        return self.form == "any" or (self.form == "matrix") == (ndim >= 2)

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The state's shape for a parameter of that shape."""
        if self.kind == "output":
            return (*shape[:1], *(1 for _ in shape[1:]))
        if self.kind in ("row", "column") and len(shape) < 2:  # one column
            return shape if self.kind == "row" else tuple(1 for _ in shape)
        if self.kind == "row":
            return (*shape[:-1], 1)
        if self.kind == "column":
            return (*shape[:-2], 1, shape[-1])
        return tuple(1 for _ in shape) if self.kind == "tensor" else shape


@dataclass(frozen=True)
class Rule:
    """One row of the native rule table."""

    name: str
    class_name: str
    summary: str
    source: str
    streams: tuple[Stream, ...]
    defaults: Options  # options of one group, in the order of the signature
    docs: dict[str, str]
    call_options: tuple[str, ...] = ()  # those that a native call takes
    unused: Mapping[str, Unused] = field(default_factory=dict)  # when an optional state is left out
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of options with names

    def active(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """The names of the states in use under these options."""
        return tuple(s.name for s in self.streams if not self.unused.get(s.name, _never)(options))

    def known(self, options: Options) -> Options:
        """The options unchanged. Raises TypeError for one that the rule does not have."""
        for name in options:
            if name not in self.defaults:
                known = ", ".join(self.defaults)
                raise TypeError(f"{self.class_name}: unknown option {name!r}, expected {known}")
        return options


def _never(_: Mapping[str, Any]) -> bool:
    return False


# When an optional state is left out.
UNUSED: dict[str, dict[str, Unused]] = {
    "sgd": {"momentum_buffer": lambda options: bool(options["momentum"] == 0)},
    "rmsprop": {
        "momentum_buffer": lambda options: bool(options["momentum"] == 0),
        "grad_avg": lambda options: not options["centered"],
    },
    "sm3": {"momentum_buffer": lambda options: bool(options["momentum"] == 0)},
    "signum": {"momentum_buffer": lambda options: bool(options["momentum"] == 0)},
    "sgdp": {"momentum_buffer": lambda options: bool(options["momentum"] == 0)},
    "lars": {"momentum_buffer": lambda options: bool(options["momentum"] == 0)},
    "ademamix": {"exp_avg": lambda options: bool(options["betas"][0] == 0)},
}

# The option that holds the start value of a state; all other states start at zero.
START: dict[str, dict[str, str]] = {
    "adagrad": {"sum": "initial_accumulator_value"},
    "adagrad_norm": {"square_sum": "initial_accumulator_value"},
}

_DOCS = {
    "lr": "learning rate: a number, or one per parameter; on a CUDA device also an array of one "
    "float32 or float64, or one per parameter",
    "weight_decay": "weight decay: a number, or one per parameter",
    "decoupled_weight_decay": "p *= 1 - lr * weight_decay before the step, instead of adding "
    "weight_decay * p to the gradient",
    "cautious_weight_decay": "of a decoupled decay, leave out the elements that the step moves "
    "away from 0 (Chen et al., arXiv 2510.12402)",
    "initial_accumulator_value": "start value of the state",
    "maximize": "step up the gradient",
    "rounding": 'of bfloat16 and float16 outputs: "nearest" or "stochastic", or a dict '
    "stream -> mode",
    "seed": "of what is drawn at random: stochastic rounding, and the step of rules that scale it",
    "state_dtype": 'of the states, float64 parameters aside: "float32" or "bfloat16", or a dict '
    "state -> dtype",
    "master_weights": "keep a float32 master of each bfloat16 or float16 parameter",
    "capturable": "count steps on the CUDA device, so that `step` may be captured in a graph",
}


def rules() -> list[Rule]:
    """The public rules, in the order of the native table."""
    return [_rule(row) for row in _core.rules() if row["public"]]


def own_classes() -> list[Rule]:
    """Those that are a whole optimizer, not a stage of one."""
    return [rule for rule in rules() if rule.class_name]


def _rule(row: Mapping[str, Any]) -> Rule:
    called: Options = {"lr": row["lr"]}
    called.update((hyper["name"], hyper["default"]) for hyper in row["hypers"])
    called["weight_decay"] = row["weight_decay"]
    if row["decay"] != "own":
        called["decoupled_weight_decay"] = row["decay"] == "decoupled"
        called["cautious_weight_decay"] = False
    called["maximize"] = False
    bound: Options = dict.fromkeys(START.get(row["name"], {}).values(), 0.0)
    bound.update(rounding="nearest", seed=0)
    fields = ("name", "kind", "form", "optional", "doc")
    return Rule(
        name=row["name"],
        class_name=row["class_name"],
        summary=row["summary"],
        source=row["source"],
        streams=tuple(Stream(**{f: stream[f] for f in fields}) for stream in row["streams"]),
        defaults={**called, **bound},
        docs={**_DOCS, **{hyper["name"]: _hyper_doc(hyper) for hyper in row["hypers"]}},
        call_options=tuple(called),
        unused=UNUSED.get(row["name"], {}),
        choices={h["name"]: h["choices"] for h in row["hypers"] if h["choices"]},
    )


def _hyper_doc(hyper: Mapping[str, Any]) -> str:
    choices = hyper["choices"]
    named = f" ({', '.join(repr(choice) for choice in choices)})" if choices else ""
    return f"{hyper['doc']}{named}"


def make_class(rule: Rule, base: type, module: str) -> type:
    """The optimizer class of one rule, with the signature and docstring that help() shows."""
    return type(
        rule.class_name,
        (base,),
        {
            "__module__": module,
            "__doc__": _doc(rule),
            "__signature__": signature(rule),
            "rule": rule,
        },
    )


def signature(rule: Rule) -> inspect.Signature:
    """(params, lr=..., *, the other options, state_dtype, master_weights, capturable)."""
    names = {**rule.defaults, "state_dtype": "float32", "master_weights": False}
    names["capturable"] = False
    positional, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("params", positional)]
    for name, default in names.items():
        kind = positional if name == "lr" else keyword
        parameters.append(inspect.Parameter(name, kind, default=default))
    return inspect.Signature(parameters)


def _doc(rule: Rule) -> str:
    options = [name for name in signature(rule).parameters if name != "params"]
    return "\n".join(
        [
            f"{rule.summary}\n\n{rule.source}.\n",
            "params : an array, a list or dict of arrays, or a list of group dicts.",
            *(f"{name} : {rule.docs[name]}." for name in options),
            "\nStates:",
            *(f"    {stream.name} : {stream.doc}." for stream in rule.streams),
            "\nstep, state_dict and the rest are those of steepest.optim.Optimizer.",
        ]
    )
