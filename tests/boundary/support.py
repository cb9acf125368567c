"""Random arguments, a float64 AdamW, and the check that a refused call wrote nothing."""

import contextlib
import os
import subprocess
import sys

import numpy as np
import pytest
from steepest import steps

# An address sanitizer keeps freed memory, so the size of the process tells nothing under one.
SANITIZED = "asan" in os.environ.get("LD_PRELOAD", "")

ADAMW_STREAMS = ("params", "grads", "exp_avg", "exp_avg_sq")

STATES = {
    "sgd": (),
    "adam": ("exp_avg", "exp_avg_sq"),
    "adamw": ("exp_avg", "exp_avg_sq"),
    "amsgrad": ("exp_avg", "exp_avg_sq", "max_exp_avg_sq"),
    "adamax": ("exp_avg", "exp_inf"),
    "adagrad": ("sum",),
    "lion": ("exp_avg",),
    "lamb": ("exp_avg", "exp_avg_sq"),
    "c_adamw": ("exp_avg", "exp_avg_sq"),
    "c_lion": ("exp_avg",),
}


def random(shape, dtype=np.float32, seed=0, positive=False):
    """Normal values of the shape; `positive` for second moments. Shape () gives a 0-d array."""
    values = np.random.default_rng(seed).standard_normal(shape)
    return np.array(np.abs(values) if positive else values, dtype=dtype)


class AdamWCall:
    """The array arguments of one AdamW call over a list, open to being spoilt before `step`."""

    def __init__(self, shapes=((3, 5),) * 4, dtype=np.float32, seed=0):
        for k, name in enumerate(ADAMW_STREAMS):
            arrays = [
                random(shape, dtype, seed + 97 * k + i, positive=name == "exp_avg_sq")
                for i, shape in enumerate(shapes)
            ]
            setattr(self, name, arrays)

    def streams(self):
        return [getattr(self, name) for name in ADAMW_STREAMS]

    def first(self):
        """The first array of every stream, by name."""
        return {name: getattr(self, name)[0] for name in ADAMW_STREAMS}

    def copy(self):
        other = AdamWCall(shapes=())
        for name in ADAMW_STREAMS:
            setattr(other, name, [None if a is None else a.copy() for a in getattr(self, name)])
        return other

    def step(self, step=1, **options):
        return steps.adamw(*self.streams(), step=step, **options)


def call_rule(rule, shape=(4, 6), **options):
    """Calls any rule of STATES on fresh arrays; returns (result, arrays)."""
    arrays = [random(shape, seed=k, positive=True) for k in range(2 + len(STATES[rule]))]
    options.setdefault("step", 1)
    return getattr(steps, rule)(*arrays, **options), arrays


def flatten(arrays):
    for a in arrays:
        if isinstance(a, (list, tuple)):
            yield from flatten(a)
        elif isinstance(a, np.ndarray):
            yield a


def bits(*arrays):
    """What is stored in every array of (nested) `arrays`: dtype, shape and bytes, to compare."""
    return [(str(a.dtype), a.shape, a.tobytes()) for a in flatten(arrays)]


def same_bits(a, b):
    """Of two arrays, or of two (nested) lists of arrays."""
    return bits(a) == bits(b)


@contextlib.contextmanager
def refused(error, *words, untouched=()):
    """Expects `error`, each of `words` in its message (a tuple: any one of them), and no write."""
    before = bits(*untouched)
    with pytest.raises(error) as caught:
        yield caught
    message = str(caught.value).lower()
    for word in words:
        choices = word if isinstance(word, tuple) else (word,)
        assert any(c.lower() in message for c in choices), f"{choices} not in: {caught.value}"
    assert bits(*untouched) == before, "a refused call wrote to an array"


def adamw64(p, g, m, v, step, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
    """One AdamW step (Loshchilov and Hutter, 1711.05101) in float64; returns (p, m, v)."""
    p, g, m, v = (np.asarray(a, np.float64) for a in (p, g, m, v))
    p = p * (1 - lr * weight_decay)
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g * g
    corrected = np.sqrt(v / (1 - betas[1] ** step)) + eps
    return p - lr * (m / (1 - betas[0] ** step)) / corrected, m, v


def assert_adamw(before, after, step=1, rtol=2e-6, **options):
    """`after` (an AdamWCall) is one step from `before`, to fp32 rounding."""
    for i in range(len(before.params)):
        expected = adamw64(*(s[i] for s in before.streams()), step=step, **options)
        results = (after.params[i], after.exp_avg[i], after.exp_avg_sq[i])
        for result, wanted in zip(results, expected, strict=True):
            np.testing.assert_allclose(np.asarray(result), wanted, rtol=rtol, atol=1e-7)


def run_python(code, timeout=120, **environment):
    """Runs `code` in a fresh interpreter; returns the finished process. None unsets a variable."""
    env = dict(os.environ)
    for key, value in environment.items():
        env.pop(key, None)
        if value is not None:
            env[key] = value
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=timeout)


# For code of run_ok: waits for a forked child, which must end well.
CHILDREN = """
import os, sys, time

def require_well(child, seconds):
    deadline = time.monotonic() + seconds
    pid, status = 0, None
    while pid == 0 and time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.005)
    if pid == 0:
        os.kill(child, 9)
        sys.exit("the child hung")
    assert status == 0, status

"""


def run_ok(code, **options):
    """As run_python, and the interpreter must end well; returns what it printed."""
    done = run_python(code, **options)
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
