"""Checks what the CUDA compiler reports about the kernels, and their machine code.

    python .ci/cuda_resources.py LOG [--sass LIBRARY]

LOG is the output of a build with -Xptxas -v. Fails on any register spill, on a stack frame of the
elementwise, reducing and multiplying kernels, on more registers of the elementwise ones than let
enough threads stay on a multiprocessor and, where the library is given, on an elementwise kernel
without 16-byte loads and stores or a product without 16-byte copies to shared memory.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# Registers of an elementwise kernel: 64 leave room for four blocks of 256 threads on a
# multiprocessor. Doubles take two each, but also bring twice the bytes: three blocks do.
USUAL = 64
USUAL_OF_DOUBLES = 80
CODED = r", float, \(steepest::device::Storage\)[12]"  # not as the arithmetic has it
# Exceptions: the kernel's rule (the pattern is looked for in its name), how many, and why.
EXCEPTIONS = (
    (r"AdaHessian<float>", 80, "a power in double for every element"),
    (r"Adafactor<float>", 80, "four streams, two of them found by the row and the column"),
    (r"Adan<float>", 80, "six streams and more constants than registers"),
    (r"Mars<float>", 80, "five streams and more constants than registers"),
    (r"AdaFisher<float>" + CODED, 80, "five streams, two of them by row and column, decoded"),
    (r"LowRankStep<float>" + CODED, 80, "five streams, two of them by row and column, decoded"),
    (r"Sm3<float>" + CODED, 80, "five streams, two of them by row and column, decoded"),
    (r"AdaHessian<double>", 96, "a power for every element"),
    (r"AdamP<double>", 96, "five streams, and the constants of a projection"),
    (r"(AdEmaMix|Prodigy|RmsProp)<double>", 96, "five streams and as many constants"),
    (r"AmsGrad<double>", 96, "five streams"),
    (r"ExAdam<double>", 96, "three divisions and a root for every element"),
    (r"Adan<double>", 96, "six streams and more constants than registers"),
    (r"Mars<double>", 96, "five streams and more constants than registers"),
    (
        r"probe_accumulate_kernel<double, \(steepest::curvature::Distribution\)1>",
        128,
        "normal numbers in double",
    ),
)
ELEMENTWISE = ("apply_kernel", "probe_fill_kernel", "probe_accumulate_kernel")
PRODUCT = "product_kernel"
WITHOUT_STACK = (*ELEMENTWISE, PRODUCT, "reduce_kernel", "probe_groups_kernel")
WRITE_ONLY = "probe_fill_kernel"

_ENTRY = re.compile(r"Compiling entry function '(\w+)' for '(\w+)'")
_PROPERTIES = re.compile(r"Function properties for (\w+)")
_MEMORY = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_USED = re.compile(r"Used (\d+) registers")
_SASS_ARCHITECTURE = re.compile(r"^\s*arch = (\w+)")
_SASS_FUNCTION = re.compile(r"^\s*Function : (\w+)")
_WIDE = {
    "load": re.compile(r"\bLDG(\.\w+)*\.128\b"),
    "store": re.compile(r"\bSTG(\.\w+)*\.128\b"),
    "copy": re.compile(r"\bLDGSTS(\.\w+)*\.128\b"),
}


@dataclass
class Kernel:
    """One kernel on one architecture; sizes in bytes. Functions that it calls count with it."""

    name: str
    architecture: str
    registers: int = -1
    stack: int = 0
    spills: int = 0


def parse(lines: Iterable[str]) -> list[Kernel]:
    """The kernels of a log. Raises ValueError where reports of two kernels run into each other."""
    kernels: list[Kernel] = []
    current: Kernel | None = None
    for line in lines:
        if found := _ENTRY.search(line):
            if current is not None:
                raise ValueError(
                    f"the report of {current.name} has no registers: interleaved output?"
                )
            current = Kernel(*found.groups())
        elif found := _MEMORY.search(line):
            if current is None:
                raise ValueError(f"memory of no kernel: interleaved output? {line.strip()}")
            stack, stores, loads = map(int, found.groups())
            current.stack = max(current.stack, stack)
            current.spills += stores + loads
        elif found := _USED.search(line):
            if current is None:
                raise ValueError(f"registers of no kernel: interleaved output? {line.strip()}")
            current.registers = int(found.group(1))
            kernels.append(current)
            current = None
    if current is not None:
        raise ValueError(f"the report of {current.name} is not complete")
    return kernels


def demangled(names: Iterable[str]) -> dict[str, str]:
    """Mangled name -> readable name; the mangled one itself where no tool can tell."""
    every = sorted(set(names))
    tool = shutil.which("cu++filt") or shutil.which("c++filt")
    if tool is None or not every:
        return {name: name for name in every}
    done = subprocess.run(
        [tool], input="\n".join(every), capture_output=True, text=True, check=True, timeout=60
    )
    readable = done.stdout.splitlines()
    return dict(zip(every, readable, strict=True)) if len(readable) == len(every) else {}


def is_elementwise(name: str) -> bool:
    """Whether a kernel, by its mangled or readable name, walks over elements in groups."""
    return any(part in name for part in ELEMENTWISE)


def most_registers(name: str) -> int:
    """How many an elementwise kernel of that readable name may have."""
    for pattern, most, _ in EXCEPTIONS:
        if re.search(pattern, name):
            return most
    return USUAL_OF_DOUBLES if "double" in name else USUAL


def problems(kernel: Kernel, name: str) -> Iterator[str]:
    """What is wrong with a kernel of that readable name."""
    if kernel.spills:
        yield f"{kernel.spills} bytes spilled"
    if kernel.stack and any(part in name for part in WITHOUT_STACK):
        yield f"{kernel.stack} bytes of stack"
    most = most_registers(name)
    if kernel.registers > most and is_elementwise(name):
        yield f"{kernel.registers} registers, at most {most} expected"


def wide_accesses(name: str) -> set[str]:
    """The kinds of 16-byte accesses that a kernel must have."""
    if PRODUCT in name:
        return {"copy"}
    if not is_elementwise(name):
        return set()
    return {"store"} if WRITE_ONLY in name else {"load", "store"}


def narrow_kernels(lines: Iterable[str]) -> tuple[int, list[str]]:
    """Number of kernels in a disassembly that must have 16-byte accesses, and those without."""
    missing: dict[tuple[str, str], set[str]] = {}
    architecture, current = "", None
    for line in lines:
        if found := _SASS_ARCHITECTURE.match(line):
            architecture = found.group(1)
        elif found := _SASS_FUNCTION.match(line):
            name = found.group(1)
            wanted = wide_accesses(name)
            current = missing.setdefault((name, architecture), wanted) if wanted else None
        elif current:
            current -= {kind for kind in current if _WIDE[kind].search(line)}
    wrong = [
        f"{name} on {target}: no 16-byte {' and '.join(sorted(kinds))}"
        for (name, target), kinds in missing.items()
        if kinds
    ]
    return len(missing), wrong


def disassembly(library: Path, tool: str) -> Iterator[str]:
    """The lines of the machine code of a library."""
    command = [tool, "--dump-sass", str(library)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield from process.stdout
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit status {process.returncode}")


def check_report(log: Path) -> int:
    """Prints a table of all kernels; returns how many are not as they should be."""
    kernels = parse(log.read_text(errors="replace").splitlines())
    if not kernels:
        print(f"{log}: no report of a kernel; was it built with -Xptxas -v?")
        return 1
    names = demangled(kernel.name for kernel in kernels)
    wrong = 0
    print(f"{'architecture':12}  {'registers':>9}  {'stack':>5}  {'spills':>6}  kernel")
    for kernel in sorted(kernels, key=lambda k: (names.get(k.name, k.name), k.architecture)):
        name = names.get(kernel.name, kernel.name)
        found = list(problems(kernel, name))
        wrong += bool(found)
        print(
            f"{kernel.architecture:12}  {kernel.registers:9}  {kernel.stack:5}  {kernel.spills:6}  "
            f"{name}{'   <-- ' + ', '.join(found) if found else ''}"
        )
    most = max((k.registers for k in kernels if is_elementwise(k.name)), default=0)
    print(f"{len(kernels)} kernels, {wrong} not as they should be; elementwise: {most} registers")
    return wrong


def check_sass(library: Path) -> int:
    """Returns how many kernels lack 16-byte accesses; 0 without cuobjdump."""
    tool = shutil.which("cuobjdump")
    if tool is None:
        print("cuobjdump is not installed: the width of loads and stores is not checked")
        return 0
    count, wrong = narrow_kernels(disassembly(library, tool))
    for line in wrong:
        print(line)
    print(f"{count} kernels with 16-byte accesses expected, {len(wrong)} without")
    return len(wrong) if count else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 when something is not as it should be."""
    p = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    p.add_argument("log", type=Path, help="output of a build with -Xptxas -v")
    p.add_argument("--sass", type=Path, metavar="LIBRARY", help="look into its machine code, too")
    options = p.parse_args(arguments)
    wrong = check_report(options.log)
    if options.sass is not None:
        wrong += check_sass(options.sass)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
