"""The table of all rules: what each computes, keeps and moves, and how fast it was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ... import _core
from .rules import RULES, RuleFacts

FLOAT = 4  # bytes; all streams are float32 in the table

_HEAD = (
    "| rule | class | states | bytes | of the probe | update and source |",
    "|---|---|---|---:|---:|---|",
)


def rule_table(measured: Iterable[Mapping[str, Any]]) -> str:
    """A line of Markdown per rule of the native table; ``measured`` are rows of the benchmark."""
    shares = _shares(measured)
    rules = sorted((r for r in _core.rules() if r["public"]), key=lambda r: r["name"])
    return "\n".join([*_HEAD, *(_line(rule, shares) for rule in rules)]) + "\n"


def bytes_per_parameter(facts: RuleFacts) -> int:
    """Read and written by one step in float32, without what rows and columns share."""
    return FLOAT * sum(
        len(p.read) + 2 * len(p.update) + len(p.write) for p in facts.passes(clip=False, copy=False)
    )


def _shares(measured: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Of the streaming probe with the same bytes, by rule: float32, on the threads of the run."""
    shares: dict[str, float] = {}
    for row in measured:
        rule, size, *variant = str(row["case"]).split(" ")
        large = size.endswith("M") or "x" in size
        if large and not variant and row["ceiling_fraction"] is not None:
            shares.setdefault(rule, row["ceiling_fraction"])
    return shares


def _line(rule: Mapping[str, Any], shares: Mapping[str, float]) -> str:
    name = rule["name"]
    share = f"{shares[name]:.0%}" if name in shares else ""
    cells = (
        f"`{name}`",
        f"`{rule['class_name']}`" if rule["class_name"] else "",
        ", ".join(_state(state) for state in rule["streams"]),
        str(bytes_per_parameter(RULES[name])),
        share,
        str(rule["source"]).replace("|", "\\|"),
    )
    return f"| {' | '.join(cells)} |"


def _state(state: Mapping[str, Any]) -> str:
    notes = [f"per {state['kind']}"] if state["kind"] != "element" else []
    notes += ["vectors"] if state["form"] == "vector" else []
    notes += ["optional"] if state["optional"] else []
    return f"`{state['name']}`" + (f" ({', '.join(notes)})" if notes else "")
