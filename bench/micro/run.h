// What every benchmark does with a call of the C ABI.
#pragma once

#include <benchmark/benchmark.h>

#include <string>

#include "micro/memory.h"

namespace steepest::bench {

// Allocates what `size_of` asks for.
template <class Args>
Memory workspace_of(steepest_status (*size_of)(const Args*, size_t*), Args& args) {
    size_t size = 0;
    if (const auto s = size_of(&args, &size)) fail(steepest_status_string(s));
    Memory memory(size);
    args.workspace = memory.data();
    args.workspace_size = size;
    return memory;
}

// Times `call`, which returns a status; false after an error, which the report then shows.
template <class Call>
bool time(benchmark::State& state, Call&& call) {
    for (auto _ : state) {
        if (const steepest_status s = call()) {
            state.SkipWithError(steepest_status_string(s));
            return false;
        }
    }
    return true;
}

// Bytes and useful operations of one call, as rates.
inline void count(benchmark::State& state, int64_t bytes, int64_t flops) {
    if (bytes > 0) state.SetBytesProcessed(state.iterations() * bytes);
    if (flops > 0)
        state.counters["flops"] = benchmark::Counter(static_cast<double>(flops),
                                                     benchmark::Counter::kIsIterationInvariantRate);
}

template <class F>
void add(const std::string& name, F&& run) {
    benchmark::RegisterBenchmark(name.c_str(), std::forward<F>(run))->UseRealTime();
}

// Adds the benchmarks of a case of the family.
void add_steps(const Case& s);
void add_products(const Case& s);
void add_orthogonalize(const Case& s);
void add_probes(const Case& s);
void add_report(const Case& s);

}  // namespace steepest::bench
