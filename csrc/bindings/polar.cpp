// Orthogonalisation: arrays of any strides and leading dimensions, as matrices for the C ABI.
#include "bindings/polar.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cmath>

#include "bindings/checked_call.h"

namespace steepest::bindings {
namespace {

// What one call of Python is made of.
struct Job {
    Place place;
    std::vector<Array> inputs, outputs;
    std::vector<std::string> input_names, output_names;
};

// An output may be its own input; otherwise it shares memory with nothing.
void check_overlaps(const Job& job) {
    if (all_apart(job.inputs, job.outputs)) return;
    for (size_t i = 0; i < job.outputs.size(); ++i) {
        const auto refuse = [&](const std::string& other) {
            value_error(job.output_names[i] + ": memory shared with " + other +
                        " given, expected the input itself or memory apart");
        };
        for (size_t k = 0; k < job.inputs.size(); ++k) {
            const bool own = k == i && same_array(job.inputs[k], job.outputs[i]);
            if (!own && share_memory(job.outputs[i], job.inputs[k])) refuse(job.input_names[k]);
            if (k > i && share_memory(job.outputs[i], job.outputs[k])) refuse(job.output_names[k]);
        }
    }
}

// The matrices of a stack, one by one; `bounds` are one for all or one for each.
void add_matrices(const Array& in, const Array& out, int32_t method,
                  const std::vector<double>& bounds, std::vector<steepest_matrix>& to) {
    const size_t lead = in.shape.extent.size() - 2;
    std::vector<int64_t> index(lead, 0);
    const int64_t size = size_of(in.dtype);
    const auto& e = in.shape.extent;
    const auto& s = in.shape.stride;
    const auto& r = out.shape.stride;
    if (in.shape.count() == 0) return;
    for (size_t number = 0;; ++number) {
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
                      .bound = bounds[bounds.size() > 1 ? number : 0]});
        size_t d = lead;
        while (d > 0 && ++index[d - 1] == e[d - 1]) index[--d] = 0;
        if (d == 0) return;
    }
}

using Coefficients = py::array_t<double, py::array::c_style | py::array::forcecast>;

Job read_job(const py::sequence& inputs, const py::sequence& outputs, bool is_list,
             const py::object& stream) {
    const py::dict options(py::arg("stream") = stream);
    Job job{.place = Place("G", &options),
            .inputs = {},
            .outputs = {},
            .input_names = {},
            .output_names = {}};
    for (size_t i = 0; i < inputs.size(); ++i) {
        const int64_t index = is_list ? static_cast<int64_t>(i) : -1;
        const ArgName in{"G", index}, out{"out", index};
        job.input_names.push_back(in.text());
        job.output_names.push_back(out.text());
        job.inputs.push_back(read_matrices(inputs[i], in, job.place));
        const Array& input = job.inputs.back();
        job.outputs.push_back(
            read_result(outputs[i], out, input.shape.extent, &input.dtype, job.place));
    }
    job.place.settle_on_host();
    if (!job.place.on_device() && to_stream(stream).handle)
        value_error("stream: given, expected None because G is in host memory");
    check_overlaps(job);
    return job;
}

// Arrays that one call of the C ABI takes: those with equal type of products and equal restarts.
using Part = std::tuple<std::vector<size_t>, int32_t, std::vector<int32_t>>;

// A call of the C ABI.
struct PartCall {
    std::vector<steepest_matrix> matrices;
    steepest_orthogonalize_args args{};
};

// Its parts run one after the other in the same memory.
class Orthogonalization final : public CheckedCall {
  public:
    Orthogonalization(Job job, const std::vector<int32_t>& methods,
                      const std::vector<std::vector<double>>& bounds, Coefficients coefficients,
                      std::vector<Part> parts, const std::tuple<int32_t, double>& normalization)
        : CheckedCall(job.place),
          job_(std::move(job)),
          coefficients_(std::move(coefficients)),
          parts_(std::move(parts)),
          calls_(parts_.size()) {
        for (size_t part = 0; part < parts_.size(); ++part) {
            for (const size_t i : std::get<0>(parts_[part]))
                add_matrices(job_.inputs[i], job_.outputs[i], methods[i], bounds[i],
                             calls_[part].matrices);
            set_arguments(parts_[part], normalization, calls_[part]);
            size_ = std::max(size_, calls_[part].args.workspace_size);
        }
    }

  private:
    void set_arguments(const Part& part, const std::tuple<int32_t, double>& normalization,
                       PartCall& call) {
        steepest_orthogonalize_args& args = call.args;
        const std::vector<int32_t>& restarts = std::get<2>(part);
        args.struct_size = sizeof args;
        args.matrix_size = sizeof(steepest_matrix);
        args.count = static_cast<int64_t>(call.matrices.size());
        args.matrices = call.matrices.data();
        args.compute = std::get<1>(part);
        std::tie(args.normalization, args.safety) = normalization;
        args.steps = static_cast<int32_t>(coefficients_.shape(0));
        args.coefficients = coefficients_.data();
        args.restart_count = static_cast<int32_t>(restarts.size());
        args.restarts = restarts.data();
        args.stream = place_.stream();
        args.device = place_.device_argument();
        throw_status(steepest_orthogonalize_workspace(&args, &args.workspace_size));
    }

    steepest_status start(void* workspace) override {
        for (PartCall& call : calls_) {
            call.args.workspace = workspace;
            if (const auto s = steepest_orthogonalize(&call.args)) return s;
        }
        return STEEPEST_OK;
    }

    const Job job_;
    const Coefficients coefficients_;
    const std::vector<Part> parts_;
    std::vector<PartCall> calls_;
};

}  // namespace

void bind_polar(py::module_& m) {
    py::class_<Orthogonalization, CheckedCall>(m, "Orthogonalization")
        .def(py::init([](const py::sequence& inputs, const py::sequence& outputs, bool is_list,
                         const std::vector<int32_t>& methods,
                         const std::vector<std::vector<double>>& bounds,
                         const Coefficients& coefficients, const std::vector<Part>& parts,
                         const std::tuple<int32_t, double>& normalization,
                         const py::object& stream) {
                 return std::make_unique<Orthogonalization>(
                     read_job(inputs, outputs, is_list, stream), methods, bounds, coefficients,
                     parts, normalization);
             }),
             py::arg("inputs"), py::arg("outputs"), py::arg("is_list"), py::arg("methods"),
             py::arg("bounds"), py::arg("coefficients"), py::arg("parts"), py::arg("normalization"),
             py::arg("stream") = py::none());
    m.def(
        "array_facts",
        [](py::handle object, const std::string& name, int64_t index, bool anywhere) {
            const ArgName arg{name.c_str(), index};
            Place place(name.c_str());
            const Array a =
                anywhere ? read_matrices(object, arg, place) : read_matrices(object, arg);
            return py::make_tuple(py::tuple(py::cast(a.shape.extent)), dtype_name(a.dtype));
        },
        py::arg("object"), py::arg("name"), py::arg("index"), py::arg("anywhere") = false);
    m.def(
        "check_result",
        [](py::handle object, const std::string& name, py::handle like, const std::string& of,
           const std::vector<int64_t>& extent) {
            Place place(of.c_str());
            const Array input = read_matrices(like, {of.c_str()}, place);
            read_result(object, {name.c_str()}, extent, &input.dtype, place);
        },
        py::arg("object"), py::arg("name"), py::arg("like"), py::arg("of"), py::arg("shape"));
    m.def(
        "share_memory",
        [](py::handle a, py::handle b) {
            Place first("a"), second("b");
            return share_memory(read_matrices(a, {"a"}, first), read_matrices(b, {"b"}, second));
        },
        py::arg("a"), py::arg("b"));
}

}  // namespace steepest::bindings
