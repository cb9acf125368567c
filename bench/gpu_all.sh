#!/usr/bin/env bash
# Everything that a machine with a GPU can show, within ten minutes and without a network: builds and
# installs with CUDA into a fresh directory, runs the tests on the device, compares the golden
# digests, runs a quick subset under compute-sanitizer, and benchmarks against the rivals.
#
#   bench/gpu_all.sh [directory for results, by default bench/results]
#
# A stage that fails or takes too long does not stop the later ones; the exit status tells. Needs
# python3 with numpy, ml_dtypes, pytest, hypothesis, mpmath, scikit-build-core, pybind11, and torch or
# CuPy or both. Leaves the settings of the card alone.
#   PYTHON    interpreter, by default python3
#   STAGES    only these, as in STAGES="build benchmark"; by default all
#   BUDGET    seconds for everything, by default 600
#   SITE      an earlier installation (pip's --target) to use instead of building
#   CUDA_ARCHITECTURES    to build for, as in 90a-real; by default all that the package supports
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 2
results=${1:-bench/results}
mkdir -p "$results" && results=$(cd "$results" && pwd) || exit 2
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
exec </dev/null
export PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONPATH=$work/site${PYTHONPATH:+:$PYTHONPATH}
command -v nvcc >/dev/null || export PATH=$PATH:/usr/local/cuda/bin
started=$SECONDS
budget=${BUDGET:-600}
stages=() outcomes=() durations=()

# stage NAME LIMIT_S COMMAND...: runs it if it was asked for, within so many seconds.
stage() {
    local name=$1 limit=$2 begun=$SECONDS left=$((budget - SECONDS + started - 5)) status
    shift 2
    if [[ -n ${STAGES:-} && " $STAGES " != *" $name "* ]]; then return 0; fi
    limit=$((left < limit ? left : limit))
    if ((limit < 5)); then
        stages+=("$name") durations+=(0) outcomes+=("FAILED: no time left")
        return 1
    fi
    printf '\n==== [%4d s] %s (at most %d s)\n' "$((SECONDS - started))" "$name" "$limit"
    timeout --kill-after=10 "$limit" "$@"
    status=$?
    case $status in
        0) outcomes+=(passed) ;;
        77) outcomes+=(skipped) ;;
        124 | 137) outcomes+=("FAILED: took too long") ;;
        *) outcomes+=("FAILED: status $status") ;;
    esac
    stages+=("$name") durations+=("$((SECONDS - begun))")
    return "$status"
}

has() {
    "$python" -c "import importlib.util as u, sys; sys.exit(u.find_spec('$1') is None)" 2>/dev/null
}

# Functions that `timeout` runs need a shell of their own.
build() {
    "$python" -m pip install --quiet --no-build-isolation --no-deps --no-index --target "$work/site" \
        -C cmake.define.STEEPEST_CUDA=ON -C "build-dir=$work/build" \
        ${CUDA_ARCHITECTURES:+-C "cmake.define.STEEPEST_CUDA_ARCHITECTURES=$CUDA_ARCHITECTURES"} . &&
        cd "$work" && "$python" -c 'import steepest; steepest.show_config()' &&
        "$python" -c 'from steepest import _core; assert _core.has_cuda(), "built without CUDA"'
}

# Each worker of pytest-xdist has a CUDA context of its own; eight fit on any GPU.
test_kind() {
    local parallel=()
    if has xdist; then parallel=(-n 8); fi
    "$python" -m pytest -q "${parallel[@]}" -p no:cacheprovider -m "not slow" \
        tests/steps tests/boundary tests/optim --arrays "$1" \
        --ignore=tests/steps/test_bench.py --ignore=tests/steps/test_bench_gpu.py
}

golden() {
    (cd "$work" && "$python" -m steepest.golden --check "$root/tests/golden/steps.json" --arrays "$1")
}

# Probes and their statistics: the digests of the CPU, and its bits in every form.
probes() {
    "$python" -m pytest -q -p no:cacheprovider --arrays "$1" \
        tests/curvature/test_golden_bits.py tests/curvature/test_device_probes.py
}

# Matrix products, on every kind of array at once.
products() {
    "$python" -m pytest -q -p no:cacheprovider tests/polar/test_device_products.py
}

# What walks over rows and columns of matrices: the bits of the CPU.
lines() {
    "$python" -m pytest -q -p no:cacheprovider -k "$1" tests/polar/test_device_line_sums.py \
        tests/norms/test_device_report.py tests/curvature/test_device_mkor.py
}

# What the products are for: orthogonalisation, polar factors and caps, spectral norms, curvature.
matrices() {
    local parallel=()
    if has xdist; then parallel=(-n 8); fi
    "$python" -m pytest -q "${parallel[@]}" -p no:cacheprovider -m "not slow" -k "$1" \
        tests/polar/test_device_{caps,halves,oracles,orthogonalize,pairs,polar}.py \
        tests/norms/test_device_{conv,spectral}.py tests/curvature/test_device_{oasis,operators}.py
}

# What ran and when: H200-2026-01-31.
card() {
    "$python" - <<'PYTHON'
import datetime
import re

from steepest.bench import device

name = device.find().facts()["name"].removeprefix("NVIDIA ")
print(re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-"), datetime.date.today(), sep="-")
PYTHON
}

# The steps, whose plot and table are of one file.
benchmark() {
    local name options=()
    name=$(card) || return 1
    if has matplotlib; then options=(--plot "$results/$name.png"); fi
    "$python" -m steepest.bench steps --device cuda --rivals --json "$results/$name.json" "${options[@]}"
}

# The other families, those whose cases are quick first: rows are kept as they come, so that a run
# that is cut short lacks the long lists of matrices alone.
families() {
    local name family status=0
    name=$(card) || return 1
    for family in norms curvature polar; do
        "$python" -m steepest.bench "$family" --device cuda --rivals \
            --json "$results/$name-$family.json" || status=1
    done
    return "$status"
}

export -f build test_kind golden probes products lines matrices card benchmark families has
export root results work python

kinds=()
if has torch; then kinds+=(torch-cuda); fi
if has cupy; then kinds+=(cupy); fi
if [[ ${#kinds[@]} -eq 0 ]]; then echo "neither torch nor CuPy is installed" >&2; fi

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null
nvcc --version 2>/dev/null | tail -n 2
if [[ -n ${SITE:-} ]]; then
    export PYTHONPATH=$SITE:$PYTHONPATH
else
    stage build 270 bash -c build
fi
# What is quick comes first. Nothing else runs beside the benchmark.
for kind in "${kinds[@]}"; do stage "golden-$kind" 60 bash -c "golden $kind"; done
for kind in "${kinds[@]}"; do stage "probes-$kind" 45 bash -c "probes $kind"; done
stage products 45 bash -c products
for kind in "${kinds[@]}"; do stage "lines-$kind" 45 bash -c "lines $kind"; done
for kind in "${kinds[@]}"; do stage "matrices-$kind" 60 bash -c "matrices $kind"; done
stage benchmark 240 bash -c benchmark
stage families 150 bash -c families
for kind in "${kinds[@]}"; do stage "tests-$kind" 150 bash -c "test_kind $kind"; done
stage sanitize 180 bench/gpu_sanitize.sh

printf '\n==== summary after %d s\n' "$((SECONDS - started))"
failed=0 words=()
for k in "${!stages[@]}"; do
    words+=("${stages[k]}=${outcomes[k]}")
    printf '%-18s %5d s  %s\n' "${stages[k]}" "${durations[k]}" "${outcomes[k]}"
    if [[ ${outcomes[k]} == FAILED* ]]; then failed=1; fi
done
# For the table of what ran on a GPU, which docs/figures.py makes.
if name=$(card); then
    commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
    "$python" -m steepest.bench.device.stages "$results/$name-stages.json" "$name" "$commit" "${words[@]}"
fi
if [[ ${#stages[@]} -eq 0 || ${#kinds[@]} -eq 0 ]]; then failed=1; fi
exit "$failed"
