#!/usr/bin/env bash
# Linters, formatters and type checks, in the active virtual environment.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

section "ruff"
ruff check .
ruff format --check .

section "clang-format"
git ls-files -z '*.c' '*.h' '*.cpp' '*.cu' '*.cuh' | xargs -0 clang-format --dry-run -Werror

section "mypy"
mypy
# The stubs hide these two from mypy, which prefers a .pyi to the .py beside it.
mypy python/steepest/steps.py python/steepest/optim/__init__.py
# Stubs against the modules as they are at run time, outside the source tree.
allowed=$PWD/.ci/stubtest_allowed.txt
(cd "$(mktemp -d)" &&
    python -m mypy.stubtest steepest.steps steepest.optim steepest._core --allowlist "$allowed")
