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
    int streams;  // parameter, gradient, the states that kernels see, and the values of rows
    int64_t count;
    Geometry geometry;
    Stream random;
    bool is_f64;
    bool direct;  // all streams are whole arrays of T and there is no copy: no scratch tiles
    bool staged;  // the stage needs more than `keep`
    Operand operand[kMaxStreams];
    Operand copy;
    StageOptions stage_options;
    double clip;  // coefficient that the norms' bounds give
    Prepare prepare;
    double* partial;       // block sums of the reduce pass, one row of blocks per term
    double* norm_partial;  // block sums of the gradient's squares, then of non-finite counts
    void* axis_new[2];  // new row and column states in T, averaged rows divided by their mean; or
                        // the values of rows

    int64_t blocks() const;
    bool has_axes() const { return rule && rule->axes; }
    bool has_averages() const { return rule && rule->averages; }
    bool has_maxima() const { return rule && rule->maxima; }
    // Whether the step makes new row and column states.
    bool moves_axes() const { return has_averages() || has_maxima(); }
    bool has_sums() const { return rule && rule->terms > 0; }
    bool has_rows() const { return rule && rule->row_terms > 0; }
    bool sums_elements() const { return has_sums() && !has_rows(); }  // by blocks of the tensor
    bool has_tensor_state() const { return rule && rule->next_state[is_f64]; }
    int arrays() const { return streams + has_tensor_state(); }  // operands: its own is the last
    bool has_list_sums() const { return rule && rule->list_terms > 0; }
    // Sums over the elements of blocks, for the tensor or for the list.
    int terms() const { return rule ? (has_rows() ? 0 : rule->terms) + rule->list_terms : 0; }
    bool is_in_place() const {
        return rule && rule->in_place && operand[0].data == operand[1].data;
    }
    int hyper_count() const;
    Kind kind(int stream) const {
        if (stream < 2 || !rule) return Kind::element;
        return is_row_value(stream) ? Kind::row : rule->spec.states[stream - 2].kind;
    }
    // A row or column state that apply reads as it is stored.
    bool is_given(int stream) const {
        const Kind k = kind(stream);
        return (k == Kind::row || k == Kind::column) && !has_averages() && !has_rows();
    }
    bool is_row_value(int stream) const { return has_rows() && stream == streams - 1; }
    // Whether a step writes a state or the parameter.
    bool is_written(int stream) const {
        return stream != 1 && !is_row_value(stream) && !is_only_summed(stream) &&
               (!is_given(stream) || has_maxima());
    }
    // Whether a step leaves the stream unread and unwritten.
    bool is_only_summed(int stream) const {
        return stream >= 2 && rule && !is_row_value(stream) &&
               rule->spec.states[stream - 2].only_summed;
    }
    // Whether kernels read the stream from its own array: averages and values of rows are read from
    // `axis_new`.
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
    bool needs_norm;        // for clipping, for skipping or as a result
    double* norms;          // one per job, where they are needed
    double* norm_partial;   // block sums of squares, then of non-finite counts, job after job
    double* norm_sum;       // one per job
    double* list_sum;       // likewise
    double* pass_scratch;   // shared by the jobs that take turns: see steps/jobs.h
    int64_t small_scratch;  // doubles that a part of the small ones has of it
};

// Checks the arguments; writes nothing.
steepest_status check(const steepest_step_args& args);

// The number of sums over the list that the rule of all groups has; 0 where they are of several
// rules, or where one of the states that the sums read is missing.
int list_terms(const steepest_step_args& args);

// Lays the call out in the arena. While the arena only measures, `call` stays unfilled. Without
// `sums` there is no room for what a CPU pass would sum up.
void lay_out(const steepest_step_args& args, Arena& arena, Call& call, bool sums = true);

// Sets the stage and the constants of every job, once the clip coefficients are known.
void prepare_jobs(const steepest_step_args& args, Call& call);

// Doubles of scratch for the row and column sums of one tensor.
int64_t axis_scratch_size(const Geometry& g, int64_t count);
// The same for the sums of its rows.
int64_t row_scratch_size(const HostRule& rule, const Geometry& g);

}  // namespace steepest
