/* The symbol of a convolution of one channel: absolute values at every frequency. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { kFrequencies = 21, kTaps = 3 };

typedef struct Call {
    float kernel[kTaps], waves[(kTaps + 1) / 2 * 2 * kFrequencies];
    double norms[kFrequencies], estimates[kFrequencies];
    uint8_t is_below[kFrequencies];
    steepest_symbol_args args;
} Call;

static void set_up(Call* call) {
    static const float kernel[kTaps] = {1.0F, -0.5F, 0.25F};
    memset(call, 0, sizeof *call);
    memcpy(call->kernel, kernel, sizeof kernel);
    for (int f = 0; f < kFrequencies; ++f) {
        double re = 0, im = 0;
        for (int t = 0; t < kTaps; ++t) {
            const int from_centre = t - kTaps / 2;
            re += (double)kernel[t] * (double)(float)cos(0.3 * from_centre * f);
            im += (double)kernel[t] * (double)(float)sin(0.3 * from_centre * f);
            if (from_centre > 0) continue; /* the conjugate of the first one */
            float* wave = call->waves + 2 * t * kFrequencies + f;
            wave[0] = (float)cos(0.3 * from_centre * f);
            wave[kFrequencies] = (float)sin(0.3 * from_centre * f);
        }
        call->norms[f] = hypot(re, im);
    }
    steepest_symbol_args* args = &call->args;
    args->struct_size = sizeof *args;
    args->groups = args->rows = args->cols = args->row_phases = args->col_phases = 1;
    args->taps = kTaps;
    args->frequencies = kFrequencies;
    args->kernel = call->kernel;
    args->waves = call->waves;
    args->estimates = call->estimates;
    args->is_below = call->is_below;
}

static void take_memory(steepest_symbol_args* args) {
    CHECK_STATUS(steepest_symbol_memory(args, &args->grams_size, &args->workspace_size),
                 STEEPEST_OK);
    args->grams = aligned_memory(args->grams_size);
    args->workspace = aligned_memory(args->workspace_size);
}

static void give_back_memory(steepest_symbol_args* args) {
    free(args->grams);
    free(args->workspace);
}

static void test_values(void) {
    Call call;
    set_up(&call);
    take_memory(&call.args);
    CHECK_STATUS(steepest_symbol_grams(&call.args), STEEPEST_OK);
    for (int f = 0; f < kFrequencies; ++f) CHECK_CLOSE(call.estimates[f], call.norms[f], 1e-5);
    double lower = 0;
    call.args.lower = &lower;
    call.args.tol = 1e-3;
    for (int f = 0; f < kFrequencies; ++f) {
        call.args.frequency = f;
        CHECK_STATUS(steepest_symbol_lower(&call.args), STEEPEST_OK);
        CHECK(lower <= call.norms[f] * (1 + 1e-6));
        CHECK_CLOSE(lower, call.norms[f], 2e-3 * call.norms[f]);
    }
    call.args.below = 1.2;
    CHECK_STATUS(steepest_symbol_below(&call.args), STEEPEST_OK);
    for (int f = 0; f < kFrequencies; ++f) {
        if (call.norms[f] < 1.2 * (1 - 1e-4)) CHECK(call.is_below[f] == 1);
        if (call.norms[f] > 1.2 * (1 + 1e-6)) CHECK(call.is_below[f] == 0);
    }
    give_back_memory(&call.args);
}

/* Another thread may use another target before the second call: the proofs stay the same. */
static void test_targets(void) {
    const char* active = steepest_cpu_active();
    const int count = steepest_cpu_target_count();
    uint8_t expected[kFrequencies];
    for (int made = 0; made < count; ++made)
        for (int then = 0; then < 2 * count; ++then) {
            const int other = then < count ? made : then - count; /* itself first */
            if (!steepest_cpu_target_usable(made) || !steepest_cpu_target_usable(other)) continue;
            Call call;
            set_up(&call);
            CHECK_STATUS(steepest_cpu_use(steepest_cpu_target_name(other)), STEEPEST_OK);
            take_memory(&call.args); /* of a size that is right for both */
            CHECK_STATUS(steepest_cpu_use(steepest_cpu_target_name(made)), STEEPEST_OK);
            CHECK_STATUS(steepest_symbol_grams(&call.args), STEEPEST_OK);
            CHECK_STATUS(steepest_cpu_use(steepest_cpu_target_name(other)), STEEPEST_OK);
            call.args.below = 1.2;
            CHECK_STATUS(steepest_symbol_below(&call.args), STEEPEST_OK);
            if (then < count) memcpy(expected, call.is_below, sizeof expected);
            CHECK(memcmp(call.is_below, expected, sizeof expected) == 0);
            give_back_memory(&call.args);
        }
    CHECK_STATUS(steepest_cpu_use(active), STEEPEST_OK);
}

/* REFUSED_BELOW(what spoils the memory or the arguments after the Gram matrices were made) */
#define REFUSED_BELOW(...)                                                          \
    do {                                                                            \
        Call call;                                                                  \
        set_up(&call);                                                              \
        take_memory(&call.args);                                                    \
        CHECK_STATUS(steepest_symbol_grams(&call.args), STEEPEST_OK);               \
        call.args.below = 1.2;                                                      \
        memset(call.is_below, 7, sizeof call.is_below);                             \
        __VA_ARGS__;                                                                \
        CHECK_STATUS(steepest_symbol_below(&call.args), STEEPEST_INVALID_ARGUMENT); \
        CHECK(call.is_below[0] == 7);                                               \
        give_back_memory(&call.args);                                               \
    } while (0)

static void test_foreign_memory(void) {
    REFUSED_BELOW(memset(call.args.grams, 0, call.args.grams_size));
    REFUSED_BELOW(call.args.frequencies -= 1);
    REFUSED_BELOW(call.args.taps -= 1);
    /* What the memory says of itself: a mark, the target, five extents. */
    for (int word = 0; word < 7; ++word)
        REFUSED_BELOW(memset((char*)call.args.grams + 8 * word, 0x7f, 8));
    /* After one call there are no Gram matrices any more. */
    REFUSED_BELOW(CHECK_STATUS(steepest_symbol_below(&call.args), STEEPEST_OK);
                  memset(call.is_below, 7, sizeof call.is_below));
}

/* Extents whose products do not fit in 64 bits. */
static void test_too_large(void) {
    enum { kExtents = 5, kCases = 7 };
    static const int64_t big = INT64_C(1) << 31;
    static const uint8_t is_big[kCases][kExtents] = {
        {1, 1, 1, 1, 1}, {0, 1, 0, 0, 0}, {1, 0, 0, 0, 1}, {0, 0, 1, 1, 0},
        {1, 0, 0, 1, 0}, {0, 0, 0, 1, 1}, {0, 1, 0, 1, 0}};
    for (int i = 0; i < kCases; ++i) {
        Call call;
        set_up(&call);
        size_t grams = 7, workspace = 7;
        int64_t* extents[kExtents] = {&call.args.groups, &call.args.rows, &call.args.cols,
                                      &call.args.taps, &call.args.frequencies};
        for (int k = 0; k < kExtents; ++k) *extents[k] = is_big[i][k] ? big : 1;
        call.args.row_phases = call.args.rows;
        CHECK_STATUS(steepest_symbol_memory(&call.args, &grams, &workspace),
                     STEEPEST_INVALID_ARGUMENT);
        CHECK_STATUS(steepest_symbol_grams(&call.args), STEEPEST_INVALID_ARGUMENT);
        CHECK(grams == 7 && workspace == 7);
    }
    Call call;
    set_up(&call);
    size_t grams = 0, workspace = 0;
    call.args.cols = big; /* a kernel that a large machine could hold */
    CHECK_STATUS(steepest_symbol_memory(&call.args, &grams, &workspace), STEEPEST_OK);
}

/* REFUSED(status, what spoils the arguments) */
#define REFUSED(expected, ...)                                       \
    do {                                                             \
        Call call;                                                   \
        set_up(&call);                                               \
        take_memory(&call.args);                                     \
        __VA_ARGS__;                                                 \
        CHECK_STATUS(steepest_symbol_grams(&call.args), (expected)); \
        CHECK(call.estimates[0] == 0);                               \
        give_back_memory(&call.args);                                \
    } while (0)

static void test_refusals(void) {
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.args.struct_size = 8);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.args.rows = 0);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.args.frequencies = -1);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.args.col_phases = 2);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.args.kernel = NULL);
    REFUSED(STEEPEST_INVALID_ARGUMENT, call.args.estimates = NULL; call.args.below = 0);
    REFUSED(STEEPEST_WORKSPACE_TOO_SMALL, call.args.grams_size -= 1);
    REFUSED(STEEPEST_WORKSPACE_TOO_SMALL, call.args.workspace_size -= 1);
    CHECK_STATUS(steepest_symbol_memory(NULL, NULL, NULL), STEEPEST_INVALID_ARGUMENT);
    Call call;
    set_up(&call);
    take_memory(&call.args);
    CHECK_STATUS(steepest_symbol_grams(&call.args), STEEPEST_OK);
    call.args.below = NAN;
    CHECK_STATUS(steepest_symbol_below(&call.args), STEEPEST_INVALID_HYPER);
    double lower = 7;
    CHECK_STATUS(steepest_symbol_lower(&call.args), STEEPEST_INVALID_ARGUMENT);
    call.args.lower = &lower;
    call.args.tol = NAN;
    CHECK_STATUS(steepest_symbol_lower(&call.args), STEEPEST_INVALID_HYPER);
    call.args.tol = 0.1;
    call.args.frequency = kFrequencies;
    CHECK_STATUS(steepest_symbol_lower(&call.args), STEEPEST_INVALID_ARGUMENT);
    call.args.frequency = 0;
    memset(call.args.grams, 0, call.args.grams_size);
    CHECK_STATUS(steepest_symbol_lower(&call.args), STEEPEST_INVALID_ARGUMENT);
    CHECK(lower == 7);
    give_back_memory(&call.args);
}

void test_symbol(void) {
    test_values();
    test_targets();
    test_foreign_memory();
    test_too_large();
    test_refusals();
}
