/* Distributed Lion: packing, voting and the step; EF21's messages. */
#include <math.h>
#include <string.h>

#include "check.h"

#define N 11

static _Alignas(64) char workspace[4096];

static steepest_array array_of(void* data, int32_t dtype) {
    const steepest_array a = {data, dtype, STEEPEST_NEAREST};
    return a;
}

/* beta1 = 0, so that the signs are the gradient's. */
static steepest_sign_tensor sign_tensor(double* grad, double* momentum) {
    steepest_sign_tensor t;
    memset(&t, 0, sizeof t);
    t.count = N;
    t.step = 1;
    t.beta2 = 0.5;
    t.grad = array_of(grad, STEEPEST_F64);
    t.momentum = array_of(momentum, STEEPEST_F64);
    return t;
}

static steepest_sign_args sign_args(const steepest_sign_tensor* tensor, void* message,
                                    int32_t bits) {
    const steepest_sign_args args = {.struct_size = sizeof args,
                                     .tensor_size = sizeof *tensor,
                                     .tensor_count = 1,
                                     .tensors = tensor,
                                     .grad_scale = 1,
                                     .bits = bits,
                                     .message = message,
                                     .message_size = 2 * bits,
                                     .workspace = workspace,
                                     .workspace_size = sizeof workspace,
                                     .nans = -1};
    return args;
}

static void test_packing(void) {
    double grad[N], momentum[N] = {0};
    for (int i = 0; i < N; ++i) grad[i] = i % 3 - 1; /* -1, 0, 1, -1, ... */
    steepest_sign_tensor t = sign_tensor(grad, momentum);
    uint8_t message[4] = {0};
    steepest_sign_args args = sign_args(&t, message, 1);
    size_t size = 0;
    CHECK_STATUS(steepest_sign_workspace(&args, &size), STEEPEST_OK);
    CHECK(size > 0 && size <= sizeof workspace);
    args.workspace_size = size;
    CHECK_STATUS(steepest_sign_pack(&args), STEEPEST_OK);
    CHECK(args.nans == 0);
    CHECK(message[0] == 0xB6 && message[1] == 0x05); /* zeros count as positive */
    for (int i = 0; i < N; ++i) CHECK(momentum[i] == 0.5 * grad[i]);
    grad[0] = NAN;
    args = sign_args(&t, message, 2);
    CHECK_STATUS(steepest_sign_pack(&args), STEEPEST_OK);
    CHECK(args.nans == 1);
    CHECK(message[0] == 0x25 && message[1] == 0x01 && message[2] == 0x49 && message[3] == 0x02);
}

static steepest_vote_args vote_args(const uint8_t* messages, uint8_t* result, int32_t tie,
                                    int64_t size) {
    const steepest_vote_args args = {.struct_size = sizeof args,
                                     .workers = 2,
                                     .bits = 1,
                                     .plane_size = 2,
                                     .messages = messages,
                                     .stride = 2,
                                     .outcome = 0,
                                     .tie = tie,
                                     .result = result,
                                     .result_size = size};
    return args;
}

static void test_votes(void) {
    const uint8_t messages[4] = {0x0F, 0x01, 0x33, 0x02};
    uint8_t result[4];
    steepest_vote_args args = vote_args(messages, result, STEEPEST_TIE_ZERO, 4);
    CHECK_STATUS(steepest_vote(&args), STEEPEST_OK);
    CHECK(result[0] == 0x03 && result[1] == 0x00 && result[2] == 0xC0 && result[3] == 0xFC);
    args = vote_args(messages, result, STEEPEST_TIE_POSITIVE, 2);
    CHECK_STATUS(steepest_vote(&args), STEEPEST_OK);
    CHECK(result[0] == 0x3F && result[1] == 0x03);
    args = vote_args(messages, result, STEEPEST_TIE_FIRST, 2);
    CHECK_STATUS(steepest_vote(&args), STEEPEST_OK);
    CHECK(result[0] == 0x0F && result[1] == 0x01);
    args = vote_args(messages, result, 0, 4);
    args.outcome = 1; /* digits of the counts 2, 1 and 0 */
    CHECK_STATUS(steepest_vote(&args), STEEPEST_OK);
    CHECK(result[0] == 0x3C && result[1] == 0x03 && result[2] == 0x03 && result[3] == 0x00);
}

static steepest_voted_tensor voted_tensor(double* param) {
    steepest_voted_tensor t;
    memset(&t, 0, sizeof t);
    t.count = N;
    t.step = 1;
    t.lr = 0.5;
    t.weight_decay = 0.5;
    t.param = array_of(param, STEEPEST_F64);
    return t;
}

static steepest_vote_step_args step_args_of(const steepest_voted_tensor* tensor, const void* votes,
                                            int32_t form, int32_t workers, int64_t size) {
    const steepest_vote_step_args args = {.struct_size = sizeof args,
                                          .tensor_size = sizeof *tensor,
                                          .tensor_count = 1,
                                          .tensors = tensor,
                                          .form = form,
                                          .workers = workers,
                                          .votes = votes,
                                          .votes_size = size,
                                          .workspace = workspace,
                                          .workspace_size = sizeof workspace};
    return args;
}

static void test_steps(void) {
    double param[N];
    for (int i = 0; i < N; ++i) param[i] = 4;
    const steepest_voted_tensor t = voted_tensor(param);
    const uint8_t counts[4] = {0x01, 0, 0x06, 0}; /* of two workers: 1, 2, 2, 0, 0, ... */
    steepest_vote_step_args args = step_args_of(&t, counts, STEEPEST_VOTE_SUM_OF_SIGNS, 2, 4);
    size_t size = 0;
    CHECK_STATUS(steepest_vote_step_workspace(&args, &size), STEEPEST_OK);
    CHECK(size > 0 && size <= sizeof workspace);
    CHECK_STATUS(steepest_vote_step(&args), STEEPEST_OK);
    CHECK(param[0] == 3 && param[1] == 2.5 && param[2] == 2.5 && param[3] == 3.5);
    const uint8_t ternary[4] = {0x05, 0, 0x06, 0}; /* 1, -1, NaN, 0, 0, ... */
    for (int i = 0; i < N; ++i) param[i] = 4;
    args = step_args_of(&t, ternary, STEEPEST_VOTE_TERNARY, 1, 4);
    CHECK_STATUS(steepest_vote_step(&args), STEEPEST_OK);
    CHECK(param[0] == 2.5 && param[1] == 3.5 && isnan(param[2]) && param[3] == 3);
}

static void test_refusals_of_packing(void) {
    double grad[N] = {0}, momentum[N] = {0};
    uint8_t message[2] = {7, 7};
    steepest_sign_tensor t = sign_tensor(grad, momentum);
    steepest_sign_args args = sign_args(&t, message, 1);
    args.message_size = 3;
    CHECK_STATUS(steepest_sign_pack(&args), STEEPEST_INVALID_ARGUMENT);
    args.message_size = 2;
    args.bits = 3;
    CHECK_STATUS(steepest_sign_pack(&args), STEEPEST_INVALID_ARGUMENT);
    args.bits = 1;
    t.beta1 = 1;
    CHECK_STATUS(steepest_sign_pack(&args), STEEPEST_INVALID_HYPER);
    t.beta1 = NAN;
    CHECK_STATUS(steepest_sign_pack(&args), STEEPEST_INVALID_HYPER);
    t.beta1 = 0;
    t.momentum.dtype = STEEPEST_F32;
    CHECK_STATUS(steepest_sign_pack(&args), STEEPEST_INVALID_DTYPE);
    t.momentum = array_of(NULL, STEEPEST_F64);
    CHECK_STATUS(steepest_sign_pack(&args), STEEPEST_INVALID_ARGUMENT);
    t.momentum = array_of(momentum, STEEPEST_F64);
    args.workspace_size = 1;
    CHECK_STATUS(steepest_sign_pack(&args), STEEPEST_WORKSPACE_TOO_SMALL);
    args.workspace_size = sizeof workspace;
    t.count = INT64_C(1) << 62;
    CHECK_STATUS(steepest_sign_pack(&args), STEEPEST_INVALID_ARGUMENT);
    CHECK_STATUS(steepest_sign_pack(NULL), STEEPEST_INVALID_ARGUMENT);
    CHECK(message[0] == 7 && message[1] == 7 && args.nans == -1);
}

static void test_refusals_of_votes(void) {
    const uint8_t messages[4] = {0};
    uint8_t result[4] = {9, 9, 9, 9};
    steepest_vote_args args = vote_args(messages, result, STEEPEST_TIE_FIRST, 3);
    CHECK_STATUS(steepest_vote(&args), STEEPEST_INVALID_ARGUMENT);
    args = vote_args(messages, result, 4, 2);
    CHECK_STATUS(steepest_vote(&args), STEEPEST_INVALID_ARGUMENT);
    args = vote_args(messages, result, STEEPEST_TIE_FIRST, 2);
    args.workers = 65536;
    CHECK_STATUS(steepest_vote(&args), STEEPEST_INVALID_ARGUMENT);
    args = vote_args(messages, result, STEEPEST_TIE_FIRST, 2);
    args.stride = 1;
    CHECK_STATUS(steepest_vote(&args), STEEPEST_INVALID_ARGUMENT);
    CHECK_STATUS(steepest_vote(NULL), STEEPEST_INVALID_ARGUMENT);
    double param[N] = {0};
    steepest_voted_tensor t = voted_tensor(param);
    steepest_vote_step_args step = step_args_of(&t, messages, STEEPEST_VOTE_SIGNS, 1, 3);
    CHECK_STATUS(steepest_vote_step(&step), STEEPEST_INVALID_ARGUMENT);
    step = step_args_of(&t, messages, 4, 1, 2);
    CHECK_STATUS(steepest_vote_step(&step), STEEPEST_INVALID_ARGUMENT);
    step = step_args_of(&t, messages, STEEPEST_VOTE_SIGNS, 1, 2);
    t.lr = INFINITY;
    CHECK_STATUS(steepest_vote_step(&step), STEEPEST_INVALID_HYPER);
    CHECK_STATUS(steepest_vote_step(NULL), STEEPEST_INVALID_ARGUMENT);
    CHECK(result[0] == 9 && result[1] == 9 && param[0] == 0);
}

/* Differences 0, -1, 2, -3, ...: the largest are the last ones. */
static steepest_ef21_tensor ef21_tensor(double* grad, double* estimate) {
    steepest_ef21_tensor t;
    memset(&t, 0, sizeof t);
    t.count = N;
    t.kept = 2;
    t.grad = array_of(grad, STEEPEST_F64);
    t.estimate = array_of(estimate, STEEPEST_F64);
    for (int i = 0; i < N; ++i) {
        grad[i] = i % 2 ? -i : i;
        estimate[i] = 0;
    }
    return t;
}

static steepest_ef21_pack_args pack_args_of(const steepest_ef21_tensor* tensor, int32_t compressor,
                                            void* message, int64_t size) {
    const steepest_ef21_pack_args args = {.struct_size = sizeof args,
                                          .tensor_size = sizeof *tensor,
                                          .tensor_count = 1,
                                          .tensors = tensor,
                                          .compressor = compressor,
                                          .scale = 1,
                                          .step = 1,
                                          .message = message,
                                          .message_size = size,
                                          .workspace = workspace,
                                          .workspace_size = sizeof workspace};
    return args;
}

static steepest_ef21_add_args add_args_of(const steepest_ef21_tensor* tensor, int32_t compressor,
                                          const void* messages, int64_t size) {
    static const double weights[2] = {0.5, 0.5};
    static const uint64_t seeds[2] = {0, 0};
    const steepest_ef21_add_args args = {.struct_size = sizeof args,
                                         .tensor_size = sizeof *tensor,
                                         .tensor_count = 1,
                                         .tensors = tensor,
                                         .compressor = compressor,
                                         .step = 1,
                                         .workers = 2,
                                         .messages = messages,
                                         .stride = size,
                                         .message_size = size,
                                         .weights = weights,
                                         .seeds = seeds,
                                         .workspace = workspace,
                                         .workspace_size = sizeof workspace};
    return args;
}

static void test_ef21(void) {
    double grad[N], estimate[N], sum[N] = {0};
    steepest_ef21_tensor t = ef21_tensor(grad, estimate);
    const int64_t sizes[] = {24, 16, 10};
    for (int32_t c = STEEPEST_TOP_K; c <= STEEPEST_SCALED_SIGN; ++c) {
        char messages[48];
        t = ef21_tensor(grad, estimate);
        steepest_ef21_pack_args pack = pack_args_of(&t, c, messages, sizes[c]);
        size_t size = 0;
        CHECK_STATUS(steepest_ef21_pack_workspace(&pack, &size), STEEPEST_OK);
        CHECK(size > 0 && size <= sizeof workspace);
        CHECK_STATUS(steepest_ef21_pack(&pack), STEEPEST_OK);
        memcpy(messages + sizes[c], messages, (size_t)sizes[c]);
        t.estimate.data = sum;
        memset(sum, 0, sizeof sum);
        steepest_ef21_add_args add = add_args_of(&t, c, messages, sizes[c]);
        CHECK_STATUS(steepest_ef21_add_workspace(&add, &size), STEEPEST_OK);
        CHECK_STATUS(steepest_ef21_add(&add), STEEPEST_OK);
        for (int i = 0; i < N; ++i) CHECK(sum[i] == estimate[i]);
        if (c == STEEPEST_TOP_K) CHECK(estimate[9] == -9 && estimate[10] == 10 && !estimate[8]);
        if (c == STEEPEST_SCALED_SIGN) CHECK(estimate[0] == 5 && estimate[9] == -5);
    }
}

static void test_refusals_of_ef21(void) {
    double grad[N], estimate[N];
    char message[24] = {0};
    steepest_ef21_tensor t = ef21_tensor(grad, estimate);
    steepest_ef21_pack_args pack = pack_args_of(&t, STEEPEST_TOP_K, message, 23);
    CHECK_STATUS(steepest_ef21_pack(&pack), STEEPEST_INVALID_ARGUMENT);
    pack = pack_args_of(&t, 3, message, 24);
    CHECK_STATUS(steepest_ef21_pack(&pack), STEEPEST_INVALID_ARGUMENT);
    pack = pack_args_of(&t, STEEPEST_TOP_K, message, 24);
    pack.scale = 0;
    CHECK_STATUS(steepest_ef21_pack(&pack), STEEPEST_INVALID_HYPER);
    pack.scale = 1;
    pack.workspace_size = 1;
    CHECK_STATUS(steepest_ef21_pack(&pack), STEEPEST_WORKSPACE_TOO_SMALL);
    pack.workspace_size = sizeof workspace;
    for (int64_t kept = 0; kept <= N + 1; kept += N + 1) {
        t.kept = kept;
        CHECK_STATUS(steepest_ef21_pack(&pack), STEEPEST_INVALID_ARGUMENT);
    }
    t.kept = 2;
    t.estimate.dtype = STEEPEST_BF16;
    CHECK_STATUS(steepest_ef21_pack(&pack), STEEPEST_INVALID_DTYPE);
    t.estimate.dtype = STEEPEST_F32;
    CHECK_STATUS(steepest_ef21_pack(&pack), STEEPEST_INVALID_DTYPE);
    t.estimate.dtype = STEEPEST_F64;
    CHECK_STATUS(steepest_ef21_pack(NULL), STEEPEST_INVALID_ARGUMENT);
    /* Places that do not rise: zeros. */
    const char messages[48] = {0};
    steepest_ef21_add_args add = add_args_of(&t, STEEPEST_TOP_K, messages, 24);
    CHECK_STATUS(steepest_ef21_add(&add), STEEPEST_INVALID_ARGUMENT);
    add.stride = 23;
    CHECK_STATUS(steepest_ef21_add(&add), STEEPEST_INVALID_ARGUMENT);
    add = add_args_of(&t, STEEPEST_SCALED_SIGN, messages, 10);
    add.weights = NULL;
    CHECK_STATUS(steepest_ef21_add(&add), STEEPEST_INVALID_ARGUMENT);
    CHECK_STATUS(steepest_ef21_add(NULL), STEEPEST_INVALID_ARGUMENT);
    for (int i = 0; i < N; ++i) CHECK(estimate[i] == 0);
    for (int i = 0; i < 24; ++i) CHECK(message[i] == 0);
}

void test_distributed(void) {
    test_packing();
    test_votes();
    test_steps();
    test_refusals_of_packing();
    test_refusals_of_votes();
    test_ef21();
    test_refusals_of_ef21();
}
