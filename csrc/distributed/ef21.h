// What EF21's two calls have in common: tensors, their parts of a message, and the choice of what
// is kept in all of them.
#pragma once

#include "core/pieces.h"
#include "distributed/choice.h"
#include "distributed/plane.h"

namespace steepest::distributed {

enum class Compressor : int32_t { top_k = 0, random_k = 1, scaled_sign = 2 };

struct Ef21Job {
    const steepest_ef21_tensor* tensor;
    int64_t count;
    int64_t part;  // first byte in a message
    Choice choice;
    double* sums;  // of blocks, and their total: the mean magnitude

    bool is_f64() const { return tensor->estimate.dtype == STEEPEST_F64; }
    int64_t itemsize() const { return is_f64() ? 8 : 4; }
    void* estimate_at(int64_t i) const {
        return static_cast<char*>(tensor->estimate.data) + i * itemsize();
    }
};

struct Ef21Call {
    Compressor compressor;
    Ef21Job* jobs;
    int64_t count;
};

// What both calls say of their tensors.
struct Ef21List {
    size_t tensor_size;
    int64_t count;
    const steepest_ef21_tensor* tensors;
    int32_t compressor;
    bool graded;  // there are gradients

    const steepest_ef21_tensor& at(int64_t i) const { return tensor_at(tensors, tensor_size, i); }
};

inline Ef21List list_of(const steepest_ef21_pack_args& a) {
    return {a.tensor_size, a.tensor_count, a.tensors, a.compressor, true};
}
inline Ef21List list_of(const steepest_ef21_add_args& a) {
    return {a.tensor_size, a.tensor_count, a.tensors, a.compressor, false};
}

steepest_status check_list(const Ef21List& list);
int64_t message_bytes(const Ef21List& list);
void lay_out_list(const Ef21List& list, Arena& arena, Ef21Call& call);
template <class Args>
void lay_out(const Args& args, Arena& arena, Ef21Call& call) {
    lay_out_list(list_of(args), arena, call);
}

// Arrays of a message lie at any address.
template <class T>
T read_item(const char* from, int64_t i) {
    T x;
    std::memcpy(&x, from + i * static_cast<int64_t>(sizeof(T)), sizeof x);
    return x;
}
template <class T>
void write_item(char* to, int64_t i, T x) {
    std::memcpy(to + i * static_cast<int64_t>(sizeof(T)), &x, sizeof x);
}

// f(T()) with the arithmetic of a tensor.
template <class F>
auto with_type(const Ef21Job& job, F&& f) {
    return job.is_f64() ? f(double()) : f(float());
}

// Chooses in all tensors and takes what is kept. find(job) is a function as Choice::collect wants
// it; guess(job) the least key of a candidate; take(job, begin, end) takes what is kept there.
template <class Find, class Guess, class Take>
class Choosing {
  public:
    Choosing(const Ef21Call& call, Find find, Guess guess, Take take)
        : call_(call), find_(find), guess_(guess), take_(take) {}

    // Regions ask which tensors take part while they run, so that changes only between them.
    void run() {
        each_whole([](const Choice& c) { return c.is_small(); }, [&](Ef21Job& job) { alone(job); });
        each_whole(is_large, [&](Ef21Job& job) { job.choice.start(guess_(job)); });
        const auto collect = [&](Ef21Job& job, int64_t begin, int64_t end) {
            job.choice.collect(begin, end, find_(job));
        };
        each_piece(is_large, collect);
        if (any_large([](Choice& c) { return c.starts_anew(); }))
            each_piece([](const Choice& c) { return is_large(c) && c.is_anew(); }, collect);
        while (any_large([](Choice& c) { return !c.is_settled(); })) {
            each_piece(
                [](const Choice& c) { return is_large(c) && !c.is_settled(); },
                [](Ef21Job& job, int64_t begin, int64_t end) { job.choice.tally(begin, end); });
            any_large([](Choice& c) {
                if (!c.is_settled()) c.settle();
                return false;
            });
        }
        each_piece(is_large, [](Ef21Job& job, int64_t begin, int64_t end) {
            job.choice.count_kept(begin, end);
        });
        each_whole(is_large, [](Ef21Job& job) { job.choice.place(); });
        each_piece(is_large, take_);
    }

  private:
    void alone(Ef21Job& job) {
        Choice& c = job.choice;
        c.start(guess_(job));
        c.collect(0, job.count, find_(job));
        if (c.starts_anew()) c.collect(0, job.count, find_(job));
        while (!c.is_settled()) {
            c.tally(0, job.count);
            c.settle();
        }
        c.count_kept(0, job.count);
        c.place();
        take_(job, 0, job.count);
    }

    static bool is_large(const Choice& c) { return !c.is_small(); }

    // Visits all, one after the other; whether something was true of one of them.
    template <class Visit>
    bool any_large(Visit&& visit) const {
        bool any = false;
        for (int64_t j = 0; j < call_.count; ++j)
            if (is_large(call_.jobs[j].choice)) any |= visit(call_.jobs[j].choice);
        return any;
    }
    template <class Which, class Visit>
    void each_piece(Which&& which, Visit&& visit) const {
        for_pieces(call_, [&](const Ef21Job& job) { return which(job.choice); }, visit);
    }
    // By the thread that has the first piece.
    template <class Which, class Visit>
    void each_whole(Which&& which, Visit&& visit) const {
        each_piece(which, [&](Ef21Job& job, int64_t begin, int64_t) {
            if (begin == 0) visit(job);
        });
    }

    const Ef21Call& call_;
    Find find_;
    Guess guess_;
    Take take_;
};

// Of the random choice of one worker.
template <class Take>
void choose_at_random(const Ef21Call& call, const DistributedKernels& kernels, uint64_t seed,
                      uint32_t step, Take take) {
    const auto find = [&, seed, step](const Ef21Job& job) {
        const Stream stream = {
            .seed = seed, .purpose = kChoicePurpose, .draw = step, .tensor = job.tensor->id};
        return [&kernels, stream](int64_t first, int64_t n, int64_t least, int32_t place,
                                  const Found& to) {
            return kernels.ef21.find_random(stream, first, {n, place, least}, to);
        };
    };
    const auto guess = [](const Ef21Job& job) { return job.choice.least_of_random(); };
    Choosing(call, find, guess, take).run();
}

}  // namespace steepest::distributed
