"""AdaFisher as its paper and its authors' code have it, on float64 arrays: patches of convolutions
are formed, and so is the outer product."""

import itertools

import numpy as np


def scaled(x, eps=1e-12):
    return (x - x.min()) / (x.max() - x.min() + eps)


def with_one(rows, bias):
    return np.column_stack([rows, np.ones(len(rows))]) if bias else rows


def linear(x, s, bias=True):
    """(S, H) of examples in rows, H with the bias's entry."""
    x, s = x.reshape(-1, x.shape[-1]), s.reshape(-1, s.shape[-1])
    return np.mean(s**2, axis=0), np.mean(with_one(x, bias) ** 2, axis=0)


def patches(x, kernel, stride, padding, dilation):
    """(batch * positions, channels * taps): what the kernel meets, by loops."""
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    sizes = [
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)
    ]
    rows = []
    for image in x:
        for position in itertools.product(*map(range, sizes)):
            row = []
            for channel in image:
                for tap in itertools.product(*map(range, kernel)):
                    at = zip(position, stride, tap, dilation, strict=True)
                    row.append(channel[tuple(p * s + t * d for p, s, t, d in at)])
            rows.append(row)
    return np.array(rows)


def conv(x, s, kernel, stride, padding, dilation, bias=True):
    channels_last = np.moveaxis(s, 1, -1)
    return linear(patches(x, kernel, stride, padding, dilation), channels_last, bias)


def batch_norm(x, s):
    """The two entries of H for scale and bias, as coded."""
    batch, space = len(x), tuple(range(2, x.ndim))
    positions = np.prod(x.shape[2:])
    h = np.sum(x, axis=(0, *space)) / positions**2
    columns = np.column_stack([h, np.ones_like(h)])
    return np.sum(s, axis=(0, *space)) ** 2 / batch, np.sum(columns**2, axis=0) / batch**2


def layer_norm(x, s):
    axes = tuple(a for a in range(x.ndim) if a != 1)
    h = np.sum(x, axis=axes) / np.prod([x.shape[a] for a in axes if a != 0]) ** 2
    columns = np.column_stack([h, np.ones_like(h)])
    total = np.sum(s, axis=tuple(range(x.ndim - 1)))
    return total**2 / len(s), np.sum(columns**2, axis=0) / len(x) ** 2


def code(current, new, gammas):
    return (1 - gammas[0]) * current + gammas[1] * new


def paper(current, new, gammas):
    return gammas[0] * current + (1 - gammas[1]) * new


AVERAGES = {"code": code, "paper": paper}


class AdaFisher:
    """Of parameters each of which has the pair (S, H) of its own, or none."""

    def __init__(self, params, lr, beta, damping, gammas, average, decay, decoupled):
        self.params, self.lr, self.beta, self.damping = params, lr, beta, damping
        self.gammas, self.average = gammas, AVERAGES[average]
        self.decay, self.decoupled, self.t = decay, decoupled, 0
        self.m = [np.zeros_like(p) for p in params]
        self.s = [np.ones(p.shape[0] if p.ndim else 1) for p in params]
        self.h = [np.ones(p.size // len(s)) for p, s in zip(params, self.s, strict=True)]

    def step(self, grads, pairs=None):
        self.t += 1
        for i, (p, g) in enumerate(zip(self.params, grads, strict=True)):
            if pairs is not None and pairs[i] is not None:
                self.s[i] = self.average(self.s[i], pairs[i][0], self.gammas)
                self.h[i] = self.average(self.h[i], pairs[i][1], self.gammas)
            g = g if self.decoupled else g + self.decay * p
            self.m[i] = self.beta * self.m[i] + (1 - self.beta) * g
            fisher = np.outer(self.s[i], self.h[i]).reshape(p.shape) + self.damping
            update = self.m[i] / (1 - self.beta**self.t) / fisher
            p[...] = p - self.lr * (update + (self.decay * p if self.decoupled else 0.0))
