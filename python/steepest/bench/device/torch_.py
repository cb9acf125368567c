"""CUDA tensors of torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import bits, host_dtype
from .facts import BLOCK_S, version_text, with_nominal

_INTEGERS = {1: "uint8", 2: "int16", 4: "int32", 8: "int64"}
_WARM_CALLS = 3


class Torch:
    """``Framework`` over torch. Imported lazily: torch takes seconds to load."""

    name = "torch"
    device = "cuda"

    def __init__(self) -> None:
        self._side: Any = None  # stream of warm-up and capture

    @property
    def _torch(self) -> Any:
        import torch

        return torch

    def usable(self) -> bool:
        return bool(self._torch.cuda.is_available())

    def facts(self) -> dict[str, Any]:
        found = self._torch.cuda.get_device_properties(self._torch.cuda.current_device())
        return with_nominal(
            {
                "name": found.name,
                "memory_gib": round(found.total_memory / 2**30, 1),
                "multiprocessors": found.multi_processor_count,
                "capability": f"{found.major}.{found.minor}",
                "l2_mib": round(getattr(found, "L2_cache_size", 0) / 2**20, 1) or None,
                "arrays": f"torch {self._torch.__version__}",
                "cuda_runtime": self._torch.version.cuda,
                "cuda_driver": self._driver(),
            }
        )

    def _driver(self) -> str | None:
        try:
            return version_text(self._torch._C._cuda_getDriverVersion())
        except (AttributeError, RuntimeError):
            return None

    def empty(self, elements: int, dtype: str) -> Any:
        return self._torch.empty(elements, dtype=getattr(self._torch, dtype), device=self.device)

    def upload(self, array: NDArray[Any]) -> Any:
        array = np.ascontiguousarray(array)
        name = array.dtype.name
        if name != "bfloat16":
            return self._torch.from_numpy(array).to(self.device, copy=True)
        tensor = self._torch.from_numpy(bits(array)).to(self.device, copy=True)
        return tensor.view(self._torch.bfloat16)

    def download(self, array: Any) -> NDArray[Any]:
        name = str(array.dtype).removeprefix("torch.")
        dtype = host_dtype(name)
        host: NDArray[Any] = self._as_integers(array.detach().contiguous()).cpu().numpy()
        return host.view(dtype)

    def _as_integers(self, tensor: Any) -> Any:
        integer = getattr(self._torch, _INTEGERS[tensor.element_size()])
        return tensor.reshape(-1).view(integer).view(tensor.shape)

    def tile(self, block: NDArray[Any], flat: Any) -> None:
        source = self.upload(block.reshape(-1))
        for whole, part in self._parts(flat, source):
            whole.copy_(part)

    def differences(self, flat: Any, block: NDArray[Any]) -> int:
        source = self._as_integers(self.upload(block.reshape(-1)))
        pairs = self._parts(self._as_integers(flat.reshape(-1)), source)
        return sum(int((whole != part).sum()) for whole, part in pairs)

    def _parts(self, flat: Any, block: Any) -> list[tuple[Any, Any]]:
        """Whole repetitions as the rows of a matrix beside the block, and the rest."""
        n, period = flat.numel(), block.numel()
        rows = n // period if period else 0
        pairs = [(flat[: rows * period].view(rows, period), block)] if rows else []
        return [*pairs, (flat[rows * period :], block[: n - rows * period])]

    def pointer(self, array: Any) -> int:
        return int(array.data_ptr())

    def fresh(self, array: Any) -> Any:
        return array.view(array.shape)

    def add(self, a: Any, b: Any, out: Any) -> None:
        self._torch.add(a, b, out=out)

    def copy(self, source: Any, out: Any) -> None:
        out.copy_(source)

    def clear(self, out: Any) -> None:
        out.zero_()

    def matmul(self, a: Any, b: Any, out: Any) -> None:
        self._torch.matmul(a, b, out=out)

    def stream(self) -> int:
        return int(self._torch.cuda.current_stream().cuda_stream) or 1

    def wait(self) -> None:
        self._torch.cuda.synchronize()

    def elapsed(self, work: Callable[[], object]) -> float:
        cuda = self._torch.cuda
        start, end = (cuda.Event(enable_timing=True) for _ in range(2))
        cuda._sleep(int(BLOCK_S * 1.5e9))  # cycles
        start.record()
        work()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) * 1e-3

    def capture(self, call: Callable[[], object], times: int) -> Callable[[], object]:
        cuda = self._torch.cuda
        self._side = self._side or cuda.Stream()
        cuda.synchronize()
        with cuda.stream(self._side):
            for _ in range(_WARM_CALLS):
                call()
        cuda.synchronize()
        graph = cuda.CUDAGraph()
        with cuda.graph(graph, stream=self._side):
            for _ in range(times):
                call()
        cuda.synchronize()

        def replay() -> object:
            return graph.replay()

        return replay

    def release(self) -> None:
        self._torch.cuda.empty_cache()


FRAMEWORK = Torch()
