"""Run by test_scarce_memory.py in a process of its own: steps in address space that runs out."""

import os
import resource
import sys

import numpy as np
from steepest import optim

# Workspaces of the first are more than what the library keeps from one call to the next, but where
# a device is emulated, which is slow and keeps nothing.
EMULATED = os.environ.get("STEEPEST_EMULATE_DEVICE") == "1"
SHAPES = ((90, 120) if EMULATED else (700, 900), (32, 8, 3, 3), (90_000,))
CASES = {
    "muon": (optim.Muon, {"adjust_lr": "spectral", "adamw_lr": 1e-2}),
    "muon-gram": (optim.Muon, {"method": "gram", "compute": "float64"}),
    "normuon": (optim.Muon, {"variant": "normuon", "normalization": "aol", "split": 2}),
    "adamuon": (optim.Muon, {"variant": "adamuon", "normalization": "schatten4"}),
    "scion": (optim.Scion, {"momentum": 0.3}),
    "scion-lines": (optim.Scion, {"momentum": 0.3, "norm": "Sign"}),
    "trust-region": (optim.TrustRegion, {"extrapolation": True}),
    "trust-region-masters": (optim.TrustRegion, {"master_weights": True}),
    "lanton": (optim.LANTON, {}),
}
# Of the limit, from one attempt to the next: less than the arrays take.
STEP = (128 if EMULATED else 512) << 10


def values(shape, seed, dtype):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def made(cls, options):
    """An optimizer, some of whose parameters have an order of axes that oracles copy."""
    dtype = np.float16 if options.get("master_weights") else np.float32
    params = [values(shape, i, dtype) for i, shape in enumerate(SHAPES)]
    if cls is not optim.Muon:
        params[1] = np.asarray(params[1].transpose(1, 0, 2, 3), order="C").transpose(1, 0, 2, 3)
    return params, cls(params, lr=0.1, **options)


def grads_of(params, step):
    grads = [np.empty_like(p) for p in params]
    for i, grad in enumerate(grads):
        grad[...] = values(grad.shape, 100 * step + i, grad.dtype)
    return grads


def image(params, opt):
    """Everything that a step changes, in bytes."""
    state = opt.state_dict()
    numbers = [state["state"][i].get("step") for i in state["state"]]
    arrays = [a for s in state["state"].values() for n, a in s.items() if n != "step"]
    ratios = opt.ratios() if isinstance(opt, optim.LANTON) else []
    return [a.tobytes() for a in (*params, *arrays)], numbers, ratios


def address_space():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def attempts(step, params, opt):
    """Makes the step under limits that rise until it succeeds; counts those that did not do."""
    before, start, most = (
        image(params, opt),
        address_space(),
        resource.getrlimit(resource.RLIMIT_AS),
    )
    for failed in range(1000):
        resource.setrlimit(resource.RLIMIT_AS, (start + failed * STEP, most[1]))
        try:
            step()
            return failed
        except MemoryError:
            pass
        finally:
            resource.setrlimit(resource.RLIMIT_AS, most)
        assert image(params, opt) == before, f"a refused step changed something, {failed}"
    raise AssertionError("no limit is enough")


def main(name):
    cls, options = CASES[name]
    _, other = made(cls, options)
    other.step(grads_of(other.param_groups[0]["params"], 9))  # loads what is loaded when needed
    params, opt = made(cls, options)
    wanted_params, wanted = made(cls, options)
    counts = []
    for t in range(3):
        grads = grads_of(params, t)
        if t == 2:  # plans anew
            for one in (opt, wanted):
                one.param_groups[0]["seed"] = 5
        counts.append(attempts(lambda: opt.step(grads), params, opt))  # noqa: B023
        wanted.step(grads)
        assert image(params, opt) == image(wanted_params, wanted), f"step {t} differs"
    print(*counts)


main(sys.argv[1])
