"""Arrays that call themselves device memory but lie in the host's, for the emulation to run on."""

import contextlib

import numpy as np
from steepest import _core

from .producer import CUDA, DataType, Producer


@contextlib.contextmanager
def emulation(emulate=True):
    before = _core.emulate_device(emulate)
    try:
        yield
    finally:
        _core.emulate_device(before)


class Interface:
    """An object with nothing but __cuda_array_interface__, whose entries `changes` may falsify.
    None for a value of `changes` leaves the entry as None, `Interface.MISSING` takes it out."""

    MISSING = object()

    def __init__(self, array, **changes):
        self.array = array
        entries = {
            "shape": array.shape,
            "typestr": array.dtype.str,
            "data": (array.ctypes.data, False),
            "strides": array.strides,
            "version": 3,
            **changes,
        }
        self.entries = {k: v for k, v in entries.items() if v is not Interface.MISSING}

    @property
    def __cuda_array_interface__(self):
        return self.entries


# What is exported may be in use for longer than its exporter, whose memory Python takes back.
_exporters = []


def by_dlpack(array, device=0, **options):
    if array.dtype == np.int64:
        options["dtype"] = DataType(0, 64, 1)
    _exporters.append(Producer(array, device=(CUDA, device), **options))
    return _exporters[-1]


KINDS = {"dlpack": by_dlpack, "cuda_array_interface": Interface}


class CudaStream:
    """A stream as torch has them."""

    def __init__(self, address):
        self.cuda_stream = address


class CupyStream:
    def __init__(self, address):
        self.ptr = address


class ProtocolStream:
    def __init__(self, address, version=0):
        self.answer = (version, address)

    def __cuda_stream__(self):
        return self.answer
