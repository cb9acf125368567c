"""What the GPU benchmark asks of an array framework, in NumPy."""

import time

import numpy as np
from steepest.bench import device


class Host:
    """``device.Framework`` over NumPy, with a graph that is a list of calls."""

    name = "numpy"

    def usable(self):
        return True

    def facts(self):
        return {"name": "NVIDIA H200", "memory_gib": 1.0, "arrays": "numpy"}

    def empty(self, elements, dtype):
        return np.empty(elements, device.host_dtype(dtype))

    def upload(self, array):
        return array.copy()

    def download(self, array):
        return array.copy()

    def tile(self, block, flat):
        flat[...] = np.resize(block.reshape(-1), flat.size)

    def differences(self, flat, block):
        expected = np.resize(block.reshape(-1), flat.size)
        return int((device.bits(flat) != device.bits(expected)).sum())

    def pointer(self, array):
        return array.ctypes.data

    def fresh(self, array):
        return array.view()

    def add(self, a, b, out):
        with np.errstate(all="ignore"):  # the arrays hold anything
            np.add(a, b, out=out)

    def copy(self, source, out):
        out[...] = source

    def clear(self, out):
        out[...] = 0

    def matmul(self, a, b, out):
        np.matmul(a, b, out=out)

    def stream(self):
        return 1

    def wait(self):
        pass

    def elapsed(self, work):
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    def capture(self, call, times):
        call()
        return lambda: [call() for _ in range(times)]

    def release(self):
        pass
