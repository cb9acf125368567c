// cublasLt as three loops on the host: matrices by columns, batches, sums in double.
#include "fake.h"

#include <cstring>
#include <initializer_list>

#include "core/codecs/bf16.h"
#include "core/codecs/f16.h"
#include "cublasLt.h"

using namespace steepest;

struct FakeHandle {};
struct FakeProduct {
    cublasComputeType_t compute;
    cudaDataType_t scale;
};
struct FakeLayout {
    cudaDataType_t type;
    uint64_t rows, cols;
    int64_t ld;
    int32_t count = 1;
    int64_t stride = 0;
};
struct FakePreference {
    uint64_t workspace = 1;
    uint32_t reductions = 1, alignment[4] = {256, 256, 256, 256};

    bool repeats() const {
        bool right = workspace == 0 && reductions == CUBLASLT_REDUCTION_SCHEME_NONE;
        for (const uint32_t a : alignment) right &= a == 16;
        return right;
    }
};

namespace {

Fake fake{};

void expect(bool right) { fake.misuses += !right; }

template <class T>
cublasStatus_t keep(T** object, T value) {
    *object = new T(value);
    ++fake.alive;
    return CUBLAS_STATUS_SUCCESS;
}

template <class T>
cublasStatus_t drop(T* object) {
    delete object;
    --fake.alive;
    return CUBLAS_STATUS_SUCCESS;
}

template <class T>
cublasStatus_t copy(T& to, const void* from, size_t size) {
    expect(size == sizeof to);
    std::memcpy(&to, from, sizeof to);
    return CUBLAS_STATUS_SUCCESS;
}

double get(const void* data, const FakeLayout& m, int64_t item, uint64_t i, uint64_t j) {
    const int64_t at = item * m.stride + static_cast<int64_t>(j) * m.ld + static_cast<int64_t>(i);
    if (m.type == CUDA_R_32F) return static_cast<const float*>(data)[at];
    const uint16_t half = static_cast<const uint16_t*>(data)[at];
    return m.type == CUDA_R_16BF ? Bf16::decode(half) : F16::decode(half);
}

void put(double value, void* data, const FakeLayout& m, int64_t item, uint64_t i, uint64_t j) {
    const int64_t at = item * m.stride + static_cast<int64_t>(j) * m.ld + static_cast<int64_t>(i);
    const auto x = static_cast<float>(value);
    if (m.type == CUDA_R_32F)
        static_cast<float*>(data)[at] = x;
    else
        static_cast<uint16_t*>(data)[at] =
            m.type == CUDA_R_16BF ? Bf16::nearest(x) : F16::nearest(x);
}

void check_shapes(const FakeLayout& a, const FakeLayout& b, const FakeLayout& c,
                  const FakeLayout& d) {
    expect(a.rows == d.rows && b.cols == d.cols && a.cols == b.rows);
    expect(c.rows == d.rows && c.cols == d.cols && c.type == d.type && a.type == b.type);
    for (const FakeLayout* m : {&a, &b, &c, &d}) {
        expect(m->count == d.count && m->ld >= static_cast<int64_t>(m->rows));
        expect(m->ld * (m->type == CUDA_R_32F ? 4 : 2) % 16 == 0);
    }
}

// What an algorithm was chosen for.
uint64_t mark(const FakeLayout& a, const FakeLayout& d) {
    return a.rows + 1000 * (a.cols + 1000 * (d.cols + 1000 * static_cast<uint64_t>(a.type)));
}

void multiply(const FakeLayout& la, const void* a, const FakeLayout& lb, const void* b,
              const FakeLayout& lc, const void* c, const FakeLayout& ld, void* d, float alpha,
              float beta) {
    for (int64_t item = 0; item < ld.count; ++item)
        for (uint64_t j = 0; j < ld.cols; ++j)
            for (uint64_t i = 0; i < ld.rows; ++i) {
                double sum = 0;
                for (uint64_t p = 0; p < la.cols; ++p)
                    sum += get(a, la, item, i, p) * get(b, lb, item, p, j);
                double value = static_cast<double>(alpha) * sum;
                if (beta != 0) value += static_cast<double>(beta) * get(c, lc, item, i, j);
                put(value, d, ld, item, i, j);
            }
}

}  // namespace

extern "C" {

Fake* fake_cublaslt(void) { return &fake; }

size_t cublasLtGetVersion(void) { return 123456; }

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
    *handle = new FakeHandle;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* product, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
    return keep(product, FakeProduct{compute, scale});
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t product) { return drop(product); }

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType_t type,
                                          uint64_t rows, uint64_t cols, int64_t ld) {
    return keep(layout, FakeLayout{type, rows, cols, ld});
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) { return drop(layout); }
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
                                                cublasLtMatrixLayoutAttribute_t name,
                                                const void* value, size_t size) {
    return name == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT ? copy(layout->count, value, size)
                                                      : copy(layout->stride, value, size);
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
    return keep(preference, FakePreference{});
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
    return drop(preference);
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t name,
                                                    const void* value, size_t size) {
    switch (name) {
        case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
            return copy(preference->workspace, value, size);
        case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
            return copy(preference->reductions, value, size);
        default:
            return copy(preference->alignment[name - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES],
                        value, size);
    }
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t product,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int wanted,
                                              cublasLtMatmulHeuristicResult_t* result, int* found) {
    ++fake.choices;
    expect(preference->repeats() && wanted == 1 && d->count == 1);
    expect(product->scale == CUDA_R_32F);
    check_shapes(*a, *b, *c, *d);
    *found = fake.has_none ? 0 : 1;
    if (fake.has_none) return CUBLAS_STATUS_NOT_SUPPORTED;
    *result = {{{mark(*a, *d), fake.splits ? 4u : 1u}}, 0, CUBLAS_STATUS_SUCCESS};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoConfigGetAttribute(const cublasLtMatmulAlgo_t* algorithm,
                                                    cublasLtMatmulAlgoConfigAttributes_t,
                                                    void* value, size_t size, size_t* written) {
    const auto parts = static_cast<int32_t>(algorithm->data[1]);
    expect(size == sizeof parts);
    std::memcpy(value, &parts, sizeof parts);
    *written = sizeof parts;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t product,
                              const void* alpha, const void* a, cublasLtMatrixLayout_t la,
                              const void* b, cublasLtMatrixLayout_t lb, const void* beta,
                              const void* c, cublasLtMatrixLayout_t lc, void* d,
                              cublasLtMatrixLayout_t ld, const cublasLtMatmulAlgo_t* algorithm,
                              void* workspace, size_t size, cudaStream_t) {
    if (fake.refuses || (fake.refuses_batches && ld->count > 1)) return CUBLAS_STATUS_NOT_SUPPORTED;
    if (fake.fails) return CUBLAS_STATUS_EXECUTION_FAILED;
    expect(handle && !workspace && size == 0 && algorithm->data[0] == mark(*la, *ld));
    const bool floats = la->type == CUDA_R_32F;
    expect(product->compute == (floats ? CUBLAS_COMPUTE_32F_PEDANTIC : CUBLAS_COMPUTE_32F));
    for (const void* data : {a, b, c, static_cast<const void*>(d)})
        expect(reinterpret_cast<uintptr_t>(data) % 16 == 0);
    check_shapes(*la, *lb, *lc, *ld);
    multiply(*la, a, *lb, b, *lc, c, *ld, d, *static_cast<const float*>(alpha),
             *static_cast<const float*>(beta));
    ++fake.products;
    return CUBLAS_STATUS_SUCCESS;
}

}  // extern "C"
