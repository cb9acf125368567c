"""What every rule shares: unscale, clip, ascend, decay."""

import numpy as np


def spread(value, count):
    """A number for all tensors, or one number per tensor."""
    return list(value) if np.ndim(value) else [value] * count


def all_finite(grads):
    return all(g is None or bool(np.isfinite(g).all()) for g in grads)


def square_sum(x):
    """Sum of squares, in double whatever x is."""
    x = x.astype(np.float64)
    return (x * x).sum()


def clip_coefficient(grads, max_norm):
    """min(1, max_norm / (||g|| + 1e-6)), the norm taken over all elements of all gradients: Pascanu
    et al. (1211.5063), with the guard of torch.nn.utils.clip_grad_norm_."""
    total = np.sqrt(sum(square_sum(g) for g in grads if g is not None))
    return np.minimum(1.0, max_norm / (total + 1e-6))


def prepare(grads, grad_scale, max_grad_norm, maximize):
    """g / grad_scale, then clipped, then negated for ascent."""
    if grad_scale is not None:
        grads = [None if g is None else g / grad_scale for g in grads]
    if max_grad_norm is not None:
        coefficient = clip_coefficient(grads, max_grad_norm)
        grads = [None if g is None else g * coefficient for g in grads]
    if maximize:
        grads = [None if g is None else -g for g in grads]
    return grads


def l2_decay(p, g, weight_decay):
    """Gradient of the loss plus weight_decay/2 ||p||^2; as in torch, 0 leaves infinite p out of
    it."""
    return g if weight_decay == 0 else g + weight_decay * p


def decoupled_decay(p, lr, weight_decay):
    """Loshchilov and Hutter (1711.05101), in torch's form: p (1 - lr weight_decay)."""
    return p * (1 - lr * weight_decay)
