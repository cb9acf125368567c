"""What the tests of Fira, GaLore and GradNormLoRP share: their steps in the plain reference."""

import numpy as np
from reference.steps import low_rank as reference
from steepest import optim

from .support import random

# Projected from the left, from the right, from the right as a square, and a convolution's kernel
# from the left.
SHAPES = ((6, 11), (12, 5), (7, 7), (4, 3, 2, 2))
CLASSES = (optim.GaLore, optim.Fira, optim.GradNormLoRP)
RANK = 3


def arrays(seed, dtype=np.float64, shapes=SHAPES):
    return [random(shape, seed + i, dtype) for i, shape in enumerate(shapes)]


def as_matrix(x):
    return x.reshape(len(x), -1)


class Reference:
    """One matrix under one of the classes, in float64, with the projector of the optimizer."""

    def __init__(self, cls, param, **options):
        self.cls, self.options = cls, options
        self.w, self.t = as_matrix(param.astype(np.float64)), 0
        shape = self.w.shape
        rank = min(options.pop("rank", RANK), *shape)
        small = (rank, shape[1]) if shape[0] < shape[1] else (shape[0], rank)
        self.state = {"exp_avg": np.zeros(small), "exp_avg_sq": np.zeros(small)}
        if cls is optim.Fira:
            self.state["residual_norm"] = None
        if cls is optim.GradNormLoRP:
            column = np.zeros((shape[0], 1))
            self.state |= {"magnitude_exp_avg": column, "magnitude_exp_avg_sq": column}
            self.state["direction"] = self.w
            self.state["magnitude"] = np.linalg.norm(self.w, axis=1, keepdims=True)

    def step(self, grad, projector):
        self.t += 1
        g, p = as_matrix(np.asarray(grad, np.float64)), np.asarray(projector, np.float64)
        options = {**self.options, "t": self.t}
        if self.cls is optim.GradNormLoRP:
            self.w, self.state = reference.gradnorm_lorp(g, p, self.state, **options)
        else:
            rule = reference.fira if self.cls is optim.Fira else reference.galore
            self.w, self.state = rule(self.w, g, p, self.state, **options)


def compare(cls, params, gradients, unit, *, update_gap=1, weight_decay=0.3, lr=0.05, **options):
    """Steps the optimizer beside the reference; asserts that parameters and states agree.

    Bound: a product of k terms has an error of (k + 6) unit times the sizes of what it multiplies,
    and squares' sums and quotients no more; so a step is one with gradients that are perturbed by
    that much. What such perturbations do is measured with the reference itself at 2^-26, thrice,
    of which the largest is taken; steps and what is stored add roundings at their own size.
    """
    shared = {"lr": lr, "weight_decay": weight_decay, **options}
    opt = cls(params, rank=RANK, update_gap=update_gap, **shared)
    exact = [Reference(cls, p, **{"alpha": opt.defaults["alpha"], **shared}) for p in params]
    moved = [
        [Reference(cls, p, **{"alpha": opt.defaults["alpha"], **shared}) for p in params]
        for _ in "123"
    ]
    rng, size, factor = np.random.default_rng(0), 2.0**-26, 0.0
    for grads in gradients:
        opt.step(grads)
        projectors = [opt.state_dict()["state"][i]["projector"] for i in range(len(params))]
        for i, (g, p) in enumerate(zip(grads, projectors, strict=True)):
            g = np.asarray(g, np.float64)
            exact[i].step(g, p)
            for other in moved:
                noise = rng.uniform(-size, size, g.shape) * np.abs(g).max()
                other[i].step(g + noise, np.asarray(p, np.float64))
    for i, param in enumerate(params):
        k = max(exact[i].w.shape) + 6
        factor = 4 * k * unit / size
        others = [other[i] for other in moved]
        _near(
            as_matrix(param), exact[i].w, [o.w for o in others], factor, len(gradients) * 8 * unit
        )
        state = opt.state_dict()["state"][i]
        for name, wanted in exact[i].state.items():
            nearby = [o.state[name] for o in others]
            _near(state[name], wanted, nearby, factor, len(gradients) * 8 * unit)
    return opt


def _near(got, wanted, nearby, factor, unit):
    spread = max(np.abs(np.asarray(o) - wanted).max() for o in nearby)
    bound = factor * spread + unit * np.abs(wanted).max()
    assert np.abs(np.asarray(got, np.float64) - wanted).max() <= bound
