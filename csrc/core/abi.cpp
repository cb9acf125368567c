// The C entries that belong to no family: version, status, CPU targets, threads.
#include "core/cpu.h"
#include "core/cuda.h"
#include "core/parallel.h"
#include "steepest/steepest.h"

#define STEEPEST_TEXT(x) #x
#define STEEPEST_DOTTED(a, b, c) STEEPEST_TEXT(a) "." STEEPEST_TEXT(b) "." STEEPEST_TEXT(c)

namespace {

using namespace steepest;

bool is_target(int t) { return t >= 0 && t < cpu::kTargets; }

}  // namespace

const char* steepest_status_string(steepest_status status) {
    switch (status) {
        case STEEPEST_OK:
            return "ok";
        case STEEPEST_INVALID_ARGUMENT:
            return "invalid pointer, count, step or size";
        case STEEPEST_INVALID_DTYPE:
            return "storage types that do not go together";
        case STEEPEST_INVALID_HYPER:
            return "hyper-parameter outside its range";
        case STEEPEST_UNKNOWN_RULE:
            return "unknown rule";
        case STEEPEST_WORKSPACE_TOO_SMALL:
            return "workspace too small";
        case STEEPEST_UNKNOWN_TARGET:
            return "STEEPEST_CPU_TARGET names no target that can be used here";
        case STEEPEST_NO_CUDA:
            return "built without CUDA";
        case STEEPEST_OUT_OF_MEMORY:
            return "out of memory";
        case STEEPEST_INTERNAL_ERROR:
            return "internal error";
        case STEEPEST_DEVICE_ERROR:
            return "CUDA error";
    }
    return "unknown status";
}

const char* steepest_version(void) {
    return STEEPEST_DOTTED(STEEPEST_VERSION_MAJOR, STEEPEST_VERSION_MINOR, STEEPEST_VERSION_PATCH);
}

const char* steepest_compiler(void) {
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#else
    return "unknown";
#endif
}

int steepest_has_cuda(void) { return cuda::built ? 1 : 0; }

int steepest_cpu_target_count(void) { return cpu::kTargets; }

const char* steepest_cpu_target_name(int t) {
    return is_target(t) ? cpu::name(static_cast<cpu::Target>(t)) : nullptr;
}

int steepest_cpu_target_compiled(int t) {
    return is_target(t) && cpu::compiled(static_cast<cpu::Target>(t)) ? 1 : 0;
}

int steepest_cpu_target_usable(int t) {
    return is_target(t) && cpu::usable(static_cast<cpu::Target>(t)) ? 1 : 0;
}

const char* steepest_cpu_active(void) {
    cpu::Target t;
    return cpu::active(t) ? cpu::name(t) : nullptr;
}

steepest_status steepest_cpu_use(const char* name) {
    return name && cpu::use(name) ? STEEPEST_OK : STEEPEST_UNKNOWN_TARGET;
}

int steepest_max_threads(void) { return max_threads(); }

steepest_status steepest_set_max_threads(int threads) {
    if (threads < 1) return STEEPEST_INVALID_ARGUMENT;
    set_max_threads(threads);
    return STEEPEST_OK;
}
