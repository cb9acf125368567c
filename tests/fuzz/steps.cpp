// Fuzzes steps of every rule, norms of gradients, sums over lists and clipping by units.
#include "call.h"

namespace {

using namespace fuzz;

struct Extents {
    int64_t matrices, rows, cols;
    int64_t count() const { return matrices * rows * cols; }
};

Extents extents(Bytes& bytes) {
    if (bytes.one_in(8)) return {1, 1 + bytes.below(9000), 1};
    if (bytes.one_in(64)) return {1, 20'000 + bytes.below(40'000), 1};  // enough for threads
    const int64_t rows = side(bytes), cols = side(bytes);
    return {1 + (bytes.one_in(8) ? bytes.byte() % 3 : 0), rows, cols};
}

int64_t length_of(int32_t kind, const Extents& e) {
    switch (kind) {
        case STEEPEST_ROW:
            return e.matrices * e.rows;
        case STEEPEST_COLUMN:
            return e.matrices * e.cols;
        case STEEPEST_TENSOR:
            return 1;
        default:
            return e.count();
    }
}

steepest_array array(Memory& memory, Bytes& bytes, int64_t count, int32_t dtype, Access access,
                     bool on_stream) {
    // The CPU trusts its caller with the alignment; a device could not go on after a wrong one.
    const size_t misplaced = on_stream && bytes.one_in(64) ? 1 : 0;
    void* data = bytes.one_in(64) ? nullptr : memory.numbers(count, dtype, access, misplaced);
    return {data, dtype, bytes.one_in(8) ? (bytes.one_in(32) ? 2 : 1) : 0};
}

struct Step {
    Memory& memory;
    Bytes& bytes;
    void* stream;
    int64_t advanced[1] = {5};

    int32_t dtype(bool f64) {
        if (bytes.one_in(64)) return bytes.dtype();
        constexpr int32_t kSingle[] = {STEEPEST_F32, STEEPEST_BF16, STEEPEST_F16};
        return f64 ? STEEPEST_F64 : kSingle[bytes.byte() % 3];
    }

    steepest_tensor tensor(const steepest_rule_info& rule) {
        const Extents e = extents(bytes);
        const bool f64 = bytes.one_in(3), device = stream != nullptr;
        steepest_tensor t = {};
        t.count = bytes.one_in(64) ? -e.count() - 1 : e.count();
        t.rows = e.rows;
        t.cols = rule.row_sums ? e.matrices * e.cols : e.cols;
        t.column_major = e.matrices == 1 && bytes.one_in(4);
        t.id = bytes.byte();
        t.step = bytes.one_in(32) ? bytes.any<int64_t>() : 1 + bytes.byte() % 9;
        if (t.step > 1'000'000) t.step = 1'000'000;  // sums over all steps are slow by design
        t.lr = bytes.number(1e-3);
        t.weight_decay = bytes.number(0.01);
        t.param = array(memory, bytes, e.count(), dtype(f64), Access::write, device);
        t.grad = array(memory, bytes, e.count(), dtype(f64), Access::read, device);
        for (int s = 0; s < rule.state_count; ++s) {
            const int32_t stored = f64 ? STEEPEST_F64 : bytes.one_in(2) ? STEEPEST_BF16 : 0;
            const int64_t length = length_of(rule.states[s].kind, e);
            t.state[s] = array(memory, bytes, length, stored, Access::write, device);
        }
        if (!f64 && bytes.one_in(4))
            t.working_copy = array(memory, bytes, e.count(), dtype(f64), Access::write, device);
        if (device && bytes.one_in(8)) t.step_at = advanced;
        return t;
    }

    // A keyword's number: a default as a rule.
    double hyper(const steepest_hyper_info& h, int k) {
        const double given = std::isnan(h.value[k]) ? 1e-8 : h.value[k];
        return bytes.one_in(4) && h.type ? bytes.byte() % 4 : bytes.number(given);
    }
};

struct Group {
    steepest_rule_info info;
    std::unique_ptr<double[]> hyper;
    std::unique_ptr<steepest_tensor[]> tensors;
    steepest_group group = {};

    explicit Group(Step& step) {
        Bytes& bytes = step.bytes;
        const int rule = bytes.byte() % steepest_rule_count();
        info = {};
        info.struct_size = sizeof info;
        FUZZ_REQUIRE(steepest_rule_describe(rule, &info) == STEEPEST_OK);
        group.rule = bytes.one_in(64) ? bytes.any<int32_t>() : rule;
        group.decay = bytes.one_in(8) ? bytes.byte() % 5 : info.decay;
        group.maximize = bytes.one_in(4);
        set_hypers(step);
        group.tensor_count = bytes.byte() % 4;
        tensors = zeros<steepest_tensor>(group.tensor_count);
        for (int64_t i = 0; i < group.tensor_count; ++i) tensors[i] = step.tensor(info);
        group.tensors = tensors.get();
        // Another rule may want other states than were made, and longer ones.
        if (group.rule != rule) group.tensor_count = 0;
    }

    void set_hypers(Step& step) {
        if (!step.bytes.one_in(2)) return;
        int32_t count = 0;
        for (int h = 0; h < info.hyper_count; ++h) count += info.hypers[h].length;
        hyper = zeros<double>(count);
        int32_t at = 0;
        for (int h = 0; h < info.hyper_count; ++h)
            for (int k = 0; k < info.hypers[h].length; ++k)
                hyper[at++] = step.hyper(info.hypers[h], k);
        group.hyper_count = count;
        group.hyper = hyper.get();
    }
};

void fuzz_step(Memory& memory, Bytes& bytes) {
    Step step{memory, bytes, bytes.stream()};
    std::vector<Group> groups;
    const int64_t count = 1 + (bytes.one_in(8) ? 1 : 0);
    groups.reserve(static_cast<size_t>(count));
    auto given = zeros<steepest_group>(count);
    int64_t tensors = 0;
    for (int64_t g = 0; g < count; ++g) {
        groups.emplace_back(step);
        given[g] = groups.back().group;
        tensors += given[g].tensor_count;
    }
    steepest_step_args args = {};
    args.struct_size = bytes.struct_size(sizeof args);
    args.group_size = bytes.struct_size(sizeof(steepest_group));
    args.tensor_size = bytes.struct_size(sizeof(steepest_tensor));
    args.group_count = count;
    args.groups = bytes.one_in(64) ? nullptr : given.get();
    args.grad_scale = bytes.number(1);
    args.max_grad_norm = bytes.one_in(3) ? bytes.number(1) : -1;
    args.max_tensor_norm = bytes.one_in(4) ? bytes.number(1) : 0;
    args.max_grad_value = bytes.one_in(4) ? bytes.number(0.5) : 0;
    args.skip_nonfinite = bytes.one_in(3);
    args.seed = bytes.any<uint64_t>();
    args.stream = step.stream;
    if (bytes.one_in(4)) args.tensor_norms = memory.doubles(tensors);
    if (bytes.one_in(4)) args.total_norm = memory.doubles(1);
    size_t mirror = 0;
    if (bytes.one_in(2) && steepest_step_mirror(&args, &mirror) == STEEPEST_OK && mirror > 0) {
        args.mirror = memory.workspace(mirror, 0);
        std::memset(args.mirror, 0, mirror);
        args.mirror_size = mirror;
    }
    if (bytes.one_in(4)) {
        double* sums = memory.doubles(8);
        call(memory, bytes, args, steepest_list_sums_workspace,
             [&](steepest_step_args* a) { return steepest_list_sums(a, sums); });
        return;
    }
    call(memory, bytes, args, steepest_step_workspace, steepest_step);
}

void fuzz_grad_norm(Memory& memory, Bytes& bytes) {
    steepest_norm_args args = {};
    const int64_t count = bytes.byte() % 6;
    auto arrays = zeros<steepest_array>(count);
    auto sizes = zeros<int64_t>(count);
    args.stream = bytes.stream();
    for (int64_t i = 0; i < count; ++i) {
        sizes[i] = bytes.below(bytes.one_in(32) ? 40'000 : 9000);
        arrays[i] = array(memory, bytes, sizes[i], bytes.dtype(), Access::read, false);
        if (bytes.one_in(64)) sizes[i] = -1;
    }
    args.struct_size = bytes.struct_size(sizeof args);
    args.count = bytes.one_in(64) ? -count : count;
    args.arrays = arrays.get();
    args.sizes = bytes.one_in(64) ? nullptr : sizes.get();
    args.norms = bytes.one_in(64) ? nullptr : memory.doubles(count);
    args.total = memory.doubles(1);
    args.finite = bytes.one_in(64) ? nullptr : reinterpret_cast<int32_t*>(memory.doubles(1));
    call(memory, bytes, args, steepest_grad_norm_workspace, steepest_grad_norm);
}

void fuzz_clip_units(Memory& memory, Bytes& bytes) {
    steepest_clip_units_args args = {};
    const int64_t count = bytes.byte() % 4;
    auto tensors = zeros<steepest_unit_tensor>(count);
    args.stream = bytes.stream();
    for (int64_t i = 0; i < count; ++i) {
        steepest_unit_tensor& t = tensors[i];
        t.units = side(bytes);
        t.length = bytes.one_in(8) ? bytes.below(5000) : side(bytes);
        const int64_t size = t.units * t.length;
        t.grad = array(memory, bytes, size, bytes.dtype(), Access::write, false);
        t.param = array(memory, bytes, size, bytes.dtype(), Access::read, false);
        if (bytes.one_in(64)) t.units = -t.units;
    }
    args.struct_size = bytes.struct_size(sizeof args);
    args.tensor_size = bytes.struct_size(sizeof(steepest_unit_tensor));
    args.count = count;
    args.tensors = bytes.one_in(64) ? nullptr : tensors.get();
    args.factor = bytes.number(0.01);
    args.eps = bytes.number(1e-3);
    call(memory, bytes, args, steepest_clip_units_workspace, steepest_clip_units);
}

// Numbers and names that the library knows, and others.
void fuzz_introspection(Memory&, Bytes& bytes) {
    const int any = bytes.any<int>();
    for (const int k : {any, static_cast<int>(bytes.byte())}) {
        FUZZ_REQUIRE(steepest_status_string(static_cast<steepest_status>(k)) != nullptr);
        const char* name = steepest_cpu_target_name(k);
        FUZZ_REQUIRE((name != nullptr) == (k >= 0 && k < steepest_cpu_target_count()));
        steepest_rule_info info = {};
        info.struct_size = bytes.struct_size(sizeof info);
        const steepest_status status = steepest_rule_describe(k, &info);
        if (status == STEEPEST_OK) FUZZ_REQUIRE(steepest_rule_find(info.name) == k);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return choose(data, size,
                  {fuzz_step, fuzz_step, fuzz_step, fuzz_step, fuzz_step, fuzz_grad_norm,
                   fuzz_clip_units, fuzz_introspection});
}
