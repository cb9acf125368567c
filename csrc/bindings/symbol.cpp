// Gram matrices of a convolution's symbol, kept from one call to the next.
#include "bindings/symbol.h"

#include <pybind11/numpy.h>

#include <memory>
#include <string>
#include <utility>

#include "bindings/errors.h"
#include "bindings/matrices.h"

namespace steepest::bindings {
namespace {

using Floats = py::array_t<float, py::array::c_style>;
using Doubles = py::array_t<double, py::array::c_style>;
using Flags = py::array_t<bool, py::array::c_style>;

using Entry = steepest_status (*)(const steepest_symbol_args*);
using Memory = std::unique_ptr<HostWorkspace>;

// With a workspace, and with memory for the Gram matrices where there is none.
steepest_status run(Entry entry, steepest_symbol_args& args, Memory& grams) {
    py::gil_scoped_release release;
    size_t size = 0;
    if (const auto status = steepest_symbol_memory(&args, &size, &args.workspace_size))
        return status;
    if (!grams) {
        grams = std::make_unique<HostWorkspace>(size);
        args.grams = static_cast<float*>(grams->data());
        args.grams_size = size;
    }
    const HostWorkspace workspace(args.workspace_size);
    args.workspace = workspace.data();
    return args.grams && args.workspace ? entry(&args) : STEEPEST_OUT_OF_MEMORY;
}

class SymbolGrams {
  public:
    // kernel (groups, rows, cols, taps), waves (phases, (taps + 1) / 2, 2, frequencies).
    SymbolGrams(const Floats& kernel, const Floats& waves, int64_t row_phases, int64_t col_phases);

    // (groups, frequencies): about the spectral norms, from below.
    Doubles estimates() const { return estimates_; }
    // A lower bound of one norm, meant to be as near as `tol`.
    double lower(int64_t group, int64_t frequency, double tol);
    // (groups, frequencies): whether the norms are proved to be at most `sigma`. Once only, for the
    // Gram matrices are destroyed.
    Flags below(double sigma);

  private:
    Memory take(const char* call);

    steepest_symbol_args args_{};
    Doubles estimates_;
    Memory grams_;
};

SymbolGrams::SymbolGrams(const Floats& kernel, const Floats& waves, int64_t row_phases,
                         int64_t col_phases) {
    if (kernel.ndim() != 4 || waves.ndim() != 4 || waves.shape(0) != row_phases * col_phases ||
        waves.shape(1) != (kernel.shape(3) + 1) / 2 || waves.shape(2) != 2)
        value_error(
            "waves: another shape given, expected (phases, (taps + 1) / 2, 2, frequencies)");
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
    throw_status(run(&steepest_symbol_grams, args_, grams_));
    args_.kernel = args_.waves = nullptr;
}

// Another thread may come while this one does not hold the lock of the interpreter: it finds no
// memory.
Memory SymbolGrams::take(const char* call) {
    Memory grams = std::exchange(grams_, nullptr);
    if (!grams) value_error(std::string(call) + ": called again, expected one call of `below`");
    return grams;
}

double SymbolGrams::lower(int64_t group, int64_t frequency, double tol) {
    Memory grams = take("lower");
    double found = 0;
    steepest_symbol_args args = args_;
    args.group = group;
    args.frequency = frequency;
    args.tol = tol;
    args.lower = &found;
    const auto status = run(&steepest_symbol_lower, args, grams);
    grams_ = std::move(grams);
    throw_status(status);
    return found;
}

// A refused call puts the memory back.
Flags SymbolGrams::below(double sigma) {
    Memory grams = take("below");
    Flags flags({estimates_.shape(0), estimates_.shape(1)});
    steepest_symbol_args args = args_;
    args.below = sigma;
    args.is_below = reinterpret_cast<uint8_t*>(flags.mutable_data());
    const auto status = run(&steepest_symbol_below, args, grams);
    if (status != STEEPEST_OK) grams_ = std::move(grams);
    throw_status(status);
    return flags;
}

}  // namespace

void bind_symbol(py::module_& m) {
    py::class_<SymbolGrams>(m, "SymbolGrams")
        .def(py::init<const Floats&, const Floats&, int64_t, int64_t>(), py::arg("kernel"),
             py::arg("waves"), py::arg("row_phases"), py::arg("col_phases"))
        .def_property_readonly("estimates", &SymbolGrams::estimates)
        .def("lower", &SymbolGrams::lower, py::arg("group"), py::arg("frequency"), py::arg("tol"))
        .def("below", &SymbolGrams::below, py::arg("sigma"));
}

}  // namespace steepest::bindings
