// Messages of Distributed Lion over lists of arrays in host memory.
#include "bindings/distributed.h"

#include <pybind11/stl.h>

#include "bindings/messages.h"

namespace steepest::bindings {
namespace {

// Of one tensor: id, step and seed of its random draws.
using Draw = std::tuple<uint32_t, int64_t, uint64_t>;
// beta1, beta2, maximize, stochastic rounding of the momentum, draw
using SignSetting = std::tuple<double, double, bool, bool, Draw>;
// lr, weight decay, stochastic rounding of parameter and working copy, draw
using StepSetting = std::tuple<double, double, bool, bool, Draw>;

void check_f64(const Array& a, const ArgName& name, const Array& like, const char* of) {
    if ((a.dtype == DType::f64) != (like.dtype == DType::f64))
        type_error(name.text() + ": dtype " + dtype_name(a.dtype) + " given beside " + of +
                   " of dtype " + dtype_name(like.dtype) +
                   ", expected both or neither to be float64");
}

steepest_sign_tensor sign_tensor(Job& job, py::handle grad, py::handle momentum, int64_t index,
                                 const SignSetting& setting) {
    const ArgName grad_name{"grads", index}, name{"exp_avg", index};
    const Array g = job.add_read(grad, grad_name);
    const Array m = job.add_written(momentum, name);
    check_like(m, name, g, "grads");
    check_f64(m, name, g, "a gradient");
    if (m.dtype == DType::f16)
        type_error(name.text() + ": dtype float16 given, expected float32, bfloat16 or float64");
    const auto& [beta1, beta2, maximize, stochastic, draw] = setting;
    steepest_sign_tensor t{};
    t.count = g.shape.count();
    std::tie(t.id, t.step, t.seed) = draw;
    t.beta1 = beta1;
    t.beta2 = beta2;
    t.maximize = maximize;
    t.grad = array_of(g, false);
    t.momentum = array_of(m, stochastic);
    return t;
}

int64_t sign_pack(const std::vector<py::object>& grads, const std::vector<py::object>& exp_avg,
                  bool is_list, const std::vector<SignSetting>& settings, double grad_scale,
                  int32_t bits, Bytes message) {
    Job job("grads");
    std::vector<steepest_sign_tensor> tensors;
    int64_t bytes = 0;
    for (size_t i = 0; i < grads.size(); ++i) {
        const int64_t index = is_list ? static_cast<int64_t>(i) : -1;
        tensors.push_back(sign_tensor(job, grads[i], exp_avg.at(i), index, settings.at(i)));
        bytes += (tensors.back().count + 7) / 8;
    }
    check_bytes(message, "out", bytes * bits);
    job.written.add(message.mutable_data(), message.nbytes(), "out", -1);
    job.check_overlaps();
    steepest_sign_args args{};
    args.struct_size = sizeof args;
    args.tensor_size = sizeof(steepest_sign_tensor);
    args.tensor_count = static_cast<int64_t>(tensors.size());
    args.tensors = tensors.data();
    args.grad_scale = grad_scale;
    args.bits = bits;
    args.message = message.mutable_data();
    args.message_size = message.size();
    run(args, steepest_sign_workspace, steepest_sign_pack);
    return args.nans;
}

void vote(const Bytes& messages, int32_t bits, int32_t outcome, int32_t tie, Bytes result) {
    if (messages.ndim() != 2)
        value_error("messages: " + std::to_string(messages.ndim()) +
                    " dimensions given, expected 2");
    WrittenMemory written;
    written.add(result.mutable_data(), result.nbytes(), "out", -1);
    size_t hint = 0;
    if (written.find(messages.data(), messages.nbytes(), hint))
        value_error("out: memory shared with messages given, expected arrays that do not overlap");
    steepest_vote_args args{};
    args.struct_size = sizeof args;
    args.workers = static_cast<int32_t>(messages.shape(0));
    args.bits = bits;
    args.plane_size = messages.shape(1) / bits;
    args.messages = messages.data();
    args.stride = messages.shape(1);
    args.outcome = outcome;
    args.tie = tie;
    args.result = result.mutable_data();
    args.result_size = result.size();
    steepest_status status;
    {
        py::gil_scoped_release release;
        status = steepest_vote(&args);
    }
    throw_status(status);
}

steepest_voted_tensor voted_tensor(Job& job, py::handle param, py::handle copy, int64_t index,
                                   const StepSetting& setting) {
    const ArgName copy_name{"working_copy", index};
    const Array p = job.add_written(param, {"params", index});
    const auto& [lr, weight_decay, stochastic, copy_stochastic, draw] = setting;
    steepest_voted_tensor t{};
    t.count = p.shape.count();
    std::tie(t.id, t.step, t.seed) = draw;
    t.lr = lr;
    t.weight_decay = weight_decay;
    t.param = array_of(p, stochastic);
    if (copy.is_none()) return t;
    const Array c = job.add_written(copy, copy_name);
    check_like(c, copy_name, p, "params");
    if (c.dtype == DType::f64 || p.dtype == DType::f64)
        type_error(copy_name.text() + ": dtype " + dtype_name(c.dtype) +
                   " given beside parameters of dtype " + dtype_name(p.dtype) +
                   ", expected neither to be float64");
    t.working_copy = array_of(c, copy_stochastic);
    return t;
}

void vote_step(const std::vector<py::object>& params, const std::vector<py::object>& copies,
               bool is_list, const std::vector<StepSetting>& settings, int32_t form,
               int32_t workers, int64_t planes, const Bytes& votes) {
    Job job("params");
    std::vector<steepest_voted_tensor> tensors;
    int64_t bytes = 0;
    for (size_t i = 0; i < params.size(); ++i) {
        const int64_t index = is_list ? static_cast<int64_t>(i) : -1;
        tensors.push_back(voted_tensor(job, params[i], copies.at(i), index, settings.at(i)));
        bytes += (tensors.back().count + 7) / 8;
    }
    check_bytes(votes, "votes", bytes * planes);
    job.check_overlaps();
    job.check_overlap(votes.data(), votes.nbytes(), {"votes"});
    steepest_vote_step_args args{};
    args.struct_size = sizeof args;
    args.tensor_size = sizeof(steepest_voted_tensor);
    args.tensor_count = static_cast<int64_t>(tensors.size());
    args.tensors = tensors.data();
    args.form = form;
    args.workers = workers;
    args.votes = votes.data();
    args.votes_size = votes.size();
    run(args, steepest_vote_step_workspace, steepest_vote_step);
}

// The gradients of all samples, each a list of arrays: (|mean|^2, deviations, products).
py::tuple gradient_moments(const std::vector<std::vector<py::object>>& samples, bool is_list) {
    Place place("grads");
    std::vector<Array> keep;
    std::vector<steepest_array> grads;
    std::vector<int64_t> sizes;
    const size_t tensors = samples.at(0).size();
    for (size_t i = 0; i < samples.size(); ++i) {
        for (size_t t = 0; t < tensors; ++t) {
            const std::string owner = "grads[" + std::to_string(i) + "]";
            const ArgName name{owner.c_str(), is_list ? static_cast<int64_t>(t) : -1};
            keep.push_back(read_dense(samples[i].at(t), name, place));
            if (i == 0) sizes.push_back(keep[t].shape.count());
            check_like(keep.back(), name, keep[t], "the first sample's");
            grads.push_back(array_of(keep.back(), false));
        }
    }
    const auto count = static_cast<int64_t>(samples.size());
    py::array_t<double> deviations(count), products(count);
    steepest_moment_args args{};
    args.struct_size = sizeof args;
    args.samples = count;
    args.tensor_count = static_cast<int64_t>(tensors);
    args.sizes = sizes.data();
    args.grads = grads.data();
    args.deviations = deviations.mutable_data();
    args.products = products.mutable_data();
    run(args, steepest_gradient_moments_workspace, steepest_gradient_moments);
    return py::make_tuple(args.mean_square, deviations, products);
}

}  // namespace

void bind_distributed(py::module_& m) {
    m.def("sign_pack", &sign_pack, py::arg("grads"), py::arg("exp_avg"), py::arg("is_list"),
          py::arg("settings"), py::arg("grad_scale"), py::arg("bits"),
          py::arg("message").noconvert());
    m.def("vote", &vote, py::arg("messages").noconvert(), py::arg("bits"), py::arg("outcome"),
          py::arg("tie"), py::arg("result").noconvert());
    m.def("vote_step", &vote_step, py::arg("params"), py::arg("copies"), py::arg("is_list"),
          py::arg("settings"), py::arg("form"), py::arg("workers"), py::arg("planes"),
          py::arg("votes").noconvert());
    m.def("gradient_moments", &gradient_moments, py::arg("samples"), py::arg("is_list"));
}

}  // namespace steepest::bindings
