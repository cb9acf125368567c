"""Steps divided by a diagonal that is given: of the Hessian, the state "hessian", or of a
Kronecker-factored Fisher matrix, the states "output_factor" and "input_factor"."""

import numpy as np


def raised(root, k):
    """root^k; by square roots alone where k is 1, 1/2 or 0."""
    if k == 1:
        return root
    if k == 0.5:
        return np.sqrt(root)
    return 1.0 if k == 0 else root**k


def adahessian(p, g, state, *, step, lr, betas=(0.9, 0.999), eps=1e-4, hessian_power=1.0):
    """Yao et al. (2006.00719): m and v average g and D^2; p - lr mhat / (sqrt(vhat)^k + eps)."""
    beta1, beta2 = betas
    hessian = state["hessian"]
    m = beta1 * state["exp_avg"] + (1 - beta1) * g
    v = beta2 * state["exp_hessian_diag_sq"] + (1 - beta2) * (hessian * hessian)
    root = np.sqrt(v) / np.sqrt(1 - beta2**step)
    update = lr / (1 - beta1**step) * (m / (raised(root, hessian_power) + eps))
    return update, {"exp_avg": m, "exp_hessian_diag_sq": v, "hessian": hessian}


def sophia(
    p,
    g,
    state,
    *,
    step,
    lr,
    betas=(0.965, 0.99),
    rho=0.04,
    batch_size=1.0,
    eps=1e-12,
    hessian_update_interval=10.0,
    denominator="max",
):
    """Liu et al. (2305.14342), algorithm 3: p - lr clip(m / max(rho h, eps), 1), or with the sum as
    in the authors' code; h takes the estimate in at steps 1, 1 + interval, ..."""
    beta1, beta2 = betas
    m = beta1 * state["exp_avg"] + (1 - beta1) * g
    h = state["exp_hessian_diag"]
    if (step - 1) % hessian_update_interval == 0:
        h = beta2 * h + (1 - beta2) * state["hessian"]
    scaled = rho * batch_size * h
    d = scaled + eps if denominator == "sum" else np.maximum(scaled, eps)
    clipped = np.maximum(np.minimum(m / d, 1.0), -1.0)
    return lr * clipped, {"exp_avg": m, "exp_hessian_diag": h, "hessian": state["hessian"]}


def oasis(p, g, state, *, step, lr, beta2=0.99, alpha=1e-5, hessian_update_interval=1.0):
    """Jahani et al. (2109.05198) with a given learning rate: p - lr g / max(|D|, alpha), where D
    averages the signed estimates and starts at the first."""
    d = state["exp_hessian_diag"]
    if step == 1:
        d = state["hessian"]
    elif (step - 1) % hessian_update_interval == 0:
        d = beta2 * d + (1 - beta2) * state["hessian"]
    update = lr * (g / np.maximum(np.abs(d), alpha))
    return update, {"exp_hessian_diag": d, "hessian": state["hessian"]}


def adafisher(p, g, state, *, step, lr, beta=0.9, damping=1e-3):
    """Gomes et al. (2405.16397): p - lr mhat / (S H^T + lambda), a vector being one column."""
    m = beta * state["exp_avg"] + (1 - beta) * g
    factors = {name: state[name] for name in ("output_factor", "input_factor")}
    diagonal = factors["output_factor"] * factors["input_factor"]
    update = lr / (1 - beta**step) * (m / (diagonal + damping))
    return update, {"exp_avg": m, **factors}
