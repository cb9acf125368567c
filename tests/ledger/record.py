"""errors.json: what the worst errors were, and whether they have grown.

    {"same_bits": {kernel: {dtype: error}}, "products": {target: {kernel: {dtype: error}}}}

Elementwise steps, sums and probes have the same bits on every CPU target, so there is one number,
which every target must have: `same_bits`. Matrix products have bits of their own on each target,
and what compilers make of one may add in another order: there the error may be FACTOR times the
record. Errors are in units of the last place; see `measure`.
"""

import json
from pathlib import Path

from steepest import cpu

FILE = Path(__file__).parent / "errors.json"
FACTOR = 1.5
#: Of an error that should be the recorded one: the digits in the file, and those of the reference,
#: whose longdoubles have 2^-11 of a unit of a double.
DIGITS = 0.01


def measured(target):
    """{"same_bits": ..., "products": ...} of one CPU target."""
    from . import elementary, probe_cases, product_cases, step_cases, sum_cases

    with cpu.use(target):
        same = [*step_cases.cases(), *sum_cases.cases(), *probe_cases.cases()]
        same += elementary.cases(target)
        return {"same_bits": nested(same), "products": nested(product_cases.cases())}


def nested(rows):
    found = {}
    for name, dtype, value in rows:
        found.setdefault(name, {})[dtype] = (
            round(value, 3) if value < 1e3 else float(f"{value:.4g}")
        )
    return found


def read():
    return json.loads(FILE.read_text("utf-8"))


def grown(found, recorded, factor):
    """One line for each error that is above the record, or is not in it, or no longer there."""
    lines = []
    for name in sorted(found.keys() | recorded.keys()):
        ours, theirs = found.get(name, {}), recorded.get(name, {})
        for dtype in sorted(ours.keys() | theirs.keys()):
            if dtype not in ours or dtype not in theirs:
                where = "measured" if dtype not in ours else "in the record"
                lines.append(f"{name} {dtype}: not {where}")
            elif not ours[dtype] <= factor * theirs[dtype] + DIGITS:
                lines.append(f"{name} {dtype}: {ours[dtype]}, recorded {theirs[dtype]}")
    return lines


def differences(target, found, recorded):
    """What is wrong with the errors of a target. Products on a target that was never recorded are
    not compared."""
    lines = grown(found["same_bits"], recorded["same_bits"], 1.0)
    products = recorded["products"].get(target)
    if products is not None:
        lines += grown(found["products"], products, FACTOR)
    return [f"{target}: {line}" for line in lines]


def write(by_target):
    """The largest numbers for what is the same everywhere; targets that cannot run here keep what
    they have."""
    products = read()["products"] if FILE.exists() else {}
    products |= {target: found["products"] for target, found in by_target.items()}
    same = next(iter(by_target.values()))["same_bits"]
    FILE.write_text(text({"same_bits": same, "products": products}), "utf-8")


def text(value, depth=0):
    """JSON with a line for each kernel."""
    if not isinstance(next(iter(value.values()), None), dict):
        return json.dumps(value) + ("\n" if depth == 0 else "")
    pad = " " * depth
    lines = [f"{pad} {json.dumps(key)}: {text(item, depth + 1)}" for key, item in value.items()]
    return "{\n" + ",\n".join(lines) + f"\n{pad}}}" + ("\n" if depth == 0 else "")
