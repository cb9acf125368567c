#include "bindings/checked_call.h"

#include <utility>

namespace steepest::bindings {

void CheckedCall::run() {
    std::shared_ptr<Scratch> memory = std::exchange(memory_, nullptr);
    if (!memory && needs_memory()) memory = std::make_shared<Scratch>(size_, place_);
    steepest_status status;
    {
        const py::gil_scoped_release release;
        status = start(memory ? memory->data() : nullptr);
    }
    throw_status(status);
}

// Calls in another place than the first take their own memory when they run.
void CheckedCall::reserve(const py::sequence& calls) {
    std::vector<CheckedCall*> together;
    size_t most = 0;
    for (const py::handle item : calls) {
        auto& call = py::cast<CheckedCall&>(item);
        if (!call.needs_memory()) continue;
        if (!together.empty() && !call.goes_with(*together[0])) continue;
        together.push_back(&call);
        most = std::max(most, call.size_);
    }
    if (together.empty()) return;
    const auto memory = std::make_shared<Scratch>(most, together[0]->place_);
    for (CheckedCall* call : together) call->memory_ = memory;
}

void bind_checked_call(py::module_& m) {
    py::class_<CheckedCall>(m, "CheckedCall").def("run", &CheckedCall::run);
    m.def("reserve", &CheckedCall::reserve, py::arg("calls"));
}

}  // namespace steepest::bindings
