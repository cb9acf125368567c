"""What the driver says about the GPU."""

from __future__ import annotations

import subprocess
from typing import Any

from steepest import _core

from .nominal import bandwidth

# Long enough that the host can enqueue a batch before the device begins with it.
BLOCK_S = 1e-3


def with_nominal(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts of a device with the driver's version, the nominal bandwidth, and who makes large
    general products beside them."""
    return {
        **facts,
        "driver": driver(),
        "nominal_bytes_per_s": bandwidth(facts["name"]),
        "products": _core.device_products(),
    }


def driver() -> str | None:
    """The driver's version; None where nvidia-smi does not tell."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return next(iter(answer.stdout.split()), None)


def version_text(number: int) -> str:
    """13000 as 13.0."""
    return f"{number // 1000}.{number % 1000 // 10}"
