/* AdamW over several tensors and storage types, against the paper's formulas in double. */
#include <math.h>
#include <string.h>

#include "check.h"

enum { kCount = 1000, kSteps = 5 };

static const double kBeta1 = 0.9, kBeta2 = 0.999, kEps = 1e-8, kDecay = 0.01;

/* Values without a pattern that a kernel could miss; any function of i and t would do. */
static double wave(int i, int t) { return sin(0.7 * i + 1.3 * t) * (1 + i % 7); }

/* Loshchilov & Hutter, algorithm 2. */
static void reference(double* p, double g, double* m, double* v, int t, double lr) {
    *p -= lr * kDecay * *p;
    *m = kBeta1 * *m + (1 - kBeta1) * g;
    *v = kBeta2 * *v + (1 - kBeta2) * g * g;
    *p -= lr * (*m / (1 - pow(kBeta1, t))) / (sqrt(*v / (1 - pow(kBeta2, t))) + kEps);
}

/* The same parameters in double, in float with the first moment in bf16, and without gradients. */
static double p64[kCount], g64[kCount], m64[kCount], v64[kCount];
static float p32[kCount], g32[kCount], v32[kCount];
static uint16_t m16[kCount];
static float p_idle[kCount], m_idle[kCount], v_idle[kCount];

/* What the references start from: the stored values before the step, so that one rounding is judged
 * at a time and the bounds need not grow with t. */
typedef struct Start {
    double p64[kCount], m64[kCount], v64[kCount];
    double p32[kCount], m16[kCount], v32[kCount];
} Start;

static Start start;

static void fill(void) {
    for (int i = 0; i < kCount; ++i) {
        p64[i] = p32[i] = p_idle[i] = (float)wave(i, 0);
        m_idle[i] = 0.5f;
        v_idle[i] = 0.25f;
    }
}

static void prepare_step(int t) {
    memcpy(start.p64, p64, sizeof p64);
    memcpy(start.m64, m64, sizeof m64);
    memcpy(start.v64, v64, sizeof v64);
    for (int i = 0; i < kCount; ++i) {
        g64[i] = g32[i] = (float)wave(i, t);
        start.p32[i] = p32[i];
        start.m16[i] = bf16_to_double(m16[i]);
        start.v32[i] = v32[i];
    }
}

static void check_double(int i, int t, double lr) {
    double p = start.p64[i], m = start.m64[i], v = start.v64[i];
    reference(&p, g64[i], &m, &v, t, lr);
    CHECK_CLOSE(p64[i], p, 1e-15 * (1 + fabs(p)));
    CHECK_CLOSE(m64[i], m, 1e-15 * (1 + fabs(m)));
    CHECK_CLOSE(v64[i], v, 1e-15 * (1 + v));
}

static void check_mixed(int i, int t, double lr) {
    double p = start.p32[i], m = start.m16[i], v = start.v32[i];
    reference(&p, g32[i], &m, &v, t, lr);
    CHECK_CLOSE(p32[i], p, 5e-7 * (1 + fabs(p)));
    CHECK_CLOSE(v32[i], v, 5e-7 * v);
    /* bf16 has 8 significant bits: nearest rounding errs by 2^-8 at most, float adds a little. */
    CHECK_CLOSE(bf16_to_double(m16[i]), m, (ldexp(1, -8) + 1e-6) * fabs(m) + 1e-6);
}

static void check_idle(int i) {
    CHECK(p_idle[i] == (float)wave(i, 0) && m_idle[i] == 0.5f && v_idle[i] == 0.25f);
}

static void test_mixed_list(void) {
    steepest_tensor tensors[3];
    fill();
    tensors[0] = tensor_of(STEEPEST_F32, kCount, p32, g32, m16, v32);
    tensors[0].state[0].dtype = STEEPEST_BF16;
    tensors[1] = tensor_of(STEEPEST_F32, kCount, p_idle, NULL, m_idle, v_idle);
    tensors[2] = tensor_of(STEEPEST_F64, kCount, p64, g64, m64, v64);
    const steepest_group group = group_of("adamw", tensors, 3);
    for (int t = 1; t <= kSteps; ++t) {
        prepare_step(t);
        for (int k = 0; k < 3; ++k) {
            tensors[k].step = t;
            tensors[k].lr = 1e-2 * (k + 1);
            tensors[k].weight_decay = kDecay;
        }
        steepest_step_args args = step_args(&group);
        CHECK_STATUS(run_step(&args), STEEPEST_OK);
        CHECK(!args.skipped && isnan(args.grad_norm));
        for (int i = 0; i < kCount; ++i) {
            check_mixed(i, t, tensors[0].lr);
            check_idle(i);
            check_double(i, t, tensors[2].lr);
        }
    }
}

/* The first step moves by lr in the direction of the gradient's sign, whatever its size. */
static void test_bf16_parameter(void) {
    steepest_tensor tensor = tensor_of(STEEPEST_BF16, kCount, m16, g32, p32, v32);
    uint16_t before[kCount];
    tensor.grad.dtype = tensor.state[0].dtype = tensor.state[1].dtype = STEEPEST_F32;
    tensor.lr = 0.5;
    for (int i = 0; i < kCount; ++i) {
        before[i] = m16[i] = bf16_from_float((float)wave(i, 1));
        g32[i] = (float)(wave(i, 2) + 20);
        p32[i] = v32[i] = 0;
    }
    const steepest_group group = group_of("adamw", &tensor, 1);
    steepest_step_args args = step_args(&group);
    CHECK_STATUS(run_step(&args), STEEPEST_OK);
    for (int i = 0; i < kCount; ++i) {
        const double exact = bf16_to_double(before[i]) - 0.5;
        CHECK_CLOSE(bf16_to_double(m16[i]), exact, 1e-6 + fabs(exact) * ldexp(1, -8));
    }
}

/* New hyper-parameters, ascent and unscaling, all with one element. */
static void test_options(void) {
    double p = 1, g = 6, m = 0, v = 0;
    const double hyper[] = {0.5, 0.75, 1e-3};
    steepest_tensor tensor = tensor_of(STEEPEST_F64, 1, &p, &g, &m, &v);
    steepest_group group = group_of("adamw", &tensor, 1);
    group.hyper = hyper;
    group.hyper_count = 3;
    group.maximize = 1;
    steepest_step_args args = step_args(&group);
    args.grad_scale = 2; /* so the gradient is 3, and -3 uphill */
    tensor.lr = 0.1;
    CHECK_STATUS(run_step(&args), STEEPEST_OK);
    CHECK_CLOSE(m, -1.5, 1e-15);
    CHECK_CLOSE(v, 2.25, 1e-15);
    CHECK_CLOSE(p, 1 + 0.1 * 3 / (3 + 1e-3), 1e-15);
    CHECK(g == 6);
}

/* Moved by 0.5 towards a gradient of either sign, a parameter of 4 loses 0.5 * 0.25 of itself only
 * where it moves towards 0. */
static void test_cautious_decay(void) {
    double p[3] = {4, 4, 0}, g[3] = {1, -1, -1}, m[3] = {0}, v[3] = {0};
    const double hyper[] = {0, 0, 0};
    steepest_tensor tensor = tensor_of(STEEPEST_F64, 3, p, g, m, v);
    steepest_group group = group_of("adamw", &tensor, 1);
    group.hyper = hyper;
    group.hyper_count = 3;
    group.decay = STEEPEST_DECAY_CAUTIOUS;
    tensor.lr = 0.5;
    tensor.weight_decay = 0.25;
    steepest_step_args args = step_args(&group);
    CHECK_STATUS(run_step(&args), STEEPEST_OK);
    CHECK(p[0] == 4 * (1 - 0.125) - 0.5 && p[1] == 4.5 && p[2] == 0.5);
}

void test_adamw(void) {
    test_mixed_list();
    test_bf16_parameter();
    test_options();
    test_cautious_decay();
}
