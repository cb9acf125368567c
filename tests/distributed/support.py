"""Lists of arrays that the tests share."""

import ml_dtypes
import numpy as np

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
SHAPES = ((3,), (0,), (17, 5), (64,), (4096,), (70, 131), (1,))

#: (parameter or gradient, momentum)
DTYPES = [
    (np.float32, np.float32),
    (np.float64, np.float64),
    (BFLOAT16, np.float32),
    (BFLOAT16, BFLOAT16),
    (np.float16, BFLOAT16),
    (np.float32, BFLOAT16),
]


def arrays(dtype, seed, shapes=SHAPES, zeros=0.0):
    """Normal values, some of which are zero."""
    rng = np.random.default_rng(seed)
    made = []
    for shape in shapes:
        x = rng.standard_normal(shape)
        x[rng.random(shape) < zeros] = 0
        made.append(x.astype(dtype))
    return made


def bits(array):
    """The bytes of an array, for comparisons that tell -0 and NaN."""
    return np.ascontiguousarray(array).view(np.uint8)


def same(a, b):
    """Whether two lists of arrays are equal bit by bit."""
    return all(np.array_equal(bits(x), bits(y)) for x, y in zip(a, b, strict=True))
