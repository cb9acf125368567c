# shellcheck shell=bash
# Functions that the scripts of this directory share. Source it; the current directory is then the
# root of the repository.
set -Eeuo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CI_START=${CI_START:-$(date +%s)} # of the outermost script
ci_section=start
exec </dev/null

elapsed() {
    echo $(($(date +%s) - CI_START))
}

section() {
    ci_section=$1
    printf '\n==== [%4d s] %s\n' "$(elapsed)" "$ci_section"
}

# Runs another script, which has sections of its own.
part() {
    ci_section=$1
    "$@"
}

trap 'echo "==== failed after $(elapsed) s in: $ci_section" >&2' ERR

fail() {
    echo "==== $1" >&2
    return 1
}

# The line of README.md that begins with this text, as it stands there, so that what readers are told
# to run is what is tested. A prompt before it is not part of it.
readme_command() {
    sed -E 's/^[[:space:]]*(\$ )?//' README.md | grep -F -- "$1" |
        grep -E '^pip install .* && python -m ' ||
        fail "README.md has no command line that begins with: $1"
}

# A new virtual environment in the given directory, made the active one.
fresh_environment() {
    "${PYTHON:-python3}" -m venv "$1"
    # shellcheck disable=SC1091
    source "$1/bin/activate"
}

# What the named extras of the installed package need, without building the package again.
requirements_of_extras() {
    python - "$@" <<'PYTHON'
import sys
from importlib.metadata import requires

for line in requires("steepest") or []:
    requirement, _, marker = line.partition(";")
    if any(f"extra == '{e}'" in marker.replace('"', "'") for e in sys.argv[1:]):
        print(requirement.strip())
PYTHON
}

# Options of pytest for the tests that are not slow, a process on each processor.
quick=(-q -m "not slow" -n "$(nproc)")

# Options for another build or target, whose bits are those of the one that the README's tests ran on:
# without networks that learn, and without the benchmark's own tests, which take longest.
again=("${quick[@]}" --ignore=tests/steps/test_bench.py \
    --ignore=tests/steps/test_bench_gpu.py --ignore-glob="*_convergence.py")


# pytest that fails when a test was skipped.
pytest_without_skips() {
    local log
    log=$(mktemp)
    python -m pytest -rs "$@" | tee "$log"
    if tail -n 1 "$log" | grep -q skipped; then
        rm -f "$log"
        fail "tests were skipped that must run here"
    fi
    rm -f "$log"
}
