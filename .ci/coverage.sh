#!/usr/bin/env bash
# Usage: coverage.sh DIRECTORY [PYTEST_ARGUMENTS]
# Which lines of Python and of C++ the quick tests run, reported as text in DIRECTORY. No part of
# .ci/run: the build without optimisation and the suite on it take about half an hour on two cores.
# With arguments for pytest in place of the suite, a part of it: "coverage.sh /tmp/c tests/polar".
#
# Wants the active virtual environment to hold the extras "test" and "dev", and coverage, pytest-cov
# and gcovr besides. Needs GCC. Python that runs in child processes is not seen.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
directory=$(realpath -m -- "$1")
shift
tests=("$@")
[[ ${#tests[@]} -gt 0 ]] || tests=(tests --ignore=tests/install --ignore=tests/test_stubs.py)
pip install coverage pytest-cov gcovr

section "Build that counts"
export CC=gcc CXX=g++
pip install --no-deps --target "$directory/package" . \
    -C build-dir="$directory/build" -C install.strip=false \
    -C cmake.define.STEEPEST_CUDA=OFF -C cmake.define.CMAKE_CXX_FLAGS_RELEASE="-O0 -g1 --coverage" \
    -C cmake.define.CMAKE_SHARED_LINKER_FLAGS=--coverage \
    -C cmake.define.CMAKE_MODULE_LINKER_FLAGS=--coverage

section "The tests on it"
export PYTHONPATH=$directory/package COVERAGE_FILE=$directory/coverage.data
# An editable install puts itself before every path, and its lines would be counted as unseen.
found=$(python -c 'import steepest; print(steepest.__file__)')
[[ $found == "$directory/package/"* ]] ||
    fail "$found is imported instead of what was built: pip uninstall steepest"
status=0
python -m pytest "${quick[@]}" --cov=steepest --cov-branch \
    --cov-report="term:skip-covered" --cov-report="html:$directory/python" \
    "${tests[@]}" | tee "$directory/python.txt" || status=$?

section "Lines of C++"
gcovr --root . --object-directory "$directory/build" --filter csrc/ --exclude-throw-branches \
    --gcov-ignore-errors=no_working_dir_found --txt "$directory/cpp.txt" >/dev/null
tail -n 4 "$directory/cpp.txt"
exit "$status"
