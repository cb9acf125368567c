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

// The pass of the row and column averages.
void run_axes(const Call& call, const StepKernels& kernels);

// The passes of the sums and of the step itself, all stages being set.
void run_sums(const Call& call, const StepKernels& kernels);
void run_apply(const Call& call, const StepKernels& kernels);

}  // namespace steepest
