"""The peak on a GPU: the rate of large products of the array framework, in the same run."""

from __future__ import annotations

import numpy as np

from ...device import host_dtype
from ...device.run import Settings
from ...steps.device.timing import enqueued
from ..operations import general
from ..peak import Probe

FULL_SIDE = 8192
QUICK_SIDE = 2048
_CONTENT = 1_000_003  # elements, repeated


class Peaks:
    """The probe of each type, made when it is first asked for."""

    def __init__(self, side: int, settings: Settings) -> None:
        self._side, self._settings = side, settings
        self._probes: dict[str, list[Probe]] = {}

    def of(self, dtype: str) -> list[Probe]:
        """None where the framework has no products in the type."""
        if dtype not in self._probes:
            try:
                self._probes[dtype] = [self._product(dtype)]
            except Exception as error:  # of any framework
                text = f"{type(error).__name__}: {error}"
                self._settings.notice(f"peak {dtype}: left out ({text})")
                self._probes[dtype] = []
        return self._probes[dtype]

    def _product(self, dtype: str) -> Probe:
        framework, n = self._settings.framework, self._side
        content = np.random.default_rng(1).standard_normal(min(_CONTENT, n * n), np.float32)
        a, b, c = (framework.empty(n * n, dtype).reshape(n, n) for _ in range(3))
        for flat in (a, b):
            framework.tile(content.astype(host_dtype(dtype)), flat.reshape(-1))
        name = f"peak {dtype} {framework.name}"
        return Probe(enqueued(name, framework, lambda: framework.matmul(a, b, c)), general(n, n))
