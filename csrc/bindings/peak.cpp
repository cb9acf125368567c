#include "bindings/peak.h"

#include <steepest/steepest.h>

#include <string>

#include "bindings/errors.h"
#include "bindings/peak_loops.h"

namespace steepest::peak {
namespace {

namespace py = pybind11;
using bindings::value_error;

const Loop& loop_of(const std::string& dtype) {
    if (dtype != "float32" && dtype != "float64" && dtype != "bfloat16")
        value_error("dtype: '" + dtype + "' given, expected float32, float64 or bfloat16");
    const char* active = steepest_cpu_active();
    const char* target = active ? active : "baseline";
    if (const Loop* own = find(target, dtype.c_str())) return *own;
    return *find(target, "float32");  // where products of bfloat16 are made
}

py::tuple arithmetic_peak(const std::string& dtype, int64_t rounds, int threads) {
    const Loop& loop = loop_of(dtype);
    if (rounds < 1)
        value_error("rounds: " + std::to_string(rounds) + " given, expected at least 1");
    if (threads < 1)
        value_error("threads: " + std::to_string(threads) + " given, expected at least 1");
    double seconds = 0;
    {
        py::gil_scoped_release released;
        seconds = seconds_of(loop, rounds, threads);
    }
    const double operations = static_cast<double>(loop.operations) * static_cast<double>(rounds);
    return py::make_tuple(seconds, operations * threads, loop.name);
}

}  // namespace
}  // namespace steepest::peak

void steepest::bind_peak(pybind11::module_& m) {
    namespace py = pybind11;
    m.def("arithmetic_peak", &peak::arithmetic_peak, py::arg("dtype"), py::arg("rounds"),
          py::arg("threads"),
          "(seconds, operations, instruction) of a loop of multiply-adds on registers, of the "
          "active CPU target, `rounds` of some dozen on each thread. For bfloat16 it is the dot "
          "product, or float32's instruction where the target has none.");
}
