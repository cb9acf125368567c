"""One round of calls of every family, for tests that hold for all of them.

FAMILIES: name -> function(seed) that draws its arrays, calls, and returns what came out as bytes.
CROWDED: name -> function(large) that returns (call, the arrays that it would write): a call that
needs much memory of its own. Neither pytest nor a test is needed: children import this.
"""

import numpy as np
from steepest import curvature, distributed, norms, optim, polar, steps


def draw(seed, *shapes, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def bytes_of(*results):
    """Of arrays, numbers and (nested) tuples or lists of them."""
    parts = []
    for result in results:
        if isinstance(result, (list, tuple)):
            parts.append(bytes_of(*result))
        elif isinstance(result, np.ndarray):
            parts.append(result.tobytes())
        else:
            parts.append(np.float64(result).tobytes())
    return b"".join(parts)


def in_steps(seed):
    shapes = [(257,), (64, 33), (20_000,)]
    p, g, m = (draw(seed + k, *shapes) for k in range(3))
    v = [np.abs(a) for a in draw(seed + 3, *shapes)]
    for t in (1, 2, 3):
        steps.adamw(p, g, m, v, step=t, max_grad_norm=1.0)
        steps.c_lion(p, g, m, lr=1e-3)
    return bytes_of(p, m, v, steps.grad_norm(g).per_tensor)


def in_optim(seed):
    p, g = draw(seed, (40, 24), (24,)), draw(seed + 1, (40, 24), (24,))
    muon = optim.Muon([p[0]], lr=0.01)
    hessian = optim.AdaHessian([p[1]], lr=0.01)
    for _ in range(2):
        muon.step([g[0]])
        hessian.step([g[1]], lambda z: [2 * z[0]])
    return bytes_of(p)


def in_polar(seed):
    a, b = draw(seed, (40, 90), (3, 16, 24))
    return bytes_of(
        polar.orthogonalize(a),
        polar.orthogonalize([a, b], method="gram"),
        polar.polar(b),
        polar.products.gram(a),
        polar.oracle(a, "RowNorm"),
    )


def in_curvature(seed):
    (z,) = draw(seed, (5000,))
    (factor,) = draw(seed + 1, (20, 20))
    factor = factor @ factor.T + np.eye(20, dtype=np.float32)
    v = draw(seed + 2, (20,))[0]
    curvature.mkor_update(factor, v)
    found = curvature.hutchinson_diag(lambda x: 3 * x, z, probes=3, seed=seed)
    trace = curvature.hutchinson_trace(lambda x: 3 * x, z, probes=3, seed=seed)
    return bytes_of(curvature.gaussian(z, seed), found.value, found.stderr, trace.value, factor)


def in_norms(seed):
    w, small = draw(seed, (40, 70), (3, 6, 9))
    (kernel,) = draw(seed + 1, (3, 2, 3, 3))
    report = norms.report(w)
    return bytes_of(
        norms.spectral_norm(w),
        norms.spectral_norm(small, rigorous=False),
        norms.conv_spectral_norm(kernel, (6, 6)),
        norms.spectral_norm_grad(w).gradient,
        [x for x in report if x is not None],
    )


def in_distributed(seed):
    g, m = draw(seed, (9000,), (7, 5)), draw(seed + 1, (9000,), (7, 5))
    messages = [distributed.pack_signs(g, m).message for _ in range(3)]
    votes = distributed.majority(np.stack(messages))
    distributed.apply_votes(g, votes, lr=0.1)
    moments = distributed.gradient_moments([g, m])
    return bytes_of(g, m, votes.data, moments)


FAMILIES = {
    "steps": in_steps,
    "optim": in_optim,
    "polar": in_polar,
    "curvature": in_curvature,
    "norms": in_norms,
    "distributed": in_distributed,
}


def many(count, dtype=np.float32):
    """So many arrays of one element."""
    return list(np.ones((count, 1), dtype))


def crowded_steps(count, side):
    p, g, m = many(count), many(count), many(count)
    return lambda: steps.lion(p, g, m, max_grad_norm=1.0), p + m


def crowded_polar(count, side):
    g = np.ones((side, side), np.float32)
    out = np.zeros_like(g)
    return lambda: polar.orthogonalize(g, out=out), [out]


def crowded_curvature(count, side):
    z = many(count)
    return lambda: curvature.gaussian(z, 1, out=z), z


def crowded_norms(count, side):
    w = np.ones((side, side), np.float32)
    return lambda: norms.spectral_norm(w), [w]


def crowded_distributed(count, side):
    g, m = many(count), many(count)
    out = np.zeros(count, np.uint8)
    return lambda: distributed.pack_signs(g, m, out=out), [*m, out]


CROWDED = {
    "steps": crowded_steps,
    "polar": crowded_polar,
    "curvature": crowded_curvature,
    "norms": crowded_norms,
    "distributed": crowded_distributed,
}
