#!/usr/bin/env bash
# Usage: sanitize.sh DIRECTORY
# The suite on a build with the address and undefined-behaviour sanitizers, which is installed to
# DIRECTORY. Takes everything else from the active virtual environment. Needs GCC.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
directory=$1

section "Build with the address and undefined-behaviour sanitizers"
export CC=gcc CXX=g++
# Checked loops are not vectorised at any level: more than -O1 only takes longer to compile, and so
# would the targets that compile the same loops with other flags. (The products of matrices have
# kernels of their own in each target; tests/polar/test_products.py sanitizes all of them.)
pip install --no-deps --target "$directory/package" . \
    -C build-dir="$directory/build" -C install.strip=false \
    -C cmake.define.STEEPEST_SANITIZE=ON -C cmake.define.STEEPEST_CUDA=OFF \
    -C cmake.define.STEEPEST_HIGHEST_TARGET=avx2 \
    -C cmake.define.CMAKE_CXX_FLAGS_RELEASE="-O1 -g1 -DNDEBUG"

section "The suite under the sanitizers"
# Python itself is not instrumented, so the run-time libraries must be there before it starts, and
# what the interpreter never frees is not worth a report. NumPy asks for more memory than there is in
# tests of just that; the sanitizer must then refuse as malloc does.
libraries="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libubsan.so)"
sanitized() {
    env LD_PRELOAD="$libraries" PYTHONPATH="$directory/package" \
        ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
        UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 "$@"
}
loaded=$(sanitized python -c "import steepest._core; print(steepest._core.__file__)")
[[ $loaded == "$directory"/* ]] || fail "the sanitized build is not the one that loads: $loaded"
# Left out: what installs, times, compiles or measures errors; programs that do not preload the
# sanitizers, as CUDA's compiler and the microbenchmarks; and trajectories and options, whose calls
# others make with more layouts.
sanitized python -m pytest "${again[@]}" tests --ignore=tests/install \
    --ignore=tests/test_stubs.py --ignore=tests/test_demo.py --ignore=tests/ledger \
    --ignore=tests/bench/test_micro.py \
    --ignore=tests/steps/test_rules_float64_reference.py \
    --ignore=tests/steps/test_rule_options.py --ignore=tests/polar/test_products.py \
    --ignore=tests/polar/test_bench_polar.py --ignore=tests/norms/test_bench_norms.py \
    --ignore=tests/curvature/test_bench_curvature.py

section "The emulation of device code under the sanitizers"
# Reads and writes outside an array show here, without a GPU: in the tests with the most layouts.
sanitized python -m pytest "${again[@]}" tests/steps/test_same_bits.py tests/steps/test_storage.py \
    tests/steps/test_stochastic_rounding.py tests/steps/test_plans.py tests/steps/test_grad_norm.py \
    --arrays emulated

section "The C program under the sanitizers"
program=$directory/program
gcc -std=c11 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined \
    -I"$directory/package/steepest/include" tests/c/*.c -o "$program" \
    -L"$directory/package/steepest/lib" -lsteepest -lm -Wl,-rpath,"$directory/package/steepest/lib"
"$program" # with the leak check

section "Fuzzing of the C interface under the sanitizers"
# See tests/fuzz/driver.cpp. What made a program fail is left in $directory/fuzz for the next look.
fuzz() { # DIRECTORY SANITIZERS SECONDS THREADS COMPILER_AND_LINKER_FLAGS...
    local to=$1 sanitizers=$2 seconds=$3 threads=$4 target
    mkdir -p "$to"
    for target in steps polar norms curvature distributed; do
        g++ -std=c++20 -O1 -g -Wall -Wextra "-fsanitize=$sanitizers" -fno-sanitize-recover=all \
            "tests/fuzz/$target.cpp" tests/fuzz/driver.cpp -pthread -o "$to/$target" "${@:5}"
        "$to/$target" --seconds "$seconds" --threads "$threads" --crash "$to/$target.input" \
            "tests/fuzz/corpus/$target"
    done
}
package=$directory/package/steepest
fuzz "$directory/fuzz" address,undefined 20 1 "-I$package/include" "-L$package/lib" -lsteepest \
    "-Wl,-rpath,$package/lib"

section "Concurrent calls under the thread sanitizer"
# The baseline target alone: what threads share is the same for all.
cmake -S . -B "$directory/threads" -DCMAKE_BUILD_TYPE=Release -DSTEEPEST_CUDA=OFF \
    -DSTEEPEST_HIGHEST_TARGET=baseline -DCMAKE_DISABLE_FIND_PACKAGE_OpenMP=ON \
    -DCMAKE_CXX_FLAGS_RELEASE="-O1 -g1 -DNDEBUG -fsanitize=thread" >/dev/null
cmake --build "$directory/threads" --parallel "$(nproc)" >/dev/null
fuzz "$directory/threads/fuzz" thread 8 4 -Icsrc/include "-L$directory/threads" -lsteepest \
    "-Wl,-rpath,$directory/threads"
