/* LAMB: the trust ratio makes each tensor's step depend on norms over the whole tensor. */
#include <math.h>

#include "check.h"

enum { kLarge = 5000, kSmall = 7 }; /* more and fewer elements than a block of the reduction */

typedef struct Tensor {
    int count;
    double p[kLarge], g[kLarge], m[kLarge], v[kLarge];        /* the library's */
    double exact_p[kLarge], exact_m[kLarge], exact_v[kLarge]; /* the reference's */
} Tensor;

static const double kBeta1 = 0.9, kBeta2 = 0.999, kEps = 1e-6, kLr = 0.02, kDecay = 0.1;
static Tensor tensor[2];

static double norm(const double* x, int n) {
    double sum = 0;
    for (int i = 0; i < n; ++i) sum += x[i] * x[i];
    return sqrt(sum);
}

/* You et al., algorithm 2. */
static void reference(Tensor* w, int t) {
    static double r[kLarge];
    for (int i = 0; i < w->count; ++i) {
        double* m = &w->exact_m[i];
        double* v = &w->exact_v[i];
        *m = kBeta1 * *m + (1 - kBeta1) * w->g[i];
        *v = kBeta2 * *v + (1 - kBeta2) * w->g[i] * w->g[i];
        const double corrected_v = *v / (1 - pow(kBeta2, t));
        r[i] = *m / (1 - pow(kBeta1, t)) / (sqrt(corrected_v) + kEps) + kDecay * w->exact_p[i];
    }
    const double p_norm = norm(w->exact_p, w->count), r_norm = norm(r, w->count);
    const double trust = p_norm > 0 && r_norm > 0 ? p_norm / r_norm : 1;
    for (int i = 0; i < w->count; ++i) w->exact_p[i] -= kLr * trust * r[i];
}

static void set_gradient(Tensor* w, int t) {
    for (int i = 0; i < w->count; ++i) w->g[i] = cos(0.3 * i + t) / (1 + i % 5);
}

static void check_tensor(const Tensor* w) {
    for (int i = 0; i < w->count; ++i) {
        CHECK_CLOSE(w->p[i], w->exact_p[i], 1e-13);
        CHECK_CLOSE(w->m[i], w->exact_m[i], 1e-15);
        CHECK_CLOSE(w->v[i], w->exact_v[i], 1e-15);
    }
}

static void test_trust_ratios(void) {
    steepest_tensor list[2];
    for (int k = 0; k < 2; ++k) {
        Tensor* w = &tensor[k];
        w->count = k == 0 ? kLarge : kSmall;
        for (int i = 0; i < w->count; ++i) w->p[i] = w->exact_p[i] = sin(i + 1.0) * (k + 1);
        list[k] = tensor_of(STEEPEST_F64, w->count, w->p, w->g, w->m, w->v);
        list[k].lr = kLr;
        list[k].weight_decay = kDecay;
    }
    const steepest_group group = group_of("lamb", list, 2);
    for (int t = 1; t <= 4; ++t) {
        for (int k = 0; k < 2; ++k) {
            set_gradient(&tensor[k], t);
            reference(&tensor[k], t);
            list[k].step = t;
        }
        steepest_step_args args = step_args(&group);
        CHECK_STATUS(run_step(&args), STEEPEST_OK);
        check_tensor(&tensor[0]);
        check_tensor(&tensor[1]);
    }
}

/* A parameter at zero has no norm to scale by: the ratio is 1 and the step that of Adam. */
static void test_zero_parameter(void) {
    float p[3] = {0, 0, 0}, g[3] = {1, -2, 0}, m[3] = {0}, v[3] = {0};
    steepest_tensor list = tensor_of(STEEPEST_F32, 3, p, g, m, v);
    list.lr = 0.5;
    const steepest_group group = group_of("lamb", &list, 1);
    steepest_step_args args = step_args(&group);
    CHECK_STATUS(run_step(&args), STEEPEST_OK);
    CHECK_CLOSE(p[0], -0.5 / (1 + kEps), 1e-6);
    CHECK_CLOSE(p[1], 1.0 / (2 + kEps), 1e-6);
    CHECK(p[2] == 0);
}

void test_lamb(void) {
    test_trust_ratios();
    test_zero_parameter();
}
