"""Prodigy: Mishchenko and Defazio (2306.06101), section 5, Adam's form, with the options of the
authors' code: one step of a tensor, and whole runs of lists."""

import numpy as np

from . import stages


def weighted_sum(g, s, lr, beta3, distance, d0, safeguard_warmup):
    """The paper's s, over (1 - beta3) d0."""
    d = distance[0]
    return beta3 * s + d / d0 * (d if safeguard_warmup else lr) * g


def prodigy(
    p,
    g,
    state,
    *,
    step,
    lr,
    betas=(0.9, 0.999),
    beta3=None,
    eps=1e-8,
    distance=(1e-6, 1e-6),
    d0=1e-6,
    safeguard_warmup=False,
):
    """lr is the whole rate, d with the learning rate; distance is d before and after the sums."""
    beta3 = np.sqrt(betas[1]) if beta3 is None else beta3
    d, after = distance
    m = betas[0] * state["exp_avg"] + (1 - betas[0]) * d * g
    v = betas[1] * state["exp_avg_sq"] + (1 - betas[1]) * d * d * (g * g)
    s = weighted_sum(g, state["s"], lr, beta3, distance, d0, safeguard_warmup)
    update = lr * (m / (np.sqrt(v) + after * eps))
    return update, {"exp_avg": m, "exp_avg_sq": v, "s": s, "p0": state["p0"]}


class Run:
    """Parameters in float64 and all that Prodigy keeps, step by step."""

    def __init__(
        self,
        params,
        *,
        lr=1.0,
        betas=(0.9, 0.999),
        beta3=None,
        eps=1e-8,
        weight_decay=0.0,
        decoupled_weight_decay=True,
        use_bias_correction=False,
        safeguard_warmup=False,
        d0=1e-6,
        d_coef=1.0,
        growth_rate=np.inf,
        slice_p=1,
        maximize=False,
    ):
        given = dict(locals())
        del given["self"], given["params"]
        self.__dict__ |= given
        self.params = [np.array(p, np.float64) for p in params]
        self.start = [p.copy() for p in self.params]
        zeros = [np.zeros_like(p) for p in self.params]
        self.m, self.v, self.s = ([z.copy() for z in zeros] for _ in range(3))
        self.beta3 = np.sqrt(betas[1]) if beta3 is None else beta3
        self.d = self.d_max = d0
        self.r = 0.0
        self.k = 0

    def step(self, grads, grad_scale=None, max_grad_norm=None):
        """One step; gradients may be None."""
        grads = [None if g is None else np.asarray(g, np.float64) for g in grads]
        grads = stages.prepare(grads, grad_scale, max_grad_norm, self.maximize)
        if not self.decoupled_weight_decay:
            pairs = zip(self.params, grads, strict=True)
            grads = [
                None if g is None else stages.l2_decay(p, g, self.weight_decay) for p, g in pairs
            ]
        present = [i for i, g in enumerate(grads) if g is not None]
        d, rate = self.d, self.d * self.lr
        if self.use_bias_correction:
            beta1, beta2 = self.betas
            rate *= np.sqrt(1 - beta2 ** (self.k + 1)) / (1 - beta1 ** (self.k + 1))
        product = length = 0.0
        for i in present:
            part = np.s_[:: self.slice_p]
            g, p, start = (x[i].reshape(-1)[part] for x in (grads, self.params, self.start))
            product += (g * (start - p)).sum()
            weight = d / self.d0 * (d if self.safeguard_warmup else rate)
            self.s[i] = self.beta3 * self.s[i] + weight * grads[i]
            length += np.abs(self.s[i].reshape(-1)[part]).sum()
        if length > 0:
            self._grow(d / self.d0 * rate * product, length)
        for i in present:
            self._move(i, grads[i], d, rate)

    def _grow(self, product, length):
        self.r = self.beta3 * self.r + product
        quotient = self.d_coef * self.r / length
        if self.d == self.d0:
            self.d = max(self.d, quotient)
        self.d_max = max(self.d_max, quotient)
        self.d = min(self.d_max, self.d * self.growth_rate)
        self.k += 1

    def _move(self, i, g, d, rate):
        beta1, beta2 = self.betas
        self.m[i] = beta1 * self.m[i] + (1 - beta1) * d * g
        self.v[i] = beta2 * self.v[i] + (1 - beta2) * d**2 * g**2
        p = self.params[i]
        if self.decoupled_weight_decay:
            p = p * (1 - rate * self.weight_decay)
        self.params[i] = p - rate * self.m[i] / (np.sqrt(self.v[i]) + self.d * self.eps)
