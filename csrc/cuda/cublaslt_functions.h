// The functions of cublasLt that are used, found in a library that was opened.
#pragma once

#include <cublasLt.h>

#include "cuda/cublaslt_search.h"

namespace steepest::cuda {

struct CublasLtFunctions {
    decltype(&cublasLtGetVersion) version = nullptr;
    decltype(&cublasLtCreate) create = nullptr;
    decltype(&cublasLtMatmulDescCreate) create_product = nullptr;
    decltype(&cublasLtMatmulDescDestroy) destroy_product = nullptr;
    decltype(&cublasLtMatrixLayoutCreate) create_layout = nullptr;
    decltype(&cublasLtMatrixLayoutDestroy) destroy_layout = nullptr;
    decltype(&cublasLtMatrixLayoutSetAttribute) set_layout = nullptr;
    decltype(&cublasLtMatmulPreferenceCreate) create_preference = nullptr;
    decltype(&cublasLtMatmulPreferenceDestroy) destroy_preference = nullptr;
    decltype(&cublasLtMatmulPreferenceSetAttribute) set_preference = nullptr;
    decltype(&cublasLtMatmulAlgoGetHeuristic) choose = nullptr;
    decltype(&cublasLtMatmulAlgoConfigGetAttribute) configuration = nullptr;
    decltype(&cublasLtMatmul) multiply = nullptr;

    // False where one is missing.
    bool load(void* handle) {
        return find(handle, "cublasLtGetVersion", version) &&
               find(handle, "cublasLtCreate", create) &&
               find(handle, "cublasLtMatmulDescCreate", create_product) &&
               find(handle, "cublasLtMatmulDescDestroy", destroy_product) &&
               find(handle, "cublasLtMatrixLayoutCreate", create_layout) &&
               find(handle, "cublasLtMatrixLayoutDestroy", destroy_layout) &&
               find(handle, "cublasLtMatrixLayoutSetAttribute", set_layout) &&
               find(handle, "cublasLtMatmulPreferenceCreate", create_preference) &&
               find(handle, "cublasLtMatmulPreferenceDestroy", destroy_preference) &&
               find(handle, "cublasLtMatmulPreferenceSetAttribute", set_preference) &&
               find(handle, "cublasLtMatmulAlgoGetHeuristic", choose) &&
               find(handle, "cublasLtMatmulAlgoConfigGetAttribute", configuration) &&
               find(handle, "cublasLtMatmul", multiply);
    }

  private:
    template <class F>
    static bool find(void* handle, const char* name, F& function) {
        function = reinterpret_cast<F>(function_of(handle, name));
        return function != nullptr;
    }
};

}  // namespace steepest::cuda
