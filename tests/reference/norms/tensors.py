"""Symmetric tensors in plain loops: how they are made, applied, and their power method."""

import itertools
import math

import numpy as np


def from_entries(n, entries):
    """Of a dict sorted index -> element."""
    order = len(next(iter(entries)))
    tensor = np.zeros((n,) * order)
    for index in itertools.product(range(n), repeat=order):
        tensor[index] = entries[tuple(sorted(index))]
    return tensor


def random(rng, n, order):
    """Independent normal elements, as many as symmetry leaves."""
    indices = itertools.combinations_with_replacement(range(n), order)
    return from_entries(n, {index: rng.standard_normal() for index in indices})


def of_powers(weights, vectors, order):
    """sum of weight v^(fold order)."""
    n = len(vectors[0])
    tensor = np.zeros((n,) * order)
    for index in itertools.product(range(n), repeat=order):
        terms = (w * math.prod(v[i] for i in index) for w, v in zip(weights, vectors, strict=True))
        tensor[index] = math.fsum(terms)
    return tensor


def apply(tensor, x):
    """T x^(m-1), element by element."""
    n, order = len(x), tensor.ndim
    image = np.zeros(n)
    for index in itertools.product(range(n), repeat=order):
        image[index[0]] += tensor[index] * math.prod(x[i] for i in index[1:])
    return image


def shifted_power(tensor, x, shift, steps):
    """SS-HOPM (Kolda and Mayo 2011), a number of steps: (T x^m, x)."""
    x = x / np.linalg.norm(x)
    for _ in range(steps):
        x = apply(tensor, x) + shift * x
        x = x / np.linalg.norm(x)
    return apply(tensor, x) @ x, x


#: The example of Kofidis and Regalia (2002) that Kolda and Mayo (2011) go by, 3 x 3 x 3 x 3, with
#: its local maxima of T x^4 on the sphere to four digits.
KOFIDIS_REGALIA = from_entries(
    3,
    {
        (0, 0, 0, 0): 0.2883,
        (0, 0, 0, 1): -0.0031,
        (0, 0, 0, 2): 0.1973,
        (0, 0, 1, 1): -0.2485,
        (0, 0, 1, 2): -0.2939,
        (0, 0, 2, 2): 0.3847,
        (0, 1, 1, 1): 0.2972,
        (0, 1, 1, 2): 0.1862,
        (0, 1, 2, 2): 0.0919,
        (0, 2, 2, 2): -0.3619,
        (1, 1, 1, 1): 0.1241,
        (1, 1, 1, 2): -0.3420,
        (1, 1, 2, 2): 0.2127,
        (1, 2, 2, 2): 0.2727,
        (2, 2, 2, 2): -0.3054,
    },
)
KOFIDIS_REGALIA_MAXIMA = (0.8893, 0.8169, 0.3633)
