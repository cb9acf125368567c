"""How errors are measured: in units of the last place of a dtype, against longdouble.

A unit is 2^-p of a number, for a format of p digits: half the distance of its neighbours, if it is
a power of two. Correct rounding is an error of at most one unit.
"""

import ml_dtypes
import numpy as np

BF16 = np.dtype(ml_dtypes.bfloat16)
F16, F32, F64 = (np.dtype(name) for name in ("float16", "float32", "float64"))
DTYPES = {"float64": F64, "float32": F32, "bfloat16": BF16, "float16": F16}
UNIT = {F64: 2.0**-53, F32: 2.0**-24, BF16: 2.0**-8, F16: 2.0**-11}
TINY = {F64: 2.0**-1022, F32: 2.0**-126, BF16: 2.0**-126, F16: 2.0**-14}
#: Whether longdouble has digits enough beyond those of a double to judge one.
WIDE_ENOUGH = np.finfo(np.longdouble).nmant >= 63


class Wide(np.ndarray):
    """Longdoubles that stay what they are where a reference asks for double precision."""

    def astype(self, dtype, *args, **kwargs):
        return self


def wide(x):
    """x in longdouble, exactly."""
    return np.asarray(np.asarray(x, np.float64), np.longdouble).view(Wide)


def number(x):
    """A number, or a tuple of them, in longdouble; what is no float stays as it is."""
    if isinstance(x, tuple):
        return tuple(number(item) for item in x)
    return np.longdouble(x) if isinstance(x, float) else x


def worst(found, wanted, size, dtype):
    """The largest |found - wanted| in the dtype's units of `size`, which counts as no less than
    the smallest normal number.

    NaN or an infinity on one side alone is an infinite error.
    """
    found = np.asarray(np.asarray(found, np.float64), np.longdouble)
    wanted = np.asarray(wanted, np.longdouble)
    assert found.shape == wanted.shape, (found.shape, wanted.shape)
    if not found.size:
        return 0.0
    dtype = np.dtype(dtype)
    with np.errstate(all="ignore"):
        size = np.maximum(np.abs(np.asarray(size, np.longdouble)), TINY[dtype])
        error = np.abs(found - wanted) / (np.longdouble(UNIT[dtype]) * size)
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    return float(np.where(same, 0, np.where(np.isnan(error), np.inf, error)).max())


def relative(found, wanted, dtype):
    """The same in units of the wanted numbers themselves."""
    return worst(found, wanted, wanted, dtype)


def normwise(found, wanted, dtype):
    """||found - wanted||_F over ||wanted||_F, in units."""
    difference = np.asarray(np.asarray(found, np.float64), np.longdouble) - wanted
    return float(np.sqrt((difference**2).sum() / (wanted**2).sum()) / UNIT[np.dtype(dtype)])
