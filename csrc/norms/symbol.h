// The symbol of a convolution in float, frequencies side by side: Gram matrices, estimates of the
// norms, and the proof that most of them are small.
#pragma once

#include "core/arena.h"
#include "norms/symbol_table.h"
#include "polar/products.h"
#include "steepest/steepest.h"

namespace steepest::norms {

class Symbol {
  public:
    // Bytes in front of the Gram matrices, in their memory, that are left to the caller.
    static constexpr size_t kHead = Arena::kAlignment;

    // Bytes that a call needs.
    struct Memory {
        size_t grams, workspace;
    };

    // For the threads of now. No size overflows: see has_sizes in symbol_abi.cpp.
    Symbol(const steepest_symbol_args& args, const SymbolKernels& kernels);

    Memory memory() const;

    void find_grams() const;
    // Of the spectral norm of that group's matrix at that frequency, which a vector near the
    // largest singular one proves.
    double lower(int64_t group, int64_t frequency, double tol) const;
    // Destroys the Gram matrices.
    void prove() const;

  private:
    // Where one thread works.
    struct Slot {
        float *panel, *waves, *vectors[2], *coefficients;
        Slot(const Symbol& symbol, Arena& arena);
    };
    // Some frequencies of one group.
    struct Batch {
        int64_t group, begin, count;
        float* gram;
    };

    int64_t even_rows() const { return a_.rows + a_.rows % 2; }
    int64_t element() const { return 2 * kernels_.lanes; }
    int64_t size_of_gram() const { return triangle(even_rows()) * element(); }
    int64_t phases() const { return a_.row_phases * a_.col_phases; }
    int64_t batches_of_group() const {
        return (a_.frequencies + kernels_.lanes - 1) / kernels_.lanes;
    }
    int64_t batches() const { return a_.groups * batches_of_group(); }
    float* gram(int64_t batch) const {
        return a_.grams + kHead / sizeof(float) + batch * size_of_gram();
    }
    int64_t terms() const { return (a_.taps + 1) / 2; }
    int64_t weights() const { return a_.groups * a_.rows * a_.cols; }
    size_t bytes_shared() const;
    int count_slots() const;
    size_t bytes_of_slot() const;
    template <class F>
    void each_batch(F&& f) const;
    polar::Matrix real_gram(int64_t group, int64_t frequency) const;
    void fold_kernel() const;
    void pack_waves(const Batch& batch, float* to) const;
    void transform(const Batch& batch, int64_t begin, int64_t end, const Slot& slot) const;
    void form_gram(const Batch& batch, const Slot& slot) const;
    void estimate(const Batch& batch, const Slot& slot) const;
    void prove(const Batch& batch, const Slot& slot) const;

    const steepest_symbol_args& a_;
    const SymbolKernels& kernels_;
    const int slots_;
};

}  // namespace steepest::norms
