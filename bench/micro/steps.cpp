// One step of a rule over a list of tensors of one shape, any rule of the table: what states and
// keywords it has, the library says.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "micro/run.h"

namespace steepest::bench {
namespace {

constexpr int64_t kFirstStep = 10;  // states are those of the middle of training

steepest_rule_info info_of(int rule) {
    steepest_rule_info info{};
    info.struct_size = sizeof info;
    if (const auto s = steepest_rule_describe(rule, &info)) fail(steepest_status_string(s));
    return info;
}

double choice(const steepest_hyper_info& hyper, const std::string& given) {
    double position = 0;
    const std::string names = std::string(hyper.choices) + "|";
    for (size_t at = 0; at < names.size(); at = names.find('|', at) + 1, ++position)
        if (names.compare(at, names.find('|', at) - at, given) == 0) return position;
    fail(std::string(hyper.name) + ": " + given + " given, expected one of " + hyper.choices);
}

// The rule's numbers one after the other: its defaults but for what the case says.
std::vector<double> hypers_of(const steepest_rule_info& info, const Case& s) {
    std::vector<double> numbers;
    for (int h = 0; h < info.hyper_count; ++h) {
        const steepest_hyper_info& hyper = info.hypers[h];
        std::vector<double> these(hyper.value, hyper.value + hyper.length);
        if (s.has(hyper.name))
            these = hyper.type == 2 ? std::vector<double>{choice(hyper, s.text(hyper.name))}
                                    : s.numbers(hyper.name);
        numbers.insert(numbers.end(), these.begin(), these.end());
    }
    return numbers;
}

int64_t length_of(const steepest_state_info& state, const Shape& shape) {
    switch (state.kind) {
        case STEEPEST_ROW:
            return shape.rows;
        case STEEPEST_COLUMN:
            return shape.cols;
        case STEEPEST_TENSOR:
            return 1;
        default:
            return shape.elements();
    }
}

struct Call {
    std::vector<Memory> memory;
    std::vector<steepest_tensor> tensors;
    std::vector<double> hypers;
    steepest_group group{};
    steepest_step_args args{};

    explicit Call(const Case& s) {
        const int rule = steepest_rule_find(s.text("rule").c_str());
        if (rule < 0) fail(s.label() + ": no such rule");
        const steepest_rule_info info = info_of(rule);
        hypers = hypers_of(info, s);
        for (int64_t k = 0; k < s.number("count"); ++k) add_tensor(info, s, k);
        group.rule = rule;
        group.decay = info.decay;
        group.hyper_count = static_cast<int32_t>(hypers.size());
        group.hyper = hypers.data();
        group.tensor_count = static_cast<int64_t>(tensors.size());
        group.tensors = tensors.data();
        args.struct_size = sizeof args;
        args.group_size = sizeof group;
        args.tensor_size = sizeof(steepest_tensor);
        args.group_count = 1;
        args.groups = &group;
        args.grad_scale = 1;
        args.max_grad_norm = -1;
    }
    Call(const Call&) = delete;

    void next_step() {
        for (steepest_tensor& tensor : tensors) ++tensor.step;
    }

  private:
    void add_tensor(const steepest_rule_info& info, const Case& s, int64_t number) {
        const Shape shape = s.shape("shape");
        steepest_tensor t{};
        t.count = shape.elements();
        t.id = static_cast<uint32_t>(number);
        t.step = kFirstStep;
        t.lr = s.has("lr") ? s.numbers("lr")[0] : info.lr;
        t.weight_decay = s.has("weight_decay") ? s.numbers("weight_decay")[0] : info.weight_decay;
        t.param = array(t.count, 0.5f, 0.2f);
        t.grad = array(t.count, 0.5f, 0.02f);
        bool by_lines = info.row_sums != 0;
        const std::vector<std::string> given = s.words("states");
        for (int k = 0; k < info.state_count; ++k) {
            const steepest_state_info& state = info.states[k];
            by_lines |= state.kind == STEEPEST_ROW || state.kind == STEEPEST_COLUMN;
            if (std::find(given.begin(), given.end(), state.name) != given.end())
                t.state[k] = array(length_of(state, shape), 0, 1e-4f);
        }
        if (by_lines && shape.dimensions == 2) {
            t.rows = shape.rows;
            t.cols = shape.cols;
        }
        tensors.push_back(t);
    }

    // Second moments are among the states, so these are not negative.
    steepest_array array(int64_t count, float below, float scale) {
        memory.push_back(values(count, STEEPEST_F32, below, scale));
        return {memory.back().data(), STEEPEST_F32, STEEPEST_NEAREST};
    }
};

void run(benchmark::State& state, const Case& s) {
    Call call(s);
    const Memory workspace = workspace_of(steepest_step_workspace, call.args);
    const bool done = time(state, [&] {
        call.next_step();
        return steepest_step(&call.args);
    });
    if (done) count(state, s.number("bytes"), s.number("flops"));
}

}  // namespace

void add_steps(const Case& s) {
    add(s.label(), [s](benchmark::State& state) { run(state, s); });
}

}  // namespace steepest::bench
