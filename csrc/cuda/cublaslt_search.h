// Where the shared library is.
#pragma once

namespace steepest::cuda {

// handle: of dlopen, or null; why: what to tell where it is null.
struct FoundLibrary {
    void* handle;
    const char* why;
};

// By the environment variable STEEPEST_CUBLASLT: "off", or the path of the library. Without it one
// that the process has loaded, as torch and CuPy do with that of their packages, else one where the
// system looks.
FoundLibrary find_cublaslt();

// A function of it; null where it has none of that name.
void* function_of(void* handle, const char* name);

}  // namespace steepest::cuda
