// Reads doubles from standard input, applies one of the elementary functions of core/math.h and
// writes the results: what the error ledger compares with more digits. With "pow" every second
// number is an exponent, with "power" the base of one of the exponents 1 to 1000 in turn.
#include <cstdio>
#include <cstring>
#include <vector>

#include "core/math.h"
#include "curvature/gaussian.h"

using steepest::probes::sine_cosine;

namespace {

std::vector<double> read_all() {
    std::vector<double> values;
    double x = 0;
    while (std::fread(&x, sizeof x, 1, stdin) == 1) values.push_back(x);
    return values;
}

std::vector<double> apply(const char* name, const std::vector<double>& in) {
    const auto is = [name](const char* other) { return std::strcmp(name, other) == 0; };
    std::vector<double> out;
    for (size_t i = 0; i < in.size(); ++i) {
        const auto exponent = static_cast<int64_t>(i % 1000) + 1;
        if (is("log")) out.push_back(steepest::log(in[i]));
        if (is("exp")) out.push_back(steepest::exp(in[i]));
        if (is("sine")) out.push_back(sine_cosine(in[i]).first);
        if (is("cosine")) out.push_back(sine_cosine(in[i]).second);
        if (is("power")) out.push_back(steepest::power(in[i], exponent));
        if (is("pow") && i % 2) out.push_back(steepest::pow(in[i - 1], in[i]));
    }
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const std::vector<double> out = apply(argv[1], read_all());
    return std::fwrite(out.data(), sizeof(double), out.size(), stdout) == out.size() ? 0 : 1;
}
