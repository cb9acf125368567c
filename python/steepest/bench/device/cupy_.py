"""Arrays of CuPy, for machines without torch."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import bits, host_dtype
from .facts import version_text, with_nominal

_WARM_CALLS = 3
_BLOCKER_BYTES = 2**30


class Cupy:
    """``Framework`` over CuPy."""

    name = "cupy"

    def __init__(self) -> None:
        self._blocker: Any = None

    @property
    def _cupy(self) -> Any:
        return import_module("cupy")

    def usable(self) -> bool:
        try:
            return bool(self._cupy.cuda.runtime.getDeviceCount() > 0)
        except Exception:  # CUDARuntimeError, which exists only where the import worked
            return False

    def facts(self) -> dict[str, Any]:
        runtime = self._cupy.cuda.runtime
        found = runtime.getDeviceProperties(self._cupy.cuda.Device().id)
        name = found["name"]
        return with_nominal(
            {
                "name": name.decode() if isinstance(name, bytes) else str(name),
                "memory_gib": round(found["totalGlobalMem"] / 2**30, 1),
                "multiprocessors": found["multiProcessorCount"],
                "capability": f"{found['major']}.{found['minor']}",
                "l2_mib": round(found.get("l2CacheSize", 0) / 2**20, 1) or None,
                "arrays": f"cupy {self._cupy.__version__}",
                "cuda_runtime": version_text(runtime.runtimeGetVersion()),
                "cuda_driver": version_text(runtime.driverGetVersion()),
            }
        )

    def empty(self, elements: int, dtype: str) -> Any:
        return self._cupy.empty(elements, host_dtype(dtype))

    def upload(self, array: NDArray[Any]) -> Any:
        moved = self._cupy.asarray(bits(np.ascontiguousarray(array)))
        return moved.view(array.dtype)

    def download(self, array: Any) -> NDArray[Any]:
        dtype = np.dtype(array.dtype)
        host: NDArray[Any] = self._cupy.asnumpy(self._as_integers(array))
        return host.view(dtype)

    def _as_integers(self, array: Any) -> Any:
        contiguous = self._cupy.ascontiguousarray(array)
        return contiguous.view(f"i{contiguous.dtype.itemsize}")

    def tile(self, block: NDArray[Any], flat: Any) -> None:
        source = self._cupy.asarray(bits(np.ascontiguousarray(block.reshape(-1))))
        for whole, part in self._parts(flat.view(source.dtype), source):
            whole[...] = part

    def differences(self, flat: Any, block: NDArray[Any]) -> int:
        source = self._cupy.asarray(bits(np.ascontiguousarray(block.reshape(-1))))
        pairs = self._parts(self._as_integers(flat.reshape(-1)), source)
        return sum(int((whole != part).sum()) for whole, part in pairs)

    def _parts(self, flat: Any, block: Any) -> list[tuple[Any, Any]]:
        n, period = flat.size, block.size
        rows = n // period if period else 0
        pairs = [(flat[: rows * period].reshape(rows, period), block)] if rows else []
        return [*pairs, (flat[rows * period :], block[: n - rows * period])]

    def pointer(self, array: Any) -> int:
        return int(array.data.ptr)

    def fresh(self, array: Any) -> Any:
        return array.view()

    def add(self, a: Any, b: Any, out: Any) -> None:
        self._cupy.add(a, b, out=out)

    def copy(self, source: Any, out: Any) -> None:
        stream = self._cupy.cuda.get_current_stream()
        out.data.copy_from_device_async(source.data, source.nbytes, stream)

    def clear(self, out: Any) -> None:
        out.data.memset_async(0, out.nbytes, self._cupy.cuda.get_current_stream())

    def matmul(self, a: Any, b: Any, out: Any) -> None:
        self._cupy.matmul(a, b, out=out)

    def stream(self) -> int:
        return int(self._cupy.cuda.get_current_stream().ptr) or 1

    def wait(self) -> None:
        self._cupy.cuda.Device().synchronize()

    def elapsed(self, work: Callable[[], object]) -> float:
        cuda = self._cupy.cuda
        if self._blocker is None:
            self._blocker = cuda.alloc(_BLOCKER_BYTES)
        start, end = cuda.Event(), cuda.Event()
        self._blocker.memset_async(0, _BLOCKER_BYTES, cuda.get_current_stream())
        start.record()
        work()
        end.record()
        end.synchronize()
        return float(cuda.get_elapsed_time(start, end)) * 1e-3

    def capture(self, call: Callable[[], object], times: int) -> Callable[[], object]:
        cuda = self._cupy.cuda
        side = cuda.Stream(non_blocking=True)
        self.wait()
        with side:
            for _ in range(_WARM_CALLS):
                call()
            side.synchronize()
            side.begin_capture()
            for _ in range(times):
                call()
            graph = side.end_capture()
        self.wait()

        def replay() -> object:
            return graph.launch(cuda.get_current_stream())

        return replay

    def release(self) -> None:
        self._cupy.get_default_memory_pool().free_all_blocks()


FRAMEWORK = Cupy()
