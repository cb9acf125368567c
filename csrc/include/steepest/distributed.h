/* Steepest: messages of distributed optimizers, and statistics of the gradients of workers. */
#ifndef STEEPEST_STEEPEST_H
#include <steepest/steepest.h> /* which includes this file, after what it needs */
#elif !defined(STEEPEST_DISTRIBUTED_H)
#define STEEPEST_DISTRIBUTED_H

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Distributed Lion
 * --------------------------------------------------------------------------------------
 *
 * Liu et al., arXiv 2404.00438, algorithm 1. Worker i sends sign(beta1 m_i + (1 - beta1) g_i) and
 * keeps m_i = beta2 m_i + (1 - beta2) g_i; the server takes the majority or the mean of the signs,
 * d, and all workers step p = p (1 - lr weight_decay) - lr d.
 *
 * A plane holds one bit for every element of a list of tensors: a tensor of n elements has
 * ceil(n / 8) bytes, the tensors follow each other without gaps, and element e of a tensor, in
 * memory order, is bit e % 8, from the lowest, of its byte e / 8. What sends planes from one
 * machine to another is the caller's. All on the CPU; the same bits on every target and for any
 * number of threads. */

/* What the planes of an array say, one behind the other. */
typedef enum steepest_vote_form {
    STEEPEST_VOTE_SIGNS = 0,   /* one plane: 1 stands for 1, 0 for -1 */
    STEEPEST_VOTE_TERNARY = 1, /* two planes: positive, negative; neither: 0, both: NaN */
    /* The mean: as many planes as 65535 or fewer workers have binary digits, the lowest first, of
     * the number of workers whose sign is 1. */
    STEEPEST_VOTE_SUM_OF_SIGNS = 2,
    /* The same of workers with ternary messages: planes of the digits of (sum of the signs +
     * workers), a number up to 2 workers; all digits set: NaN. */
    STEEPEST_VOTE_SUM_OF_TERNARY = 3
} steepest_vote_form;

/* One tensor, dense. Float64 goes with float64 only; the gradient may be of any other dtype, the
 * momentum float32 or bfloat16. */
typedef struct steepest_sign_tensor {
    int64_t count; /* elements */
    uint32_t id;   /* coordinates of the random draws of a stochastic rounding: position in the */
    int64_t step;  /* list, as a rule, and number of the step from 1 */
    uint64_t seed;
    double beta1, beta2; /* in [0, 1) */
    int32_t maximize;    /* 1: the gradient's sign is changed */
    steepest_array grad;
    steepest_array momentum; /* read and written */
} steepest_sign_tensor;

typedef struct steepest_sign_args {
    size_t struct_size;
    size_t tensor_size; /* sizeof(steepest_sign_tensor) */
    int64_t tensor_count;
    const steepest_sign_tensor* tensors;
    double grad_scale; /* gradients are divided by it first; 1: as they are */
    int32_t bits;      /* 1: STEEPEST_VOTE_SIGNS, where 0 counts as positive and NaN as negative; 2:
                          STEEPEST_VOTE_TERNARY */
    void* message;     /* receives `bits` planes; unused bits are zero */
    int64_t message_size; /* their bytes */
    void* workspace;      /* aligned to 64 bytes */
    size_t workspace_size;
    int64_t nans; /* result: how many directions are NaN */
} steepest_sign_args;

STEEPEST_API steepest_status steepest_sign_workspace(const steepest_sign_args* args, size_t* size);

/* Packs the signs and moves the momenta on, in one pass. Written arrays may overlap no other. */
STEEPEST_API steepest_status steepest_sign_pack(steepest_sign_args* args);

/* What a majority is where as many workers are for 1 as for -1. */
typedef enum steepest_tie {
    STEEPEST_TIE_ZERO = 0,     /* 0, as in the paper: the result is STEEPEST_VOTE_TERNARY */
    STEEPEST_TIE_POSITIVE = 1, /* 1, and the result STEEPEST_VOTE_SIGNS as in the two that follow */
    STEEPEST_TIE_NEGATIVE = 2, /* -1 */
    STEEPEST_TIE_FIRST = 3     /* what the first worker has */
} steepest_tie;

typedef struct steepest_vote_args {
    size_t struct_size;
    int32_t workers;      /* 1 to 65535 */
    int32_t bits;         /* of the messages: 1 or 2 */
    int64_t plane_size;   /* bytes of one plane, or of the same part of every plane */
    const void* messages; /* of the first worker */
    int64_t stride;       /* bytes from one worker's message to the next one's; the planes of a
                             message follow each other */
    int32_t outcome;      /* 0: majority, 1: sum */
    int32_t tie;          /* steepest_tie of a majority; with 2 bits only STEEPEST_TIE_ZERO */
    void* result; /* planes of the form that `outcome`, `tie` and `bits` imply; may overlap nothing
                   */
    int64_t result_size; /* their bytes */
} steepest_vote_args;

/* Counts the votes. A NaN of any worker is NaN in the result, with 2 bits. */
STEEPEST_API steepest_status steepest_vote(const steepest_vote_args* args);

/* One parameter tensor, as in steepest_tensor. */
typedef struct steepest_voted_tensor {
    int64_t count;
    uint32_t id;
    int64_t step;
    uint64_t seed;
    double lr, weight_decay;
    steepest_array param;
    steepest_array working_copy; /* may have no data */
} steepest_voted_tensor;

typedef struct steepest_vote_step_args {
    size_t struct_size;
    size_t tensor_size; /* sizeof(steepest_voted_tensor) */
    int64_t tensor_count;
    const steepest_voted_tensor* tensors;
    int32_t form;    /* steepest_vote_form */
    int32_t workers; /* of a sum; else 1 */
    const void* votes;
    int64_t votes_size; /* bytes of all planes */
    void* workspace;    /* aligned to 64 bytes */
    size_t workspace_size;
} steepest_vote_step_args;

STEEPEST_API steepest_status steepest_vote_step_workspace(const steepest_vote_step_args* args,
                                                          size_t* size);

/* The step of all tensors with the direction that the planes hold. */
STEEPEST_API steepest_status steepest_vote_step(const steepest_vote_step_args* args);

/* ---- EF21
 * --------------------------------------------------------------------------------------
 *
 * Richtarik, Sokolov and Fatkhullin, arXiv 2106.05203; with weights (EF21-W) arXiv 2402.10774.
 * Worker i sends C(scale grad_i - e_i) and sets e_i = e_i + C(scale grad_i - e_i); who adds
 * weight_i C_i of all workers to its own array has the weighted mean of their estimates.
 *
 * A message has the parts of the tensors one behind the other, at any address, numbers in the
 * dtype of the estimate and little-endian. All on the CPU; the same bits on every target and for
 * any number of threads. */

typedef enum steepest_compressor {
    /* The `kept` elements of largest magnitude, of equal ones the first; a NaN counts as an
     * infinity. Part: their values in the order of the elements, then their numbers as uint32. */
    STEEPEST_TOP_K = 0,
    /* `kept` elements chosen at random: those of the largest uint32, of equal ones the first, among
     * one for each element, word e % 4 of block e / 4 of Philox4x32-10 for element e. The key is
     * the seed, the counter (block low, id, step, 0x1A0 * 2^16 + block high). Part: the values. */
    STEEPEST_RANDOM_K = 1,
    /* mean |x| sign(x) with 1 as the sign of 0; the sum is in double over the fixed tree. Part: the
     * mean, then ceil(count / 8) bytes, bits set where x >= 0 as in a plane; nothing for a tensor
     * without elements. */
    STEEPEST_SCALED_SIGN = 2
} steepest_compressor;

typedef struct steepest_ef21_tensor {
    int64_t count;
    int64_t kept;            /* 1 to count, at most 2^32; 0 where count is; not of SCALED_SIGN */
    uint32_t id;             /* of random choices: position in the list, as a rule */
    steepest_array grad;     /* of any dtype, but float64 beside float64 only; not of a sum */
    steepest_array estimate; /* float32 or float64, dense, read and written */
} steepest_ef21_tensor;

typedef struct steepest_ef21_pack_args {
    size_t struct_size;
    size_t tensor_size; /* sizeof(steepest_ef21_tensor) */
    int64_t tensor_count;
    const steepest_ef21_tensor* tensors;
    int32_t compressor; /* steepest_compressor */
    double scale;       /* finite and positive: 1, or 1 / (workers * weight) in EF21-W */
    uint64_t seed;      /* of random choices: one for each worker */
    uint32_t step;
    void* message; /* receives the parts of all tensors */
    int64_t message_size;
    void* workspace; /* aligned to 64 bytes. What is asked for grows with the elements, of which
                        candidates for being kept are written only */
    size_t workspace_size;
} steepest_ef21_pack_args;

STEEPEST_API steepest_status steepest_ef21_pack_workspace(const steepest_ef21_pack_args* args,
                                                          size_t* size);

/* Writes the message and moves the estimates on. Differences are rounded twice, in the precision of
 * the estimate. Written arrays may overlap no other. */
STEEPEST_API steepest_status steepest_ef21_pack(const steepest_ef21_pack_args* args);

typedef struct steepest_ef21_add_args {
    size_t struct_size;
    size_t tensor_size;
    int64_t tensor_count;
    const steepest_ef21_tensor* tensors; /* the sum is in `estimate` */
    int32_t compressor;
    uint32_t step;
    int64_t workers;
    const void* messages;  /* of the first worker */
    int64_t stride;        /* bytes from one worker's message to the next one's */
    int64_t message_size;  /* of each */
    const double* weights; /* one for each worker */
    const uint64_t* seeds; /* of random choices: one for each worker */
    void* workspace;       /* as above */
    size_t workspace_size;
} steepest_ef21_add_args;

STEEPEST_API steepest_status steepest_ef21_add_workspace(const steepest_ef21_add_args* args,
                                                         size_t* size);

/* Adds weight_i C_i, rounded product by product, in the order of the workers. Numbers of elements
 * in a message that do not rise, or are none of the tensor, are STEEPEST_INVALID_ARGUMENT, and then
 * nothing has been changed. */
STEEPEST_API steepest_status steepest_ef21_add(const steepest_ef21_add_args* args);

/* ---- Gradients of several samples or workers
 * --------------------------------------------------------------------------------------
 *
 * What tests of the batch size need: Bollapragada, Byrd and Nocedal, arXiv 1710.11258; AdAdaGrad,
 * arXiv 2402.11215. */

typedef struct steepest_moment_args {
    size_t struct_size;
    int64_t samples;             /* n, at least 1 */
    int64_t tensor_count;        /* of each sample's gradient */
    const int64_t* sizes;        /* elements of each tensor */
    const steepest_array* grads; /* n times tensor_count, sample after sample, dense */
    void* workspace;             /* aligned to 64 bytes */
    size_t workspace_size;
    double* deviations; /* receives |g_i - mean|^2 of each sample */
    double* products;   /* receives <g_i, mean> of each sample */
    double mean_square; /* result: |mean|^2 */
} steepest_moment_args;

STEEPEST_API steepest_status steepest_gradient_moments_workspace(const steepest_moment_args* args,
                                                                 size_t* size);

/* All sums are in double and run over the fixed tree: the same bits on every target and for any
 * number of threads. The mean is that of the samples in order, rounded once more by its division.
 * Each element is read from memory once, as long as a block of all samples fits the caches. */
STEEPEST_API steepest_status steepest_gradient_moments(steepest_moment_args* args);

#ifdef __cplusplus
}
#endif

#endif /* STEEPEST_DISTRIBUTED_H */
