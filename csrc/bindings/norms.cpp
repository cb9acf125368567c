// Spectral norms: arrays of any strides and leading dimensions, as matrices for the C ABI.
#include "bindings/norms.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include "bindings/norm_results.h"

namespace steepest::bindings {
namespace {

using Doubles = py::array_t<double, py::array::c_style>;

// Arrays of one call, and their matrices one after the other.
struct Stacks {
    std::vector<Array> arrays, results;
    std::vector<steepest_matrix> matrices;

    void add(Array in, const Array* out);
};

// Offset in elements of each matrix of a stack.
int64_t offset_of(const Shape& s, int64_t matrix) {
    int64_t at = 0;
    for (size_t d = s.extent.size() - 2; d-- > 0; matrix /= s.extent[d])
        at += matrix % s.extent[d] * s.stride[d];
    return at;
}

void Stacks::add(Array in, const Array* out) {
    const auto& e = in.shape.extent;
    const size_t lead = e.size() - 2;
    int64_t count = 1;
    for (size_t d = 0; d < lead; ++d) count *= e[d];
    const int64_t size = size_of(in.dtype);
    for (int64_t i = 0; i < count; ++i) {
        steepest_matrix m{};
        m.data = static_cast<const char*>(in.data) + offset_of(in.shape, i) * size;
        m.rows = e[lead];
        m.cols = e[lead + 1];
        m.row_stride = in.shape.stride[lead];
        m.col_stride = in.shape.stride[lead + 1];
        m.dtype = static_cast<int32_t>(in.dtype);
        if (out) {
            m.result = static_cast<char*>(out->data) + offset_of(out->shape, i) * size;
            m.result_row_stride = out->shape.stride[lead];
            m.result_col_stride = out->shape.stride[lead + 1];
        }
        matrices.push_back(m);
    }
    arrays.push_back(std::move(in));
    if (out) results.push_back(*out);
}

template <class Args>
void set_matrices(Args& args, const Stacks& stacks) {
    args.struct_size = sizeof args;
    args.matrix_size = sizeof(steepest_matrix);
    args.count = static_cast<int64_t>(stacks.matrices.size());
    args.matrices = stacks.matrices.data();
}

template <class Args, class Run>
steepest_status run_in(void* workspace, Args& args, Run entry) {
    args.workspace = workspace;
    const py::gil_scoped_release release;
    return workspace ? entry(&args) : STEEPEST_OUT_OF_MEMORY;
}

// Where the matrices are. On a device the numbers that come to the host are waited for.
template <class Args, class Size, class Run>
void run(Args& args, const Stacks& stacks, const Place& place, Size size_of_workspace, Run entry) {
    set_matrices(args, stacks);
    args.stream = place.stream();
    args.device = place.device_argument();
    throw_status(size_of_workspace(&args, &args.workspace_size));
    if (place.stream()) {
        const DeviceMemory workspace(args.workspace_size, place);
        throw_status(run_in(workspace.data(), args, entry));
        return;
    }
    const HostWorkspace workspace(args.workspace_size);
    throw_status(run_in(workspace.data(), args, entry));
}

// Singular vectors of every matrix, in one piece of memory.
struct Vectors {
    std::vector<double*> left, right;
    Doubles memory;

    explicit Vectors(const Stacks& stacks) {
        py::ssize_t total = 0;
        for (const auto& m : stacks.matrices) total += m.rows + m.cols;
        memory = Doubles(total);
        double* at = memory.mutable_data();
        for (const auto& m : stacks.matrices) {
            left.push_back(at);
            right.push_back(at + m.rows);
            at += m.rows + m.cols;
        }
    }
};

// The matrices of a call that runs where they are.
Stacks read_stacks(const py::sequence& inputs, bool is_list, Place& place) {
    Stacks stacks;
    for (size_t i = 0; i < inputs.size(); ++i) {
        const ArgName name{"W", is_list ? static_cast<int64_t>(i) : -1};
        stacks.add(read_matrices(inputs[i], name, place), nullptr);
    }
    place.settle_on_host();
    return stacks;
}

// (lower, upper, iterations, vectors) of all matrices one after the other; `vectors` holds the left
// and right singular vector of each matrix in turn, or nothing.
py::tuple spectral_norms(const py::sequence& inputs, bool is_list, int32_t method,
                         int32_t iterations, double tol, bool with_vectors, double enough) {
    Place place("W");
    Stacks stacks = read_stacks(inputs, is_list, place);
    const auto count = static_cast<py::ssize_t>(stacks.matrices.size());
    Doubles lower(count), upper(count);
    py::array_t<int32_t> done(count);
    Vectors vectors(with_vectors ? stacks : Stacks{});
    steepest_spectral_norm_args args{};
    args.method = method;
    args.iterations = iterations;
    args.tol = tol;
    args.enough = enough;
    args.lower = lower.mutable_data();
    args.upper = upper.mutable_data();
    args.iterations_done = done.mutable_data();
    args.left = with_vectors ? vectors.left.data() : nullptr;
    args.right = with_vectors ? vectors.right.data() : nullptr;
    run(args, stacks, place, &steepest_spectral_norm_workspace, &steepest_spectral_norm);
    return py::make_tuple(lower, upper, done, vectors.memory);
}

// Writes the gradients; returns the Schatten norms of all matrices one after the other.
Doubles spectral_gradients(const py::sequence& inputs, const py::sequence& outputs, bool is_list,
                           int32_t iterations) {
    Stacks stacks;
    Place place("W");
    for (size_t i = 0; i < inputs.size(); ++i) {
        const int64_t index = is_list ? static_cast<int64_t>(i) : -1;
        Array in = read_matrices(inputs[i], {"W", index}, place);
        const Array out =
            read_result(outputs[i], {"out", index}, in.shape.extent, &in.dtype, place);
        stacks.add(std::move(in), &out);
    }
    place.settle_on_host();
    Doubles values(static_cast<py::ssize_t>(stacks.matrices.size()));
    steepest_spectral_gradient_args args{};
    args.iterations = iterations;
    args.values = values.mutable_data();
    run(args, stacks, place, &steepest_spectral_gradient_workspace, &steepest_spectral_gradient);
    return values;
}

void run_report(steepest_norm_report_args& args) {
    steepest_status status;
    {
        py::gil_scoped_release release;
        status = steepest_norm_report(&args);
    }
    throw_status(status);
}

// On a device; waits for the numbers.
void report_from(const Place& place, steepest_norm_report_args& args, double* to, size_t bytes) {
    args.stream = place.stream();
    args.device = place.device_argument();
    throw_status(steepest_norm_report_workspace(&args, &args.workspace_size));
    const DeviceMemory workspace(args.workspace_size, place), values(bytes, place);
    args.workspace = workspace.data();
    args.values = reinterpret_cast<steepest_norm_report_values*>(values.data());
    run_report(args);
    values.read(to, values.data(), bytes);
}

// One row of numbers per matrix, in the order of steepest_norm_report_values.
Doubles norm_reports(const py::sequence& inputs, bool is_list) {
    constexpr auto kNumbers = sizeof(steepest_norm_report_values) / sizeof(double);
    Place place("W");
    const Stacks stacks = read_stacks(inputs, is_list, place);
    const auto count = static_cast<py::ssize_t>(stacks.matrices.size());
    Doubles values({count, static_cast<py::ssize_t>(kNumbers)});
    steepest_norm_report_args args{};
    set_matrices(args, stacks);
    args.values = reinterpret_cast<steepest_norm_report_values*>(values.mutable_data());
    if (place.stream())
        report_from(place, args, values.mutable_data(), static_cast<size_t>(values.nbytes()));
    else
        run_report(args);
    return values;
}

}  // namespace

void bind_norms(py::module_& m) {
    m.def("norm_reports", &norm_reports, py::arg("inputs"), py::arg("is_list"));
    m.def("spectral_norms", &spectral_norms, py::arg("inputs"), py::arg("is_list"),
          py::arg("method"), py::arg("iterations"), py::arg("tol"), py::arg("with_vectors"),
          py::arg("enough") = 0.0);
    m.def("spectral_gradients", &spectral_gradients, py::arg("inputs"), py::arg("outputs"),
          py::arg("is_list"), py::arg("iterations"));
}

}  // namespace steepest::bindings
