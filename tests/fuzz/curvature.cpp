// Fuzzes probes, the statistics of products with them, rank-one updates and OASIS's norms.
#include "call.h"

namespace {

using namespace fuzz;

steepest_probe_tensor probed(Memory& memory, Bytes& bytes, bool accumulates) {
    steepest_probe_tensor t = {};
    t.group = bytes.one_in(4) ? 1 + bytes.byte() % 5 : 1;
    t.count = t.group * (bytes.one_in(8) ? bytes.below(2000) : bytes.byte() % 40);
    t.offset = bytes.one_in(4) ? (bytes.one_in(16) ? bytes.any<int64_t>() : bytes.below(9000)) : 0;
    t.id = bytes.any<uint32_t>();
    t.dtype = bytes.dtype();
    const Access access = accumulates ? Access::read : Access::write;
    const size_t misplaced = bytes.one_in(64) ? 1 : 0;
    t.values = bytes.one_in(64) ? nullptr : memory.numbers(t.count, t.dtype, access, misplaced);
    if (bytes.one_in(4)) return t;
    const int32_t state = t.dtype == STEEPEST_F64 ? STEEPEST_F64 : STEEPEST_F32;
    const int64_t groups = t.count / t.group;
    t.mean = memory.numbers(groups, state, Access::write);
    t.scatter = bytes.one_in(64) ? nullptr : memory.numbers(groups, state, Access::write);
    if (bytes.one_in(3)) t.weight = memory.numbers(groups, state, Access::write);
    if (bytes.one_in(64)) t.group = -t.group;
    return t;
}

void fuzz_probes(Memory& memory, Bytes& bytes, bool accumulates) {
    steepest_probe_args args = {};
    const int64_t count = bytes.byte() % 4;
    auto tensors = zeros<steepest_probe_tensor>(count);
    for (int64_t i = 0; i < count; ++i) tensors[i] = probed(memory, bytes, accumulates);
    args.struct_size = bytes.struct_size(sizeof args);
    args.tensor_size = bytes.struct_size(sizeof(steepest_probe_tensor));
    args.tensor_count = bytes.one_in(64) ? -count : count;
    args.tensors = bytes.one_in(64) ? nullptr : tensors.get();
    args.seed = bytes.any<uint64_t>();
    args.probe = bytes.any<uint32_t>();
    args.distribution = bytes.one_in(64) ? bytes.any<int32_t>() : bytes.byte() % 2;
    args.sample = bytes.one_in(16) ? bytes.any<int64_t>() : 1 + bytes.byte() % 9;
    if (bytes.one_in(2)) args.sums = memory.doubles(count);
    args.stream = bytes.stream();
    if (args.stream && bytes.one_in(2)) args.total_at = memory.doubles(1);
    if (accumulates)
        call(memory, bytes, args, steepest_probe_workspace, steepest_probe_accumulate);
    else
        call(memory, bytes, args, steepest_probe_workspace, steepest_probe_fill);
}

void fuzz_mkor(Memory& memory, Bytes& bytes) {
    steepest_mkor_args args = {};
    const int64_t n = bytes.one_in(8) ? 100 + bytes.byte() : bytes.byte() % 40;
    args.struct_size = bytes.struct_size(sizeof args);
    args.n = bytes.one_in(64) ? -n : n;
    args.dtype = bytes.one_in(64) ? bytes.any<int32_t>() : bytes.byte() % 2;
    args.variant = bytes.one_in(64) ? bytes.any<int32_t>() : bytes.byte() % 3;
    args.stabilizer = bytes.one_in(64) ? bytes.any<int32_t>() : bytes.byte() % 4;
    args.has_largest = bytes.one_in(4);
    args.largest = bytes.number(1);
    args.inverse = bytes.one_in(64) ? nullptr : memory.numbers(n * n, args.dtype, Access::write);
    args.vector = bytes.one_in(64) ? nullptr : memory.numbers(n, args.dtype, Access::read);
    args.decay = bytes.number(0.9);
    args.threshold = bytes.number(2);
    args.zeta = bytes.number(0.1);
    args.stream = bytes.stream();
    if (args.stream && bytes.one_in(2)) args.results_at = memory.doubles(4);
    call(memory, bytes, args, steepest_mkor_workspace, steepest_mkor_update);
}

void fuzz_oasis(Memory& memory, Bytes& bytes) {
    steepest_oasis_args args = {};
    const int64_t count = bytes.byte() % 4;
    auto tensors = zeros<steepest_oasis_tensor>(count);
    for (int64_t i = 0; i < count; ++i) {
        steepest_oasis_tensor& t = tensors[i];
        const bool f64 = bytes.one_in(2);
        const int64_t size = bytes.one_in(8) ? bytes.below(9000) : bytes.byte() % 40;
        t.count = bytes.one_in(64) ? -size : size;
        t.weight_decay = bytes.number(0.1);
        for (steepest_oasis_array* a :
             {&t.param, &t.previous_param, &t.grad, &t.previous_grad, &t.diagonal, &t.hessian}) {
            a->dtype = f64                ? STEEPEST_F64
                       : bytes.one_in(64) ? bytes.dtype()
                                          : 2 * (bytes.byte() % 2);
            const size_t misplaced = bytes.one_in(64) ? 1 : 0;
            a->values = memory.numbers(size, a->dtype, Access::read, misplaced);
            if (bytes.one_in(32)) a->values = nullptr;
        }
    }
    args.struct_size = bytes.struct_size(sizeof args);
    args.tensor_size = bytes.struct_size(sizeof(steepest_oasis_tensor));
    args.tensor_count = count;
    args.tensors = bytes.one_in(64) ? nullptr : tensors.get();
    args.beta2 = bytes.number(0.99);
    args.alpha = bytes.number(1e-5);
    args.factor = bytes.number(1);
    call(memory, bytes, args, steepest_oasis_workspace, steepest_oasis_measure);
}

void fuzz_accumulate(Memory& memory, Bytes& bytes) { fuzz_probes(memory, bytes, true); }
void fuzz_fill(Memory& memory, Bytes& bytes) { fuzz_probes(memory, bytes, false); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return choose(data, size, {fuzz_accumulate, fuzz_fill, fuzz_mkor, fuzz_oasis});
}
