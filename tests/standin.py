"""A stand-in for CuPy whose device memory is host memory, for the emulation of device code.

Only what steepest and the tests use of CuPy, and as strict: no NumPy array is converted silently.
"""

import contextlib
import sys
from types import ModuleType, SimpleNamespace

import numpy as np


class Device:
    id = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __eq__(self, other):
        return isinstance(other, Device)

    __hash__ = None


class ndarray:  # noqa: N801 - CuPy's name
    """Takes over a NumPy array."""

    device = Device()

    def __init__(self, memory):
        self._memory = memory
        self.data = SimpleNamespace(ptr=memory.ctypes.data, device_id=0)

    shape = property(lambda self: self._memory.shape)
    strides = property(lambda self: self._memory.strides)
    dtype = property(lambda self: self._memory.dtype)
    ndim = property(lambda self: self._memory.ndim)
    size = property(lambda self: self._memory.size)
    flags = property(lambda self: self._memory.flags)
    T = property(lambda self: ndarray(self._memory.T))
    nbytes = property(lambda self: self._memory.nbytes)

    def get(self):
        return self._memory.copy()

    def item(self):
        return self._memory.item()

    def view(self, dtype):
        return ndarray(self._memory.view(dtype))

    def astype(self, dtype):
        return ndarray(self._memory.astype(dtype))

    def reshape(self, shape):
        return ndarray(self._memory.reshape(shape))

    def transpose(self, axes):
        return ndarray(self._memory.transpose(axes))

    def copy(self):
        return ndarray(self._memory.copy())

    def __getitem__(self, where):
        return ndarray(np.asarray(self._memory[_plain(where)]))

    def sum(self):
        return ndarray(np.asarray(np.sum(self._memory)))

    def any(self):
        return ndarray(np.asarray(self._memory.any()))

    def all(self):
        return ndarray(np.asarray(self._memory.all()))

    def min(self):
        return ndarray(np.asarray(self._memory.min()))

    def max(self):
        return ndarray(np.asarray(self._memory.max()))

    def clip(self, low, high):
        return ndarray(self._memory.clip(low, high))

    def __bool__(self):
        return bool(self._memory)

    def __float__(self):
        return float(self._memory)

    def __setitem__(self, where, value):
        if isinstance(value, np.ndarray):
            raise TypeError("Unsupported type <class 'numpy.ndarray'>")
        self._memory[_plain(where)] = value._memory if isinstance(value, ndarray) else value

    def __array__(self, *_, **__):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __dlpack_device__(self):
        return 2, 0

    def __dlpack__(self, **_):
        raise BufferError("taken by its attributes, as CuPy arrays are")


def _operator(name):
    def apply(self, *others):
        return ndarray(np.asarray(getattr(self._memory, name)(*map(_plain, others))))

    return apply


_TWO = ("add", "sub", "mul", "truediv", "matmul", "lshift", "rshift", "and", "or")
for _name in (*_TWO, *(f"r{name}" for name in _TWO[:4]), "lt", "gt", "ne", "neg", "abs"):
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__"))


def _plain(x):
    if isinstance(x, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    return x._memory if isinstance(x, ndarray) else x


def _function(name):
    def apply(*args, **keywords):
        return ndarray(np.asarray(getattr(np, name)(*map(_all_plain, args), **keywords)))

    apply.__name__ = name
    return apply


def _all_plain(x):
    return [_plain(part) for part in x] if isinstance(x, (list, tuple)) else _plain(x)


FUNCTIONS = [
    _function(name)
    for name in (
        "sqrt",
        "square",
        "sum",
        "repeat",
        "where",
        "broadcast_to",
        "concatenate",
    )
]


def may_share_memory(x, y):
    return np.may_share_memory(x._memory, y._memory)


def ascontiguousarray(x):
    return ndarray(np.ascontiguousarray(x._memory))


def zeros(shape, dtype):
    return ndarray(np.zeros(shape, dtype))


def zeros_like(like, dtype):
    return ndarray(np.zeros_like(like._memory, dtype))


def ones_like(like):
    return ndarray(np.ones_like(like._memory))


def asarray(array):
    return array if isinstance(array, ndarray) else ndarray(np.array(array))


@contextlib.contextmanager
def installed():
    """In the place of CuPy among the imported modules."""
    module = ModuleType("cupy")
    stream = SimpleNamespace(ptr=0)
    module.cuda = SimpleNamespace(get_current_stream=lambda device=None: stream)
    things = (ndarray, zeros, zeros_like, ones_like, asarray, ascontiguousarray)
    for thing in (*things, *FUNCTIONS, may_share_memory):
        setattr(module, thing.__name__, thing)
    before = sys.modules.get("cupy")
    sys.modules["cupy"] = module
    try:
        yield
    finally:
        del sys.modules["cupy"]
        if before is not None:
            sys.modules["cupy"] = before
