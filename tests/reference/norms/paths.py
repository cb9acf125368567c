"""The l1 path norm as a sum over all paths, and convolutions as matrices."""

import itertools
import math

import numpy as np

from .conv import conv_matrix


def path_norm(layers):
    """Of (matrix, bias or None) pairs: paths from every input, and from every bias on."""
    sizes = [layers[0][0].shape[1], *(len(w) for w, _ in layers)]
    total = []
    for first in range(len(layers) + 1):
        # A path begins at an input (first = 0) or at the bias of a unit of layer first - 1.
        for units in itertools.product(*(range(n) for n in sizes[first:])):
            weight = 1.0
            if first > 0:
                bias = layers[first - 1][1]
                weight = abs(bias[units[0]]) if bias is not None else 0.0
            for k in range(first, len(layers)):
                weight *= abs(layers[k][0][units[k - first + 1], units[k - first]])
            total.append(weight)
    return math.fsum(total)


def as_matrix(kernel, size, bias=None, **options):
    """A convolution as a (matrix, bias) pair."""
    matrix = conv_matrix(np.asarray(kernel, np.float64), size, **options)
    if bias is not None:
        bias = np.repeat(bias, len(matrix) // len(kernel))
    return matrix, bias
