/* Checks that end the program with a message at the first one that fails. */
#ifndef STEEPEST_TESTS_CHECK_H
#define STEEPEST_TESTS_CHECK_H

#include <stddef.h>
#include <stdint.h>
#include <steepest/steepest.h>

#define CHECK(condition) check_true((condition) != 0, #condition, __FILE__, __LINE__)
#define CHECK_STATUS(call, expected) check_status((call), (expected), #call, __FILE__, __LINE__)
/* |actual - expected| <= bound; a NaN fails. */
#define CHECK_CLOSE(actual, expected, bound) \
    check_close((actual), (expected), (bound), #actual, __FILE__, __LINE__)

void check_true(int held, const char* text, const char* file, int line);
void check_status(steepest_status status, steepest_status expected, const char* text,
                  const char* file, int line);
void check_close(double actual, double expected, double bound, const char* text, const char* file,
                 int line);

/* Memory at the alignment of a workspace, freed with free(). */
void* aligned_memory(size_t size);

/* bfloat16 as its bits: exact to double, nearest with ties to even from float. */
double bf16_to_double(uint16_t bits);
uint16_t bf16_from_float(float x);

/* Arguments that step one group; everything optional is off. */
steepest_step_args step_args(const steepest_group* group);
/* A group of this rule with the rule's own hyper-parameters and decay. */
steepest_group group_of(const char* rule, const steepest_tensor* tensors, int64_t count);
/* A tensor at step 1 with these streams in one dtype. A null gradient stays null. */
steepest_tensor tensor_of(int32_t dtype, int64_t count, void* param, void* grad, void* first_state,
                          void* second_state);
/* The stream of every test's calls: null, or that of the emulated device. */
extern void* test_stream;

/* One step with a workspace of just the size asked for, on that stream. */
steepest_status run_step(steepest_step_args* args);

/* The parts of the program. Each returns when all its checks hold. */
void test_library(void);
void test_rules(void);
void test_adamw(void);
void test_lamb(void);
void test_list_sums(void);
void test_errors(void);
void test_gradients(void);
void test_normalize(void);
void test_line_sums(void);
void test_pairs(void);
void test_products(void);
void test_orthogonalize(void);
void test_spectral(void);
void test_reports(void);
void test_lines(void);
void test_device(void);
void test_probes(void);
void test_mkor(void);
void test_oasis(void);
void test_distributed(void);
void test_symbol(void);

#endif
