// Runs a laid-out call on the CPU.
#pragma once

#include "core/cpu.h"
#include "steps/call.h"

namespace steepest {

const StepKernels& step_kernels_of(cpu::Target target);

// Sums of squares and counts of non-finite elements over all gradients.
struct GradientSums {
    double squares;
    double nonfinite;
    bool finite() const;
};
// `norms`, when given, receives the L2 norm of each job's gradient.
GradientSums sum_gradients(const Call& call, const StepKernels& kernels, double* norms = nullptr);

// Adds the squares of elements [first, stop) of a block to its lanes, and counts of what is not
// finite to the lanes behind them.
void add_squares(const StepKernels& kernels, const Operand& x, int64_t first, int64_t stop,
                 double* lanes);

// The pass of the row and column averages or maxima, and the storing of maxima after the step,
// which reads those before.
void run_axes(const Call& call, const StepKernels& kernels);
void store_maxima(const Call& call, const StepKernels& kernels);

// The sums over all tensors of a call of one rule, all stages being set.
void sum_list(const Call& call, const StepKernels& kernels, int terms, double* sums);

// The pass of the sums of rows, after which the values of rows are known.
void run_rows(const Call& call, const StepKernels& kernels);

// The passes of the other sums and of the step itself, all stages being set.
void run_sums(const Call& call, const StepKernels& kernels);
void run_apply(const Call& call, const StepKernels& kernels);

}  // namespace steepest
