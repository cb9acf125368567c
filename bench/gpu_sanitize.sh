#!/usr/bin/env bash
# A quick subset of the tests on the device under compute-sanitizer: memcheck, then on fewer tests
# initcheck and racecheck. `python3` must find steepest, built with CUDA, and torch or CuPy. Exit
# status 77 where compute-sanitizer is missing, 1 where something was found or not finished in time.
#
#   bench/gpu_sanitize.sh [pytest arguments instead of the subset]
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
python=${PYTHON:-python3}
command -v compute-sanitizer >/dev/null || export PATH=$PATH:/usr/local/cuda/bin
if ! command -v compute-sanitizer >/dev/null; then
    echo "compute-sanitizer is not installed: nothing was checked"
    exit 77
fi
# CuPy loads several times faster than torch, under a sanitizer above all.
kind=torch-cuda
if "$python" -c 'import cupy' 2>/dev/null; then kind=cupy; fi
export PYTHONUNBUFFERED=1
# torch's cache would hide accesses past the end of an array.
export PYTORCH_NO_CUDA_MEMORY_CACHING=1
# Frameworks try what a device can do and live with the errors; our library checks its own calls.
options=(--error-exitcode 99 --print-limit 20 --report-api-errors no)

failed=0
# sanitized TOOL LIMIT_S PYTHON_ARGUMENTS... What was cut short has not passed.
sanitized() {
    local tool=$1 limit=$2
    shift 2
    timeout --kill-after=5 "$limit" compute-sanitizer --tool "$tool" "${options[@]}" "$python" "$@"
    local status=$?
    case $status in
        0) return ;;
        124 | 137) echo "$tool: stopped after $limit s, so that it did not see everything" ;;
        *) echo "$tool: status $status" ;;
    esac
    failed=1
}

# check TOOL LIMIT_S ARGUMENTS...
check() {
    printf '\n-- %s\n' "$1"
    sanitized "$1" "$2" -m pytest -q -x -p no:cacheprovider --arrays "$kind" "${@:3}"
}

if [[ $# -gt 0 ]]; then
    for tool in memcheck initcheck racecheck; do check "$tool" 600 "$@"; done
    exit "$failed"
fi

# A quick subset of the golden cases covers every rule; the check of the digests comes with it.
golden() {
    printf '\n-- %s: golden cases\n' "$1"
    sanitized "$1" "$2" -m steepest.golden --quick --arrays "$kind" --check tests/golden/steps.json
}

golden memcheck 35
check memcheck 25 tests/steps/test_grad_norm.py
# All kernels of the probes; the first test alone walks over each form of an access.
check memcheck 25 tests/curvature/test_golden_bits.py tests/curvature/test_device_probes.py -k "$kind or golden"
check racecheck 25 tests/curvature/test_device_probes.py -k "$kind and statistics"
golden racecheck 25
golden initcheck 25
exit "$failed"
