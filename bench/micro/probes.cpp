// Random vectors, and the statistics of products with them.
#include <string>

#include "micro/run.h"

namespace steepest::bench {
namespace {

constexpr int64_t kSample = 3;  // an ordinary one: neither the first nor so late that nothing moves

struct Call {
    Memory array, mean, scatter;
    steepest_probe_tensor tensor{};
    steepest_probe_args args{};

    explicit Call(const Case& s) {
        const int64_t n = s.number("elements");
        const int32_t dtype = s.dtype("dtype");
        array = values(n, dtype);
        tensor.count = n;
        tensor.group = 1;
        tensor.dtype = dtype;
        tensor.values = array.data();
        if (accumulates(s)) {
            mean = values(n, dtype, 0, 0);
            scatter = values(n, dtype, 0, 0);
            tensor.mean = mean.data();
            tensor.scatter = scatter.data();
        }
        args.struct_size = sizeof args;
        args.tensor_size = sizeof tensor;
        args.tensor_count = 1;
        args.tensors = &tensor;
        args.seed = 7;
        args.distribution =
            s.text("distribution") == "gaussian" ? STEEPEST_GAUSSIAN : STEEPEST_RADEMACHER;
        args.sample = kSample;
    }
    Call(const Call&) = delete;

    static bool accumulates(const Case& s) { return s.text("call") == "accumulate"; }
};

void run(benchmark::State& state, const Case& s) {
    Call call(s);
    const Memory workspace = workspace_of(steepest_probe_workspace, call.args);
    const bool accumulates = Call::accumulates(s);
    const bool done = time(state, [&] {
        return accumulates ? steepest_probe_accumulate(&call.args)
                           : steepest_probe_fill(&call.args);
    });
    if (done) count(state, s.number("bytes"), s.number("flops"));
}

}  // namespace

void add_probes(const Case& s) {
    add(s.label(), [s](benchmark::State& state) { run(state, s); });
}

}  // namespace steepest::bench
