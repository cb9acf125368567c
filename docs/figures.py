"""Makes what the pages show from recorded runs and from the library itself.

    python docs/figures.py            the tables of all pages, and the pictures
    python docs/figures.py --table    the tables alone

Measured ones come from the newest bench/results/FAMILY-cpu-*.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "singular_values.png"
FAMILIES = ("steps", "polar", "norms", "curvature", "distributed")
INTERVALS = (1e-2, 1e-3, 1e-4)
SETS = ("jordan", "you", "polar_express", "cans", "cubic5", "deepseek_v4")


def newest_run(family: str) -> Path | None:
    """The newest recorded run of the family."""
    runs = (ROOT / "bench" / "results").glob(f"{family}-cpu-*.json")
    return max(runs, key=lambda run: _machine(run)["date"], default=None)


def _machine(run: Path) -> Mapping[str, Any]:
    machine: Mapping[str, Any] = json.loads(run.read_text("utf-8"))["machine"]
    return machine


def table(family: str) -> str:
    """The measured part of a page."""
    run = newest_run(family)
    if run is None:
        return "No run has been recorded yet.\n"
    document = json.loads(run.read_text("utf-8"))
    machine = document["machine"]
    lines = [
        f"Recorded in `bench/results/{run.name}` on {machine['cpu']} with "
        f"{machine['steepest']['target']}, {document['rows'][0]['threads']} threads; "
        "ratios above 1: we are faster.",
        "",
        "| case | ms | of the peak | error / bound | rivals |",
        "|---|---:|---:|---:|---|",
    ]
    by_case: dict[str, list[dict[str, Any]]] = {}
    for row in document["rows"]:
        by_case.setdefault(row["case"], []).append(row)
    return "\n".join([*lines, *(_line(case, rows) for case, rows in by_case.items())]) + "\n"


def _line(case: str, rows: list[dict[str, Any]]) -> str:
    first = rows[0]
    share = first["ceiling_fraction"]
    rivals = ", ".join(f"{r['rival']} {r['ratio']:.2f}x" for r in rows if r["ratio"] is not None)
    peak = "" if share is None else f"{share:.0%}"
    return f"| {case} | {first['median_s'] * 1e3:.3g} | {peak} | {first['error']:.2f} | {rivals} |"


def performance() -> str:
    """Every row of the newest run of every family, and which of them lose."""
    return "\n".join(_family(family) for family in FAMILIES)


def _family(family: str) -> str:
    run = newest_run(family)
    if run is None:
        return f"## {family.capitalize()}\n\nNo run has been recorded yet.\n"
    document = json.loads(run.read_text("utf-8"))
    machine, rows = document["machine"], document["rows"]
    ours = machine["steepest"]
    by_case: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        key = tuple(row[name] for name in ("case", "impl", "dtype", "threads"))
        by_case.setdefault(key, []).append(row)
    lines = [
        f"## {family.capitalize()}",
        "",
        f"`bench/results/{run.name}`: {machine['cpu']}, {machine['cores']} cores, target "
        f"{ours['target']}, {ours['compiler']}.",
        "",
        _losses(rows),
        "",
        *([f"![{family}]({_bars(family).name})", ""] if _bars(family).exists() else []),
        "| case | call | dtype | threads | ms | 10 to 90 % | of the ceiling | error | rivals |",
        "|---|---|---|---:|---:|---:|---:|---:|---|",
        *(_measured(case) for case in by_case.values()),
    ]
    return "\n".join(lines) + "\n"


def _bars(family: str) -> Path:
    return ROOT / "docs" / f"performance_{family}.png"


def _losses(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows in which a rival was faster, slowest of ours first."""
    compared = [row for row in rows if row["ratio"] is not None]
    lost = sorted((row for row in compared if row["ratio"] < 1), key=lambda row: row["ratio"])
    named = ", ".join(f"{r['case']} ({r['rival']} {r['ratio']:.2f}x)" for r in lost)
    count = f"Slower than a rival in {len(lost)} of {len(compared)} comparisons"
    return f"{count}: {named}." if lost else f"{count}."


def _measured(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line for a case; a row whose error is beyond its bound has neither share nor ratios."""
    first, share = rows[0], rows[0]["ceiling_fraction"]
    times = [f"{first[k] * 1e3:.3g}" for k in ("median_s", "p10_s", "p90_s")]
    error = "beyond its bound" if first["error"] is None else f"{first['error']:.2f}"
    cells = [
        first["case"],
        f"`{first['impl']}`",
        first["dtype"],
        str(first["threads"]),
        times[0],
        f"{times[1]} to {times[2]}",
        "" if share is None else f"{share:.0%}",
        error,
        ", ".join(_ratio(row) for row in rows if row["ratio"] is not None),
    ]
    return f"| {' | '.join(cells)} |"


def _ratio(row: Mapping[str, Any]) -> str:
    text = f"{row['rival']} {row['ratio']:.2f}x"
    return f"**{text}**" if row["ratio"] < 1 else text


def rules() -> str:
    """All rules of the native table."""
    from steepest.bench.steps.rule_table import rule_table

    run = newest_run("steps")
    return rule_table(json.loads(run.read_text("utf-8"))["rows"] if run else [])


def sets() -> str:
    """What each coefficient set does to singular values, from its polynomial."""
    from steepest.polar.coefficients import survey

    ends = " | ".join(f"from {lower:g}" for lower in INTERVALS)
    lines = [f"| set | steps | lifts by | {ends} |", "|---|---:|---:|" + "---|" * len(INTERVALS)]
    for name in SETS:
        walked = survey(name)
        cells = [f"`{name}`", str(len(walked.triples)), f"{walked.slope:.0f}"]
        cells += ["{:.2f} to {:.2f}".format(*walked.interval(lower)) for lower in INTERVALS]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


PAGES: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "steps.md": {"rules": rules},
    "orthogonalisation.md": {"measured": lambda: table("polar"), "sets": sets},
    "norms.md": {"measured": lambda: table("norms")},
    "curvature.md": {"measured": lambda: table("curvature")},
    "performance.md": {"rows": performance},
}


def page(name: str) -> str:
    """A page with its generated parts made anew."""
    text = (ROOT / "docs" / name).read_text("utf-8")
    for part, make in PAGES[name].items():
        begin, end = f"<!-- {part}: python docs/figures.py -->\n", f"<!-- end of {part} -->\n"
        head, rest = text.split(begin)
        text = head + begin + make() + end + rest.split(end)[1]
    return text


def draw() -> None:
    """What each set makes of singular values in (0, 1], and of those of a Gaussian matrix."""
    import matplotlib

    matplotlib.use("Agg")
    import numpy as np
    from matplotlib import pyplot
    from steepest import polar

    given = np.random.default_rng(0).standard_normal((128, 128))
    left, before, right = np.linalg.svd(given / np.linalg.norm(given))
    figure, axes = pyplot.subplots(2, 3, figsize=(10, 5), sharex=True, sharey=True)
    for name, ax in zip(SETS, axes.flat, strict=True):
        survey = polar.coefficients.survey(name)
        after = np.diag(left.T @ polar.orthogonalize(given, name) @ right.T)
        ax.semilogx(survey.singular_values, survey.values, color="C0", linewidth=1)
        ax.semilogx(before, after, ".", color="C1", markersize=4)
        ax.axhline(1, color="0.7", linewidth=0.7, zorder=0)
        ax.set(title=f"{name}, {len(survey.triples)} steps", xlim=(1e-5, 1), ylim=(0, 1.35))
    figure.supxlabel("singular value before, of the normalised matrix")
    figure.supylabel("after")
    figure.tight_layout()
    figure.savefig(PICTURE, dpi=110)
    pyplot.close(figure)


def draw_runs() -> None:
    """Bars of the newest run of every family: shares of the ceiling, and ratios to rivals."""
    from steepest.bench import plot
    from steepest.bench.rows import Row

    for family in FAMILIES:
        if run := newest_run(family):
            document = json.loads(run.read_text("utf-8"))
            rows = [Row(**row) for row in document["rows"]]
            plot.save(rows, document["machine"], str(_bars(family)))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--table", action="store_true", help="leave the picture as it is")
    options = parser.parse_args(arguments)
    if not options.table:
        draw()
        draw_runs()
    for name in PAGES:
        (ROOT / "docs" / name).write_text(page(name), "utf-8")


if __name__ == "__main__":
    main()
