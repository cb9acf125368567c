"""What the numbers were measured on."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import steepest
from steepest import _core

_PACKAGES = (
    "numpy",
    "ml_dtypes",
    "torch",
    "cupy-cuda13x",
    "cupy-cuda12x",
    "deepspeed",
    "scipy",
    "optax",
    "jax",
    "threadpoolctl",
)
_CPU0 = Path("/sys/devices/system/cpu/cpu0/cache")


def facts() -> dict[str, Any]:
    """Processor, caches, memory, versions and date; without names or paths of the machine."""
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "caches": caches(),
        "memory_gib": round(memory_bytes() / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": versions(),
        "steepest": configuration(),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }


def cpu_model() -> str:
    """The processor's name for itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def caches() -> dict[str, str]:
    """Size of each cache that core 0 uses, such as ``{"L1 Data": "48K"}``."""
    found = {}
    for index in sorted(_CPU0.glob("index*")):
        try:
            level, kind, size = (
                (index / name).read_text().strip() for name in ("level", "type", "size")
            )
        except OSError:
            continue
        found[f"L{level} {kind}"] = size
    return found


def memory_bytes() -> int:
    """Physical memory in bytes; 0 where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0


def versions() -> dict[str, str]:
    """Versions of the installed packages that take part."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def configuration() -> dict[str, Any]:
    """Build and choices of Steepest itself."""
    return {
        "version": steepest.__version__,
        "compiler": _core.compiler(),
        "targets": list(steepest.cpu.targets()),
        "target": steepest.cpu.active(),
        "threads": steepest.cpu.threads(),
    }


@cache
def commit() -> str | None:
    """The commit of the working directory, if that is a checkout of Steepest, else None.

    Ends in ``-dirty`` when tracked files differ from the commit.
    """
    if not Path("csrc/include/steepest/steepest.h").exists():
        return None
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude", "*"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None
