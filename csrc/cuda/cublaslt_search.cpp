#include "cuda/cublaslt_search.h"

#include <cstdlib>
#include <cstring>

#if defined(_WIN32)

namespace steepest::cuda {

FoundLibrary find_cublaslt() { return {nullptr, "cublasLt is not looked for on this system"}; }
void* function_of(void*, const char*) { return nullptr; }

}  // namespace steepest::cuda

#else

#include <dlfcn.h>

namespace steepest::cuda {
namespace {

constexpr const char* kNames[] = {"libcublasLt.so.13", "libcublasLt.so.12"};
constexpr int kModes[] = {RTLD_NOLOAD | RTLD_NOW | RTLD_LOCAL, RTLD_NOW | RTLD_LOCAL};

}  // namespace

FoundLibrary find_cublaslt() {
    const char* given = std::getenv("STEEPEST_CUBLASLT");
    if (given && std::strcmp(given, "off") == 0) return {nullptr, "STEEPEST_CUBLASLT=off"};
    if (given && *given)
        return {dlopen(given, RTLD_NOW | RTLD_LOCAL), "STEEPEST_CUBLASLT names no library"};
    for (const int mode : kModes)
        for (const char* name : kNames)
            if (void* handle = dlopen(name, mode)) return {handle, ""};
    return {nullptr, "no cublasLt found"};
}

void* function_of(void* handle, const char* name) { return dlsym(handle, name); }

}  // namespace steepest::cuda

#endif
