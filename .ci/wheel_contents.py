"""Checks what the shared objects of a wheel link, need of the system and export, and its size.

    python3 .ci/wheel_contents.py WHEEL

The platform tag of the file's name is what the wheel promises: manylinux_2_28 that no symbol of the
C library is newer than version 2.28. Needs readelf.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

LIMIT = 30_000_000  # bytes
# What manylinux lets a wheel expect of the system, as far as we could come to need it.
SYSTEM = {
    "ld-linux-x86-64.so.2", "libc.so.6", "libdl.so.2", "libgcc_s.so.1", "libm.so.6",
    "libpthread.so.0", "librt.so.1", "libstdc++.so.6",
}  # fmt: skip
ANYTHING = re.compile(".*")
# Python loads the extension for itself alone, so what it exports is nobody's business.
EXPORTS = {"libsteepest": re.compile(r"steepest_\w+")}


def promised(wheel: str) -> tuple[int, ...] | None:
    """The version of the C library in the tag, the lowest of several; None: none."""
    found = re.findall(r"manylinux_(\d+)_(\d+)", wheel)
    return min((tuple(map(int, version)) for version in found), default=None)


def needed(dynamic: str) -> set[str]:
    """The libraries in the output of readelf -d."""
    return set(re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic))


def newest_glibc(versions: str) -> tuple[int, ...]:
    """The newest GLIBC_x.y that the output of readelf -V refers to."""
    found = re.findall(r"Name: GLIBC_([\d.]+)", versions)
    return max((tuple(map(int, v.split("."))) for v in found), default=(0,))


def exported(symbols: str) -> set[str]:
    """The functions and objects that the output of readelf --dyn-syms defines."""
    rows = (line.split() for line in symbols.splitlines())
    defined = (r for r in rows if len(r) == 8 and r[3] in ("FUNC", "OBJECT") and r[6] != "UND")
    return {row[7].partition("@")[0] for row in defined if row[4] in ("GLOBAL", "WEAK")}


@dataclass(frozen=True)
class SharedObject:
    """A file of the wheel: what readelf says of it."""

    name: str
    needed: set[str]
    glibc: tuple[int, ...]
    exported: set[str]

    def problems(self, tag: tuple[int, ...] | None, bundled: set[str]) -> list[str]:
        """What is wrong with it in a wheel that promises `tag` and brings `bundled`."""
        wrong = [f"{self.name} needs {lib}" for lib in sorted(self.needed - SYSTEM - bundled)]
        if tag is not None and self.glibc > tag:
            wrong.append(f"{self.name} needs glibc {self.glibc}, the tag promises {tag}")
        allowed = EXPORTS.get(self.name.split(".")[0], ANYTHING)
        odd = sorted(symbol for symbol in self.exported if not allowed.fullmatch(symbol))
        return wrong + [f"{self.name} exports {symbol}" for symbol in odd]

    def __str__(self) -> str:
        glibc = ".".join(map(str, self.glibc))
        return f"{self.name}: glibc {glibc}, needs {', '.join(sorted(self.needed))}"


def read(file: Path) -> SharedObject:
    options = ("--dynamic", "--version-info", "--dyn-syms")
    dynamic, versions, symbols = (
        subprocess.run(
            ["readelf", "--wide", option, str(file)], check=True, capture_output=True, text=True
        ).stdout
        for option in options
    )
    return SharedObject(file.name, needed(dynamic), newest_glibc(versions), exported(symbols))


def check(wheel: Path) -> list[str]:
    """All that is wrong with a wheel; prints what it holds."""
    with tempfile.TemporaryDirectory() as directory, zipfile.ZipFile(wheel) as archive:
        archive.extractall(directory)
        files = sorted(p for p in Path(directory).rglob("*") if ".so" in p.suffixes)
        objects = [read(file) for file in files]
    print(*objects, sep="\n")
    bundled = {shared.name for shared in objects}
    tag = promised(wheel.name)
    wrong = [problem for shared in objects for problem in shared.problems(tag, bundled)]
    if not objects:
        wrong.append("no shared object")
    size = wheel.stat().st_size
    print(f"{wheel.name}: {size / 1e6:.1f} MB of {LIMIT / 1e6:.0f}")
    if size >= LIMIT:
        wrong.append(f"{size} bytes, expected fewer than {LIMIT}")
    return wrong


if __name__ == "__main__":
    found = check(Path(sys.argv[1]))
    print(*found, sep="\n", file=sys.stderr)
    sys.exit(1 if found else 0)
