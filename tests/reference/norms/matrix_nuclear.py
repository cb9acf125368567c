"""The matrix nuclear norm, element by element with correctly rounded sums."""

import math


def matrix_nuclear_norm(rows):
    """Columns centred, rows divided by their length, the min(L, d) longest columns summed."""
    rows = [[float(x) for x in row] for row in rows]
    means = [math.fsum(column) / len(rows) for column in zip(*rows, strict=True)]
    unit = []
    for row in rows:
        centred = [x - mean for x, mean in zip(row, means, strict=True)]
        length = math.sqrt(math.fsum(x * x for x in centred))
        unit.append([x / length if length else 0.0 for x in centred])
    lengths = [math.sqrt(math.fsum(x * x for x in column)) for column in zip(*unit, strict=True)]
    return math.fsum(sorted(lengths, reverse=True)[: len(rows)])
