"""The elementary functions of core/math.h and of the Gaussian probes, against mpmath.

No entry of the library gives them as they are, so a small program is compiled from the headers with
the flags of every target that can run here.
"""

import subprocess
import tempfile
from pathlib import Path

import mpmath
import numpy as np
from install.support import run, source_tree, tool

from .measure import F64, relative

COUNT = 2000
AVX2 = ["-mavx2", "-mfma", "-mf16c"]
FLAGS = {
    "baseline": [],
    "avx2": AVX2,
    "avx512": [*AVX2, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"],
}


def arguments():
    """name -> (numbers the program gets, results in mpmath)."""
    rng = np.random.default_rng(31)
    quarter = rng.uniform(-np.pi / 4, np.pi / 4, COUNT)
    bases, exponents = rng.uniform(0.5, 2.0, COUNT), rng.uniform(-3, 3, COUNT)
    wide_range = 2.0 ** rng.uniform(-1000, 1000, COUNT)
    near_one = 1 + rng.standard_normal(COUNT) * 1e-3
    betas = rng.uniform(0.9, 1.0, COUNT)
    numbers = np.r_[wide_range, near_one]
    powers = np.r_[rng.uniform(-700, 700, COUNT), exponents]
    counts = [k % 1000 + 1 for k in range(COUNT)]
    return {
        "log": (numbers, [mpmath.log(x) for x in exact(numbers)]),
        "exp": (powers, [mpmath.exp(x) for x in exact(powers)]),
        "sine": (quarter, [mpmath.sin(x) for x in exact(quarter)]),
        "cosine": (quarter, [mpmath.cos(x) for x in exact(quarter)]),
        "power": (betas, [x**k for x, k in zip(exact(betas), counts, strict=True)]),
        "pow": (
            np.column_stack([bases, exponents]).reshape(-1),
            [x**y for x, y in zip(exact(bases), exact(exponents), strict=True)],
        ),
    }


def exact(numbers):
    return [mpmath.mpf(float(x)) for x in numbers]


def longdoubles(values):
    """Of numbers in mpmath, in two parts."""
    highs = np.array([float(v) for v in values])
    lows = np.array([float(v - mpmath.mpf(h)) for v, h in zip(values, highs.tolist(), strict=True)])
    return highs.astype(np.longdouble) + lows


def program(target, directory):
    """The program with the flags of a target."""
    to = Path(directory) / f"elementary_{target}"
    options = ["-std=c++20", "-O2", "-ffp-contract=off", *FLAGS.get(target, FLAGS["avx512"])]
    source = "tests/cpp/elementary.cpp"
    run(tool("g++", "c++"), source, *options, "-Icsrc", "-o", to, cwd=source_tree())
    return to


def ask(executable, name, numbers):
    given = np.asarray(numbers, np.float64).tobytes()
    done = subprocess.run([executable, name], input=given, capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.float64)


def cases(target):
    """(name, dtype name, error)."""
    with tempfile.TemporaryDirectory() as directory, mpmath.workdps(40):
        executable = program(target, directory)
        for name, (numbers, wanted) in arguments().items():
            found = ask(executable, name, numbers)
            yield f"core.math.{name}", "float64", relative(found, longdoubles(wanted), F64)
