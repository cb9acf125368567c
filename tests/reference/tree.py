"""The fixed order in which the library adds: sums that must agree to the last bit."""

import numpy as np

BLOCK = 4096
LANES = 128


def pairwise(values):
    """Adds neighbours, level by level; an odd last one moves up as it is."""
    values = list(values)
    while len(values) > 1:
        pairs = [values[i] + values[i + 1] for i in range(0, len(values) - 1, 2)]
        values = pairs + values[len(values) - len(values) % 2 :]
    return values[0] if values else np.float64(0)


def block_sum(terms):
    """Up to BLOCK terms: lane l adds terms l, l + LANES, ... in order, then the lanes fold in
    halves."""
    lanes = np.zeros(LANES)
    for start in range(0, len(terms), LANES):
        row = terms[start : start + LANES]
        lanes[: len(row)] += row
    half = LANES // 2
    while half:
        lanes[:half] += lanes[half : 2 * half]
        half //= 2
    return lanes[0]


def tensor_sum(terms):
    """Float64 terms of one tensor, in memory order."""
    terms = np.asarray(terms, np.float64).reshape(-1)
    return pairwise([block_sum(terms[i : i + BLOCK]) for i in range(0, len(terms), BLOCK)])


def square_sums(arrays):
    """One sum of squares per array, in double; 0 for None and for empty arrays."""
    sums = []
    with np.errstate(over="ignore", invalid="ignore"):
        for a in arrays:
            x = np.zeros(0) if a is None else np.asarray(a).astype(np.float64)
            sums.append(np.float64(tensor_sum(x * x)))
    return sums


def norms(arrays):
    """(total, per tensor): L2 norms. The tensors' sums are added in adjacent pairs in list
    order."""
    sums = square_sums(arrays)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.sqrt(pairwise(sums)), np.sqrt(sums)
