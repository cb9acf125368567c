"""Recorded runs as Markdown: every row of one, and a few of it side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Rows = Sequence[Mapping[str, Any]]

_ALL = (
    "| case | call | dtype | threads | ms | 10 to 90 % | of the ceiling | error | rivals |",
    "|---|---|---|---:|---:|---:|---:|---:|---|",
)
# What the README shows: name there, case and call of the run.
OVERVIEW = (
    ("AdamW, float32", "adamw 64M", "steps.adamw"),
    ("AdamW, bfloat16 moments", "adamw 64M bf16 moments", "steps.adamw"),
    ("AdamW, all bfloat16", "adamw 64M bf16", "steps.adamw"),
    ("AdamW, norm clipping", "adamw 64M max_grad_norm", "steps.adamw"),
    ("Lion", "lion 64M", "steps.lion"),
    ("SGD with momentum", "sgd 64M", "steps.sgd"),
    ("C-AdamW", "c_adamw 64M", "steps.c_adamw"),
    ("LAMB", "lamb 64M", "steps.lamb"),
    ("Adafactor, 8192 x 8192", "adafactor 8192x8192", "steps.adafactor"),
    ("AdamW, 1000 tensors of 1024", "adamw 1000 x 1024", "steps.Plan"),
    ("AdamW, GPT-2 124M", "adamw GPT-2 124M", "steps.Plan"),
)
_RIVALS = ("numpy", "torch-foreach", "torch-fused", "deepspeed")


def overview_rows(rows: Rows) -> list[list[Mapping[str, Any]]]:
    """The rows of each line of the overview; lines that the run has not are left out."""
    wanted = [(case, impl) for _, case, impl in OVERVIEW]
    found = ([r for r in rows if (r["case"], r["impl"]) == key] for key in wanted)
    return [line for line in found if line]


def overview(rows: Rows) -> str:
    """One line per step: time, share of the ceiling, and how many times faster than each rival."""
    names = {(case, impl): name for name, case, impl in OVERVIEW}
    lines = [
        f"| step | ms | of the ceiling | {' | '.join(_RIVALS)} |",
        f"|---|---:|---:|{'---:|' * len(_RIVALS)}",
    ]
    for line in overview_rows(rows):
        first = line[0]
        ratios = {row["rival"]: row["ratio"] for row in line if row["ratio"] is not None}
        cells = [names[first["case"], first["impl"]], f"{first['median_s'] * 1e3:.3g}"]
        cells += [_share(first)]
        cells += [f"{ratios[r]:.3g}x" if r in ratios else "" for r in _RIVALS]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def all_rows(rows: Rows) -> str:
    """A line per case with all rivals; those that are faster are bold."""
    cases: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        key = tuple(row[name] for name in ("case", "impl", "dtype", "threads"))
        cases.setdefault(key, []).append(row)
    return "\n".join([*_ALL, *(_measured(case) for case in cases.values())]) + "\n"


def losses(rows: Rows) -> str:
    """A sentence that names the rows in which a rival was faster, the worst first."""
    compared = [row for row in rows if row["ratio"] is not None]
    lost = sorted((row for row in compared if row["ratio"] < 1), key=lambda row: row["ratio"])
    named = ", ".join(f"{r['case']} ({r['rival']} {r['ratio']:.3g}x)" for r in lost)
    count = f"Slower than a rival in {len(lost)} of {len(compared)} comparisons"
    return f"{count}: {named}." if lost else f"{count}."


def _measured(rows: Rows) -> str:
    """A row whose error is beyond its bound has neither share nor ratios."""
    first = rows[0]
    times = [f"{first[k] * 1e3:.3g}" for k in ("median_s", "p10_s", "p90_s")]
    cells = [
        first["case"],
        f"`{first['impl']}`",
        first["dtype"],
        str(first["threads"]),
        times[0],
        f"{times[1]} to {times[2]}",
        _share(first),
        "beyond its bound" if first["error"] is None else f"{first['error']:.2f}",
        ", ".join(_ratio(row) for row in rows if row["ratio"] is not None),
    ]
    return f"| {' | '.join(cells)} |"


def _share(row: Mapping[str, Any]) -> str:
    share = row["ceiling_fraction"]
    return "" if share is None else f"{share:.0%}"


def _ratio(row: Mapping[str, Any]) -> str:
    text = f"{row['rival']} {row['ratio']:.3g}x"
    return f"**{text}**" if row["ratio"] < 1 else text
