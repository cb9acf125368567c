// The Python module: registration only.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdlib>

#include "bindings/arrays.h"
#include "bindings/ceiling.h"
#include "bindings/checked_call.h"
#include "bindings/clip.h"
#include "bindings/curvature.h"
#include "bindings/device_flag.h"
#include "bindings/distributed.h"
#include "bindings/ef21.h"
#include "bindings/errors.h"
#include "bindings/grad_norm.h"
#include "bindings/line_sums.h"
#include "bindings/mkor.h"
#include "bindings/normalize.h"
#include "bindings/norms.h"
#include "bindings/pairs.h"
#include "bindings/peak.h"
#include "bindings/plan.h"
#include "bindings/polar.h"
#include "bindings/products.h"
#include "bindings/rules.h"
#include "bindings/symbol.h"

namespace steepest::bindings {
namespace {

PyObject* device_error_type = nullptr;  // lives as long as the interpreter

std::string usable_targets() {
    std::string names;
    for (int t = 0; t < steepest_cpu_target_count(); ++t)
        if (steepest_cpu_target_usable(t))
            names += (names.empty() ? "" : ", ") + std::string(steepest_cpu_target_name(t));
    return names;
}

void bind_cpu(py::module_& m) {
    m.def("version", &steepest_version);
    m.def("compiler", &steepest_compiler);
    m.def("has_cuda", [] { return steepest_has_cuda() != 0; });
    m.def(
        "cpu_targets",
        [](bool compiled_only) {
            py::list names;
            for (int t = 0; t < steepest_cpu_target_count(); ++t)
                if (compiled_only ? steepest_cpu_target_compiled(t) : steepest_cpu_target_usable(t))
                    names.append(steepest_cpu_target_name(t));
            return py::tuple(names);
        },
        py::arg("compiled_only") = false);
    m.def("cpu_active", [] {
        if (const char* name = steepest_cpu_active()) return std::string(name);
        const char* wanted = std::getenv("STEEPEST_CPU_TARGET");
        value_error("STEEPEST_CPU_TARGET: '" + std::string(wanted ? wanted : "") +
                    "' given, expected one of " + usable_targets());
    });
    m.def("cpu_use", [](const py::str& name) {
        const std::string text = name;
        if (text.find('\0') != text.npos || steepest_cpu_use(text.c_str()) != STEEPEST_OK)
            value_error("name: CPU target " + repr_text(name) + " given, expected one of " +
                        usable_targets());
    });
    m.def("get_num_threads", &steepest_max_threads);
    m.def("set_num_threads", [](int n) {
        if (steepest_set_max_threads(n) != STEEPEST_OK)
            value_error("n: " + std::to_string(n) + " threads given, expected at least 1");
    });
}

}  // namespace

void device_error(const std::string& message) { raise(device_error_type, message); }

void throw_status(steepest_status status) {
    const std::string text = std::string("steepest: ") + steepest_status_string(status);
    switch (status) {
        case STEEPEST_OK:
            return;
        case STEEPEST_OUT_OF_MEMORY:
            raise(PyExc_MemoryError, text);
        case STEEPEST_INVALID_DTYPE:
            type_error(text);
        case STEEPEST_DEVICE_ERROR:
            device_error(text + ": " + steepest_last_device_error());
        case STEEPEST_NO_CUDA:
            device_error(text);
        case STEEPEST_INTERNAL_ERROR:
            raise(PyExc_RuntimeError, text);
        default:
            value_error(text);
    }
}

PYBIND11_MODULE(_core, m, py::mod_gil_not_used()) {
    m.doc() = "Native part of Steepest. Use the public modules instead.";
    device_error_type = PyErr_NewExceptionWithDoc(
        "steepest.DeviceError",
        "A device was asked for that cannot be used, or CUDA reported an error.",
        PyExc_RuntimeError, nullptr);
    m.attr("DeviceError") = py::reinterpret_borrow<py::object>(device_error_type);
    m.def("rules", &all_rules);
    bind_cpu(m);
    bind_device(m);
    bind_plan(m);
    bind_grad_norm(m);
    bind_clip(m);
    bind_norms(m);
    bind_symbol(m);
    bind_checked_call(m);
    bind_polar(m);
    bind_normalize(m);
    bind_line_sums(m);
    bind_pairs(m);
    bind_products(m);
    bind_curvature(m);
    bind_mkor(m);
    bind_distributed(m);
    bind_ef21(m);
    bind_ceiling(m);
    bind_peak(m);
}

}  // namespace steepest::bindings
