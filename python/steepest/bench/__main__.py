"""``python -m steepest.bench [steps|polar|curvature|norms|distributed] [--rivals] ...``, and
``python -m steepest.bench compare BEFORE.json AFTER.json``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import steepest

from . import ceilings, device, machine, plot, report, rivals, roofline
from .compare import command as compare_command
from .curvature import cases as curvature_cases
from .curvature import device as curvature_device
from .curvature import suite as curvature_suite
from .device.run import Settings as DeviceSettings
from .distributed import cases as distributed_cases
from .distributed import suite as distributed_suite
from .environment import restart_without_overrides
from .norms import cases as norms_cases
from .norms import device as norms_device
from .norms import suite as norms_suite
from .norms.conv_cases import ConvCase
from .norms.samples import SampleCase
from .norms.settings import Settings as NormsSettings
from .polar import peak, preparation
from .polar import suite as polar_suite
from .polar.cases import Case as PolarCase
from .polar.device import cases as polar_device_cases
from .polar.device import peak as polar_device_peak
from .polar.device import suite as polar_device
from .polar.products import ProductCase
from .progress import tracked
from .rows import Row, as_document
from .scaling import plot as scaling_plot
from .scaling import points as scaling_points
from .scaling import suite as scaling_suite
from .steps import clip_cases, low_rank, suite
from .steps.cases import Case, cases
from .steps.ceiling import describe
from .steps.device import suite as device_suite
from .steps.device import timing as device_timing
from .steps.device.cases import DeviceCase, device_cases
from .timing import FULL, QUICK

SCALING = "scaling"
FAMILIES = ("steps", "polar", "curvature", "norms", "distributed")
ON_DEVICE = ("steps", "polar", "curvature", "norms")  # families with cases for a GPU
NORMS = (norms_cases.Case, ConvCase, norms_cases.ReportCase, SampleCase)

StepsCase: TypeAlias = "suite.AnyCase"
STEPS = (Case, clip_cases.ClipCase, low_rank.LowRankCase)
POLAR_ON_DEVICE = (polar_device_cases.ProductCase, polar_device_cases.ListCase)
AnyCase: TypeAlias = (
    "StepsCase | PolarCase | ProductCase | curvature_cases.Case | distributed_cases.Case"
    " | norms_cases.AnyCase | polar_device_cases.AnyCase | scaling_points.Point"
)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m steepest.bench",
        allow_abbrev=False,
        description="Times Steepest's kernels against the machine's ceilings and against rivals.",
        epilog="compare BEFORE.json AFTER.json: what got faster or slower between two such files.",
    )
    p.add_argument("family", nargs="?", choices=FAMILIES, help="by default all")
    p.add_argument(
        "--device", choices=("cpu", "cuda"), default="cpu", help="where to run; by default the cpu"
    )
    p.add_argument(
        "--arrays", choices=tuple(device.MODULES), help="of which package; by default torch's"
    )
    p.add_argument("--rivals", action="store_true", help="compare with all that are installed")
    p.add_argument(
        "--rival", action="append", metavar="NAME", help="compare with this one; repeatable"
    )
    p.add_argument(
        "--scaling",
        action="store_true",
        help="how a few calls depend on sizes and threads, instead of all cases",
    )
    p.add_argument("--quick", action="store_true", help="small arrays and few repeats")
    p.add_argument("--json", type=Path, metavar="F", help="write the rows to this file")
    p.add_argument("--plot", metavar="F.png", help="draw the rows (needs matplotlib)")
    p.add_argument(
        "--roofline",
        metavar="F.png",
        help="draw operations per byte against speed, under the machine's ceilings",
    )
    p.add_argument("--only", metavar="TEXT", help="only cases with this text in their name")
    p.add_argument(
        "--elements",
        type=_positive,
        metavar="N",
        help="size of the large arrays of steps, curvature and distributed",
    )
    p.add_argument("--threads", type=_positive, metavar="N", help="by default as the library would")
    p.add_argument(
        "--list", action="store_true", help="show cases and what is counted, run nothing"
    )
    return p


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {value}")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark.

    Returns 1 when an error exceeds its bound or a case fails, 2 for a command line or a device that
    cannot be used.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given[:1] == ["compare"]:
        return compare_command.main(given[1:])
    options = parser().parse_args(given)
    if options.device == "cuda" and options.family not in (None, *ON_DEVICE):
        print(f"--device: {options.family} runs on the cpu only", file=sys.stderr)
        return 2
    if options.device == "cuda" and (options.roofline or options.scaling):
        print("--roofline and --scaling: on the cpu only", file=sys.stderr)
        return 2
    chosen = _chosen(options)
    if not any(chosen.values()):
        print(_nothing(options), file=sys.stderr)
        return 2
    if options.list:
        _list(chosen)
        return 0
    if (options.plot or options.roofline) and not plot.available():
        print("--plot and --roofline need matplotlib: pip install matplotlib", file=sys.stderr)
        return 2
    try:
        return _run(chosen, options)
    except (ValueError, steepest.DeviceError) as error:
        print(error, file=sys.stderr)
        return 2


def _chosen(options: argparse.Namespace) -> dict[str, list[AnyCase]]:
    """The cases by family."""
    if options.scaling:
        return {SCALING: _points(options)}
    every = ON_DEVICE if options.device == "cuda" else FAMILIES
    found = {}
    for family in [options.family] if options.family else every:
        cases = _cases(family, options)
        found[family] = [case for case in cases if (options.only or "") in case.name]
    return found


def _points(options: argparse.Namespace) -> list[AnyCase]:
    found = scaling_points.points(quick=options.quick, threads=_thread_count(options))
    of_family = (p for p in found if options.family in (None, p.family))
    return [point for point in of_family if (options.only or "") in point.name]


def _cases(family: str, options: argparse.Namespace) -> Sequence[AnyCase]:
    if options.device == "cuda":
        return _device_cases(family, options)
    if family == "polar":
        return preparation.every_case(quick=options.quick)
    if family == "curvature":
        return curvature_cases.cases(quick=options.quick, elements=options.elements)
    if family == "distributed":
        return distributed_cases.cases(quick=options.quick, elements=options.elements)
    if family == "norms":
        return norms_cases.cases(quick=options.quick)
    size = {"quick": options.quick, "elements": options.elements}
    made: Sequence[Case] = cases(**size)
    return [*made, *clip_cases.cases(**size), *low_rank.cases(**size)]


def _device_cases(family: str, options: argparse.Namespace) -> Sequence[AnyCase]:
    if family == "polar":
        return polar_device_cases.cases(quick=options.quick)
    if family == "norms":
        return norms_device.cases(quick=options.quick)
    make = curvature_device.cases if family == "curvature" else device_cases
    made: Sequence[AnyCase] = make(quick=options.quick, elements=options.elements)
    return made


def _run(chosen: Mapping[str, Sequence[AnyCase]], options: argparse.Namespace) -> int:
    facts = machine.facts()
    failures: list[str] = []
    _check_rivals(chosen, options)
    if options.device == "cpu" and (options.json or options.roofline):
        facts["ceilings"] = ceilings.measure(_thread_count(options), quick=options.quick)
    rows: list[Row] = []
    total = sum(map(len, chosen.values()))
    results = _every_result(chosen, options, facts, failures)
    for _, new in tracked(results, total, lambda result: result[0]):
        rows += new
        _save(rows, facts, options)  # after every case: a run cut short leaves its rows
    _publish(rows, facts, options)
    if failures:
        print(f"failed: {', '.join(failures)}")
    return 0 if not failures and all(row.counts for row in rows) else 1


def _every_result(
    chosen: Mapping[str, Sequence[AnyCase]],
    options: argparse.Namespace,
    facts: dict[str, Any],
    failures: list[str],
) -> Iterator[tuple[str, list[Row]]]:
    """The rows of each case of one family after the other, each with what has just been done."""
    for family, of_family in chosen.items():
        if of_family:
            results = _results(family, of_family, options, facts, failures)
            for case, rows in zip(of_family, results, strict=True):
                yield f"{family}: {case.name}", rows


def _results(
    family: str,
    chosen: Sequence[AnyCase],
    options: argparse.Namespace,
    facts: dict[str, Any],
    failures: list[str],
) -> Iterator[list[Row]]:
    """The rows of a family's cases, as they come. Adds to the facts what they say of a device."""
    if options.device == "cuda":
        settings = _device_settings(family, options, failures)
        facts["device"] = settings.framework.facts()
        settings = replace(settings, nominal=facts["device"].get("nominal_bytes_per_s"))
        return _results_on_device(family, chosen, settings, quick=options.quick)
    if family == SCALING:
        points = [case for case in chosen if isinstance(case, scaling_points.Point)]
        return scaling_suite.run(points, _scaling_settings(options))
    if family == "polar":
        of_polar = [case for case in chosen if isinstance(case, (PolarCase, ProductCase))]
        return polar_suite.run(of_polar, _polar_settings(options))
    if family == "curvature":
        of_curvature = [case for case in chosen if isinstance(case, curvature_cases.Case)]
        return curvature_suite.run(of_curvature, _curvature_settings(options))
    if family == "distributed":
        of_messages = [case for case in chosen if isinstance(case, distributed_cases.Case)]
        return distributed_suite.run(of_messages, _distributed_settings(options))
    if family == "norms":
        of_norms = [case for case in chosen if isinstance(case, NORMS)]
        return norms_suite.run(of_norms, _norms_settings(options))
    of_steps = [case for case in chosen if isinstance(case, STEPS)]
    return suite.run(of_steps, _settings(options))


def _results_on_device(
    family: str, chosen: Sequence[AnyCase], settings: DeviceSettings, *, quick: bool
) -> Iterator[list[Row]]:
    """The same of a GPU."""
    if family == "polar":
        of_polar = [case for case in chosen if isinstance(case, POLAR_ON_DEVICE)]
        side = polar_device_peak.QUICK_SIDE if quick else polar_device_peak.FULL_SIDE
        return polar_device.run(of_polar, settings, side)
    if family == "curvature":
        of_curvature = [case for case in chosen if isinstance(case, curvature_cases.Case)]
        return curvature_device.run(of_curvature, settings)
    if family == "norms":
        of_norms = [case for case in chosen if isinstance(case, norms_cases.ReportCase)]
        return norms_device.run(of_norms, settings)
    return device_suite.run([case for case in chosen if isinstance(case, DeviceCase)], settings)


def _check_rivals(chosen: Mapping[str, object], options: argparse.Namespace) -> None:
    """Raises ValueError for a rival that no chosen family has."""
    known: Mapping[str, Sequence[str]] = rivals.OF_FAMILY
    if options.device == "cuda":
        known = rivals.ON_DEVICE_OF_FAMILY
    families = FAMILIES if options.scaling else tuple(chosen)
    modules = [name for family in families for name in known[family]]
    rivals.check_names(options.rival or (), modules)


def _rivals(options: argparse.Namespace, modules: Sequence[str]) -> Sequence[rivals.Rival]:
    if options.rival:
        return rivals.load(rivals.names_in(options.rival, modules), modules)
    return rivals.load(modules=modules) if options.rivals else ()


def _thread_count(options: argparse.Namespace) -> int:
    return options.threads or steepest.cpu.threads()


def _settings(options: argparse.Namespace) -> suite.Settings:
    return suite.Settings(
        effort=QUICK if options.quick else FULL,
        threads=_thread_count(options),
        rivals=_rivals(options, rivals.MODULES),
    )


def _polar_settings(options: argparse.Namespace) -> polar_suite.Settings:
    return polar_suite.Settings(
        effort=QUICK if options.quick else FULL,
        threads=_thread_count(options),
        rivals=_polar_rivals(options),
        peak_side=peak.QUICK_SIDE if options.quick else peak.FULL_SIDE,
    )


def _polar_rivals(options: argparse.Namespace) -> Sequence[rivals.PolarRival]:
    if options.rival:
        return rivals.load_polar(rivals.names_in(options.rival, rivals.POLAR))
    return rivals.load_polar() if options.rivals else ()


def _curvature_settings(options: argparse.Namespace) -> curvature_suite.Settings:
    return curvature_suite.Settings(
        effort=QUICK if options.quick else FULL,
        threads=_thread_count(options),
        rivals=_curvature_rivals(options),
    )


def _curvature_rivals(options: argparse.Namespace) -> Sequence[rivals.CurvatureRival]:
    if options.rival:
        return rivals.load_curvature(rivals.names_in(options.rival, rivals.CURVATURE))
    return rivals.load_curvature() if options.rivals else ()


def _distributed_settings(options: argparse.Namespace) -> distributed_suite.Settings:
    return distributed_suite.Settings(
        effort=QUICK if options.quick else FULL,
        threads=_thread_count(options),
        rivals=_distributed_rivals(options),
    )


def _distributed_rivals(options: argparse.Namespace) -> Sequence[rivals.DistributedRival]:
    if options.rival:
        return rivals.load_distributed(rivals.names_in(options.rival, rivals.DISTRIBUTED))
    return rivals.load_distributed() if options.rivals else ()


def _norms_settings(options: argparse.Namespace) -> NormsSettings:
    return NormsSettings(
        effort=QUICK if options.quick else FULL,
        threads=_thread_count(options),
        rivals=_norms_rivals(options),
    )


def _norms_rivals(options: argparse.Namespace) -> Sequence[rivals.NormsRival]:
    if options.rival:
        return rivals.load_norms(rivals.names_in(options.rival, rivals.NORMS))
    return rivals.load_norms() if options.rivals else ()


def _scaling_settings(options: argparse.Namespace) -> scaling_suite.Settings:
    return scaling_suite.Settings(
        effort=QUICK if options.quick else FULL,
        rivals={
            "steps": _rivals(options, rivals.MODULES),
            "polar": _polar_rivals(options),
            "curvature": _curvature_rivals(options),
            "norms": _norms_rivals(options),
        },
        peak_side=peak.QUICK_SIDE if options.quick else peak.FULL_SIDE,
    )


def _device_settings(
    family: str, options: argparse.Namespace, failures: list[str]
) -> DeviceSettings:
    return DeviceSettings(
        effort=device_timing.QUICK if options.quick else device_timing.FULL,
        framework=device.find(options.arrays),
        rivals=_device_rivals(family, options),
        notice=_notice,
        failures=failures,
    )


def _device_rivals(family: str, options: argparse.Namespace) -> Sequence[Any]:
    if options.rival:
        names = rivals.names_in(options.rival, rivals.ON_DEVICE_OF_FAMILY[family])
        return rivals.load_on_device(family, names)
    return rivals.load_on_device(family) if options.rivals else ()


def _notice(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _save(rows: Sequence[Row], facts: dict[str, Any], options: argparse.Namespace) -> None:
    if not options.json:
        return
    document = as_document(rows, facts, machine.commit())
    partial = options.json.with_name(options.json.name + ".part")
    partial.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")
    os.replace(partial, options.json)


def _publish(rows: Sequence[Row], facts: dict[str, Any], options: argparse.Namespace) -> None:
    report.show(rows, facts)
    if options.plot and rows:
        save = scaling_plot.save if options.scaling else plot.save
        save(rows, facts, options.plot)
    if options.roofline and rows:
        roofline.save(rows, facts, options.roofline)


def _nothing(options: argparse.Namespace) -> str:
    if options.only is None:
        return f"--scaling: {options.family} has no cases"
    return f"--only: no case has {options.only!r} in its name"


def _list(chosen: Mapping[str, Sequence[AnyCase]]) -> None:
    for case in (case for of_family in chosen.values() for case in of_family):
        print(_line(case))


def _line(case: AnyCase) -> str:
    if isinstance(case, scaling_points.Point):
        return f"{_line(case.case)}; threads: {case.threads}"
    if isinstance(case, curvature_cases.Case):
        return curvature_cases.describe(case)
    if isinstance(case, distributed_cases.Case):
        return distributed_cases.describe(case)
    if isinstance(case, NORMS):
        return norms_cases.describe(case)
    if isinstance(case, clip_cases.ClipCase):
        return clip_cases.describe(case)
    if isinstance(case, low_rank.LowRankCase):
        return low_rank.describe(case)
    if isinstance(case, POLAR_ON_DEVICE):
        return polar_device_cases.describe(case)
    if not isinstance(case, Case):
        return preparation.describe(case)
    return (
        f"{case.name} ({case.impl}): {case.bytes / case.elements:g} bytes, "
        f"{case.flops / case.elements:g} FLOPs per element; {describe(case.passes)}"
    )


if __name__ == "__main__":
    restart_without_overrides()
    sys.exit(main())
