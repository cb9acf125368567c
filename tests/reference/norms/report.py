"""Norms of a matrix in float64, by NumPy, from their definitions and on the library's tree."""

# ruff: noqa: N803, N806 (the papers' name)
import numpy as np

from tests.reference import tree

LINES = 64  # rows whose squares are added in order in the sum of a column


def norms(W):
    W = np.asarray(W, np.float64)
    out, inn = W.shape
    rows, columns = np.linalg.norm(W, axis=1), np.linalg.norm(W, axis=0)
    return {
        "frobenius": np.sqrt((W * W).sum()),
        "max_abs": np.abs(W).max(),
        "max_row_norm": rows.max(),
        "max_column_norm": columns.max(),
        "row_rms": np.sqrt((W * W).mean(axis=1)).max(),
        "column_rms": np.sqrt((W * W).mean(axis=0)).max(),
        "one_to_rms": np.sqrt((W * W).mean(axis=0)).max(),
        "rms_to_inf": np.sqrt(inn) * rows.max(),
        "one_to_inf": np.abs(W).max(),
        "dual_one_to_rms": np.sqrt(out) * columns.sum(),
        "dual_rms_to_inf": rows.sum() / np.sqrt(inn),
        "dual_one_to_inf": np.abs(W).sum(),
    }


def column_squares(W):
    """Blocks of LINES rows in order, then pairs."""
    blocks = []
    for begin in range(0, len(W), LINES):
        total = np.zeros(W.shape[1])
        for row in W[begin : begin + LINES]:
            total += row * row
        blocks.append(total)
    return tree.pairwise(blocks)


def on_the_tree(W):
    """(frobenius, largest entry, row norm and column norm, sums of row norms, of column norms and
    of magnitudes), to the last bit."""
    W = np.asarray(W, np.float64)
    squares = [tree.tensor_sum(row * row) for row in W]
    rows, columns = np.sqrt(squares), np.sqrt(column_squares(W))
    magnitudes = tree.pairwise(tree.tensor_sum(np.abs(row)) for row in W)
    frobenius = np.sqrt(tree.pairwise(squares))
    largest = np.abs(W).max(), rows.max(), columns.max()
    return np.array([frobenius, *largest, tree.pairwise(rows), tree.pairwise(columns), magnitudes])
