"""Stochastic gradient descent."""


def sgd(p, g, state, *, step, lr, momentum=0.0, dampening=0.0, nesterov=False):
    """Sutskever et al. (ICML 2013) in torch's form: the buffer starts as the first gradient.

    b_1 = g,  b_t = momentum b + (1 - dampening) g;  d = g + momentum b (Nesterov) or b;  p - lr d.
    """
    if momentum == 0:
        return lr * g, state
    buffer = state["momentum_buffer"]
    buffer = g if step == 1 else momentum * buffer + (1 - dampening) * g
    direction = g + momentum * buffer if nesterov else buffer
    return lr * direction, {"momentum_buffer": buffer}
