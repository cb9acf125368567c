// EF21's compressors over lists of arrays in host memory.
#include "bindings/ef21.h"

#include <pybind11/stl.h>

#include <memory>
#include <new>
#include <tuple>

#include "bindings/messages.h"

namespace steepest::bindings {
namespace {

// Of one tensor: how many elements are kept, and the id of its random choices.
using Part = std::tuple<int64_t, uint32_t>;

steepest_ef21_tensor tensor_of(const Array& estimate, const Part& part) {
    steepest_ef21_tensor t{};
    t.count = estimate.shape.count();
    std::tie(t.kept, t.id) = part;
    t.estimate = array_of(estimate, false);
    return t;
}

// Workspace of which little is touched, here and there: in large pages the system would clear as
// much as the arrays are long.
class SparseWorkspace {
  public:
    explicit SparseWorkspace(size_t size) : memory_(new (std::nothrow) char[size + kAlignment]) {}
    void* data() const {
        const auto at = reinterpret_cast<uintptr_t>(memory_.get());
        return reinterpret_cast<void*>((at + kAlignment - 1) / kAlignment * kAlignment);
    }

  private:
    static constexpr size_t kAlignment = 64;
    std::unique_ptr<char[]> memory_;
};

template <class Args>
void set_tensors(Args& args, const std::vector<steepest_ef21_tensor>& tensors) {
    args.struct_size = sizeof args;
    args.tensor_size = sizeof(steepest_ef21_tensor);
    args.tensor_count = static_cast<int64_t>(tensors.size());
    args.tensors = tensors.data();
}

void ef21_pack(const std::vector<py::object>& grads, const std::vector<py::object>& estimates,
               bool is_list, const std::vector<Part>& parts, int32_t compressor, double scale,
               uint64_t seed, uint32_t step, Bytes message) {
    Job job("grads");
    std::vector<steepest_ef21_tensor> tensors;
    for (size_t i = 0; i < grads.size(); ++i) {
        const ArgName name{"grads", is_list ? static_cast<int64_t>(i) : -1};
        const Array g = job.add_read(grads[i], name);
        const Array e = job.add_written(estimates.at(i), {"estimate", static_cast<int64_t>(i)});
        if (g.shape.count() != e.shape.count() || !is_c_order(g.shape))
            value_error(name.text() + ": shape " + g.shape.text() + " given, expected " +
                        std::to_string(e.shape.count()) + " elements in C order");
        tensors.push_back(tensor_of(e, parts.at(i)));
        tensors.back().grad = array_of(g, false);
    }
    job.written.add(message.mutable_data(), message.nbytes(), "out", -1);
    job.check_overlaps();
    steepest_ef21_pack_args args{};
    set_tensors(args, tensors);
    args.compressor = compressor;
    args.scale = scale;
    args.seed = seed;
    args.step = step;
    args.message = message.mutable_data();
    args.message_size = message.size();
    throw_status(
        status_of<SparseWorkspace>(args, steepest_ef21_pack_workspace, steepest_ef21_pack));
}

// Messages begin behind `header` bytes of each row.
void ef21_add(const Bytes& rows, int64_t header, const std::vector<py::object>& estimates,
              const std::vector<Part>& parts, int32_t compressor,
              const std::vector<uint64_t>& seeds, uint32_t step,
              const std::vector<double>& weights) {
    Job job("estimate");
    std::vector<steepest_ef21_tensor> tensors;
    for (size_t i = 0; i < estimates.size(); ++i) {
        const ArgName name{"estimate", static_cast<int64_t>(i)};
        tensors.push_back(tensor_of(job.add_written(estimates[i], name), parts.at(i)));
    }
    job.check_overlaps();
    job.check_overlap(rows.data(), rows.nbytes(), {"messages"});
    steepest_ef21_add_args args{};
    set_tensors(args, tensors);
    args.compressor = compressor;
    args.step = step;
    args.workers = rows.shape(0);
    args.messages = rows.data() + header;
    args.stride = rows.shape(1);
    args.message_size = rows.shape(1) - header;
    args.weights = weights.data();
    args.seeds = seeds.data();
    if (weights.size() != static_cast<size_t>(args.workers) || seeds.size() != weights.size())
        value_error("weights: " + std::to_string(weights.size()) + " given, expected " +
                    std::to_string(args.workers));
    const auto status =
        status_of<SparseWorkspace>(args, steepest_ef21_add_workspace, steepest_ef21_add);
    // All else has been checked.
    if (status == STEEPEST_INVALID_ARGUMENT)
        value_error("messages: indices given that are no rising ones of the array");
    throw_status(status);
}

}  // namespace

void bind_ef21(py::module_& m) {
    m.def("ef21_pack", &ef21_pack, py::arg("grads"), py::arg("estimates"), py::arg("is_list"),
          py::arg("parts"), py::arg("compressor"), py::arg("scale"), py::arg("seed"),
          py::arg("step"), py::arg("message").noconvert());
    m.def("ef21_add", &ef21_add, py::arg("rows").noconvert(), py::arg("header"),
          py::arg("estimates"), py::arg("parts"), py::arg("compressor"), py::arg("seeds"),
          py::arg("step"), py::arg("weights"));
}

}  // namespace steepest::bindings
