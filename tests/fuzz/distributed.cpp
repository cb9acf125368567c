// Fuzzes the messages of distributed optimizers and the statistics of the gradients of workers.
#include "call.h"

namespace {

using namespace fuzz;

int64_t plane_bytes(int64_t count) { return (count + 7) / 8; }

// Planes of the digits of numbers up to `most`.
int64_t digits(int64_t most) {
    int64_t planes = 0;
    for (; most > 0; most /= 2) ++planes;
    return planes;
}

int64_t elements(Bytes& bytes) {
    if (bytes.one_in(64)) return bytes.below(40'000);  // enough for threads
    return bytes.one_in(8) ? bytes.below(9000) : bytes.byte() % 40;
}

steepest_array array(Memory& memory, Bytes& bytes, int64_t count, bool f64, bool half,
                     Access access) {
    const int32_t kinds[] = {STEEPEST_F32, STEEPEST_BF16, half ? STEEPEST_F16 : STEEPEST_F32};
    const int32_t dtype = bytes.one_in(64) ? bytes.dtype()
                          : f64            ? STEEPEST_F64
                                           : kinds[bytes.byte() % 3];
    const size_t misplaced = bytes.one_in(64) ? 1 : 0;
    void* data = bytes.one_in(64) ? nullptr : memory.numbers(count, dtype, access, misplaced);
    return {data, dtype, bytes.one_in(8) ? (bytes.one_in(32) ? 2 : 1) : 0};
}

void fuzz_pack(Memory& memory, Bytes& bytes) {
    steepest_sign_args args = {};
    const int64_t count = bytes.byte() % 4;
    auto tensors = zeros<steepest_sign_tensor>(count);
    int64_t plane = 0;
    for (int64_t i = 0; i < count; ++i) {
        steepest_sign_tensor& t = tensors[i];
        const bool f64 = bytes.one_in(3);
        t.count = elements(bytes);
        t.id = bytes.byte();
        t.step = bytes.one_in(32) ? bytes.any<int64_t>() : 1 + bytes.byte();
        t.seed = bytes.any<uint64_t>();
        t.beta1 = bytes.number(0.9);
        t.beta2 = bytes.number(0.99);
        t.maximize = bytes.one_in(4);
        t.grad = array(memory, bytes, t.count, f64, true, Access::read);
        t.momentum = array(memory, bytes, t.count, f64, false, Access::write);
        plane += plane_bytes(t.count);
        if (bytes.one_in(64)) t.count = -t.count;
    }
    args.struct_size = bytes.struct_size(sizeof args);
    args.tensor_size = bytes.struct_size(sizeof(steepest_sign_tensor));
    args.tensor_count = count;
    args.tensors = bytes.one_in(64) ? nullptr : tensors.get();
    args.grad_scale = bytes.number(1);
    args.bits = bytes.one_in(64) ? bytes.any<int32_t>() : 1 + bytes.byte() % 2;
    args.message_size = plane * (args.bits == 2 ? 2 : 1);
    args.message = memory.raw(args.message_size, Access::write);
    if (bytes.one_in(32)) args.message_size += 1 - 2 * (bytes.byte() % 2);
    call(memory, bytes, args, steepest_sign_workspace, steepest_sign_pack);
}

void fuzz_vote(Memory& memory, Bytes& bytes) {
    steepest_vote_args args = {};
    args.struct_size = bytes.struct_size(sizeof args);
    args.workers = 1 + bytes.byte() % 12 + (bytes.one_in(16) ? 250 : 0);
    args.bits = bytes.one_in(64) ? bytes.any<int32_t>() : 1 + bytes.byte() % 2;
    args.plane_size = bytes.one_in(8) ? bytes.below(3000) : bytes.byte() % 40;
    const int64_t message = args.plane_size * (args.bits == 2 ? 2 : 1);
    args.stride = message + (bytes.one_in(3) ? bytes.byte() % 9 : 0);
    const int64_t room = args.stride * (args.workers - 1) + message;
    args.messages = memory.raw(room, Access::read);
    args.outcome = bytes.one_in(64) ? bytes.any<int32_t>() : bytes.byte() % 2;
    args.tie = bytes.one_in(2) ? bytes.byte() % 5 : 0;
    const int64_t most = args.bits == 2 ? 2 * int64_t{args.workers} : args.workers;
    const int64_t planes = args.outcome == 1 ? digits(most) : args.tie == 0 ? 2 : 1;
    args.result_size = planes * args.plane_size;
    args.result = memory.raw(args.result_size, Access::write);
    if (bytes.one_in(32)) args.result_size += 1;
    if (bytes.one_in(32)) args.stride = bytes.any<int64_t>() % (args.stride + 1);
    if (bytes.one_in(64)) args.messages = nullptr;
    memory.remember();
    const steepest_status status = steepest_vote(&args);
    require_known(status);
    memory.require_unchanged(status != STEEPEST_OK);
}

void fuzz_vote_step(Memory& memory, Bytes& bytes) {
    steepest_vote_step_args args = {};
    const int64_t count = bytes.byte() % 4;
    auto tensors = zeros<steepest_voted_tensor>(count);
    int64_t plane = 0;
    for (int64_t i = 0; i < count; ++i) {
        steepest_voted_tensor& t = tensors[i];
        const bool f64 = bytes.one_in(3);
        t.count = elements(bytes);
        t.id = bytes.byte();
        t.step = 1 + bytes.byte();
        t.seed = bytes.any<uint64_t>();
        t.lr = bytes.number(1e-4);
        t.weight_decay = bytes.number(0.1);
        t.param = array(memory, bytes, t.count, f64, true, Access::write);
        if (bytes.one_in(3))
            t.working_copy = array(memory, bytes, t.count, false, true, Access::write);
        plane += plane_bytes(t.count);
    }
    args.struct_size = bytes.struct_size(sizeof args);
    args.tensor_size = bytes.struct_size(sizeof(steepest_voted_tensor));
    args.tensor_count = count;
    args.tensors = bytes.one_in(64) ? nullptr : tensors.get();
    args.form = bytes.one_in(64) ? bytes.any<int32_t>() : bytes.byte() % 4;
    args.workers = args.form < 2 ? 1 : 1 + bytes.byte();
    const int64_t most = args.form == 3 ? 2 * int64_t{args.workers} : args.workers;
    const int64_t planes = args.form < 2 ? 1 + args.form : digits(most);
    args.votes_size = planes * plane;
    args.votes = memory.raw(planes > 0 ? args.votes_size : 0, Access::read);
    if (bytes.one_in(32)) args.votes_size -= 1;
    call(memory, bytes, args, steepest_vote_step_workspace, steepest_vote_step);
}

void fuzz_moments(Memory& memory, Bytes& bytes) {
    steepest_moment_args args = {};
    args.samples = 1 + bytes.byte() % 5;
    args.tensor_count = bytes.byte() % 4;
    auto sizes = zeros<int64_t>(args.tensor_count);
    auto grads = zeros<steepest_array>(args.samples * args.tensor_count);
    for (int64_t t = 0; t < args.tensor_count; ++t) {
        sizes[t] = elements(bytes);
        for (int64_t i = 0; i < args.samples; ++i)
            grads[i * args.tensor_count + t] =
                array(memory, bytes, sizes[t], bytes.one_in(2), true, Access::read);
        if (bytes.one_in(64)) sizes[t] = -1;
    }
    args.struct_size = bytes.struct_size(sizeof args);
    args.sizes = bytes.one_in(64) ? nullptr : sizes.get();
    args.grads = bytes.one_in(64) ? nullptr : grads.get();
    args.deviations = bytes.one_in(64) ? nullptr : memory.doubles(args.samples);
    args.products = memory.doubles(args.samples);
    call(memory, bytes, args, steepest_gradient_moments_workspace, steepest_gradient_moments);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return choose(data, size, {fuzz_pack, fuzz_vote, fuzz_vote_step, fuzz_moments});
}
