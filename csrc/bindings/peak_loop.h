// One loop of multiply-adds on registers only, for one instruction. Included once per instruction;
// before it are defined, and it undefines,
//
//     STEEPEST_PEAK_NAME         its namespace
//     STEEPEST_PEAK_TARGET       the attribute that allows the instruction
//     STEEPEST_PEAK_VECTOR       type of the accumulators
//     STEEPEST_PEAK_OPERAND      type of the operands
//     STEEPEST_PEAK_FILL(v)      an operand with the value v in each lane
//     STEEPEST_PEAK_STEP(c,a,b)  c + a b
//
// The chains are enough for two instructions a cycle of latency six, and leave registers for the
// operands. Nothing is loaded or stored inside: this is what no product of matrices can exceed.
namespace steepest::peak::STEEPEST_PEAK_NAME {

inline constexpr int kChains = sizeof(STEEPEST_PEAK_VECTOR) == 64 ? 24 : 12;

STEEPEST_PEAK_TARGET float run(int64_t rounds, float value) {
    STEEPEST_PEAK_OPERAND a = STEEPEST_PEAK_FILL(value);
    const STEEPEST_PEAK_OPERAND b = a;
    STEEPEST_PEAK_VECTOR sums[kChains] = {};
    for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 24
        for (int k = 0; k < kChains; ++k) {
            STEEPEST_PEAK_OPAQUE(a);  // or one product would do for all
            sums[k] = STEEPEST_PEAK_STEP(sums[k], a, b);
        }
    }
    float total = 0;
    for (const STEEPEST_PEAK_VECTOR& sum : sums) total += static_cast<float>(sum[0]);
    return total;
}

}  // namespace steepest::peak::STEEPEST_PEAK_NAME

#undef STEEPEST_PEAK_NAME
#undef STEEPEST_PEAK_TARGET
#undef STEEPEST_PEAK_VECTOR
#undef STEEPEST_PEAK_OPERAND
#undef STEEPEST_PEAK_FILL
#undef STEEPEST_PEAK_STEP
