// Steepest's microbenchmarks through the C ABI, on the cases of the Python benchmark:
//
//     steepest_bench [--cases=FILE] [--threads=N] [options of Google Benchmark]
#include <benchmark/benchmark.h>
#include <steepest/steepest.h>

#include <cstring>
#include <string>
#include <vector>

#include "micro/cases.h"
#include "micro/run.h"

namespace {

using namespace steepest::bench;

struct Family {
    const char* name;
    void (*add)(const Case&);
};
constexpr Family kFamilies[] = {
    {"steps", add_steps},   {"products", add_products}, {"orthogonalize", add_orthogonalize},
    {"probes", add_probes}, {"report", add_report},
};

void add_case(const Case& s) {
    for (const Family& family : kFamilies)
        if (s.family == family.name) return family.add(s);
    fail(s.label() + ": no such family");
}

// Takes our own option out of the arguments; returns its value, null without one.
const char* take(const char* option, int& count, char** arguments) {
    const size_t length = std::strlen(option);
    for (int i = 1; i < count; ++i) {
        if (std::strncmp(arguments[i], option, length) != 0) continue;
        const char* value = arguments[i] + length;
        for (int k = i; k + 1 < count; ++k) arguments[k] = arguments[k + 1];
        --count;
        return value;
    }
    return nullptr;
}

}  // namespace

int main(int count, char** arguments) {
    const char* cases = take("--cases=", count, arguments);
    const char* threads = take("--threads=", count, arguments);
    benchmark::Initialize(&count, arguments);
    if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 2;
    if (threads && steepest_set_max_threads(std::atoi(threads)) != STEEPEST_OK)
        fail(std::string("--threads: ") + threads + " given, expected at least 1");
    const char* target = steepest_cpu_active();
    if (!target) fail("STEEPEST_CPU_TARGET names a target that cannot be used");
    benchmark::AddCustomContext("steepest", steepest_version());
    benchmark::AddCustomContext("compiler", steepest_compiler());
    benchmark::AddCustomContext("target", target);
    benchmark::AddCustomContext("threads", std::to_string(steepest_max_threads()));
    for (const Case& s : read_cases(cases ? cases : STEEPEST_CASES)) add_case(s);
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
