// Gram matrices of a convolution's symbol, kept from one call to the next.
#include "bindings/symbol.h"

#include <pybind11/numpy.h>

#include <optional>

#include "bindings/errors.h"
#include "bindings/matrices.h"

namespace steepest::bindings {
namespace {

using Floats = py::array_t<float, py::array::c_style>;
using Doubles = py::array_t<double, py::array::c_style>;
using Flags = py::array_t<bool, py::array::c_style>;

class SymbolGrams {
  public:
    // kernel (groups, rows, cols, taps), waves (phases, taps, 2, frequencies).
    SymbolGrams(const Floats& kernel, const Floats& waves, int64_t row_phases, int64_t col_phases);

    // (groups, frequencies): about the spectral norms, from below.
    Doubles estimates() const { return estimates_; }
    // (groups, frequencies): whether the norms are proved to be at most `sigma`. Once only, for the
    // Gram matrices are destroyed.
    Flags below(double sigma);

  private:
    template <class F>
    void run(F&& entry);

    steepest_symbol_args args_{};
    Doubles estimates_;
    std::optional<HostWorkspace> grams_;
};

SymbolGrams::SymbolGrams(const Floats& kernel, const Floats& waves, int64_t row_phases,
                         int64_t col_phases) {
    if (kernel.ndim() != 4 || waves.ndim() != 4 || waves.shape(0) != row_phases * col_phases ||
        waves.shape(1) != kernel.shape(3) || waves.shape(2) != 2)
        value_error("waves: another shape given, expected (phases, taps, 2, frequencies)");
    args_.struct_size = sizeof args_;
    args_.groups = kernel.shape(0);
    args_.rows = kernel.shape(1);
    args_.cols = kernel.shape(2);
    args_.taps = kernel.shape(3);
    args_.frequencies = waves.shape(3);
    args_.row_phases = row_phases;
    args_.col_phases = col_phases;
    args_.kernel = kernel.data();
    args_.waves = waves.data();
    estimates_ = Doubles({kernel.shape(0), waves.shape(3)});
    args_.estimates = estimates_.mutable_data();
    run(&steepest_symbol_grams);
    args_.kernel = args_.waves = nullptr;
}

template <class F>
void SymbolGrams::run(F&& entry) {
    steepest_status status;
    {
        py::gil_scoped_release release;
        size_t grams = 0;
        status = steepest_symbol_memory(&args_, &grams, &args_.workspace_size);
        if (status == STEEPEST_OK) {
            if (!grams_) {
                grams_.emplace(grams);
                args_.grams = static_cast<float*>(grams_->data());
                args_.grams_size = grams;
            }
            const HostWorkspace workspace(args_.workspace_size);
            args_.workspace = workspace.data();
            status = args_.grams && args_.workspace ? entry(&args_) : STEEPEST_OUT_OF_MEMORY;
            args_.workspace = nullptr;
        }
    }
    throw_status(status);
}

Flags SymbolGrams::below(double sigma) {
    if (!grams_) value_error("below: called again, expected one call");
    Flags flags({estimates_.shape(0), estimates_.shape(1)});
    args_.below = sigma;
    args_.is_below = reinterpret_cast<uint8_t*>(flags.mutable_data());
    run(&steepest_symbol_below);
    grams_.reset();
    return flags;
}

}  // namespace

void bind_symbol(py::module_& m) {
    py::class_<SymbolGrams>(m, "SymbolGrams")
        .def(py::init<const Floats&, const Floats&, int64_t, int64_t>(), py::arg("kernel"),
             py::arg("waves"), py::arg("row_phases"), py::arg("col_phases"))
        .def_property_readonly("estimates", &SymbolGrams::estimates)
        .def("below", &SymbolGrams::below, py::arg("sigma"));
}

}  // namespace steepest::bindings
