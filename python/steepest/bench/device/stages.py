"""What has run on a GPU: the outcomes of bench/gpu_all.sh, and the README's table of them.

    python -m steepest.bench.device.stages FILE CARD COMMIT STAGE=OUTCOME...

writes FILE. An outcome begins with "passed", "skipped" or "FAILED".
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

# Kernels, and the stages that run all of them, each named as far as the kind of arrays.
KERNELS: Mapping[str, tuple[str, ...]] = {
    "apply, reduce, prepare, norm, advance, upload": ("golden", "tests"),
    "Adafactor's row and column averages, SM3's maxima": ("golden",),
    "sums over rows (AdamP, SGDP) and over the list (Prodigy), adaptive clipping": (
        "golden",
        "tests",
    ),
    "probes: rademacher, gaussian, accumulate": ("probes",),
    "matrix products: on arithmetic units, on tensor cores, by-products": ("products",),
    "large general products by cublasLt, opened at run time where it is installed": ("products",),
    "orthogonalisation: norms, scaling, conversion, small matrices and Gram steps on chip": (
        "matrices",
    ),
    "sums and norms of rows and columns, norm report, MKOR's update, the norms of OASIS": (
        "lines",
        "matrices",
    ),
    "passes between products: sums and comparisons of matrices, for polar factors and caps": (
        "matrices",
    ),
    "Gram iteration: scaling of iterates, vectors of the lower bound, row sums of magnitudes": (
        "matrices",
    ),
    "norms of convolutions, by the products, passes and Gram iteration above": ("matrices",),
}
NEVER = "never ran on a GPU"


def write(file: Path, card: str, commit: str, outcomes: Iterable[str]) -> None:
    """`outcomes` are words STAGE=OUTCOME."""
    by_stage = dict(word.split("=", 1) for word in outcomes)
    document = {"card": card, "commit": commit, "stages": by_stage}
    file.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def ran_on(stages: Sequence[str], run: Mapping[str, object]) -> str | None:
    """What a run says of kernels that these stages need; None: nothing, as one of them did not run
    or was skipped."""
    outcomes = run["stages"]
    assert isinstance(outcomes, dict)
    found = []
    for stage in stages:
        of_stage = [o for name, o in outcomes.items() if name.split("-")[0] == stage]
        of_stage = [o for o in of_stage if not o.startswith("skipped")]
        if not of_stage:
            return None
        found += of_stage
    where = f"{run['card']}, at {run['commit']}"
    return where if set(found) == {"passed"} else f"failed on {where}"


def table(runs: Sequence[Mapping[str, object]]) -> str:
    """Of all kernels; the last of the runs that says something counts."""
    lines = ["| kernels | last ran on |", "|---|---|"]
    for kernels, stages in KERNELS.items():
        said = [text for run in runs if (text := ran_on(stages, run)) is not None]
        lines.append(f"| {kernels} | {said[-1] if said else NEVER} |")
    return "\n".join(lines) + "\n"


def recorded(directory: Path) -> list[Mapping[str, object]]:
    """The runs of a directory, by the date at the end of the card's name."""
    found: list[Mapping[str, object]] = [
        json.loads(file.read_text("utf-8")) for file in directory.glob("*-stages.json")
    ]
    return sorted(found, key=lambda run: str(run["card"])[-10:])


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:])
