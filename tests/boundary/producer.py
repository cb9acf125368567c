"""A DLPack producer made by hand from the published ABI, to take each liberty it grants.

https://dmlc.github.io/dlpack/latest/c_api.html. It counts the calls of its deleters and can tell
which capsules were consumed, that is renamed. Memory stays owned by the array it was made from.
"""

import ctypes
from ctypes import (
    POINTER,
    c_char_p,
    c_int32,
    c_int64,
    c_uint8,
    c_uint16,
    c_uint32,
    c_uint64,
    c_void_p,
)

import ml_dtypes
import numpy as np

READ_ONLY, IS_COPIED = 1, 2
CPU, CUDA, ROCM = 1, 2, 10
CODES = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}


class Device(ctypes.Structure):
    _fields_ = [("device_type", c_int32), ("device_id", c_int32)]


class DataType(ctypes.Structure):
    _fields_ = [("code", c_uint8), ("bits", c_uint8), ("lanes", c_uint16)]


class Tensor(ctypes.Structure):
    _fields_ = [
        ("data", c_void_p),
        ("device", Device),
        ("ndim", c_int32),
        ("dtype", DataType),
        ("shape", POINTER(c_int64)),
        ("strides", POINTER(c_int64)),
        ("byte_offset", c_uint64),
    ]


Deleter = ctypes.CFUNCTYPE(None, c_void_p)


class Managed(ctypes.Structure):
    _fields_ = [("tensor", Tensor), ("context", c_void_p), ("deleter", Deleter)]


class ManagedVersioned(ctypes.Structure):
    _fields_ = [
        ("major", c_uint32),
        ("minor", c_uint32),
        ("context", c_void_p),
        ("deleter", Deleter),
        ("flags", c_uint64),
        ("tensor", Tensor),
    ]


new_capsule = ctypes.pythonapi.PyCapsule_New
new_capsule.restype, new_capsule.argtypes = ctypes.py_object, [c_void_p, c_char_p, c_void_p]
is_valid = ctypes.pythonapi.PyCapsule_IsValid
is_valid.restype, is_valid.argtypes = ctypes.c_int, [ctypes.py_object, c_char_p]


def dtype_of(array):
    if array.dtype == ml_dtypes.bfloat16:
        return DataType(4, 16, 1)
    return DataType(CODES[array.dtype.kind], 8 * array.dtype.itemsize, 1)


class Export:
    """One capsule, the structures behind it, and how often its deleter ran."""

    def __init__(self, owner, versioned):
        self.name = b"dltensor_versioned" if versioned else b"dltensor"
        self.deleted = 0
        self._deleter = Deleter(self._delete) if owner.has_deleter else Deleter()
        array, ndim = owner.array, owner.array.ndim
        strides = [s // array.itemsize for s in array.strides]
        self._shape = (c_int64 * max(ndim, 1))(*array.shape)
        self._strides = None if owner.null_strides else (c_int64 * max(ndim, 1))(*strides)
        tensor = Tensor(
            array.ctypes.data - owner.byte_offset, Device(*owner.device), ndim, owner.dtype,
            ctypes.cast(self._shape, POINTER(c_int64)),
            ctypes.cast(self._strides, POINTER(c_int64)), owner.byte_offset,
        )  # fmt: skip
        if versioned:
            self._managed = ManagedVersioned(
                *owner.version, None, self._deleter, owner.flags, tensor
            )
        else:
            self._managed = Managed(tensor, None, self._deleter)
        self.tensor = self._managed.tensor
        self.capsule = new_capsule(ctypes.addressof(self._managed), self.name, None)

    def _delete(self, address):
        assert address == ctypes.addressof(self._managed)
        self.deleted += 1

    @property
    def consumed(self):
        return bool(is_valid(self.capsule, b"used_" + self.name))


class Producer:
    """Exports `array` as its options say; `change(tensor)` may falsify the exported structure."""

    def __init__(self, array, *, versioned=True, version=(1, 0), flags=0, device=(CPU, 0),
                 byte_offset=0, null_strides=False, dtype=None, has_deleter=True,
                 change=None):  # fmt: skip
        self.array = array
        self.versioned, self.version, self.flags = versioned, version, flags
        self.device, self.byte_offset, self.null_strides = device, byte_offset, null_strides
        self.dtype = dtype or dtype_of(array)
        self.has_deleter, self.change = has_deleter, change
        self.exports, self.requests = [], []

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        self.requests.append({"stream": stream, "max_version": max_version, "copy": copy})
        asked = max_version is not None and max_version[0] >= 1
        export = Export(self, versioned=self.versioned and asked)
        if self.change:
            self.change(export.tensor)
        self.exports.append(export)
        return export.capsule

    def settled(self):
        """Every consumed capsule was deleted exactly once, every other one not at all."""
        return all(e.deleted == int(e.consumed) for e in self.exports)


class OldProducer(Producer):
    """From before max_version existed."""

    def __dlpack__(self, stream=None):
        return super().__dlpack__(stream=stream)


def producer(array, kind, **options):
    """`kind` is "legacy", "versioned" or "old" (without the keyword max_version)."""
    if kind == "old":
        return OldProducer(array, **options)
    return Producer(array, versioned=kind == "versioned", **options)


KINDS = ("legacy", "versioned", "old")
assert ctypes.sizeof(Tensor) == 48 and np.dtype(np.intp).itemsize == 8
