/* Version, status strings, CPU targets, threads and the rule table. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

static void test_version(void) {
    char header[32];
    snprintf(header, sizeof header, "%d.%d.%d", STEEPEST_VERSION_MAJOR, STEEPEST_VERSION_MINOR,
             STEEPEST_VERSION_PATCH);
    CHECK(strcmp(steepest_version(), header) == 0);
    CHECK(strlen(steepest_compiler()) > 0);
    CHECK(steepest_has_cuda() == 0 || steepest_has_cuda() == 1);
}

static void test_status_strings(void) {
    for (int a = STEEPEST_OK; a <= STEEPEST_INTERNAL_ERROR; ++a) {
        CHECK(strlen(steepest_status_string((steepest_status)a)) > 0);
        for (int b = STEEPEST_OK; b < a; ++b)
            CHECK(strcmp(steepest_status_string((steepest_status)a),
                         steepest_status_string((steepest_status)b)) != 0);
    }
    CHECK(strlen(steepest_status_string((steepest_status)1000)) > 0);
}

static void test_targets(void) {
    const int count = steepest_cpu_target_count();
    const char* before = steepest_cpu_active();
    CHECK(count >= 1);
    CHECK(before != NULL);
    CHECK(steepest_cpu_target_name(-1) == NULL && steepest_cpu_target_name(count) == NULL);
    CHECK(!steepest_cpu_target_compiled(count) && !steepest_cpu_target_usable(-1));
    CHECK(strcmp(steepest_cpu_target_name(0), "baseline") == 0);
    CHECK(steepest_cpu_target_usable(0));
    for (int t = 0; t < count; ++t) {
        const char* name = steepest_cpu_target_name(t);
        const int usable = steepest_cpu_target_usable(t);
        CHECK(!usable || steepest_cpu_target_compiled(t));
        CHECK_STATUS(steepest_cpu_use(name), usable ? STEEPEST_OK : STEEPEST_UNKNOWN_TARGET);
        if (usable) CHECK(strcmp(steepest_cpu_active(), name) == 0);
    }
    CHECK_STATUS(steepest_cpu_use(before), STEEPEST_OK);
    CHECK_STATUS(steepest_cpu_use("abacus"), STEEPEST_UNKNOWN_TARGET);
    CHECK_STATUS(steepest_cpu_use(NULL), STEEPEST_UNKNOWN_TARGET);
    CHECK(strcmp(steepest_cpu_active(), before) == 0);
}

static void test_threads(void) {
    const int before = steepest_max_threads();
    CHECK(before >= 1);
    CHECK_STATUS(steepest_set_max_threads(0), STEEPEST_INVALID_ARGUMENT);
    CHECK(steepest_max_threads() == before);
    CHECK_STATUS(steepest_set_max_threads(1), STEEPEST_OK);
    CHECK(steepest_max_threads() == 1);
    CHECK_STATUS(steepest_set_max_threads(before), STEEPEST_OK);
}

void test_library(void) {
    test_version();
    test_status_strings();
    test_targets();
    test_threads();
}

/* ---- Rules ---------------------------------------------------------------------------------- */

static void test_adamw_description(void) {
    steepest_rule_info info;
    info.struct_size = sizeof info;
    CHECK_STATUS(steepest_rule_describe(steepest_rule_find("adamw"), &info), STEEPEST_OK);
    CHECK(info.struct_size == sizeof info);
    CHECK(strcmp(info.name, "adamw") == 0 && strcmp(info.class_name, "AdamW") == 0);
    CHECK(info.decay == STEEPEST_DECAY_DECOUPLED && info.needs_step == 1);
    CHECK(info.lr == 1e-3 && info.weight_decay == 1e-2);
    CHECK(info.state_count == 2 && info.hyper_count == 2);
    CHECK(strcmp(info.states[0].name, "exp_avg") == 0);
    CHECK(strcmp(info.states[1].name, "exp_avg_sq") == 0);
    CHECK(info.states[0].kind == STEEPEST_ELEMENT && info.states[0].optional == 0);
    CHECK(strcmp(info.hypers[0].name, "betas") == 0 && info.hypers[0].length == 2);
    CHECK(info.hypers[0].value[0] == 0.9 && info.hypers[0].value[1] == 0.999);
    CHECK(strcmp(info.hypers[1].name, "eps") == 0 && info.hypers[1].value[0] == 1e-8);
}

static void test_description(int rule) {
    steepest_rule_info info;
    info.struct_size = sizeof info;
    CHECK_STATUS(steepest_rule_describe(rule, &info), STEEPEST_OK);
    CHECK(steepest_rule_find(info.name) == rule);
    CHECK(strlen(info.summary) > 0 && strlen(info.source) > 0);
    CHECK(info.lr > 0 && info.weight_decay >= 0);
    CHECK(info.state_count >= 0 && info.state_count <= STEEPEST_MAX_STATES);
    CHECK(info.hyper_count >= 0 && info.hyper_count <= STEEPEST_MAX_HYPERS);
    if (info.vector_rule) CHECK(steepest_rule_find(info.vector_rule) >= 0);
    for (int h = 0; h < info.hyper_count; ++h) {
        const steepest_hyper_info* hyper = &info.hypers[h];
        CHECK(hyper->length >= 1 && hyper->length <= 3);
        CHECK((hyper->type == 2) == (hyper->choices != NULL));
        for (int k = 0; k < hyper->length; ++k)
            CHECK(isnan(hyper->value[k])
                      ? hyper->none_allowed
                      : hyper->low <= hyper->value[k] && hyper->value[k] <= hyper->high);
    }
}

void test_rules(void) {
    steepest_rule_info info;
    const int count = steepest_rule_count();
    CHECK(count >= 11);
    for (int rule = 0; rule < count; ++rule) test_description(rule);
    test_adamw_description();
    CHECK(steepest_rule_find("no such rule") == -1 && steepest_rule_find(NULL) == -1);
    info.struct_size = sizeof info;
    CHECK_STATUS(steepest_rule_describe(-1, &info), STEEPEST_UNKNOWN_RULE);
    CHECK_STATUS(steepest_rule_describe(count, &info), STEEPEST_UNKNOWN_RULE);
    CHECK_STATUS(steepest_rule_describe(0, NULL), STEEPEST_INVALID_ARGUMENT);
    info.struct_size = 1;
    CHECK_STATUS(steepest_rule_describe(0, &info), STEEPEST_INVALID_ARGUMENT);
}
