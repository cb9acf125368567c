// Orthogonalisation: arrays of any strides and leading dimensions, as matrices for the C ABI.
#include "bindings/polar.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cmath>

#include "bindings/arrays.h"
#include "bindings/place.h"

namespace steepest::bindings {
namespace {

constexpr size_t kAlignment = 64;

// First and last byte of a strided array, which may run backwards.
struct Span {
    uintptr_t begin, end;

    explicit Span(const Array& a) {
        const int64_t size = size_of(a.dtype);
        int64_t low = 0, high = 0;
        for (size_t d = 0; d < a.shape.extent.size(); ++d) {
            const int64_t reach = a.shape.stride[d] * (a.shape.extent[d] - 1) * size;
            (reach < 0 ? low : high) += reach;
        }
        begin = reinterpret_cast<uintptr_t>(a.data) + static_cast<uintptr_t>(low);
        end = reinterpret_cast<uintptr_t>(a.data) + static_cast<uintptr_t>(high + size);
    }
    bool meets(const Span& other) const { return begin < other.end && other.begin < end; }
};

bool same_array(const Array& a, const Array& b) {
    return a.data == b.data && same_layout(a.shape, b.shape);
}

// Two elements at one address, as in a broadcast array.
bool repeats_elements(const Shape& s) {
    for (size_t d = 0; d < s.extent.size(); ++d)
        if (s.extent[d] > 1 && s.stride[d] == 0) return true;
    return false;
}

// What one call of Python is made of.
struct Job {
    std::vector<Array> inputs, outputs;
    std::vector<std::string> input_names, output_names;
};

// Matrices are worked on in host memory only.
Array read_input(py::handle object, const ArgName& name) {
    Place place("G");
    Array a = to_array(object, name, place);
    if (place.on_device())
        device_error(name.text() + ": array " + place_text(place.device()) +
                     " given, expected one in host memory: there are no kernels for devices yet");
    if (a.shape.extent.size() < 2)
        value_error(name.text() + ": array of " + std::to_string(a.shape.extent.size()) +
                    " dimensions given, expected a matrix or a stack of matrices");
    if (reinterpret_cast<uintptr_t>(a.data) % static_cast<uintptr_t>(size_of(a.dtype)))
        value_error(name.text() + ": memory given that is not aligned to its item size");
    return a;
}

Array read_output(py::handle object, const ArgName& name, const Array& input) {
    Array a = read_input(object, name);
    if (a.refusal)
        buffer_error(name.text() + ": " + a.refusal +
                     " array given, expected one that may be written");
    if (a.dtype != input.dtype)
        type_error(name.text() + ": dtype " + dtype_name(a.dtype) + " given, expected " +
                   dtype_name(input.dtype) + " as the input");
    if (a.shape.extent != input.shape.extent)
        value_error(name.text() + ": shape " + a.shape.text() + " given, expected " +
                    input.shape.text());
    if (a.shape.count() > 0 && repeats_elements(a.shape))
        value_error(name.text() +
                    ": array with repeated elements given, expected memory of its own");
    return a;
}

// An output may be its own input; otherwise it shares memory with nothing.
void check_overlaps(const Job& job) {
    for (size_t i = 0; i < job.outputs.size(); ++i) {
        if (job.outputs[i].shape.count() == 0) continue;
        const Span span(job.outputs[i]);
        const auto refuse = [&](const std::string& other) {
            value_error(job.output_names[i] + ": memory shared with " + other +
                        " given, expected the input itself or memory apart");
        };
        for (size_t k = 0; k < job.inputs.size(); ++k) {
            const bool own = k == i && same_array(job.inputs[k], job.outputs[i]);
            if (!own && job.inputs[k].shape.count() > 0 && span.meets(Span(job.inputs[k])))
                refuse(job.input_names[k]);
            if (k > i && job.outputs[k].shape.count() > 0 && span.meets(Span(job.outputs[k])))
                refuse(job.output_names[k]);
        }
    }
}

// The matrices of a stack, one by one.
void add_matrices(const Array& in, const Array& out, int32_t method, double bound,
                  std::vector<steepest_matrix>& to) {
    const size_t lead = in.shape.extent.size() - 2;
    std::vector<int64_t> index(lead, 0);
    const int64_t size = size_of(in.dtype);
    const auto& e = in.shape.extent;
    const auto& s = in.shape.stride;
    const auto& r = out.shape.stride;
    if (in.shape.count() == 0) return;
    while (true) {
        int64_t at = 0, result_at = 0;
        for (size_t d = 0; d < lead; ++d) {
            at += index[d] * s[d];
            result_at += index[d] * r[d];
        }
        to.push_back({.data = static_cast<const char*>(in.data) + at * size,
                      .result = static_cast<char*>(out.data) + result_at * size,
                      .rows = e[lead],
                      .cols = e[lead + 1],
                      .row_stride = s[lead],
                      .col_stride = s[lead + 1],
                      .result_row_stride = r[lead],
                      .result_col_stride = r[lead + 1],
                      .dtype = static_cast<int32_t>(in.dtype),
                      .method = method,
                      .bound = bound});
        size_t d = lead;
        while (d > 0 && ++index[d - 1] == e[d - 1]) index[--d] = 0;
        if (d == 0) return;
    }
}

steepest_status run(steepest_orthogonalize_args& args) {
    size_t size = 0;
    if (const auto s = steepest_orthogonalize_workspace(&args, &size)) return s;
    const std::unique_ptr<char[]> memory(new (std::nothrow) char[size + kAlignment]);
    if (!memory) return STEEPEST_OUT_OF_MEMORY;
    const auto at = (reinterpret_cast<uintptr_t>(memory.get()) + kAlignment - 1) / kAlignment;
    args.workspace = reinterpret_cast<void*>(at * kAlignment);
    args.workspace_size = size;
    return steepest_orthogonalize(&args);
}

using Coefficients = py::array_t<double, py::array::c_style | py::array::forcecast>;

Job read_job(const py::sequence& inputs, const py::sequence& outputs, bool is_list) {
    Job job;
    for (size_t i = 0; i < inputs.size(); ++i) {
        const int64_t index = is_list ? static_cast<int64_t>(i) : -1;
        const ArgName in{"G", index}, out{"out", index};
        job.input_names.push_back(in.text());
        job.output_names.push_back(out.text());
        job.inputs.push_back(read_input(inputs[i], in));
        job.outputs.push_back(read_output(outputs[i], out, job.inputs.back()));
    }
    check_overlaps(job);
    return job;
}

// Arrays that one call of the C ABI takes: those with equal type of products and equal restarts.
using Part = std::tuple<std::vector<size_t>, int32_t, std::vector<int32_t>>;

// Everything is checked before the first part is run.
void orthogonalize(const py::sequence& inputs, const py::sequence& outputs, bool is_list,
                   const std::vector<int32_t>& methods, const std::vector<double>& bounds,
                   const Coefficients& coefficients, const std::vector<Part>& parts,
                   const std::tuple<int32_t, double>& normalization) {
    const Job job = read_job(inputs, outputs, is_list);
    for (const auto& [indices, compute, restarts] : parts) {
        std::vector<steepest_matrix> matrices;
        for (const size_t i : indices)
            add_matrices(job.inputs[i], job.outputs[i], methods[i], bounds[i], matrices);
        steepest_orthogonalize_args args{};
        args.struct_size = sizeof args;
        args.matrix_size = sizeof(steepest_matrix);
        args.count = static_cast<int64_t>(matrices.size());
        args.matrices = matrices.data();
        args.compute = compute;
        std::tie(args.normalization, args.safety) = normalization;
        args.steps = static_cast<int32_t>(coefficients.shape(0));
        args.coefficients = coefficients.data();
        args.restart_count = static_cast<int32_t>(restarts.size());
        args.restarts = restarts.data();
        steepest_status status;
        {
            py::gil_scoped_release release;
            status = run(args);
        }
        throw_status(status);
    }
}

}  // namespace

void bind_polar(py::module_& m) {
    m.def("orthogonalize", &orthogonalize, py::arg("inputs"), py::arg("outputs"),
          py::arg("is_list"), py::arg("methods"), py::arg("bounds"), py::arg("coefficients"),
          py::arg("parts"), py::arg("normalization"));
    m.def(
        "array_facts",
        [](py::handle object, const std::string& name, int64_t index) {
            const Array a = read_input(object, {name.c_str(), index});
            return py::make_tuple(py::tuple(py::cast(a.shape.extent)), dtype_name(a.dtype));
        },
        py::arg("object"), py::arg("name"), py::arg("index"));
}

}  // namespace steepest::bindings
