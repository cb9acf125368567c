// One step of a list of tensors, checked and laid out for a driver.
#pragma once

#include <cstdint>

#include "core/arena.h"
#include "steepest/steepest.h"
#include "steps/host_rules.h"
#include "steps/job.h"

namespace steepest {

// What kernels read besides the arrays. Tensors with equal step, lr and decay share one.
struct Settings {
    alignas(64) char constants[kMaxConstants];
    Stage<float> stage_f32;
    Stage<double> stage_f64;
};

// One tensor of the call.
struct Job {
    const steepest_tensor* tensor;  // null in calls that are no steps
    const HostRule* rule;
    Settings* settings;
    int rule_id;
    int streams;  // parameter, gradient and states
    int64_t count;
    Geometry geometry;
    Stream random;
    bool is_f64;
    bool direct;  // all streams are whole arrays of T and there is no copy: no scratch tiles
    bool staged;  // the stage touches the gradient
    Operand operand[kMaxStreams];
    Operand copy;
    StageOptions stage_options;
    Prepare prepare;
    double* partial;       // block sums of the reduce pass, one row of blocks per term
    double* norm_partial;  // block sums of the gradient's squares, then of non-finite counts
    void* axis_new[2];     // new row and column averages in T, rows divided by their mean

    int64_t blocks() const;
    bool has_axes() const { return rule && rule->axes; }
    bool has_averages() const { return rule && rule->averages; }
    bool has_sums() const { return rule && rule->terms > 0; }
    int hyper_count() const;
    Kind kind(int stream) const {
        return stream < 2 || !rule ? Kind::element : rule->spec.states[stream - 2].kind;
    }
    // A row or column state that the rule only reads.
    bool is_given(int stream) const { return kind(stream) != Kind::element && !has_averages(); }
    // Whether kernels read the stream from its own array: averages are read from `axis_new`.
    bool is_read_as_stored(int stream) const {
        return kind(stream) == Kind::element || is_given(stream);
    }
    const void* stage() const {
        return is_f64 ? static_cast<const void*>(&settings->stage_f64) : &settings->stage_f32;
    }
};

struct Call {
    Job* jobs;
    int64_t count;
    bool needs_norm;       // for clipping or for skipping
    double* norm_partial;  // block sums of squares, then of non-finite counts, job after job
    double* norm_sum;      // one per job
    double* axis_scratch;  // shared by the jobs, which take turns
};

// Checks the arguments; writes nothing.
steepest_status check(const steepest_step_args& args);

// Lays the call out in the arena. While the arena only measures, `call` stays unfilled. Without
// `sums` there is no room for what a CPU pass would sum up.
void lay_out(const steepest_step_args& args, Arena& arena, Call& call, bool sums = true);

// Sets the stage and the constants of every job, once the clip coefficient is known.
void prepare_jobs(const steepest_step_args& args, Call& call, double clip);

// Doubles of scratch for the row and column sums of one tensor.
int64_t axis_scratch_size(const Geometry& g, int64_t count);

}  // namespace steepest
