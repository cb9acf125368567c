#include "cuda/cublaslt.h"

#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>

#include "core/cuda.h"
#include "core/fence.h"
#include "cuda/cublaslt_functions.h"

namespace steepest::cuda {
namespace {

using device::ByColumns;
using device::LibraryProduct;
using polar::Type;

constexpr size_t kOldest = 12;        // major version
constexpr uint32_t kAlignment = 16;   // bytes, of all that goes to a library
constexpr uint64_t kNoWorkspace = 0;  // then no sums of parts can be kept anywhere either

struct Failure {
    const char* call;
    cublasStatus_t status;
};

void check(cublasStatus_t status, const char* call) {
    if (status != CUBLAS_STATUS_SUCCESS) throw Failure{call, status};
}

cudaDataType_t data_type(Type t) {
    return t == Type::bf16 ? CUDA_R_16BF : t == Type::f16 ? CUDA_R_16F : CUDA_R_32F;
}

int64_t size_of(Type t) { return t == Type::f32 ? 4 : 2; }

// Floats stay floats: no environment variable makes them shorter.
cublasComputeType_t compute_type(Type operands) {
    return operands == Type::f32 ? CUBLAS_COMPUTE_32F_PEDANTIC : CUBLAS_COMPUTE_32F;
}

// One of the library's own objects. `Create` and `Destroy` are members of the functions.
template <class T, auto Destroy>
class Owned {
  public:
    explicit Owned(const CublasLtFunctions& f) : f_(f) {}
    ~Owned() {
        if (object) (f_.*Destroy)(object);
    }
    Owned(const Owned&) = delete;
    Owned& operator=(const Owned&) = delete;

    T object = nullptr;

  private:
    const CublasLtFunctions& f_;
};

struct Layout : Owned<cublasLtMatrixLayout_t, &CublasLtFunctions::destroy_layout> {
    Layout(const CublasLtFunctions& f, const ByColumns& m, Type type, int64_t count) : Owned(f) {
        check(f.create_layout(&object, data_type(type), static_cast<uint64_t>(m.rows),
                              static_cast<uint64_t>(m.cols), m.ld),
              "cublasLtMatrixLayoutCreate");
        if (count == 1) return;
        const auto matrices = static_cast<int32_t>(count);
        set(f, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, matrices);
        set(f, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, m.stride);
    }

  private:
    template <class V>
    void set(const CublasLtFunctions& f, cublasLtMatrixLayoutAttribute_t name, const V& value) {
        check(f.set_layout(object, name, &value, sizeof value), "cublasLtMatrixLayoutSetAttribute");
    }
};

// A product as the library has it.
struct Description {
    Owned<cublasLtMatmulDesc_t, &CublasLtFunctions::destroy_product> product;
    Layout left, right, addend, result;

    Description(const CublasLtFunctions& f, const LibraryProduct& p)
        : product(f),
          left(f, p.left, p.operands, p.count),
          right(f, p.right, p.operands, p.count),
          addend(f, p.addend, p.stored, p.count),
          result(f, p.result, p.stored, p.count) {
        check(f.create_product(&product.object, compute_type(p.operands), CUDA_R_32F),
              "cublasLtMatmulDescCreate");
    }
};

// What may be chosen from.
struct Preference : Owned<cublasLtMatmulPreference_t, &CublasLtFunctions::destroy_preference> {
    explicit Preference(const CublasLtFunctions& f) : Owned(f) {
        check(f.create_preference(&object), "cublasLtMatmulPreferenceCreate");
        constexpr uint32_t kNone = CUBLASLT_REDUCTION_SCHEME_NONE;
        set(f, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kNoWorkspace);
        set(f, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, kNone);
        set(f, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, kAlignment);
        set(f, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, kAlignment);
        set(f, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, kAlignment);
        set(f, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, kAlignment);
    }

  private:
    template <class V>
    void set(const CublasLtFunctions& f, cublasLtMatmulPreferenceAttributes_t name,
             const V& value) {
        check(f.set_preference(object, name, &value, sizeof value),
              "cublasLtMatmulPreferenceSetAttribute");
    }
};

// One matrix of the product's shape, with rows as close as they may lie.
LibraryProduct one_of(LibraryProduct p) {
    const auto pack = [](ByColumns& m, Type type) {
        const int64_t group = kAlignment / size_of(type);
        m.ld = (m.rows + group - 1) / group * group;
    };
    pack(p.left, p.operands);
    pack(p.right, p.operands);
    pack(p.addend, p.stored);
    pack(p.result, p.stored);
    p.count = 1;
    return p;
}

class CublasLt final : public device::ProductLibrary {
  public:
    CublasLt(const CublasLtFunctions& functions, cublasLtHandle_t handle)
        : f_(functions), handle_(handle) {}

    bool multiply(const LibraryProduct& p, void* stream) const override try {
        const Choice choice = chosen(p);
        return choice.exists && (run(p, choice.algorithm, stream) ||
                                 (p.count > 1 && run_each(p, choice.algorithm, stream)));
    } catch (const Failure& failure) {
        remember_library(failure.call, static_cast<int>(failure.status));
        throw DeviceFailure();
    }

  private:
    struct Choice {
        bool exists = false;
        cublasLtMatmulAlgo_t algorithm{};
    };
    using Key = std::tuple<Type, Type, int64_t, int64_t, int64_t, bool>;

    // The same for every product of a shape, for the life of the process.
    Choice chosen(const LibraryProduct& p) const {
        const Key key{p.operands, p.stored, p.result.rows, p.left.cols, p.result.cols, p.adds()};
        const std::lock_guard lock(mutex_);
        const auto known = choices_.find(key);
        if (known != choices_.end()) return known->second;
        return choices_[key] = choose(one_of(p));
    }

    Choice choose(const LibraryProduct& p) const {
        const Description d(f_, p);
        const Preference preference(f_);
        cublasLtMatmulHeuristicResult_t first{};
        int found = 0;
        const cublasStatus_t status =
            f_.choose(handle_, d.product.object, d.left.object, d.right.object, d.addend.object,
                      d.result.object, preference.object, 1, &first, &found);
        if (status == CUBLAS_STATUS_NOT_SUPPORTED) return {};
        check(status, "cublasLtMatmulAlgoGetHeuristic");
        if (found < 1 || first.state != CUBLAS_STATUS_SUCCESS || splits(first.algo)) return {};
        return {true, first.algo};
    }

    bool splits(const cublasLtMatmulAlgo_t& algorithm) const {
        int32_t parts = 1;
        size_t written = 0;
        check(f_.configuration(&algorithm, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, &parts, sizeof parts,
                               &written),
              "cublasLtMatmulAlgoConfigGetAttribute");
        return parts > 1;
    }

    // False where the algorithm does not take these places, which is known before anything runs.
    bool run(const LibraryProduct& p, const cublasLtMatmulAlgo_t& algorithm, void* stream) const {
        const Description d(f_, p);
        const cublasStatus_t status = f_.multiply(
            handle_, d.product.object, &p.alpha, p.left.data, d.left.object, p.right.data,
            d.right.object, &p.beta, p.addend.data, d.addend.object, p.result.data, d.result.object,
            &algorithm, nullptr, kNoWorkspace, static_cast<cudaStream_t>(stream));
        if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE)
            return false;
        check(status, "cublasLtMatmul");
        return true;
    }

    // One after the other, where the algorithm takes no batches: other algorithms have other bits.
    bool run_each(LibraryProduct p, const cublasLtMatmulAlgo_t& algorithm, void* stream) const {
        const int64_t count = std::exchange(p.count, 1);
        for (int64_t i = 0; i < count; ++i) {
            if (!run(p, algorithm, stream)) return false;
            advance(p.left, p.operands);
            advance(p.right, p.operands);
            advance(p.addend, p.stored);
            advance(p.result, p.stored);
        }
        return true;
    }

    static void advance(ByColumns& m, Type type) {
        m.data = static_cast<char*>(m.data) + m.stride * size_of(type);
    }

    const CublasLtFunctions& f_;
    cublasLtHandle_t handle_;
    mutable std::mutex mutex_;
    mutable std::map<Key, Choice> choices_;
};

// The library of the process, opened when it is first asked for, and never closed: other threads
// may be in it until the end.
struct Opened {
    CublasLtFunctions functions;
    bool is_usable = false;
    std::string text;

    Opened() {
        const FoundLibrary found = find_cublaslt();
        if (!found.handle)
            text = std::string("own kernels (") + found.why + ")";
        else if (!functions.load(found.handle) || functions.version() / 10000 < kOldest)
            text = "own kernels (the cublasLt that was found is too old)";
        else
            accept(functions.version());
    }

  private:
    void accept(size_t version) {
        is_usable = true;
        text = "cublasLt " + std::to_string(version / 10000) + '.' +
               std::to_string(version / 100 % 100) + '.' + std::to_string(version % 100);
    }
};

const Opened& opened() {
    static const auto* library = new Opened;
    return *library;
}

}  // namespace

const device::ProductLibrary* cublaslt(int device) {
    if (!opened().is_usable) return nullptr;
    static std::mutex mutex;
    static auto* handles = new std::map<int, const CublasLt*>;
    const std::lock_guard lock(mutex);
    const auto known = handles->find(device);
    if (known != handles->end()) return known->second;
    cublasLtHandle_t handle = nullptr;
    const bool made = opened().functions.create(&handle) == CUBLAS_STATUS_SUCCESS;
    return (*handles)[device] = made ? new CublasLt(opened().functions, handle) : nullptr;
}

const char* general_products() { return opened().text.c_str(); }

}  // namespace steepest::cuda
