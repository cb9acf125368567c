"""Memory bandwidth that the makers of GPUs state in their data sheets."""

from __future__ import annotations

# Part of the name that the driver reports -> bytes per second. The longest match counts.
BANDWIDTH = {
    "V100-SXM2": 0.900e12,
    "A100-PCIE-40GB": 1.555e12,
    "A100-SXM4-40GB": 1.555e12,
    "A100 80GB PCIe": 1.935e12,
    "A100-SXM4-80GB": 2.039e12,
    "H100 PCIe": 2.0e12,
    "H100 80GB HBM3": 3.35e12,
    "H100 NVL": 3.9e12,
    "GH200 480GB": 4.0e12,
    "H200": 4.8e12,
    "H200 NVL": 4.8e12,
    "B200": 8.0e12,
    "L4": 0.300e12,
    "L40": 0.864e12,
    "L40S": 0.864e12,
    "GeForce RTX 3090": 0.936e12,
    "GeForce RTX 4090": 1.008e12,
    "GeForce RTX 5090": 1.792e12,
}


def bandwidth(device: str) -> float | None:
    """Nominal bytes per second of a device; None where the table lacks it."""
    words = f" {device} "
    found = [name for name in BANDWIDTH if f" {name} " in words]
    return BANDWIDTH[max(found, key=len)] if found else None
