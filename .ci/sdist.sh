#!/usr/bin/env bash
# Usage: sdist.sh DIRECTORY
# Source distribution -> wheel -> fresh environment -> a step. Uses the build backend of the active
# virtual environment for the first; the wheel is built isolated, as users' are. Warnings are errors.
# Without CUDA, which the other installations of .ci/run build: its kernels take minutes.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
directory=$1
mkdir -p "$directory"

section "Source distribution"
python -c "from scikit_build_core import build; build.build_sdist('$directory')"
sdists=("$directory"/steepest-*.tar.gz)
[[ ${#sdists[@]} == 1 && -f ${sdists[0]} ]] || fail "expected one source distribution"

section "Wheel from the source distribution, warnings as errors"
pip wheel --no-deps --wheel-dir "$directory" "${sdists[0]}" \
    -C cmake.define.STEEPEST_WERROR=ON -C cmake.define.STEEPEST_CUDA=OFF

section "The wheel in a fresh virtual environment"
wheels=("$directory"/steepest-*.whl)
fresh_environment "$directory/venv"
pip install "${wheels[0]}"
cd "$directory"
python -m steepest config
python - <<'PYTHON'
import numpy as np
import steepest

p, g, m, v = (np.full(3, x, np.float32) for x in (1, 2, 0, 0))
assert steepest.steps.adamw(p, g, m, v, step=1, lr=0.1, weight_decay=0)
assert np.allclose(p, 0.9) and np.allclose(m, 0.2)
PYTHON
