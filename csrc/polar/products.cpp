// The three products over a batch: their operands as jobs, and the sharing out of whole matrices to
// threads where these are small and many.
#include "polar/products.h"

#include "core/parallel.h"
#include "polar/item.h"
#include "polar/targets.h"

namespace steepest::polar {
namespace {

constexpr int64_t kMatricesPerThread = 2;
// Multiplications that one thread does in about half a millisecond or less: below, whole matrices
// are shared out.
constexpr int64_t kSmallMatrix = int64_t{1} << 24;
// Multiplications that count as one element of threads_for: the work of an elementwise rule.
constexpr int64_t kWorkUnit = 64;

// All threads on one matrix after the other.
void run_together(const Job& job, const Footprint& footprint, char* memory) {
    const int threads = threads_for_products(job.multiplications());
    const Scratch scratch = footprint.lay_out(memory);
    for (int64_t item = 0; item < job.C.count; ++item) multiply_item(job, item, scratch, threads);
}

// Each thread on matrices of its own.
void run_apart(const Job& job, const Footprint& footprint, int64_t parts, char* memory) {
    const int threads = threads_for_products(job.multiplications() * job.C.count);
    parallel(threads, static_cast<int>(parts), [&](int part, int) {
        const Scratch scratch = footprint.lay_out(memory + part * footprint.bytes());
        const int64_t end = job.C.count * (part + 1) / parts;
        for (int64_t item = job.C.count * part / parts; item < end; ++item)
            multiply_item(job, item, scratch, 1);
    });
}

bool run(const Job& job, const Arena& arena) {
    const Footprint footprint(job.A, job.C, job.lower(), job.kernels);
    int64_t parts = matrices_at_a_time(job.multiplications(), job.C.count);
    const auto memory_for = [&](int64_t n) {
        return Arena(arena).take<char>(n * footprint.bytes());
    };
    while (parts > 1 && !memory_for(parts)) --parts;
    char* memory = memory_for(parts);
    if (!memory && footprint.bytes() > 0) return false;
    if (parts > 1)
        run_apart(job, footprint, parts, memory);
    else
        run_together(job, footprint, memory);
    return true;
}

// Null when the environment names no usable target, or there are no kernels for the type.
const OperandKernels* kernels_for(const Batch& A, const Batch& C) {
    cpu::Target target;
    if (!cpu::active(target) || A.matrix.type == Type::f16 || C.matrix.type == Type::f16)
        return nullptr;
    const bool long_sums = A.matrix.type == Type::f32 && C.matrix.type == Type::f64;
    return &product_kernels_of(target)
                .operand[long_sums ? kLongSums : static_cast<int>(A.matrix.type)];
}

bool same(const Batch& A, const Batch& B) {
    return A.matrix.data == B.matrix.data && A.matrix.ld == B.matrix.ld && A.stride == B.stride;
}

// D counts only when it is multiplied by something.
const Batch* used(const Batch* D, const Update& update) { return update.beta != 0 ? D : nullptr; }

}  // namespace

int threads_for_products(int64_t multiplications) {
    return threads_for(multiplications / kWorkUnit);
}

int64_t matrices_at_a_time(int64_t multiplications, int64_t count) {
    if (multiplications >= kSmallMatrix) return 1;
    const int64_t threads = threads_for_products(multiplications * count);
    return threads > 1 && count >= kMatricesPerThread * threads
               ? std::min(count, 2 * kMatricesPerThread * threads)
               : 1;
}

size_t scratch_bytes(const Batch& A, const Batch& C) {
    const OperandKernels* kernels = kernels_for(A, C);
    if (!kernels) return 0;
    const int64_t multiplications = C.matrix.rows * C.matrix.cols * A.matrix.cols;
    const int64_t parts = std::max(matrices_at_a_time(multiplications, C.count),
                                   matrices_at_a_time(multiplications / 2, C.count));
    const int64_t bytes = std::max(
        Footprint(A, C, false, *kernels).bytes(),
        C.matrix.rows == C.matrix.cols ? Footprint(A, C, true, *kernels).bytes() : int64_t{0});
    return static_cast<size_t>(parts * bytes);
}

bool symmetric(const Batch& A, const Update& update, const Batch* D, const Batch& C, Arena scratch,
               ByProducts* sums) {
    const OperandKernels* kernels = kernels_for(A, C);
    return kernels &&
           run({A, A, used(D, update), C, update, sums, Right::shared, *kernels}, scratch);
}

bool symmetric_product(const Batch& A, const Batch& B, const Update& update, const Batch* D,
                       const Batch& C, Arena scratch, ByProducts* sums) {
    const OperandKernels* kernels = kernels_for(A, C);
    const Right right = same(A, B) ? Right::shared : Right::rows;
    return kernels && run({A, B, used(D, update), C, update, sums, right, *kernels}, scratch);
}

bool general(const Batch& A, const Batch& B, const Update& update, const Batch* D, const Batch& C,
             Arena scratch) {
    const OperandKernels* kernels = kernels_for(A, C);
    return kernels &&
           run({A, B, used(D, update), C, update, nullptr, Right::columns, *kernels}, scratch);
}

}  // namespace steepest::polar
