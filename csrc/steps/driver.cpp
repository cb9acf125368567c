#include "steps/driver.h"

#include <cmath>
#include <cstring>

#include "core/past_caches.h"
#include "core/pieces.h"
#include "steps/tiles.h"

namespace steepest {
namespace {

// Streams of a job as arrays of T from element `first` on.
void whole_arrays(const Job& job, int64_t first, void** pointers) {
    for (int s = 0; s < job.streams; ++s) pointers[s] = job.operand[s].at(first);
}

// Bytes of parameters beyond which their writing goes past the caches, where a rule overwrites
// them: those that are written first are then out of most caches at the end of the call anyway.
constexpr int64_t kPastCaches = int64_t{1} << 24;

// Whether some element begins where a line does.
bool is_on_grid(const Job& job) {
    const int64_t size = job.is_f64 ? 8 : 4;
    return reinterpret_cast<uintptr_t>(job.operand[0].at(0)) % static_cast<uintptr_t>(size) == 0;
}

int64_t overwritten_bytes(const Call& call) {
    int64_t bytes = 0;
    for (int64_t j = 0; j < call.count; ++j) {
        const Job& job = call.jobs[j];
        if (job.rule->overwrites && job.direct) bytes += job.count * (job.is_f64 ? 8 : 4);
    }
    return bytes;
}

// The parameter by way of a tile. The first tile ends where a line of the parameter begins.
void overwrite_piece(const Job& job, ApplyFn apply, int64_t begin, int64_t end) {
    const int64_t size = job.is_f64 ? 8 : 4;
    alignas(64) char tile[kTile * sizeof(double)] = {};
    const auto behind =
        static_cast<int64_t>(reinterpret_cast<uintptr_t>(job.operand[0].at(begin)) % kLineBytes);
    int64_t n = behind ? (kLineBytes - behind) / size : kTile;
    for (int64_t first = begin; first < end; first += n, n = kTile) {
        n = std::min(n, end - first);
        void* pointers[kMaxStreams];
        whole_arrays(job, first, pointers);
        void* param = pointers[0];
        pointers[0] = tile;
        apply(job.settings->constants, job.stage(), pointers, n);
        if (n == kTile)
            copy_past_caches(tile, param, n * size);
        else
            std::memcpy(param, tile, static_cast<size_t>(n * size));
    }
    finish_past_caches();
}

void apply_piece(const Job& job, const StepKernels& kernels, bool past_caches, int64_t begin,
                 int64_t end) {
    if (job.is_in_place() && !job.staged) return;
    const ApplyFn apply = kernels.rule[job.rule_id][job.is_f64].apply[job.staged];
    if (job.direct && past_caches && job.rule->overwrites && is_on_grid(job))
        return overwrite_piece(job, apply, begin, end);
    if (job.direct) {
        void* pointers[kMaxStreams];
        whole_arrays(job, begin, pointers);
        apply(job.settings->constants, job.stage(), pointers, end - begin);
        return;
    }
    Tiles tiles(job, kernels);
    for (int64_t first = begin; first < end; first += kTile) {
        const int64_t n = std::min(kTile, end - first);
        tiles.load(first, n);
        apply(job.settings->constants, job.stage(), tiles.streams(), n);
        tiles.store(first, n);
    }
}

// Reads and stores the number that a job keeps for its tensor; prepare gets it in T, not as rounded
// in storage.
template <class T>
void move_number(Job& job, const StepKernels& kernels) {
    const Operand& at = job.operand[job.streams];
    T value = 0;
    if (const LoadFn load = kernels.load[static_cast<int>(at.dtype)])
        load(at.data, reinterpret_cast<float*>(&value), 1);
    else
        std::memcpy(&value, at.data, sizeof value);
    job.prepare.state = static_cast<double>(value);
    value = static_cast<T>(job.rule->next_state[job.is_f64](job.prepare));
    job.prepare.state = static_cast<double>(value);
    store_values(at, job, kernels, &value, 0, 1);
}

void move_tensor_state(Job& job, const StepKernels& kernels) {
    (job.is_f64 ? move_number<double> : move_number<float>)(job, kernels);
}

// Writes the sums of the blocks of a piece.
void sum_piece(const Job& job, const StepKernels& kernels, int64_t begin, int64_t end) {
    const ReduceFn reduce = kernels.rule[job.rule_id][job.is_f64].reduce[job.staged];
    const int terms = job.terms();
    Tiles tiles(job, kernels);
    for (int64_t block = begin; block < end; block += kBlock) {
        alignas(64) double lanes[kMaxTerms * kLanes] = {};
        const int64_t stop = std::min(block + kBlock, end);
        for (int64_t first = block; first < stop; first += kTile) {
            const int64_t n = std::min(kTile, stop - first);
            tiles.load(first, n);
            reduce(job.settings->constants, job.stage(), tiles.streams(), n, lanes);
        }
        for (int t = 0; t < terms; ++t)
            job.partial[t * job.blocks() + block / kBlock] = fold_lanes(lanes + t * kLanes);
    }
}

// The gradient's squares, raw: neither scaled nor clipped.
void squares_of_piece(const Job& job, const StepKernels& kernels, int64_t begin, int64_t end,
                      double* squares, double* nonfinite) {
    for (int64_t block = begin; block < end; block += kBlock) {
        alignas(64) double lanes[2 * kLanes] = {};
        add_squares(kernels, job.operand[1], block, std::min(block + kBlock, end), lanes);
        squares[block / kBlock] = fold_lanes(lanes);
        nonfinite[block / kBlock] = fold_lanes(lanes + kLanes);
    }
}

}  // namespace

void add_squares(const StepKernels& kernels, const Operand& x, int64_t first, int64_t stop,
                 double* lanes) {
    const bool is_f64 = x.dtype == DType::f64;
    const bool plain = is_f64 || x.dtype == DType::f32;
    alignas(64) float decoded[kTile];
    const int64_t tile = plain ? kBlock : kTile;
    for (; first < stop; first += tile) {
        const int64_t n = std::min(tile, stop - first);
        if (!plain) kernels.load[static_cast<int>(x.dtype)](x.at(first), decoded, n);
        kernels.squares[is_f64](plain ? x.at(first) : decoded, n, lanes);
    }
}

bool GradientSums::finite() const { return nonfinite == 0; }

GradientSums sum_gradients(const Call& call, const StepKernels& kernels, double* norms) {
    int64_t blocks = 0;
    for (int64_t j = 0; j < call.count; ++j) {
        call.jobs[j].norm_partial = call.norm_partial + 2 * blocks;
        blocks += call.jobs[j].blocks();
    }
    for_pieces(
        call, [](const Job&) { return true; },
        [&](const Job& job, int64_t begin, int64_t end) {
            squares_of_piece(job, kernels, begin, end, job.norm_partial,
                             job.norm_partial + job.blocks());
        });
    double* squares = call.norm_sum;
    double* nonfinite = squares + call.count;
    for (int64_t j = 0; j < call.count; ++j) {
        const Job& job = call.jobs[j];
        squares[j] = fold_pairs(job.norm_partial, job.blocks());
        nonfinite[j] = fold_pairs(job.norm_partial + job.blocks(), job.blocks());
        // The squares of floats cannot overflow a double: an infinite or NaN sum tells it all.
        if (!job.is_f64 && !std::isfinite(squares[j])) nonfinite[j] = 1;
        if (norms) norms[j] = std::sqrt(squares[j]);
    }
    return {fold_pairs(squares, call.count), fold_pairs(nonfinite, call.count)};
}

void run_sums(const Call& call, const StepKernels& kernels) {
    for_pieces(
        call, [](const Job& job) { return job.sums_elements(); },
        [&](const Job& job, int64_t begin, int64_t end) { sum_piece(job, kernels, begin, end); });
    for (int64_t j = 0; j < call.count; ++j) {
        Job& job = call.jobs[j];
        if (!job.sums_elements() || job.count == 0) continue;
        double sum[kMaxTerms];
        for (int t = 0; t < job.rule->terms; ++t)
            sum[t] = fold_pairs(job.partial + t * job.blocks(), job.blocks());
        job.prepare.sum = sum;
        if (job.has_tensor_state()) move_tensor_state(job, kernels);
        job.rule->prepare[job.is_f64](job.prepare, job.settings->constants);
        job.prepare.sum = nullptr;
    }
}

void sum_list(const Call& call, const StepKernels& kernels, int terms, double* sums) {
    for_pieces(
        call, [](const Job&) { return true; },
        [&](const Job& job, int64_t begin, int64_t end) { sum_piece(job, kernels, begin, end); });
    for (int t = 0; t < terms; ++t) {
        for (int64_t j = 0; j < call.count; ++j) {
            const Job& job = call.jobs[j];
            call.list_sum[j] = fold_pairs(job.partial + t * job.blocks(), job.blocks());
        }
        sums[t] = fold_pairs(call.list_sum, call.count);
    }
}

void run_apply(const Call& call, const StepKernels& kernels) {
    const bool past_caches = overwritten_bytes(call) > kPastCaches;
    for_pieces(
        call, [](const Job&) { return true; },
        [&](const Job& job, int64_t begin, int64_t end) {
            apply_piece(job, kernels, past_caches, begin, end);
        });
}

}  // namespace steepest
