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


def tensor_coefficient(g, max_norm):
    """The same for the norm of one gradient."""
    return np.minimum(1.0, max_norm / (np.sqrt(square_sum(g)) + 1e-6))


def clip_value(g, bound):
    """Each element into [-bound, bound], as torch.nn.utils.clip_grad_value_."""
    return np.maximum(np.minimum(g, bound), -bound)


def clip_adaptive(g, p, factor, eps=1e-3):
    """Brock et al. (2102.06171), equation 3, for the units along the first axis; vectors are one
    unit, as in the authors' code."""
    shape = (1, g.size) if sum(n > 1 for n in g.shape) <= 1 else (len(g), -1)
    g, p, whole = g.reshape(shape), p.reshape(shape), g.shape
    norm = np.sqrt((g * g).sum(axis=1, keepdims=True))
    bound = factor * np.maximum(np.sqrt((p * p).sum(axis=1, keepdims=True)), eps)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(norm > bound, bound / norm * g, g).reshape(whole)


def clip_tensors(grads, all_of_them, max_tensor_norm):
    """Each gradient times the smaller of the coefficient of all and of its own."""
    return [
        None if g is None else g * np.minimum(all_of_them, tensor_coefficient(g, max_tensor_norm))
        for g in grads
    ]


def prepare(grads, grad_scale, max_grad_norm, maximize, max_tensor_norm=None, max_grad_value=None):
    """g / grad_scale, then clipped by norms, then by value, then negated for ascent."""
    if grad_scale is not None:
        grads = [None if g is None else g / grad_scale for g in grads]
    coefficient = 1.0 if max_grad_norm is None else clip_coefficient(grads, max_grad_norm)
    if max_tensor_norm is not None:
        grads = clip_tensors(grads, coefficient, max_tensor_norm)
    elif max_grad_norm is not None:
        grads = [None if g is None else g * coefficient for g in grads]
    if max_grad_value is not None:
        grads = [None if g is None else clip_value(g, max_grad_value) for g in grads]
    if maximize:
        grads = [None if g is None else -g for g in grads]
    return grads


def l2_decay(p, g, weight_decay):
    """Gradient of the loss plus weight_decay/2 ||p||^2; as in torch, 0 leaves infinite p out of
    it."""
    return g if weight_decay == 0 else g + weight_decay * p


def decoupled_decay(p, lr, weight_decay, direction=None):
    """Loshchilov and Hutter (1711.05101), in torch's form: p (1 - lr weight_decay). With the
    direction u of a step p - u only where u p >= 0, cautious weight decay (2510.12402)."""
    decay = lr * weight_decay
    if direction is not None:
        decay = decay * (1 - ((-np.sign(direction) * np.sign(p)) > 0))
    return p * (1 - decay)
