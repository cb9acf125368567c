// Norms of rows and columns: lists of matrices and stacks for the C ABI.
#include "bindings/normalize.h"

#include <pybind11/stl.h>

#include <optional>

#include "bindings/checked_call.h"

namespace steepest::bindings {
namespace {

// One array of a call: kind, scale, eps.
using Manner = std::tuple<int32_t, double, double>;

void check_apart(const Array& a, const std::string& name, const Array& b,
                 const std::string& other) {
    if (share_memory(a, b))
        value_error(name + ": memory shared with " + other + " given, expected memory apart");
}

// Calls f(offset, ...) with the offsets in elements of each matrix of stacks of one shape.
template <class F>
void each_matrix(const Array& in, const Array& out, F&& f) {
    if (in.shape.count() == 0) return;
    const size_t lead = in.shape.extent.size() - 2;
    std::vector<int64_t> index(lead, 0);
    while (true) {
        int64_t at = 0, result_at = 0;
        for (size_t d = 0; d < lead; ++d) {
            at += index[d] * in.shape.stride[d];
            result_at += index[d] * out.shape.stride[d];
        }
        f(at, result_at);
        size_t d = lead;
        while (d > 0 && ++index[d - 1] == in.shape.extent[d - 1]) index[--d] = 0;
        if (d == 0) return;
    }
}

// Shape (..., rows, 1) of one second moment per row, in C order.
Array read_moments(py::handle object, const ArgName& name, const Array& of, Place& place) {
    auto extent = of.shape.extent;
    extent.back() = 1;
    Array a = read_result(object, name, extent, nullptr, place);
    if (a.dtype != DType::f32 && a.dtype != DType::f64)
        type_error(name.text() + ": dtype " + dtype_name(a.dtype) +
                   " given, expected float32 or float64");
    int64_t stride = 1;
    for (size_t d = extent.size() - 1; d-- > 0;) {
        if (extent[d] > 1 && a.shape.stride[d] != stride)
            value_error(name.text() + ": strided array given, expected one in C order");
        stride *= extent[d];
    }
    return a;
}

void add_matrices(const Array& in, const Array& out, const Manner& manner, const Array* moments,
                  double beta2, std::vector<steepest_normalized>& to) {
    const size_t lead = in.shape.extent.size() - 2;
    const int64_t size = size_of(in.dtype);
    char* moment = moments ? static_cast<char*>(moments->data) : nullptr;
    each_matrix(in, out, [&](int64_t at, int64_t result_at) {
        steepest_normalized n{};
        n.data = static_cast<const char*>(in.data) + at * size;
        n.result = static_cast<char*>(out.data) + result_at * size;
        n.rows = in.shape.extent[lead];
        n.cols = in.shape.extent[lead + 1];
        n.row_stride = in.shape.stride[lead];
        n.col_stride = in.shape.stride[lead + 1];
        n.result_row_stride = out.shape.stride[lead];
        n.result_col_stride = out.shape.stride[lead + 1];
        n.dtype = static_cast<int32_t>(in.dtype);
        std::tie(n.kind, n.scale, n.eps) = manner;
        if (moments) {
            n.moments = moment;
            n.moments_dtype = static_cast<int32_t>(moments->dtype);
            n.beta2 = beta2;
            moment += n.rows * size_of(moments->dtype);
        }
        to.push_back(n);
    });
}

struct Job {
    Place place;
    std::vector<Array> inputs, outputs, moments;
    std::vector<std::string> names;
};

void check_overlaps(const Job& job) {
    if (job.moments.empty() && all_apart(job.inputs, job.outputs)) return;
    for (size_t i = 0; i < job.outputs.size(); ++i) {
        const std::string name = "out of " + job.names[i];
        for (size_t k = 0; k < job.inputs.size(); ++k) {
            if (k != i || !same_array(job.inputs[k], job.outputs[i]))
                check_apart(job.outputs[i], name, job.inputs[k], job.names[k]);
            if (k > i) check_apart(job.outputs[i], name, job.outputs[k], "another output");
        }
        for (size_t k = 0; k < job.moments.size(); ++k) {
            check_apart(job.moments[k], "second_moment", job.inputs[i], job.names[i]);
            check_apart(job.moments[k], "second_moment", job.outputs[i], name);
            if (k > i)
                check_apart(job.moments[k], "second_moment", job.moments[i],
                            "another second_moment");
        }
    }
}

Job read_job(const py::sequence& inputs, const py::sequence& outputs, const std::string& name,
             bool is_list, const std::optional<py::sequence>& moments, const py::object& stream) {
    const py::dict options(py::arg("stream") = stream);
    Job job{Place(name.c_str(), &options), {}, {}, {}, {}};
    for (size_t i = 0; i < inputs.size(); ++i) {
        const int64_t index = is_list ? static_cast<int64_t>(i) : -1;
        const ArgName in{name.c_str(), index}, out{"out", index}, second{"second_moment", index};
        job.names.push_back(in.text());
        job.inputs.push_back(read_matrices(inputs[i], in, job.place));
        const Array& x = job.inputs.back();
        job.outputs.push_back(read_result(outputs[i], out, x.shape.extent, &x.dtype, job.place));
        if (moments) job.moments.push_back(read_moments((*moments)[i], second, x, job.place));
    }
    job.place.settle_on_host();
    if (!job.place.on_device() && to_stream(stream).handle)
        value_error("stream: given, expected None because " + name + " is in host memory");
    check_overlaps(job);
    return job;
}

class Normalization final : public CheckedCall {
  public:
    Normalization(Job job, const std::vector<Manner>& manners, double beta2)
        : CheckedCall(job.place), job_(std::move(job)) {
        for (size_t i = 0; i < job_.inputs.size(); ++i)
            add_matrices(job_.inputs[i], job_.outputs[i], manners[i],
                         job_.moments.empty() ? nullptr : &job_.moments[i], beta2, matrices_);
        args_.struct_size = sizeof args_;
        args_.matrix_size = sizeof(steepest_normalized);
        args_.count = static_cast<int64_t>(matrices_.size());
        args_.matrices = matrices_.data();
        args_.stream = place_.stream();
        args_.device = place_.device_argument();
        throw_status(steepest_normalize_workspace(&args_, &args_.workspace_size));
        size_ = args_.workspace_size;
    }

  private:
    steepest_status start(void* workspace) override {
        args_.workspace = workspace;
        return steepest_normalize(&args_);
    }

    const Job job_;
    std::vector<steepest_normalized> matrices_;
    steepest_normalize_args args_{};
};

}  // namespace

void bind_normalize(py::module_& m) {
    py::class_<Normalization, CheckedCall>(m, "Normalization")
        .def(py::init([](const py::sequence& inputs, const py::sequence& outputs,
                         const std::string& name, bool is_list, const std::vector<Manner>& manners,
                         const std::optional<py::sequence>& moments, double beta2,
                         const py::object& stream) {
                 return std::make_unique<Normalization>(
                     read_job(inputs, outputs, name, is_list, moments, stream), manners, beta2);
             }),
             py::arg("inputs"), py::arg("outputs"), py::arg("name"), py::arg("is_list"),
             py::arg("manners"), py::arg("moments") = py::none(), py::arg("beta2") = 0.0,
             py::arg("stream") = py::none());
}

}  // namespace steepest::bindings
