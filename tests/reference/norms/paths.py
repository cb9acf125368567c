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


class Graph:
    """A network as edges, and the sum over its paths one by one. Units are numbers."""

    def __init__(self):
        self.edges = []  # of every unit, pairs (unit after it, weight)
        self.starts = []  # pairs (unit, weight)

    def units(self, count):
        first = len(self.edges)
        self.edges += [[] for _ in range(count)]
        return list(range(first, first + count))

    def inputs(self, count):
        made = self.units(count)
        self.starts += [(unit, 1.0) for unit in made]
        return made

    def layer(self, before, matrix, bias=None):
        """Units after `before`, with an edge for each weight that is not zero."""
        made = self.units(len(matrix))
        for o, unit in enumerate(made):
            for i, other in enumerate(before):
                if matrix[o][i] != 0:
                    self.edges[other].append((unit, abs(matrix[o][i])))
            if bias is not None:
                self.starts.append((unit, abs(bias[o])))
        return made

    def add(self, left, right):
        """The units of a sum."""
        made = self.units(len(left))
        for unit, *others in zip(made, left, right, strict=True):
            for other in others:
                self.edges[other].append((unit, 1.0))
        return made

    def path_norm(self, outputs):
        outputs, total, open_paths = set(outputs), [], list(self.starts)
        while open_paths:
            unit, weight = open_paths.pop()
            if unit in outputs:
                total.append(weight)
            open_paths += [(after, weight * edge) for after, edge in self.edges[unit]]
        return math.fsum(total)


def pool_matrix(channels, size, window, stride, padding, weight):
    """Windows of one dimension as a matrix with the same weight at each of their places."""
    count = (size + 2 * padding - window) // stride + 1
    matrix = np.zeros((channels, count, channels, size))
    for c, p, k in itertools.product(range(channels), range(count), range(window)):
        if 0 <= p * stride + k - padding < size:
            matrix[c, p, c, p * stride + k - padding] = weight
    return matrix.reshape(channels * count, channels * size)
