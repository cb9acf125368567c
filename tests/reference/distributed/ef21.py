"""EF21 and its compressors: Richtárik et al., arXiv 2106.05203, algorithm 2, and 2402.10774,
algorithm 2 (weights)."""

import numpy as np

from reference.curvature.philox import words


def top_k(x, k):
    """The k elements of largest magnitude, by a stable sort: of equal ones the first."""
    kept = np.argsort(-np.abs(x), kind="stable")[:k]
    return np.where(np.isin(np.arange(x.size), kept), x, 0.0)


def random_set(count, k, seed, step, tensor):
    """The k elements, rising, with the largest of one random word each; of equal ones the first."""
    drawn = words(range(-(-count // 4)), seed % 2**64, 0x1A0, step, tensor).reshape(-1)[:count]
    return np.sort(np.argsort(-drawn.astype(np.int64), kind="stable")[:k])


def scaled_sign(x):
    """Mean magnitude times sign, which is 1 at 0."""
    return np.abs(x).mean() * np.where(x >= 0, 1.0, -1.0)


class Quadratics:
    """f_i(x) = x^T A_i x / 2 - b_i^T x of n workers, float64. The minimum of the mean is known, and
    no worker's own minimum is near it."""

    def __init__(self, workers, size, seed=0):
        rng = np.random.default_rng(seed)
        self.matrices, self.vectors = [], []
        for _ in range(workers):
            half = rng.standard_normal((size, size)) / np.sqrt(size)
            self.matrices.append(half @ half.T + 0.3 * np.eye(size))
            self.vectors.append(10 * rng.standard_normal(size))
        self.size, self.workers = size, workers
        self.minimum = np.linalg.solve(sum(self.matrices), sum(self.vectors))

    def gradients(self, x):
        return [a @ x - b for a, b in zip(self.matrices, self.vectors, strict=True)]

    def smoothness(self):
        """(of the mean, of each function)."""
        each = [np.linalg.eigvalsh(a)[-1] for a in self.matrices]
        return np.linalg.eigvalsh(sum(self.matrices) / self.workers)[-1], np.array(each)


def step_size(alpha, smoothness, mean_smoothness):
    """The largest of theorem 1: 1 / (L + L~ sqrt(beta / theta)), L~ a quadratic mean for EF21 and
    an arithmetic one for EF21-W; theta = 1 - sqrt(1 - alpha), beta = (1 - alpha) / theta."""
    theta = 1 - np.sqrt(1 - alpha)
    return 1 / (smoothness + mean_smoothness * np.sqrt((1 - alpha) / theta**2))


def descend(problem, compress, rate, steps, weights=None):
    """(x, mean of the estimates, estimates) after gradient descent with error feedback."""
    n = problem.workers
    weights = np.full(n, 1 / n) if weights is None else weights
    x = np.zeros(problem.size)
    estimates = [np.zeros_like(x) for _ in range(n)]
    mean = np.zeros_like(x)
    for _ in range(steps):
        for i, g in enumerate(problem.gradients(x)):
            sent = compress(g / (n * weights[i]) - estimates[i])
            estimates[i] = estimates[i] + sent
            mean = mean + weights[i] * sent
        x = x - rate * mean
    return x, mean, estimates
