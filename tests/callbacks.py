"""What callbacks for lists of two float32 arrays, (3, 4) and (5,), may not return."""

import numpy as np
import standin
from steepest import DeviceError


def with_second(make):
    """A callback that returns what it got with another second array."""
    return lambda z: [z[0].copy(), make(z[1])]


def one_bad(z):
    result = [x.copy() for x in z]
    result[0][1, 2] = np.nan
    return result


#: What a callback for lists of float32 returns, the error, and what its message says.
RESULTS = {
    "nothing": (lambda z: None, TypeError, "result: NoneType given, expected a list"),
    "a number": (lambda z: 1.0, TypeError, "result: float given, expected a list"),
    "an array": (lambda z: z[0], TypeError, "result: numpy.ndarray given, expected a list"),
    "a dict": (lambda z: {"a": z[0], "b": z[1]}, TypeError, "result: dict given, expected a list"),
    "one array": (lambda z: z[:1], ValueError, "result: 1 arrays given, expected 2"),
    "None in it": (with_second(lambda a: None), TypeError, r"result\[1\]: NoneType given"),
    "a list in it": (with_second(np.ndarray.tolist), TypeError, r"result\[1\]: list given"),
    "a shape": (with_second(lambda a: a[:4]), ValueError, r"result\[1\]: shape \(4,\) given"),
    "an axis more": (with_second(lambda a: a[None]), ValueError, r"result\[1\]: shape \(1, 5\)"),
    "integers": (with_second(lambda a: a.astype(int)), TypeError, r"result\[1\]: dtype int64"),
    "doubles": (with_second(lambda a: a.astype("f8")), TypeError, r"result\[1\]: dtype float64"),
    "halves": (with_second(lambda a: a.astype("f2")), TypeError, r"result\[1\]: dtype float16"),
    "complex": (with_second(lambda a: a.astype("c8")), TypeError, r"result\[1\]: dtype complex64"),
    "objects": (with_second(lambda a: a.astype(object)), TypeError, r"result\[1\]: "),
    "a NaN": (one_bad, ValueError, "result.*: a NaN or an infinity given, expected finite"),
    "infinity": (
        with_second(lambda a: a + np.inf),
        ValueError,
        "result.*: a NaN or an infinity given, expected finite",
    ),
    "a device": (
        with_second(lambda a: standin.zeros(a.shape, np.float32)),
        # Where arrays on devices are taken, it is another kind than the parameters'.
        (DeviceError, TypeError, ValueError),
        r"result\[1\]: (array on (a|CUDA) device.* given, expected one in host memory"
        r"|standin.ndarray given, expected numpy.ndarray)",
    ),
}
