"""Recorded runs as Markdown: nothing that loses is left out."""

from steepest.bench import tables


def row(rival, ratio, **changes):
    fields = {"case": "adamw 64M", "impl": "steps.adamw", "dtype": "float32", "threads": 2}
    times = {"median_s": 0.03, "p10_s": 0.02, "p90_s": 0.0415}
    shares = {"ceiling_fraction": 0.975, "error": 0.25}
    return {**fields, **times, **shares, "rival": rival, "ratio": ratio, **changes}


ROWS = [
    row("numpy", 20.0),
    row("torch-fused", 0.998),
    row("numpy", 0.5, case="lion 64M", impl="steps.lion"),
    row(None, None, case="wrong", ceiling_fraction=None, error=None),
]


def test_a_line_per_case_with_all_its_rivals():
    lines = tables.all_rows(ROWS).splitlines()[2:]
    assert lines[0] == (
        "| adamw 64M | `steps.adamw` | float32 | 2 | 30 | 20 to 41.5 | 98% | 0.25 "
        "| numpy 20x, **torch-fused 0.998x** |"
    )
    assert lines[2] == (
        "| wrong | `steps.adamw` | float32 | 2 | 30 | 20 to 41.5 |  | beyond its bound |  |"
    )
    assert len(lines) == 3


def test_losses_are_counted_and_named_the_worst_first():
    assert tables.losses(ROWS) == (
        "Slower than a rival in 2 of 3 comparisons: lion 64M (numpy 0.5x), "
        "adamw 64M (torch-fused 0.998x)."
    )
    assert tables.losses(ROWS[:1]) == "Slower than a rival in 0 of 1 comparisons."


def test_the_overview_has_the_steps_that_the_run_has():
    lines = tables.overview(ROWS).splitlines()
    assert lines[2:] == [
        "| AdamW, float32 | 30 | 98% | 20x |  | 0.998x |  |",
        "| Lion | 30 | 98% | 0.5x |  |  |  |",
    ]
