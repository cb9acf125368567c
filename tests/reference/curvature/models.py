"""Small models of the UCI digits with their exact Hessians, in float64."""

import numpy as np


def digits(samples):
    """(images (samples, 16) in [0, 1], labels): 4 x 4 pixels, each the mean of four. Needs
    scikit-learn."""
    from sklearn.datasets import load_digits

    data = load_digits()
    quarters = data.images[:samples].reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4))
    return quarters.reshape(-1, 16) / 16.0, data.target[:samples]


def images(samples):
    """(images (samples, 64) in [0, 1], labels), all 8 x 8 pixels. Needs scikit-learn."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return data.data[:samples] / 16.0, data.target[:samples]


def softmax(logits):
    """Works for complex numbers with small imaginary parts too."""
    powers = np.exp(logits - logits.real.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def errors(probabilities, labels):
    """Gradient of the mean cross entropy in the logits."""
    return (probabilities - np.eye(10)[labels]) / len(labels)


class Logistic:
    """Multinomial logistic regression, parameters (10, 16), with L2 decay."""

    shapes = ((10, 16),)

    def __init__(self, samples=200, decay=1e-3):
        self.x, self.y = digits(samples)
        self.decay = decay

    def logits(self, params):
        return self.x @ params[0].T

    def gradient(self, params):
        (w,) = params
        return [errors(softmax(self.x @ w.T), self.y).T @ self.x + self.decay * w]

    def hessian(self, params):
        """sum_n (diag p - p p^T) kron x x^T / N, plus the decay."""
        p = softmax(self.x @ params[0].T)
        total = np.zeros((160, 160))
        for probability, x in zip(p, self.x, strict=True):
            curved = np.diag(probability) - np.outer(probability, probability)
            total += np.kron(curved, np.outer(x, x))
        return total / len(p) + self.decay * np.eye(160)


class Network:
    """16 - hidden - 10 with tanh, parameters w1, b1, w2, b2."""

    def __init__(self, hidden=8, samples=100):
        self.x, self.y = digits(samples)
        self.shapes = ((hidden, 16), (hidden,), (10, hidden), (10,))

    def logits(self, params):
        w1, b1, w2, b2 = params
        return np.tanh(self.x @ w1.T + b1) @ w2.T + b2

    def gradient(self, params):
        w1, b1, w2, b2 = params
        active = np.tanh(self.x @ w1.T + b1)
        delta = errors(softmax(active @ w2.T + b2), self.y)
        inner = (delta @ w2) * (1 - active * active)
        return [inner.T @ self.x, inner.sum(axis=0), delta.T @ active, delta.sum(axis=0)]

    def hessian(self, params):
        """Column by column from complex steps of the gradient, exact to rounding: an imaginary
        step of 1e-30 has no error of truncation (Squire and Trapp 1998)."""
        at = flat(params).astype(np.complex128)
        columns = []
        for j in range(at.size):
            at[j] += 1e-30j
            columns.append(flat(self.gradient(split(at, self.shapes))).imag / 1e-30)
            at[j] = at[j].real
        h = np.array(columns)
        return (h + h.T) / 2


class WideLogistic(Logistic):
    """Of all 64 pixels."""

    shapes = ((10, 64),)


class WideNetwork(Network):
    """64 - 32 - 10."""

    def __init__(self):
        super().__init__()
        self.shapes = ((32, 64), (32,), (10, 32), (10,))


def initial(shapes, seed=0):
    """Gaussian parameters of standard deviation 0.3."""
    rng = np.random.default_rng(seed)
    return [0.3 * rng.standard_normal(shape) for shape in shapes]


def flat(arrays):
    return np.concatenate([a.reshape(-1) for a in arrays])


def split(vector, shapes):
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    parts = np.split(vector, ends[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
