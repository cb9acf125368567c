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
OVERVIEW = ROOT / "docs" / "measured.png"  # in the README
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
    from steepest.bench import tables

    run = newest_run(family)
    if run is None:
        return f"## {family.capitalize()}\n\nNo run has been recorded yet.\n"
    document = json.loads(run.read_text("utf-8"))
    picture = _bars(family)
    parts = [f"## {family.capitalize()}", _where(run, document["machine"])]
    parts += [tables.losses(document["rows"])]
    parts += [f"![{family}]({picture.name})"] if picture.exists() else []
    return "\n\n".join([*parts, tables.all_rows(document["rows"])])


def _where(run: Path, machine: Mapping[str, Any]) -> str:
    ours = machine["steepest"]
    return (
        f"`bench/results/{run.name}`: {machine['cpu']}, {machine['cores']} cores, target "
        f"{ours['target']}, {ours['compiler']}."
    )


def _bars(family: str) -> Path:
    return ROOT / "docs" / f"performance_{family}.png"


def overview() -> str:
    """The measured part of the README."""
    from steepest.bench import tables

    run = newest_run("steps")
    if run is None:
        return "No run has been recorded yet.\n"
    document = json.loads(run.read_text("utf-8"))
    where, lost = _where(run, document["machine"]), tables.losses(document["rows"])
    return f"{where}\n\n{tables.overview(document['rows'])}\n{lost}\n"


def devices() -> str:
    """What ran on a GPU."""
    from steepest.bench.device import stages

    return stages.table(stages.recorded(ROOT / "bench" / "results"))


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
    "../README.md": {"measured": overview, "devices": devices},
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
    from steepest.bench import plot, tables
    from steepest.bench.rows import Row

    for family in FAMILIES:
        if run := newest_run(family):
            document = json.loads(run.read_text("utf-8"))
            rows, machine = document["rows"], document["machine"]
            plot.save([Row(**row) for row in rows], machine, str(_bars(family)))
            if family == "steps":
                few = [Row(**row) for line in tables.overview_rows(rows) for row in line]
                plot.save(few, machine, str(OVERVIEW))


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
