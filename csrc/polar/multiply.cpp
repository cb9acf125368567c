// The C entries of the matrix products.
#include <cmath>

#include "core/cpu.h"
#include "core/fence.h"
#include "core/parallel.h"
#include "core/stream.h"
#include "polar/device/products.h"
#include "polar/types.h"

namespace {

using namespace steepest;
using namespace steepest::polar;

bool has_d(const steepest_multiply_args& a) { return a.d.data && a.beta != 0; }
bool has_b(const steepest_multiply_args& a) { return a.product != STEEPEST_PRODUCT_GRAM; }

bool are_sizes(const steepest_multiply_args& a) {
    if (a.count < 0 || a.rows < 0 || a.inner < 0 || a.cols < 0) return false;
    if (a.product == STEEPEST_PRODUCT_GENERAL) return !a.sums;
    return a.rows == a.cols && (a.product == STEEPEST_PRODUCT_GRAM || a.rows == a.inner);
}

// One element too many is no matter: an operand without elements needs no memory.
bool is_operand(const steepest_operand& o, int64_t rows, int64_t cols) {
    return rows == 0 || cols == 0 || (o.data && o.row_stride >= cols);
}

bool are_operands(const steepest_multiply_args& a) {
    if (a.count == 0) return true;
    const bool apart = a.count == 1 || a.rows == 0 || a.cols == 0 || a.c.batch_stride != 0;
    return apart && is_operand(a.a, a.rows, a.inner) &&
           (!has_b(a) || is_operand(a.b, a.inner, a.cols)) &&
           (!has_d(a) || is_operand(a.d, a.rows, a.cols)) && is_operand(a.c, a.rows, a.cols);
}

// Sums in double go with double only.
bool are_dtypes(const steepest_multiply_args& a) {
    const auto goes = [&](const steepest_operand& o) {
        return is_product_type(o.dtype, a.stream) &&
               (o.dtype == STEEPEST_F64) == (a.a.dtype == STEEPEST_F64);
    };
    return is_product_type(a.a.dtype, a.stream) && goes(a.c) &&
           (!has_b(a) || a.b.dtype == a.a.dtype) && (!has_d(a) || goes(a.d));
}

steepest_status check(const steepest_multiply_args& a) {
    if (a.struct_size < sizeof a || a.product < 0 || a.product > STEEPEST_PRODUCT_GENERAL ||
        !are_sizes(a) || !are_operands(a))
        return STEEPEST_INVALID_ARGUMENT;
    if (!are_dtypes(a)) return STEEPEST_INVALID_DTYPE;
    const bool finite = std::isfinite(a.alpha) && std::isfinite(a.beta) && std::isfinite(a.gamma);
    return finite ? STEEPEST_OK : STEEPEST_INVALID_HYPER;
}

Batch batch_of(const steepest_operand& o, int64_t rows, int64_t cols, int64_t count) {
    return {{o.data, rows, cols, o.row_stride, product_type(o.dtype)}, count, o.batch_stride};
}

struct Operands {
    Batch a, b, d, c;

    explicit Operands(const steepest_multiply_args& args)
        : a(batch_of(args.a, args.rows, args.inner, args.count)),
          b(batch_of(args.b, args.inner, args.cols, args.count)),
          d(batch_of(args.d, args.rows, args.cols, args.count)),
          c(batch_of(args.c, args.rows, args.cols, args.count)) {}
};

// The scratch memory of the product, behind by-products in the library's own form.
struct Memory {
    ByProducts* sums;
    void* scratch;
    size_t scratch_size;

    Memory(const steepest_multiply_args& args, const Operands& o, Arena& arena)
        : sums(args.sums ? arena.take<ByProducts>(args.count) : nullptr),
          scratch_size(scratch_bytes(o.a, o.c)) {
        scratch = arena.take<char>(static_cast<int64_t>(scratch_size));
    }
};

// The products on the CPU, as a device has them.
struct HostProducts {
    template <class... Args>
    void symmetric(Args&&... args) const {
        polar::symmetric(args...);
    }
    template <class... Args>
    void symmetric_product(Args&&... args) const {
        polar::symmetric_product(args...);
    }
    template <class... Args>
    void general(Args&&... args) const {
        polar::general(args...);
    }
};

// The scratch memory is as much as a product can need, so none is refused.
template <class Products>
void multiply(const Products& products, const steepest_multiply_args& args, const Operands& o,
              const Arena& scratch, ByProducts* sums) {
    const Update update{args.alpha, args.beta, args.gamma};
    const Batch* d = has_d(args) ? &o.d : nullptr;
    switch (args.product) {
        case STEEPEST_PRODUCT_GRAM:
            products.symmetric(o.a, update, d, o.c, scratch, sums);
            break;
        case STEEPEST_PRODUCT_SYMMETRIC:
            products.symmetric_product(o.a, o.b, update, d, o.c, scratch, sums);
            break;
        default:
            products.general(o.a, o.b, update, d, o.c, scratch);
    }
}

size_t workspace_on_cpu(const steepest_multiply_args& args) {
    Arena arena(nullptr, 0);
    Memory(args, Operands(args), arena);
    return arena.used();
}

// Without by-products a product on a device needs none.
size_t workspace_on_device(const steepest_multiply_args& args) {
    const Operands o(args);
    return args.sums ? device::DeviceProducts::scratch_bytes(o.a, o.c) : 0;
}

steepest_status on_cpu(const steepest_multiply_args& args) {
    cpu::Target target;
    if (!cpu::active(target)) return STEEPEST_UNKNOWN_TARGET;
    if (args.workspace_size < workspace_on_cpu(args)) return STEEPEST_WORKSPACE_TOO_SMALL;
    const Operands o(args);
    Arena arena(args.workspace, args.workspace_size);
    const Memory memory(args, o, arena);
    multiply(HostProducts{}, args, o, Arena(memory.scratch, memory.scratch_size), memory.sums);
    for (int64_t i = 0; args.sums && i < args.count; ++i)
        args.sums[i] = {memory.sums[i].trace, memory.sums[i].squares};
    return STEEPEST_OK;
}

steepest_status on_device(const steepest_multiply_args& args, device::Backend& backend) {
    static_assert(sizeof(ByProducts) == sizeof(steepest_by_products));
    const size_t needed = workspace_on_device(args);
    if (args.workspace_size < needed || (needed > 0 && !args.workspace))
        return STEEPEST_WORKSPACE_TOO_SMALL;
    multiply(device::DeviceProducts(backend), args, Operands(args),
             Arena(args.workspace, args.workspace_size), reinterpret_cast<ByProducts*>(args.sums));
    return STEEPEST_OK;
}

}  // namespace

steepest_status steepest_multiply_workspace(const steepest_multiply_args* args, size_t* size) {
    if (!args || !size) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        if (const auto status = check(*args)) return status;
        if (args->stream)
            return on_stream(args->device, args->stream, [&](device::Backend&) {
                *size = workspace_on_device(*args);
                return STEEPEST_OK;
            });
        cpu::Target target;
        if (!cpu::active(target)) return STEEPEST_UNKNOWN_TARGET;
        *size = workspace_on_cpu(*args);
        return STEEPEST_OK;
    });
}

steepest_status steepest_multiply(const steepest_multiply_args* args) {
    if (!args) return STEEPEST_INVALID_ARGUMENT;
    return fenced([&] {
        FloatingPointGuard guard;
        if (const auto status = check(*args)) return status;
        if (reinterpret_cast<uintptr_t>(args->workspace) % Arena::kAlignment)
            return STEEPEST_INVALID_ARGUMENT;
        if (!args->stream) return on_cpu(*args);
        return on_stream(args->device, args->stream,
                         [&](device::Backend& backend) { return on_device(*args, backend); });
    });
}
