/* The symbol of a convolution of one channel: absolute values at every frequency. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { kFrequencies = 21, kTaps = 3 };

typedef struct Call {
    float kernel[kTaps], waves[kTaps * 2 * kFrequencies];
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
            float* wave = call->waves + 2 * t * kFrequencies + f;
            wave[0] = (float)cos(0.3 * t * f);
            wave[kFrequencies] = (float)sin(0.3 * t * f);
            re += (double)kernel[t] * (double)wave[0];
            im += (double)kernel[t] * (double)wave[kFrequencies];
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
    call.args.below = 1.2;
    CHECK_STATUS(steepest_symbol_below(&call.args), STEEPEST_OK);
    for (int f = 0; f < kFrequencies; ++f) {
        if (call.norms[f] < 1.2 * (1 - 1e-4)) CHECK(call.is_below[f] == 1);
        if (call.norms[f] > 1.2 * (1 + 1e-6)) CHECK(call.is_below[f] == 0);
    }
    give_back_memory(&call.args);
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
    give_back_memory(&call.args);
}

void test_symbol(void) {
    test_values();
    test_refusals();
}
