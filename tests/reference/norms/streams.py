"""Streaming power updates, one sample after the other, as Weng, Zhang and Hwang (2003) have it."""

import numpy as np


def first_component(samples, amnesia):
    """v after all samples; its length is the eigenvalue."""
    v = samples[0] * np.linalg.norm(samples[0])
    for n, x in enumerate(samples[1:], 2):
        weight = (1 + amnesia) / (n + amnesia)
        v = (1 - weight) * v + weight * x * (x @ v) / np.linalg.norm(v)
    return v
